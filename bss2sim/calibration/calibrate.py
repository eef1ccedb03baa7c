"""Calibrate chips to a target."""

from __future__ import annotations

import operator
from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr

from bss2sim.errors import ParameterError, choose, refuse_unknown_keywords, warn, without_warnings
from bss2sim.hardware.coordinates import atomic_neuron_coords
from bss2sim.hardware.registers import N_CAPMEM_BLOCK, REGISTERS, SIZES
from bss2sim.hardware.transfer import LAWS
from bss2sim.variables import SYNAPTIC_INPUTS, VARIABLES, create_dataset

from .inversion import invert_target
from .refractory import refractory_registers, refractory_times
from .result import Calibration, calibration_id
from .steps import search_target
from .target import NeuronCalibTarget
from .wanted import Failures, Wanted, bring_together, name_failed

__all__ = ["calibrate"]

METHODS = ("analytic", "search")
RULES = ("default", "calix")
HIGHEST_SEED = 2**31 - 1
# What the slowest clock counts [s]; of calix what its search for a clock finds
LONGEST_TIMES = {
    "default": {"refractory_time": 66.977e-3, "holdoff_time": 8.388e-3},
    "calix": {"refractory_time": 66.8e-3, "holdoff_time": 8.1e-3},
}


def _chips_of(chip: Any) -> xr.DataArray:
    """Return an array of the dims of the chips."""
    if isinstance(chip, type):
        raise ParameterError(f"chip is the class {chip.__name__}; make a chip of it, e.g. {chip.__name__}(seed=0)")
    if not hasattr(chip, "achieved") or not hasattr(chip, "parameters"):
        raise ParameterError(f"chip must be an EmulatedChip or a FittedChip; got {type(chip).__name__}")
    chips = chip.chips if hasattr(chip, "chips") else chip.seed
    return chips if isinstance(chips, xr.DataArray) else xr.DataArray(0)


def _parameters_of(chip: Any, wanted: Wanted, n_chip_dim: int) -> dict[str, np.ndarray]:
    """Return the parameters of the laws, with axes for the target's own dims after those of the chips."""
    place = (slice(None),) * n_chip_dim + (np.newaxis,) * (len(wanted.dims) - n_chip_dim)
    arrays = {str(name): array.values for name, array in chip.parameters.data_vars.items()}
    return {name: array[place] if array.ndim else array for name, array in arrays.items()}


def _beyond_membrane(chip: Any, wanted: Wanted, failures: Failures) -> None:
    """Note the potentials that the membrane of a chip does not reach, whatever its codes."""
    configuration = getattr(chip, "configuration", None)
    if configuration is None:
        return
    lower, upper = configuration.membrane_lower, configuration.membrane_upper
    for name in ("leak", "reset", "threshold"):
        beyond = (wanted[name] < lower) | (wanted[name] > upper)
        failures.add(name, beyond, f"beyond the range of the membrane, {lower:g} to {upper:g} LSB")


def _clocks(wanted: Wanted, codes: dict[str, np.ndarray], failures: Failures, rule: str) -> None:
    """Add the registers of the refractory clocks; circuits whose holdoff does not fit get the longest that does."""
    refractory, holdoff = wanted["refractory_time"], wanted["holdoff_time"]
    late = holdoff > refractory
    failures.add("holdoff_time", late, "longer than the refractory_time it is a part of")
    longest = LONGEST_TIMES[rule]
    for name in ("refractory_time", "holdoff_time"):
        failures.add(name, wanted[name] > longest[name], f"longer than its clock can count, {longest[name] * 1e3:g} ms")
    # all leading entries with the same targets have the same clocks: strides of 0 mark the dims that nothing depends on
    lead = tuple(
        slice(0, 1) if refractory.strides[k] == holdoff.strides[k] == 0 else slice(None)
        for k in range(len(wanted.dims))
    )
    dims = tuple(f"dim_{k}" for k in range(len(wanted.dims)))
    arrays = [
        xr.DataArray(np.minimum(part[lead], longest[name]), dims=(*dims, "atomic_neuron"))
        for name, part in (("refractory_time", refractory), ("holdoff_time", np.minimum(holdoff, refractory)))
    ]
    with without_warnings():  # the target has warned, and glitches are failures here
        try:
            registers = refractory_registers(*arrays, rule=rule)
        except ParameterError:
            registers = _clocks_of_each(arrays, failures, rule)
    glitch = ~refractory_times(registers)["success"].transpose(*dims, ...).values
    failures.add("holdoff_time", np.broadcast_to(glitch, failures.shape) & ~late, "its clock never releases the clamp")
    for register, array in registers.data_vars.items():
        codes[str(register)] = array.transpose(*dims, ...).values


