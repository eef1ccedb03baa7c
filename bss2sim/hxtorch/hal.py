"""Ranges of registers under the names of ``dlens_vx_v3.hal``, as far as scripts with neurons use them."""

from __future__ import annotations

import enum
from typing import ClassVar

from bss2sim.hardware.neuron_block import READOUT_SOURCES
from bss2sim.hardware.registers import REGISTERS
from bss2sim.recording.chip_time import CYCLES_PER_SECOND

from .halco import Ranged

__all__ = ["CapMemCell", "CommonNeuronBackendConfig", "NeuronBackendConfig", "NeuronConfig", "ReadoutSource", "Timer"]

ReadoutSource = enum.IntEnum("ReadoutSource", READOUT_SOURCES)  # type: ignore[misc]  # names of another file
ReadoutSource.__doc__ = "What of a circuit is read out: membrane, exc_synin, inh_synin or adaptation."


class CapMemCell:
    """Cells that hold analog parameters.

    Examples
    --------
    >>> from bss2sim.hxtorch.hal import CapMemCell
    >>> CapMemCell.Value.max
    1022
    """

    class Value(Ranged):
        """Code of a cell, 0 to 1022."""

        size = REGISTERS["leak_v_leak_code"].upper + 1


class NeuronConfig:
    """Digital configuration of circuits.

    Examples
    --------
    >>> from bss2sim.hxtorch.hal import NeuronConfig
    >>> NeuronConfig.MembraneCapacitorSize(63)
    MembraneCapacitorSize(63)
    """

    ReadoutSource = ReadoutSource

    class MembraneCapacitorSize(Ranged):
        """Code of the capacitor of a membrane, 0 to 63."""

        size = REGISTERS["membrane_capacitance_code"].upper + 1


class NeuronBackendConfig:
    """Digital backend of circuits.

    Examples
    --------
    >>> from bss2sim.hxtorch.hal import NeuronBackendConfig
    >>> NeuronBackendConfig.RefractoryTime.max, NeuronBackendConfig.ResetHoldoff.max, NeuronBackendConfig.InputClock.max
    (255, 15, 1)
    """

    class RefractoryTime(Ranged):
        """Counter of the refractory time, 0 to 255."""

        size = REGISTERS["refractory_time_code"].upper + 1

    class ResetHoldoff(Ranged):
        """Length of the holdoff, 0 (31 cycles) to 15 (one)."""

        size = REGISTERS["reset_holdoff_code"].upper + 1

    class InputClock(Ranged):
        """Clock that a circuit counts, 0 (slow) or 1 (fast)."""

        size = REGISTERS["input_clock_code"].upper + 1


class CommonNeuronBackendConfig:
    """What the backends of circuits share.

    Examples
    --------
    >>> from bss2sim.hxtorch.hal import CommonNeuronBackendConfig
    >>> CommonNeuronBackendConfig.ClockScale.max
    15
    """

    class ClockScale(Ranged):
        """Binary logarithm of the divisor of a clock, 0 to 15."""

        size = REGISTERS["clock_scale_slow_code"].upper + 1


class Timer:
    """Clock of the FPGA.

    Examples
    --------
    >>> from bss2sim.hxtorch.hal import Timer
    >>> Timer.Value.fpga_clock_cycles_per_us
    125
    """

    class Value(int):
        """Time in cycles of 8 ns."""

        fpga_clock_cycles_per_us: ClassVar[int] = round(CYCLES_PER_SECOND * 1e-6)
