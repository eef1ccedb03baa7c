"""Refractory and holdoff times: the registers of the clocks that make them, and what registers make."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from ..errors import ParameterError, choose, refuse_unknown_keywords, warn
from ..hardware.clocks import LONGEST_HOLDOFF, is_glitch, refractory_durations
from ..hardware.coordinates import N_ATOMIC_NEURON, atomic_neuron_coords
from ..hardware.registers import REGISTERS, check_registers
from ..variables import create_dataset
from .refractory_rules import BASE_PERIOD, HIGHEST_COUNT, HIGHEST_SCALE, Codes, calix_codes, nearest_codes
from .target_fields import FIELDS, labelled, name_circuits, warn_infeasible

RULES = ("default", "calix")
CLOCK_REGISTERS = (
    "refractory_time_code",
    "reset_holdoff_code",
    "input_clock_code",
    "clock_scale_slow_code",
    "clock_scale_fast_code",
)

_SLOWEST = BASE_PERIOD << HIGHEST_SCALE  # [ps]
# Longest times [ps]; they round to the longest the chip counts.
_LONGEST = {
    "refractory_time": (2 * HIGHEST_COUNT + 1) * _SLOWEST // 2 - 1,
    "holdoff_time": (LONGEST_HOLDOFF + 1) * _SLOWEST,
}
_REACH = 1.0  # calix works with negative times, too: what it makes of them is compared with the registers [s]


def _together(refractory: xr.DataArray, holdoff: xr.DataArray) -> tuple[np.ndarray, np.ndarray, dict[Hashable, Any]]:
    """Broadcast to (chip, atomic_neuron), all chips in one axis; and the sizes and labels of their dims."""
    try:
        refractory, holdoff = xr.align(refractory, holdoff, join="exact", copy=False)
    except ValueError as reason:
        raise ParameterError(f"refractory_time and holdoff_time have other labels or sizes: {reason}") from reason
    circuit = xr.DataArray(np.zeros(N_ATOMIC_NEURON), dims="atomic_neuron")
    parts = [part.drop_vars("atomic_neuron", errors="ignore") for part in (refractory, holdoff)]
    refractory, holdoff, _ = xr.broadcast(*parts, circuit)
    refractory = refractory.transpose(..., "atomic_neuron")
    holdoff = holdoff.transpose(*refractory.dims)
    own = [dim for dim in refractory.dims if dim != "atomic_neuron"]
    chips = {dim: (refractory.sizes[dim], refractory.coords[dim] if dim in refractory.coords else None) for dim in own}
    return refractory.values.reshape(-1, N_ATOMIC_NEURON), holdoff.values.reshape(-1, N_ATOMIC_NEURON), chips


def _circuits(bad: np.ndarray) -> str:
    """Name the circuits that are marked on any chip."""
    return name_circuits(np.flatnonzero(bad.any(axis=0)))


def _picoseconds(name: str, time: np.ndarray) -> np.ndarray:
    """Return whole picoseconds: times that differ by their rounding only become the same."""
    whole = np.rint(time * 1e12)
    bad = whole > _LONGEST[name]
    if bad.any():
        raise ParameterError(
            f"{name} must be at most {_LONGEST[name] * 1e-9:.4g} ms, the longest of the slowest clock; "
            f"got {time[bad][0]:g} s; {_circuits(bad)}"
        )
    return whole.astype(np.int64)


def _default(refractory: np.ndarray, holdoff: np.ndarray) -> Codes:
    """Check the times [s] and apply the default rule."""
    whole, part = _picoseconds("refractory_time", refractory), _picoseconds("holdoff_time", holdoff)
    bad = part > whole
    if bad.any():
        raise ParameterError(
            f"holdoff_time must not exceed refractory_time, which it is a part of; got {holdoff[bad][0]:g} s in "
            f"{refractory[bad][0]:g} s; {_circuits(bad)}"
        )
    return nearest_codes(whole, part)


def _calix(refractory: np.ndarray, holdoff: np.ndarray) -> Codes:
    """Apply the rule of calix to times [s], and refuse what the chip does not have."""
    codes = calix_codes(refractory * 1e6, holdoff * 1e6)
    for field in ("refractory_time", "reset_holdoff"):
        register, code = REGISTERS[f"{field}_code"], getattr(codes, field)
        bad = (code < register.lower) | (code > register.upper)
        if bad.any():
            raise ParameterError(
                f'rule "calix" gives {register.name} {code[bad][0]}, which must be {register.lower} to {register.upper}; '
                f'{_circuits(bad)}; use rule "default", or times the chip can make'
            )
    return codes


@refuse_unknown_keywords
def refractory_registers(refractory_time: Any, holdoff_time: Any, *, rule: str = "default") -> xr.Dataset:
    """Return the registers of the refractory clocks that make the wanted times.

    A circuit counts one of the two clocks of its chip, of period 8 ns * 2^scale. The refractory time, holdoff included,
    lasts 1 .. 255 cycles; the last 1, 3, 5 .. 31 of them are the holdoff, in which the clamp is released and no spike is
    accepted: it cannot be 0.

    The default rule searches all pairs of scales. It takes the one with the smallest sum, over the circuits of a chip, of
    the distances of refractory time and holdoff from what is wanted, each circuit on the better clock for it. So the
    holdoff is honoured for every circuit (within 1.5 cycles of its clock, the refractory time within one), the counters
    never miss the value that releases the clamp, and equal targets get equal registers, whatever their last digits.
    Counters below 30 are said to misbehave (calix issue 3741): of equally near pairs that with the fewest is taken; the
    nearest pair mostly is the one with the most counts.

    Parameters
    ----------
    refractory_time : float, array (atomic_neuron,), or DataArray with `atomic_neuron` and dims of chips of your own
        From a spike to the end of its holdoff [s]. Feasible are 40 ns to 32 us.
    holdoff_time : float, array (atomic_neuron,) or DataArray
        Part of it after the reset [s]. Feasible are 0 to 4 us.
    rule : {"default", "calix"}
        "calix" gives what calix sets, to the bit: see :func:`~bss2sim.calibration.refractory_rules.calix_codes`. It leaves
        holdoffs at one cycle, and its result depends on rounding. It works with microseconds, here 1e6 * seconds.

    Returns
    -------
    Dataset
        refractory_time_code, reset_holdoff_code, input_clock_code (..., atomic_neuron); clock_scale_slow_code,
        clock_scale_fast_code (...), for both backends of a chip.

    Raises
    ------
    ParameterError
        If times are not finite or negative, longer than any clock can count (66.98 and 8.389 ms), or the holdoff longer than
        the whole; if the shapes do not fit. With "calix": if it finds no clock, or registers the chip does not have.
    UnknownKeywordError
        If an argument does not exist.

    Warns
    -----
    UserWarning
        If times are out of the feasible range; with "calix", if it sets a holdoff longer than the refractory time.

    Examples
    --------
    >>> registers = refractory_registers(10e-6, 2e-6)
    >>> {name: int(registers[name][..., :1].squeeze()) for name in CLOCK_REGISTERS[:2]}
    {'refractory_time_code': 156, 'reset_holdoff_code': 0}
    >>> times = refractory_times(registers)
    >>> print(f"{times.refractory_time[0] * 1e6:.3f} us, {times.holdoff_time[0] * 1e6:.3f} us")
    9.984 us, 1.984 us
    """
    rule = choose("rule", rule, RULES)
    arrays = {}
    for name, value in (("refractory_time", refractory_time), ("holdoff_time", holdoff_time)):
        field = FIELDS[name] if rule == "default" else replace(FIELDS[name], hard=(-_REACH, _REACH))
        arrays[name] = labelled(field, value, field.dims)
        warn_infeasible(field, arrays[name])
    refractory, holdoff, chips = _together(*arrays.values())
    codes = (_default if rule == "default" else _calix)(refractory, holdoff)
    glitch = is_glitch(codes.refractory_time, codes.reset_holdoff)
    if glitch.any():
        warn(
            f'rule "calix" sets a holdoff longer than the refractory time; {_circuits(glitch)}: their clamp is not released '
            'before the end; use rule "default"'
        )
    dims, shape = tuple(chips), tuple(size for size, _ in chips.values())
    variables: dict[str, tuple[tuple[Hashable, ...], np.ndarray]] = {}
    for name, code in zip(CLOCK_REGISTERS, codes, strict=True):
        own = REGISTERS[name].dims
        variables[name] = ((*dims, *own), code.astype(np.int64).reshape(shape + (N_ATOMIC_NEURON,) * len(own)))
    labels: dict[Hashable, Any] = {dim: label.variable for dim, (_, label) in chips.items() if label is not None}
    return create_dataset(variables, labels | dict(atomic_neuron_coords()), {"rule": rule})


def refractory_times(registers: xr.Dataset) -> xr.Dataset:
    """Return the refractory and holdoff times that registers make.

    Parameters
    ----------
    registers : Dataset
        With the registers of :func:`refractory_registers`; others may be there.

    Returns
    -------
    Dataset
        refractory_time and holdoff_time (..., atomic_neuron) [s], and success: False where the holdoff is longer than the
        refractory time. There the counter never meets the value that releases the clamp: the chip is documented as glitchy,
        and the holdoff taken as 0 (an assumption). Source: HA:neuron.h:303-306.

    Raises
    ------
    ParameterError
        If a register is missing, has other dims or a value out of range.

    Examples
    --------
    >>> times = refractory_times(refractory_registers(2e-6, 0.5e-6))
    >>> print(f"{times.refractory_time[0] * 1e6:.3f} us, {times.holdoff_time[0] * 1e6:.3f} us")
    2.000 us, 0.496 us
    """
    registers = check_registers(registers, names=CLOCK_REGISTERS)
    parts = [registers[name].drop_vars(["row", "column", "quadrant"], errors="ignore") for name in CLOCK_REGISTERS]
    total, holdoff, clock, slow, fast = (part.transpose(..., "atomic_neuron") for part in xr.broadcast(*parts))
    refractory_time, holdoff_time = refractory_durations(
        total.values, holdoff.values, np.where(clock.values == 1, fast.values, slow.values)
    )
    labels: dict[Hashable, Any] = {dim: total.coords[dim].variable for dim in total.dims[:-1] if dim in total.coords}
    return create_dataset(
        {
            "refractory_time": (total.dims, refractory_time),
            "holdoff_time": (total.dims, holdoff_time),
            "success": (total.dims, ~is_glitch(total.values, holdoff.values)),
        },
        labels | dict(atomic_neuron_coords()),
        {},
    )