def _clocks_of_each(arrays: list[xr.DataArray], failures: Failures, rule: str) -> xr.Dataset:
    """Set the clocks of chips one by one: those that the rule refuses fail, and get clocks by the default rule."""
    shape = arrays[0].shape[:-1]
    refused = np.zeros((*shape, 1), bool)
    parts = []
    for index in np.ndindex(shape):
        times = [array.values[index] for array in arrays]
        try:
            parts.append(refractory_registers(*times, rule=rule))
        except ParameterError as error:
            alone = np.zeros_like(refused)
            alone[index] = True
            place = f" on chip {', '.join(map(str, index))}" if shape else ""
            failures.add("refractory_time", np.broadcast_to(alone, failures.shape), f"refused{place}: {error}")
            parts.append(refractory_registers(*times))
    registers = {}
    for register in parts[0].data_vars:
        name = str(register)
        own = parts[0][name]
        numbers = np.stack([part[name].values for part in parts]).reshape(shape + own.shape)
        registers[name] = ((*arrays[0].dims[:-1], *own.dims), numbers)
    return xr.Dataset(registers)


def _dataset(wanted: Wanted, variables: dict[str, np.ndarray], attrs: dict[str, Any]) -> xr.Dataset:
    """Label arrays of the registry with the leading dims and the labels of a chip."""
    labelled = {}
    used: set[str] = set()
    for name, array in variables.items():
        own = tuple(dim for dim in VARIABLES[name].dims if dim in SIZES)
        shape = wanted.shape + tuple(SIZES[dim] for dim in own)
        labelled[name] = ((*wanted.dims, *own), np.array(np.broadcast_to(array, shape)))
        used |= set(own)
    coords: dict[Hashable, Any] = {
        **wanted.coords,
        **{str(dim): label for dim, label in atomic_neuron_coords().items()},
    }
    if "synaptic_input" in used:
        coords["synaptic_input"] = np.array(SYNAPTIC_INPUTS)
    if "capmem_block" in used:
        coords["capmem_block"] = np.arange(N_CAPMEM_BLOCK)
    return create_dataset(labelled, coords, attrs)


def _attrs(chip: Any, method: str, rule: str, seed: int) -> dict[str, Any]:
    """Provenance, in kinds that every netCDF can hold."""
    from bss2sim import __version__

    given = dict(getattr(chip, "provenance", {}))
    chip_seed = " ".join(map(str, np.atleast_1d(given.pop("chip_seed", "none"))))
    return {
        "bss2sim_version": __version__,
        "method": method,
        "rule": rule,
        "seed": seed,
        "chip_seed": chip_seed,
        **given,
    }


