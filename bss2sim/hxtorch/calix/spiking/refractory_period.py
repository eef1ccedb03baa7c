"""Settings of the refractory clocks, with the names of calix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bss2sim.calibration.refractory import refractory_registers
from bss2sim.errors import ParameterError
from bss2sim.hardware.clocks import LONGEST_HOLDOFF
from bss2sim.hardware.coordinates import N_ATOMIC_NEURON, one_in_range
from bss2sim.hardware.registers import REGISTERS

from ...lola import Chip, NeuronBlock
from ..times import in_seconds

_clock_base_frequency = 250e6  # [Hz]; HA-s:pll.cpp:217-235


def _clock_period(clock_scale: Any, f_base: float = _clock_base_frequency) -> Any:
    """Return the period of a clock of some scale [s]."""
    return np.ldexp(1.0, np.asarray(clock_scale) + 1) / f_base


@dataclass(slots=True)
class Settings:
    """Registers of the refractory clocks.

    Parameters
    ----------
    refractory_counters, reset_holdoff, input_clock : array of int, shape (atomic_neuron,), optional
        Of each circuit.
    fast_clock, slow_clock : int
        Scales of the clocks.

    Examples
    --------
    >>> from bss2sim.hxtorch import lola
    >>> from bss2sim.hxtorch.calix.spiking import refractory_period
    >>> chip = lola.Chip()
    >>> refractory_period.calculate_settings(2e-6).apply_to_chip(chip)
    >>> chip.neuron_block.atomic_neurons[7].refractory_period.refractory_time
    32
    """

    refractory_counters: np.ndarray | None = None
    reset_holdoff: np.ndarray | None = None
    input_clock: np.ndarray | None = None
    fast_clock: int = 0
    slow_clock: int = 0

    def apply_to_chip(self, chip: Any) -> None:
        """Write the settings into the configuration of a chip.

        Parameters
        ----------
        chip : lola.Chip or lola.NeuronBlock

        Raises
        ------
        ParameterError
            If it is another thing, settings are missing or of another size, or out of the range of their registers.
        """
        block = chip.neuron_block if isinstance(chip, Chip) else chip
        if not isinstance(block, NeuronBlock):
            raise ParameterError(f"chip must be a lola.Chip; got {chip!r}")
        registers = block.registers.copy(deep=True)
        for field, register in (
            ("refractory_counters", "refractory_time_code"), ("reset_holdoff", "reset_holdoff_code"),
            ("input_clock", "input_clock_code"),
        ):  # fmt: skip
            values = np.asarray(getattr(self, field))
            if values.shape != (N_ATOMIC_NEURON,) or values.dtype.kind not in "iu":
                raise ParameterError(f"{field} must be {N_ATOMIC_NEURON} whole numbers; got {getattr(self, field)!r}")
            registers[register].values[:] = values
        for field, register in (("fast_clock", "clock_scale_fast_code"), ("slow_clock", "clock_scale_slow_code")):
            registers[register].values[()] = one_in_range(field, getattr(self, field), REGISTERS[register].upper + 1)
        block.registers = registers


def _times(name: str, value: Any) -> np.ndarray:
    """Return times of all circuits [s]; ParameterError if there is another number of them."""
    array = np.asarray(in_seconds(name, value))
    if array.size not in (1, N_ATOMIC_NEURON):
        raise ParameterError(
            f"{name} must be one time, or one for each of the {N_ATOMIC_NEURON} circuits; got {array.size}"
        )
    if not (array >= 0).all():
        raise ParameterError(f"{name} must be at least 0 s; got {array.min():g} s")
    return np.broadcast_to(array.reshape(-1), N_ATOMIC_NEURON).astype(np.float64)


def calculate_settings(tau_ref: Any, holdoff_time: Any = 0.0) -> Settings:
    """Return the settings that calix makes, with holdoff times on both clocks.

    Scales, counters and clocks are those of :func:`bss2sim.calibration.refractory_registers` with ``rule="calix"``. calix leaves
    the holdoff of circuits on the fast clock at one cycle, whatever is asked for; here it is set by the rule it has for the slow
    one.

    Parameters
    ----------
    tau_ref : float or array (atomic_neuron,)
        Refractory times, holdoff included [s, or with a unit].
    holdoff_time : float or array (atomic_neuron,)
        Part of them after the reset [s, or with a unit].

    Returns
    -------
    Settings

    Raises
    ------
    ParameterError
        If there is another number of times or one below 0, calix finds no clock or registers the chip does not have, or a
        holdoff is longer than the refractory time it is part of.

    Examples
    --------
    >>> from bss2sim.hxtorch.calix.spiking.refractory_period import calculate_settings
    >>> settings = calculate_settings(10e-6, 2e-6)
    >>> settings.refractory_counters[0], settings.reset_holdoff[0], settings.fast_clock
    (np.int64(79), np.int64(8), 4)
    """
    refractory, holdoff = _times("tau_ref", tau_ref), _times("holdoff_time", holdoff_time)
    if (holdoff > refractory).any():
        circuit = int(np.argmax(holdoff > refractory))
        raise ParameterError(
            f"holdoff_time must not exceed tau_ref, which it is a part of; circuit {circuit} has {holdoff[circuit]:g} s of "
            f"{refractory[circuit]:g} s"
        )
    registers = refractory_registers(refractory, holdoff, rule="calix")
    fast, slow = (int(registers[f"clock_scale_{name}_code"]) for name in ("fast", "slow"))
    on_fast = registers.input_clock_code.values == 1
    counters, code = registers.refractory_time_code.values.copy(), registers.reset_holdoff_code.values.copy()
    cycles = (holdoff / _clock_period(fast)).astype(np.int64)
    code[on_fast] = (LONGEST_HOLDOFF // 2 - cycles // 2)[on_fast]
    return Settings(counters, code, registers.input_clock_code.values.copy(), fast, slow)
