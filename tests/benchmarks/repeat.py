"""Run a benchmark several times, each in a process of its own, and print its lines with the median of every number.

    python tests/benchmarks/repeat.py 7 ratios.py [argument ...]

The time of a PyTorch loop depends on where its process got its memory, by a factor of two: one process is one sample. Below a
line of medians is what the processes had for its ratio.
"""

import re
import statistics
import subprocess
import sys
from pathlib import Path

NUMBER = re.compile(r"(?<![\w=.])-?\d+(?:\.\d+)?(?![\w=])")
RATIO = re.compile(r"([\d.]+) (times|of the streaming copy)")


def middle(lines: list[str]) -> str:
    """Return a line with the median of each number, which is written with as many digits as in the first one."""
    texts = {re.sub(r" +", " ", NUMBER.sub("#", line)) for line in lines}
    if len(texts) != 1:
        raise SystemExit(f"the runs printed different lines: {sorted(texts)}")
    columns = iter(zip(*(NUMBER.findall(line) for line in lines), strict=True))

    def replace(match: re.Match[str]) -> str:
        """Write the median of a column in as many places."""
        _, _, fraction = match[0].partition(".")
        return f"{statistics.median(map(float, next(columns))):{len(match[0])}.{len(fraction)}f}"

    return NUMBER.sub(replace, lines[0])


def main(n_run: int, script: str, arguments: list[str]) -> None:
    """Measure and print."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    runs = []
    for _ in range(n_run):
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        runs.append(done.stdout.splitlines())
        print(f"\rrun {len(runs)} of {n_run}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for lines in zip(*runs, strict=True):
        print(middle(list(lines)))
        ratios = [found for line in lines if (found := RATIO.search(line))]
        if ratios:
            print(f"{'':8}{', '.join(sorted((ratio[1] for ratio in ratios), key=float))} {ratios[0][2]}")


if __name__ == "__main__":
    if len(sys.argv) < 3 or not sys.argv[1].isdigit() or int(sys.argv[1]) < 1:
        raise SystemExit(__doc__)
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
