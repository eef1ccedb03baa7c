"""What all commands share: a parser whose errors are one line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from bss2sim import __version__
from bss2sim.errors import suggestion


class Parser(argparse.ArgumentParser):
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


def make_parser(command: str, description: str, epilog: str) -> Parser:
    """Return the parser of a command; without a name of the main job."""
    parser = Parser(
        prog=f"python -m bss2sim{' ' if command else ''}{command}",
        usage="%(prog)s [options]" if not command else None,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    version: Any = {"action": "version", "version": f"bss2sim {__version__}"}
    parser.add_argument("--version", **version)
    return parser
