"""Command line: ``python -m bss2sim``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from bss2sim import __version__
from bss2sim.errors import Bss2SimError, suggestion

_DESCRIPTION = """\
Simulate how integrate-and-fire neurons of BrainScaleS-2 respond to handwritten
digits: the 1797 digits of scikit-learn, coded into spikes (bright pixels spike
early), go through a random weight matrix into a population of 512 neurons.

Prints a summary and writes two files:
  digits.nc   netCDF: every spike, spike counts, membranes of a few neurons
  digits.png  spikes, membranes, rates averaged over the digits of each class
"""
_EPILOG = """\
examples:
  python -m bss2sim                                     all digits
  python -m bss2sim --samples 100 --output-dir results  the first 100 digits
  python -m bss2sim --integrator euler --threads 1      Euler steps, one thread

then, in Python:
  >>> import xarray
  >>> run = xarray.open_dataset("bss2sim-output/digits.nc")
  >>> run.spike_count.groupby("label").mean()
"""


class _Parser(argparse.ArgumentParser):
    """A parser that answers a misspelt option with the nearest one."""

    def parse_args(self, args: Sequence[str] | None = None, namespace: None = None) -> argparse.Namespace:  # type: ignore[override]
        """Parse; an unknown option ends the program with a suggestion."""
        known, unknown = self.parse_known_args(args, namespace)
        if unknown:
            first = unknown[0].split("=")[0]
            hint = suggestion(first, self._option_string_actions) if first.startswith("-") else "; see --help"
            self.error(f"unknown argument {first}{hint}")
        return known

    def error(self, message: str) -> NoReturn:
        """Print one line, not the usage, and exit with code 2."""
        self.exit(2, f"{self.prog}: error: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words of the command line after ``python -m bss2sim``; those of this process by default.

    Returns
    -------
    int
        Exit code: 0, 2 after an error (with one line on standard error), 130 after an interrupt.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Without a command the first one runs.
    name = words.pop(0) if words and words[0] in _COMMANDS else next(iter(_COMMANDS))
    try:
        _COMMANDS[name](words)
    except Bss2SimError as error:
        print(f"bss2sim: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bss2sim: interrupted", file=sys.stderr)
        return 130
    return 0


def _digits(words: Sequence[str]) -> None:
    """Run the main job."""
    parser = _Parser(
        prog="python -m bss2sim",
        usage="%(prog)s [options]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--output-dir", type=Path, default=Path("bss2sim-output"), metavar="DIR",
        help="folder for the two files, made if missing (default: %(default)s)")  # fmt: skip
    add("--samples", type=int, metavar="N", help="simulate only the first N digits (default: all 1797)")
    add("--neurons", type=int, default=512, metavar="N", help="size of the population (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="seed of the random weights (default: %(default)s)")
    add("--integrator", choices=("exact", "euler"), default="exact",
        help="exact: closed form, continuous spike times; euler: steps of 1 us (default: %(default)s)")  # fmt: skip
    add("--threads", type=int, metavar="N", help="number of threads (default: one per core)")
    add("--batch-size", type=int, default=256, metavar="N",
        help="digits per call of the simulator, with no influence on the result (default: %(default)s)")  # fmt: skip
    add("--quiet", action="store_true", help="no progress bar and no summary, only errors")
    add("--version", action="version", version=f"bss2sim {__version__}")
    options = parser.parse_args(words)

    # only now: --help and --version answer at once
    from bss2sim.digits import run_digits
    from bss2sim.digits_report import FILES, summary

    run = run_digits(
        options.output_dir,
        samples=options.samples,
        neurons=options.neurons,
        seed=options.seed,
        integrator=options.integrator,
        threads=options.threads,
        batch_size=options.batch_size,
        progress=not options.quiet,
    )
    if not options.quiet:
        print(summary(run))
        print(f"written:   {', '.join(str(options.output_dir / name) for name in FILES)}")


# name -> what takes the words after it; the first one runs when no command is named
_COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {"digits": _digits}

if __name__ == "__main__":
    sys.exit(main())
