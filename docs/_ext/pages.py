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


class LawsTable(SphinxDirective):
    """List the transfer laws of circuits with their equation, parameters, sources and assumptions, from their docstrings."""

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        import inspect

        from bss2sim.hardware.transfer import LAWS

        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 18 18 24 40", ""]
        lines += _row(["quantity", "set by", "law", "where"])
        for name, law in LAWS.items():
            first, _, rest = inspect.cleandoc(type(law).__doc__ or "").partition("\n")
            equation = first.partition(": ")[2].removesuffix(".")
            where = re.sub(r":class:`\w+`", "the strength of synapses", " ".join(rest.split()))
            where = re.sub(r"(?<![`:])`(\w+)`(?!`)", r"``\1``", where)
            parameters = ", ".join(f"``{parameter}``" for parameter in law.parameters)
            where = f"{where[0].upper()}{where[1:]} Parameters: {parameters}."
            lines += _row([f"``{name}``", f"``{law.code}``", f"``{equation}``", where])
        return self.parse_text_to_nodes("\n".join(lines))


# What each effect of an experiment does, and the numbers of ChipConfiguration that it scales or switches.
_EFFECTS = {
    "synapse_gain": ("synapses of one neuron differ in strength; fixed for a chip", ["synapse_gain_spread"]),
    "membrane_limits": (
        "the membrane stays within bounds, and excitation and inhibition get weaker near them",
        ["membrane_lower", "membrane_upper", "inhibition_range", "excitation_range"],
    ),
    "drift": (
        "the membrane moves without input, since the references of the synaptic inputs do not match to the last code: "
        "slope per code beside the match at default codes",
        ["reference_slope"],
    ),
    "reset_time_constant": (
        "the clamp pulls the membrane to the reset potential in a finite time",
        ["reset_time_constant"],
    ),
    "threshold_noise": ("the threshold differs from spike to spike", ["threshold_noise"]),
    "trial_gain": ("the synapses of a neuron are all stronger or weaker in a trial", ["trial_gain_spread"]),
    "trial_offset": (
        "a neuron is read too high or too low in a trial, by CADC and MADC alike",
        ["trial_offset_spread"],
    ),
    "write_noise": ("analog codes are written a little wrong, anew for each run", ["capmem_write_noise"]),
    "membrane_noise": ("the membrane that the ADCs see fluctuates", ["membrane_noise", "membrane_noise_time"]),
    "read_noise": ("noise of single reads", ["cadc_noise", "madc_noise"]),
    "channel_offset": ("CADC channels differ in offset; fixed for a chip", ["cadc_offset_spread"]),
    "channel_gain": ("CADC channels differ in gain, about 128 LSB; fixed for a chip", ["cadc_gain_spread"]),
    "sample_jitter": ("CADC samples are not taken in equal steps", ["cadc_jitter"]),
    "clock_offset": ("the clock that stamps CADC samples is not that of the spikes", ["ppu_clock_offset"]),
    "quantisation": ("CADC and MADC give whole numbers within 8 and 10 bits", []),
    "synaptic_delay": ("an input spike takes a time to become a current", ["synaptic_delay"]),
    "spike_delay": ("a spike takes a time to be stamped", ["spike_delay"]),
    "spike_jitter": ("this time differs from spike to spike", ["spike_jitter"]),
    "spike_resolution": ("time stamps of spikes are whole cycles of 8 ns", []),
}


class EffectsTable(SphinxDirective):
    """List the effects that distinguish the emulated chip from the model, with their numbers."""

    def run(self) -> list[nodes.Node]:
        """Make the table; an effect that is missing here, or does not exist, is an error."""
        from bss2sim import ChipConfiguration
        from bss2sim.experiment.effects import EFFECTS, SWITCHES

        if tuple(_EFFECTS) != EFFECTS:
            raise self.error(f"docs/_ext/pages.py describes {tuple(_EFFECTS)}; the effects are {EFFECTS}")
        numbers = {row["name"]: row for row in ChipConfiguration().describe()}
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 18 40 8 34", ""]
        lines += _row(["effect", "what it does", "factor", "numbers"])
        for name, (meaning, fields) in _EFFECTS.items():
            values = [f"``{field}`` {_with_unit(numbers[field])}" for field in fields]
            lines += _row(
                [f"``{name}``", meaning, "on, off" if name in SWITCHES else "any", ", ".join(values) or "\\-"]
            )
        return self.parse_text_to_nodes("\n".join(lines))


# What arguments that the model has too do on a chip.
_ON_CHIP = {
    "size": "Number of neurons, 512 circuits at most.",
    "reset": "What the chip is calibrated to.",
    "threshold": "What the chip is calibrated to.",
    "leak": "What the chip is calibrated to.",
    "tau_mem": "What the chip is calibrated to, with a leak. Without one it has no meaning there: the strength of the "
    "synapses says how far a spike lifts the membrane.",
    "tau_syn": "What the chip is calibrated to.",
    "refractory_time": "What the chip is calibrated to, in cycles of its two clocks.",
    "holdoff_time": "What the chip is calibrated to, in cycles of its two clocks.",
    "spike_mask": "The same, in every run.",
}


class ArgumentsTable(SphinxDirective):
    """List the arguments of populations with their effect in the model and on the chip, from the docstrings."""

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        import inspect

        import bss2sim as b2

        meanings: dict[str, str] = {}
        for kind in (b2.LIFNeuron, b2.IAFNeuron):  # the second one says more
            text = inspect.cleandoc(kind.__doc__ or "").split("Parameters\n----------\n")[1].split("\n\n")[0]
            for entry in re.split(r"\n(?=\S)", text):
                names, _, meaning = entry.partition(" : ")
                meaning = " ".join(meaning.split("\n")[1:])
                meanings |= dict.fromkeys(names.split(", "), re.sub(r"\s+", " ", meaning).strip())
        arguments = dict.fromkeys(["size", *b2.LIFNeuron._names, *b2.LIFNeuron._chip_names])
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 20 40 40", ""]
        lines += _row(["argument", "in the model", "on the chip"])
        for name in arguments:
            of_chip = meanings[name].removeprefix("Chip: ")
            chip_only = of_chip != meanings[name]
            meaning = re.sub(r"`(\w+)`", r"``\1``", of_chip)
            meaning = meaning[0].upper() + meaning[1:]
            lines += _row([f"``{name}``", "\\-" if chip_only else meaning, meaning if chip_only else _ON_CHIP[name]])
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


def _with_unit(number: dict) -> str:
    """Return a number of the chip with its unit, short times in us."""
    value, units = number["value"], number["units"]
    if units == "s":
        return f"{value * 1e6:g} us"
    return f"{value:g}" if units == "1" else f"{value:g} {units}"


def _row(cells: list[str]) -> list[str]:
    """Lines of one row of a list-table."""
    return [f"   {'*' if index == 0 else ' '} - {cell}" for index, cell in enumerate(cells)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("variables-table", VariablesTable)
    app.add_directive("chip-configuration", ChipConfigurationTable)
    app.add_directive("laws-table", LawsTable)
    app.add_directive("effects-table", EffectsTable)
    app.add_directive("arguments-table", ArgumentsTable)
    app.add_directive("errors-table", ErrorsTable)
    app.add_directive("changelog-page", ChangelogPage)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