@refuse_unknown_keywords
def calibrate(
    chip: Any, target: NeuronCalibTarget, *, method: str = "analytic", rule: str = "default", seed: int = 0
) -> Calibration:
    """Find the registers that bring every circuit of a chip, or of many chips, nearest to a target.

    Parameters
    ----------
    chip : EmulatedChip or FittedChip
        What to calibrate. A :class:`~bss2sim.calibration.measurement.FittedChip` takes only the method "analytic".
    target : NeuronCalibTarget
        What to reach. Its own dims are dims of the result, after those of the chips.
    method : {"analytic", "search"}
        "analytic" inverts the law of each circuit and takes the code whose quantity is nearest. "search" sees only noisy
        reads, as on a real chip, and runs noisy binary searches on them, in the order of the reference.
    rule : {"default", "calix"}
        How the refractory clocks are set (:func:`~bss2sim.calibration.refractory.refractory_registers`), and how division
        and multiplication of the leak are chosen (:func:`~bss2sim.calibration.inversion.choose_mirror`).
    seed : int
        Which noisy reads a search gets, 0 to 2^31 - 1. Their runs are counted from 2^32 + 2^20 * seed, so reads of your own
        (`run` of :meth:`~bss2sim.hardware.chip.EmulatedChip.measure`) with runs below 2^32 have other noise.

    Returns
    -------
    Calibration
        Registers, the quantities they give, residuals, and which circuits failed, with reasons. A circuit fails if a
        quantity needs a code beyond the range of its register (or the search ends at a bound, far from the target or where
        the read does not follow the code), if a potential is beyond the range of the membrane, or if its clock cannot make
        its refractory time or holdoff; its other registers are calibrated all the same.

    Raises
    ------
    ParameterError
        If an argument is of the wrong kind or out of range, or dims of chips and target disagree.
    UnknownKeywordError
        If an argument does not exist.

    Warns
    -----
    UserWarning
        If circuits failed: how many, and which.

    Examples
    --------
    >>> from bss2sim.calibration.calibrate import calibrate
    >>> from bss2sim.calibration.target import NeuronCalibTarget
    >>> from bss2sim.hardware.chip import EmulatedChip
    >>> calibration = calibrate(EmulatedChip(seed=7), NeuronCalibTarget(threshold=125, reset=80, holdoff_time=0.5e-6))
    >>> calibration.registers.threshold_v_threshold_code.values[:4]
    array([385, 379, 402, 390])
    >>> int(calibration.success.sum())
    512
    """
    method = choose("method", method, METHODS)
    rule = choose("rule", rule, RULES)
    if not isinstance(target, NeuronCalibTarget):
        hint = "; NeuronCalibTarget.from_populations([neurons]) makes one" if hasattr(target, "hardware_value") else ""
        raise ParameterError(f"target must be a NeuronCalibTarget; got {type(target).__name__}{hint}")
    try:
        if isinstance(seed, bool):
            raise TypeError
        seed = operator.index(seed)
    except TypeError:
        raise ParameterError(f"seed must be a whole number, 0 to {HIGHEST_SEED}; got {seed!r}") from None
    if not 0 <= seed <= HIGHEST_SEED:
        raise ParameterError(f"seed must be a whole number, 0 to {HIGHEST_SEED}; got {seed}")
    chips = _chips_of(chip)
    wanted = bring_together(target, chips)
    failures = Failures((*wanted.shape, SIZES["atomic_neuron"]))
    if method == "search":
        if not hasattr(chip, "measure"):
            raise ParameterError(
                f'method "search" needs a chip that can be read; {type(chip).__name__} cannot: use "analytic"'
            )
        found, aims = search_target(chip, wanted, failures, rule=rule, seed=seed)
    else:
        if hasattr(chip, "note_failures"):
            chip.note_failures(failures, wanted)
        parameters = _parameters_of(chip, wanted, chips.ndim)
        _beyond_membrane(chip, wanted, failures)
        found, aims = invert_target(wanted, getattr(chip, "laws", LAWS), parameters, failures, rule=rule)
    codes = {**wanted.default_codes(), **found}
    _clocks(wanted, codes, failures, rule)
    attrs = _attrs(chip, method, rule, seed)
    registers = _dataset(wanted, {name: codes[name] for name in REGISTERS}, {})
    attrs["calibration_id"] = calibration_id(registers)
    registers.attrs = dict(attrs)

    achieved = chip.achieved(registers).transpose(*wanted.dims, ...)
    aims |= {name: wanted[name] for name in ("refractory_time", "holdoff_time")}
    differences = {f"residual_{name}": achieved[name].values - aim for name, aim in aims.items() if name in achieved}
    reasons = failures.reasons()
    success = reasons == ""
    both = _dataset(wanted, {"success": success, "reason": reasons}, attrs)
    if not success.all():
        warn(
            f"calibration failed for {name_failed(success)}; their reasons are in .reason, and all others are calibrated"
        )
    residual = _dataset(wanted, differences, attrs)
    achieved.attrs = dict(attrs)
    return Calibration(registers, achieved, residual, both["success"], both["reason"], attrs)
