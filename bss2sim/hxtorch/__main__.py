"""``python -m bss2sim.hxtorch script.py [args]``: run a script that imports hxtorch."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from bss2sim.hxtorch.alias import install

_USAGE = """usage: python -m bss2sim.hxtorch script.py [args]
       python -m bss2sim.hxtorch -m module [args]

Run a script or a module that imports hxtorch, with bss2sim.hxtorch in its place."""


def main(arguments: list[str]) -> int:
    """Run a script as ``python script.py`` does, with the names of hxtorch installed.

    Returns
    -------
    int
        0, or 2 if there is no script.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    as_module = arguments[0] == "-m"
    given = arguments[1:] if as_module else arguments
    if not given or (not as_module and not Path(given[0]).exists()):
        missing = "the name of a module after -m" if as_module else f"there is no file {given[0]!r}"
        print(f"{missing}\n{_USAGE}", file=sys.stderr)
        return 2
    install()
    before = sys.argv, sys.path[:]
    sys.argv = given
    try:
        if as_module:
            sys.path.insert(0, "")
            runpy.run_module(given[0], run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(given[0]).resolve().parent))
            runpy.run_path(given[0], run_name="__main__")
    finally:
        sys.argv, sys.path[:] = before
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
