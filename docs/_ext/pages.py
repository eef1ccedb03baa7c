"""What the pages take from the package and its files when they are built, so that it cannot go stale."""

import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class VariablesTable(SphinxDirective):
    """List the registered variables whose names begin with an option's prefix, or all that have no such prefix.

    With the option `chip` those of a chip, otherwise those of runs.
    """

    option_spec = {"prefix": str, "without": str, "chip": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        from bss2sim.variables import VARIABLES

        prefix = self.options.get("prefix", "")
        without = tuple(self.options.get("without", "").split())
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 20 30 12 8 30", ""]
        lines += _row(["name", "dims", "dtype", "unit", "meaning"])
        for name, variable in VARIABLES.items():
            of_chip = {"atomic_neuron", "capmem_block"} & set(variable.dims) or name.startswith("clock_scale")
            if bool(of_chip) != ("chip" in self.options):
                continue
            if name.startswith(prefix) and not (without and name.startswith(without)):
                dims = ", ".join(str(dim) for dim in variable.dims)
                lines += _row(
                    [f"``{name}``", f"``({dims})``", variable.dtype, variable.units or "\\-", variable.long_name]
                )
        return self.parse_text_to_nodes("\n".join(lines))


class ChipConfigurationTable(SphinxDirective):
    """List the numbers of the emulated chip with their status and source."""

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        from bss2sim import ChipConfiguration

        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 22 10 14 34 10 20", ""]
        lines += _row(["name", "value", "unit", "meaning", "status", "source"])
        for row in ChipConfiguration().describe():
            lines += _row(
                [
                    f"``{row['name']}``",
                    f"{row['value']:g}",
                    row["units"] or "\\-",
                    row["meaning"],
                    row["status"],
                    f"``{row['source']}``",
                ]
            )
        return self.parse_text_to_nodes("\n".join(lines))


class ErrorsTable(SphinxDirective):
    """List the error classes with the builtin they derive from and the first line of their docstring."""

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        from bss2sim import errors

        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 30 20 50", ""]
        lines += _row(["error", "also a", "when"])
        for name, error in vars(errors).items():
            if isinstance(error, type) and issubclass(error, errors.Bss2SimError):
                builtin = next(base.__name__ for base in error.__mro__ if base.__module__ == "builtins")
                meaning = (error.__doc__ or "").splitlines()[0]
                lines += _row([f":class:`~bss2sim.{name}`", f"``{builtin}``", meaning])
        return self.parse_text_to_nodes("\n".join(lines))


class ChangelogPage(SphinxDirective):
    """Show CHANGELOG.md, of which it knows headings, lists, code and links."""

    def run(self) -> list[nodes.Node]:
        """Translate it to reStructuredText."""
        path = Path(__file__).parents[2] / "CHANGELOG.md"
        self.env.note_dependency(str(path))
        lines = []
        for line in path.read_text(encoding="utf-8").splitlines()[1:]:
            line = re.sub(r"`([^`]+)`", r"``\1``", line)
            line = re.sub(r"\[([^]]+)\]\(([^)]+)\)", r"`\1 <\2>`__", line)
            level = len(line) - len(line.lstrip("#"))
            title = line.lstrip("# ").replace("[", "").replace("]", "")
            lines += {0: [line], 2: [title, "-" * len(title)]}.get(level, [f".. rubric:: {title}"])
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def _row(cells: list[str]) -> list[str]:
    """Lines of one row of a list-table."""
    return [f"   {'*' if index == 0 else ' '} - {cell}" for index, cell in enumerate(cells)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("variables-table", VariablesTable)
    app.add_directive("chip-configuration", ChipConfigurationTable)
    app.add_directive("errors-table", ErrorsTable)
    app.add_directive("changelog-page", ChangelogPage)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
