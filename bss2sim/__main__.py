"""Command line: ``python -m bss2sim``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from bss2sim.command_line.calibrate_command import calibrate_command
from bss2sim.command_line.digits_command import digits
from bss2sim.command_line.sweep_command import sweep_command
from bss2sim.errors import Bss2SimError


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
    except MemoryError as error:
        print(f"bss2sim: error: there is not enough memory: {error}; make sizes smaller", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bss2sim: interrupted", file=sys.stderr)
        return 130
    return 0


# name -> what takes the words after it; the first one runs when no command is named
_COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "digits": digits,
    "sweep": sweep_command,
    "calibrate": calibrate_command,
}

if __name__ == "__main__":
    sys.exit(main())
