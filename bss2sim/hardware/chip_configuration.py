"""Numbers of the emulated chip: typical laws, their spread between circuits, and the noise of reads, each with its source."""

from __future__ import annotations

import dataclasses
import inspect
import math
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np

from bss2sim.errors import ParameterError, choose, refuse_unknown_keywords
from bss2sim.hardware.registers import HIGHEST_CAPMEM_CODE

STATUSES = ("stated", "derived", "figure", "assumed")

# Codes at which the typical laws below hold: those of the reference's default calibration, CX:cc/neuron_calib_target.cpp.
NOMINAL_CAPACITANCE_CODE = 63
NOMINAL_GM_CODE = 500
NOMINAL_DAC_CODE = 600
NOMINAL_TAU_SYN = 10e-6
NOMINAL_LEAK_BIAS_CODE = 300


def is_finite(value: Any) -> bool:
    """Whether a value is a finite real number that a float can hold; True and False are none."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _number(default: float, units: str, status: str, source: str, meaning: str, *, sign: str = "positive") -> Any:
    """Make a field; `sign` is positive, nonnegative or any."""
    metadata = {"units": units, "status": choose("status", status, STATUSES), "source": source, "meaning": meaning}
    return dataclasses.field(default=float(default), metadata=metadata | {"sign": sign})


def _spread(default: float, units: str, status: str, source: str, meaning: str) -> Any:
    """Make the field of a spread or of a noise, which may be 0."""
    return _number(default, units, status, source, meaning, sign="nonnegative")


@dataclass(frozen=True, kw_only=True)
class ChipConfiguration:
    """Every number that the emulated chip assumes; :meth:`describe` lists them with units, status and source.

    A level is the typical potential at the code of its level. A spread is the standard deviation between circuits: in the unit of
    the quantity where the unit is one, else of the natural logarithm of a factor, so that factors stay above 0.

    Parameters
    ----------
    {numbers}

    Raises
    ------
    ParameterError
        If a number is not finite, or has the wrong sign.
    UnknownKeywordError
        If a name does not exist.

    Examples
    --------
    >>> import dataclasses
    >>> from bss2sim.hardware.chip_configuration import ChipConfiguration
    >>> configuration = ChipConfiguration(threshold_level_spread=0)
    >>> dataclasses.replace(configuration, gm_spread=0.3).gm_spread
    0.3
    """

    # potentials
    leak_slope: float = _number(
        0.26, "LSB/code", "derived", "DM:fp_calibration.rst:514: 0.79 MADC LSB / 3.05", "leak potential per code"
    )
    leak_level: float = _number(
        80, "LSB", "derived", "DM:fp_calibration.rst:514", "leak potential at leak_level_code", sign="any"
    )
    leak_level_code: float = _number(613, "code", "derived", "DM:fp_calibration.rst:514", "code of leak_level")
    leak_level_spread: float = _spread(5, "LSB", "assumed", "no figure known", "spread of leak_level")
    leak_bias_slope_spread: float = _spread(
        0.002, "LSB/code", "assumed", "that there is one: CX:hagen/neuron_leak_bias.py:44-48",
        "spread of the change of the leak potential per code of the bias of the leak",
    )  # fmt: skip
    reset_slope: float = _number(
        0.29, "LSB/code", "derived", "DM:fp_calibration.rst:515: 0.88 MADC LSB / 3.05", "reset potential per code"
    )
    reset_level: float = _number(
        70, "LSB", "derived", "DM:fp_calibration.rst:515", "reset potential at reset_level_code", sign="any"
    )
    reset_level_code: float = _number(599, "code", "derived", "DM:fp_calibration.rst:515", "code of reset_level")
    reset_level_spread: float = _spread(6, "LSB", "assumed", "no figure known", "spread of reset_level")
    threshold_slope: float = _number(
        0.325, "LSB/code", "derived", "DM:fp_calibration.rst:516: 0.99 MADC LSB / 3.05", "threshold per code"
    )
    threshold_level: float = _number(
        125, "LSB", "derived", "DM:fp_calibration.rst:516", "threshold at threshold_level_code", sign="any"
    )
    threshold_level_code: float = _number(
        385, "code", "derived", "DM:fp_calibration.rst:516", "code of threshold_level"
    )
    threshold_level_spread: float = _spread(
        3.5,
        "LSB",
        "assumed",
        "DM single_neuron_fixed_pattern.png: 10 MADC LSB of 10 neurons",
        "spread of threshold_level",
    )
    potential_slope_spread: float = _spread(
        0.015, "1", "assumed", "no figure known", "spread of the slopes of the potentials"
    )

    # membrane
    capacitance_intrinsic: float = _number(
        6, "LSB", "assumed", "above 3.2: CX:hw/test_capacitance_measurement.py:165-290",
        "capacitance of a circuit at code 0",
    )  # fmt: skip
    capacitance_intrinsic_spread: float = _spread(1 / 6, "1", "assumed", "1 LSB of 6", "spread of it")
    capacitance_slope_spread: float = _spread(
        0.02, "1", "assumed", "no figure known", "spread of the capacitance per code"
    )
    tau_mem_constant: float = _number(
        3e-3,
        "s code",
        "derived",
        "CX:hagen/neuron_leak_bias.py:609-672, DM:fp_calibration.rst:504-633",
        "tau_mem times bias code at membrane_capacitance 63",
    )
    leak_conductance_spread: float = _spread(0.15, "1", "assumed", "no figure known", "spread of the leak conductance")
    leak_bias_offset: float = _spread(5, "code", "assumed", "no figure known", "code that adds to the bias of the leak")
    leak_saturation: float = _number(
        120, "LSB", "assumed", "about 0.4 V", "distance from the leak potential where its current saturates"
    )

    # synaptic input
    tau_syn_constant: float = _number(600e-6, "s code", "assumed", "no figure known", "tau_syn times code")
    high_resistance_factor: float = _number(
        10, "1", "assumed", "no figure known", "tau_syn with high resistance to without"
    )
    tau_syn_spread: float = _spread(0.2, "1", "assumed", "no figure known", "spread of tau_syn_constant")
    floating_code: float = _number(
        5, "code", "assumed", "no figure known", "code of tau_syn below which the line floats"
    )
    synaptic_strength: float = _number(
        0.82,
        "LSB",
        "assumed",
        "e times a peak of 0.30; HS-t:hw/test_spiking_weight_scaling.py:14-20",
        "step of an IAF membrane per weight LSB at default codes",
    )
    gm_compression: float = _number(
        1500, "code", "assumed", "no figure known", "code at which gm is half of the straight line"
    )
    gm_spread: float = _spread(
        0.15, "1", "assumed", "no figure known", "spread of the strength between inputs of circuits"
    )
    synapse_dac_spread: float = _spread(
        0.08, "1", "assumed", "no figure known", "spread of the synapse DACs between quadrants"
    )
    reference_optimum: float = _number(
        310, "code", "assumed", "calix begins there: CX:hagen/neuron_helpers.py:262-287", "code of a matching reference"
    )
    reference_optimum_spread: float = _spread(25, "code", "assumed", "no figure known", "spread of reference_optimum")
    reference_slope: float = _number(
        14e3, "LSB/s/code", "derived", "drift 0.5 LSB/us without calibration, 25 codes, two inputs",
        "slope of the membrane per code beside the optimum at default codes",
    )  # fmt: skip

    # writes and reads
    capmem_write_noise: float = _spread(
        0.7, "code", "assumed", "no figure known", "noise of an analog code, anew at each write"
    )
    membrane_noise: float = _spread(
        0.6, "LSB", "assumed", "CADC noise of 1.2: CX:hagen/neuron_leak_bias.py:984-1017", "noise of the membrane"
    )
    cadc_noise: float = _spread(0.8, "LSB", "assumed", "no figure known", "noise of one read of one CADC channel")
    membrane_lower: float = _spread(
        20, "LSB", "assumed", "25: HS-t:hw/test_spiking_boundary.py:14-18", "lowest potential of the membrane"
    )
    membrane_upper: float = _number(
        235, "LSB", "assumed", "228: HS-t:hw/test_spiking_boundary.py:14-18", "highest potential of the membrane"
    )
    threshold_read_bias: float = _number(
        -0.5, "LSB", "assumed", "sign: CX:spiking/neuron_threshold.py:625-655",
        "read of the threshold, a maximum of reads, less the threshold", sign="any",
    )  # fmt: skip
    threshold_read_noise: float = _spread(0.5, "LSB", "assumed", "no figure known", "noise of a read of the threshold")
    tau_mem_read_noise: float = _spread(0.03, "1", "assumed", "no figure known", "noise of a fit of tau_mem")
    tau_syn_read_noise: float = _spread(0.02, "1", "assumed", "no figure known", "noise of a fit of tau_syn")
    synaptic_strength_read_noise: float = _spread(
        0.02, "1", "assumed", "3 % a run; five runs and CADC noise", "noise of a read of the strength"
    )
    synapse_dac_read_noise: float = _spread(
        0.01, "1", "assumed", "median of 128 circuits", "noise of a read of the DACs"
    )
    capacitance_read_noise: float = _spread(
        0.05, "1", "assumed", "below CX:hw/test_capacitance_measurement.py:305-311", "noise of a fit of the capacitance"
    )
    reference_read_noise: float = _spread(
        17e3, "LSB/s", "derived", "1 LSB at tau_mem 60 us", "noise of a read of the reference's mismatch"
    )

    # experiments: synapses and membranes
    synapse_gain_spread: float = _spread(
        0.04,
        "1",
        "assumed",
        "minimal: CX:hagen/neuron_synin.py:278",
        "spread of the strength between synapses of a neuron",
    )
    inhibition_range: float = _number(
        60, "LSB", "assumed", "dynamic-range figure: -14, -41, -64, -128 MADC LSB at weights 32, 64, 96, 288",
        "distance from membrane_lower below which inhibition gets weaker",
    )  # fmt: skip
    excitation_range: float = _number(
        40, "LSB", "assumed", "dynamic-range figure: linear up to 76 LSB above 80",
        "distance from membrane_upper below which excitation gets weaker",
    )  # fmt: skip
    reset_time_constant: float = _number(
        0.25e-6, "s", "assumed", "about 0.5 us: HA:neuron.h:329-330", "time constant of the pull to the reset potential"
    )
    threshold_noise: float = _spread(
        0.5, "LSB", "assumed", "no figure known", "noise of the threshold, anew after each spike"
    )
    trial_gain_spread: float = _spread(
        0.03, "1", "assumed", "6 % with offset and noise: hxsnn_intro_trace_scaling.png",
        "spread of the synaptic strength of a neuron between trials",
    )  # fmt: skip
    trial_offset_spread: float = _spread(
        1, "LSB", "figure", "hxsnn_intro_trace_scaling.png: 1.5 LSB in 10 runs",
        "spread of the reads of a neuron between trials",
    )  # fmt: skip
    synaptic_delay: float = _spread(
        0.3e-6, "s", "figure", "response within 0.5 us: dynamic_range_solution.png", "time from an input to its current"
    )
    free_run_time: float = _spread(
        16e-6, "s", "stated", "GR include/grenade/vx/ppu.h:22-26, executor .cpp:907-957",
        "time that the membranes run free before a trial begins",
    )  # fmt: skip
    madc_start_time: float = _spread(
        10e-6, "s", "stated", "GR executor .cpp:907-916", "time that a start of the MADC adds to free_run_time"
    )

    # experiments: what is read
    membrane_noise_time: float = _number(
        1e-6, "s", "assumed", "no figure known", "time in which the noise of the membrane forgets"
    )
    cadc_offset_spread: float = _spread(
        1, "LSB", "assumed", "below 3 after calibration: CX:hw/test_cadc_calibration.py:56-77",
        "spread of the offsets of CADC channels",
    )  # fmt: skip
    cadc_gain_spread: float = _spread(0.01, "1", "assumed", "no figure known", "spread of the gains of CADC channels")
    cadc_period: float = _number(
        1.85e-6, "s", "assumed", "1 to 2.5 us: GR tests/hw test-cadc_readout.cpp:44-46",
        "time between CADC samples that are kept in SRAM",
    )  # fmt: skip
    cadc_period_dram: float = _number(
        6e-6, "s", "assumed", "below 7 us: GR tests/hw test-cadc_readout.cpp:138-150",
        "time between CADC samples that are kept in DRAM",
    )  # fmt: skip
    cadc_jitter: float = _spread(
        32e-9, "s", "assumed", "4 FPGA cycles", "largest difference of a CADC sample from its period, either way"
    )
    ppu_clock_offset: float = _spread(
        0.3e-6, "s", "assumed", "not synchronised: GR executor .cpp:306-317",
        "largest difference of the time stamps of CADC samples from chip time in a trial, either way",
    )  # fmt: skip
    madc_slope: float = _number(
        3, "1", "figure", "hxsnn_intro_cadc_vs_madc.png: 304 at leak 80, 440 at threshold 125", "MADC LSB per CADC LSB"
    )
    madc_offset: float = _number(64, "MADC LSB", "figure", "hxsnn_intro_cadc_vs_madc.png", "MADC at CADC 0", sign="any")
    madc_noise: float = _spread(
        1, "MADC LSB", "assumed", "1.5 to 3 with the membrane: MC src/py bss.py", "noise of one read of the MADC"
    )
    spike_delay: float = _spread(
        0.3e-6, "s", "assumed", "up to 2 us: HS-t:hw/test_spiking_modules.py:749-752", "time from a spike to its stamp"
    )
    spike_jitter: float = _spread(16e-9, "s", "assumed", "no figure known", "spread of spike_delay between spikes")

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not is_finite(value):
                raise ParameterError(f"{field.name} must be a finite number [{field.metadata['units']}]; got {value!r}")
            sign = field.metadata["sign"]
            if (sign == "positive" and value <= 0) or (sign == "nonnegative" and value < 0):
                least = "above 0" if sign == "positive" else "at least 0"
                raise ParameterError(f"{field.name} must be {least} [{field.metadata['units']}]; got {value!r}")
            object.__setattr__(self, field.name, float(value))
        if self.floating_code > HIGHEST_CAPMEM_CODE:
            raise ParameterError(
                f"floating_code must be at most {HIGHEST_CAPMEM_CODE}, the highest code; got {self.floating_code}: no synaptic "
                "line would decay"
            )
        if not 0 <= self.membrane_lower < self.membrane_upper <= 255:
            raise ParameterError(
                "membrane_lower must be below membrane_upper, both 0 to 255 LSB; "
                f"got {self.membrane_lower} and {self.membrane_upper}"
            )

    def describe(self) -> list[dict[str, str | float]]:
        """List the numbers.

        Returns
        -------
        list of dict
            One a number, with keys ``name``, ``value``, ``units``, ``status``, ``source`` and ``meaning``. Status is ``stated``
            (in the reference), ``derived`` (from stated or figure), ``figure`` (read off one) or ``assumed``.

        Examples
        --------
        >>> from bss2sim.hardware.chip_configuration import ChipConfiguration
        >>> [row["value"] for row in ChipConfiguration().describe() if row["name"] == "gm_spread"]
        [0.15]
        """
        return [
            {"name": field.name, "value": getattr(self, field.name)}
            | {key: field.metadata[key] for key in ("units", "status", "source", "meaning")}
            for field in dataclasses.fields(self)
        ]


ChipConfiguration.__init__ = refuse_unknown_keywords(ChipConfiguration.__init__)  # type: ignore[method-assign]


def _document() -> str:
    """Fill the list of numbers into the docstring, from the one place where they are described."""
    lines = []
    for field in dataclasses.fields(ChipConfiguration):
        about = field.metadata
        lines.append(f"{field.name} : float")
        lines.append(f"    {about['meaning'][0].upper()}{about['meaning'][1:]} [{about['units']}]; {about['status']}.")
    # without indentation, as Python 3.13 keeps docstrings
    return inspect.cleandoc(ChipConfiguration.__doc__ or "").replace("{numbers}", "\n".join(lines))


ChipConfiguration.__doc__ = _document()
