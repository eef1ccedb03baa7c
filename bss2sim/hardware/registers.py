"""Registers that an IAF neuron needs: their ranges, their values after power-on, and the check of a Dataset of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from bss2sim.errors import ParameterError, suggestion
from bss2sim.variables import RESERVED_DIMS, SYNAPTIC_INPUTS, TRIAL, VARIABLES

N_ATOMIC_NEURON = 512  # HC:neuron.h:56-68
N_CAPMEM_BLOCK = 4  # HC:capmem.h:58-73
HIGHEST_CAPMEM_CODE = 1022  # 1023 disables the refresh of the cell; HA:capmem.h:117-138
SIZES = {"atomic_neuron": N_ATOMIC_NEURON, "capmem_block": N_CAPMEM_BLOCK, "synaptic_input": len(SYNAPTIC_INPUTS)}


@dataclass(frozen=True)
class Register:
    """What a register may hold.

    Attributes
    ----------
    name : str
        Name of its variable in a Dataset.
    dims : tuple of str
        Its own dims, after those of chips.
    lower, upper : int
        Smallest and largest value; 0 and 1 of a switch.
    default : int or bool
        Value after power-on; a bool if the register is a switch.
    source : str
        Where range and default are stated.

    Examples
    --------
    >>> from bss2sim.hardware.registers import REGISTERS
    >>> REGISTERS["membrane_capacitance_code"].upper
    63
    """

    name: str
    dims: tuple[str, ...]
    lower: int
    upper: int
    default: int | bool
    source: str

    @property
    def switch(self) -> bool:
        """Whether it is True or False rather than a code."""
        return isinstance(self.default, bool)


def _register(name: str, upper: int, default: int | bool, source: str) -> Register:
    """Make a register whose dims are those of its variable."""
    return Register(name, tuple(dim for dim in VARIABLES[name].dims if dim != TRIAL), 0, upper, default, source)


def _capmem(name: str, cell: str) -> Register:
    """Make the register of a CapMem cell."""
    return _register(name, HIGHEST_CAPMEM_CODE, 0, f"HA:capmem.h:117-138; {cell} HC-s:v3/capmem.cpp")


def _switch(name: str) -> Register:
    """Make a switch, off after power-on."""
    return _register(name, 1, False, "LO:v3/neuron.h:23-545")


REGISTERS: dict[str, Register] = {
    register.name: register
    for register in (
        _capmem("leak_v_leak_code", "row 0"),
        _capmem("leak_i_bias_code", "row 8"),
        _capmem("reset_v_reset_code", "row 1"),
        _capmem("reset_i_bias_code", "row 9"),
        _capmem("threshold_v_threshold_code", "row 2"),
        _register("membrane_capacitance_code", 63, 0, "HA:v3/neuron.h:93-101"),
        _register("refractory_time_code", 255, 0, "HA:neuron.h:335-343"),
        _register("reset_holdoff_code", 15, 15, "HA:neuron.h:307-315"),
        _register("input_clock_code", 1, 0, "HA:neuron.h:349-357"),
        _capmem("i_bias_tau_code", "rows 10, 14"),
        _capmem("i_bias_gm_code", "rows 13, 17"),
        _capmem("i_shift_reference_code", "rows 12, 16"),
        _capmem("synapse_dac_bias_code", "column 128, row 8"),
        _register("clock_scale_slow_code", 15, 0, "HA:neuron.h:83-96"),
        _register("clock_scale_fast_code", 15, 0, "HA:neuron.h:83-96"),
        _switch("enable_leak_division"),
        _switch("enable_leak_multiplication"),
        _switch("enable_reset_division"),
        _switch("enable_reset_multiplication"),
        _switch("enable_threshold"),
        _switch("enable_digital"),
        _switch("enable_pause"),
        _switch("enable_amplifier"),
        _switch("enable_buffered_access"),
        _switch("enable_synaptic_input"),
        _switch("enable_high_resistance"),
        _register("readout_source_code", 3, 0, "LO:v3/neuron.h:371-386"),
        _register("analog_output_code", 2, 0, "LO:v3/neuron.h:23-545"),
    )
}


def _place(index: tuple[np.intp, ...], dims: tuple[Hashable, ...]) -> str:
    """Name the place of an entry: ``chip 2, atomic_neuron 3``."""
    return ", ".join(
        f"{dim} {SYNAPTIC_INPUTS[place] if dim == 'synaptic_input' else place}"
        for dim, place in zip(dims, index, strict=True)
    )


def is_own_dim(dim: Hashable) -> bool:
    """Whether a leading dim may have this name: a str that no dim, label or variable of the package has.

    Examples
    --------
    >>> from bss2sim.hardware.registers import is_own_dim
    >>> is_own_dim("chip"), is_own_dim("leak"), is_own_dim(3)
    (True, False, False)
    """
    return isinstance(dim, str) and dim not in RESERVED_DIMS and dim not in SIZES and dim not in VARIABLES


def _check_dims(register: Register, array: xr.DataArray) -> None:
    """Refuse dims that are not chips of your own and then those of the register."""
    own = len(register.dims)
    lead = array.dims[: array.ndim - own]
    if array.dims[array.ndim - own :] != register.dims or not all(map(is_own_dim, lead)):
        raise ParameterError(
            f"{register.name} has dims {array.dims}; it must have {register.dims or 'none'} after the dims of chips, "
            "if any, whose names are your own, e.g. 'chip'; see .transpose() and .rename()"
        )
    for dim in register.dims:
        if array.sizes[dim] != SIZES[dim]:
            raise ParameterError(f"{register.name} has {array.sizes[dim]} entries along {dim}; a chip has {SIZES[dim]}")
        labels = SYNAPTIC_INPUTS if dim == "synaptic_input" else range(SIZES[dim])
        if dim in array.coords and not np.array_equal(array.coords[dim].values, labels):
            raise ParameterError(
                f"{register.name} has other labels along {dim} than {labels[0]} .. {labels[-1]}; sort it, "
                "e.g. with .reindex()"
            )


def _check_values(register: Register, array: xr.DataArray) -> xr.DataArray:
    """Refuse numbers that are no codes of the register; return them as registered."""
    if array.chunks is not None:
        raise ParameterError(f"{register.name} is chunked (dask); call .compute() on it first")
    values = array.values
    if register.switch:
        if values.dtype != bool:
            raise ParameterError(f"{register.name} must be True or False; got dtype {values.dtype}")
        return array
    if values.dtype.kind not in "iu":
        raise ParameterError(
            f"{register.name} must be integers; got dtype {values.dtype}; round it and use .astype(int)"
        )
    bad = (values < register.lower) | (values > register.upper)
    if bad.any():
        index = np.unravel_index(int(np.argmax(bad)), bad.shape)
        where = _place(index, array.dims)
        raise ParameterError(
            f"{register.name} must be {register.lower} to {register.upper}; {where or 'it'} has {values[index]}"
        )
    return array if values.dtype == np.int64 else array.astype(np.int64)


def check_registers(registers: xr.Dataset, *, names: Iterable[str] | None = None) -> xr.Dataset:
    """Check a Dataset of registers: names, dims, dtype and ranges.

    Parameters
    ----------
    registers : Dataset
        Registers by name; their dims are any dims of chips, then those of :data:`REGISTERS`.
    names : iterable of str, optional
        Registers that must be there. All of :data:`REGISTERS` if None.

    Returns
    -------
    Dataset
        The registers, codes as int64.

    Raises
    ------
    ParameterError
        If a register is missing or does not exist, has other dims, labels or numbers, or a code that is out of range.

    Examples
    --------
    >>> from bss2sim.hardware.neuron_block import default_registers
    >>> from bss2sim.hardware.registers import check_registers
    >>> registers = default_registers()
    >>> registers["leak_v_leak_code"][3] = 1023
    >>> check_registers(registers)
    Traceback (most recent call last):
    bss2sim.errors.ParameterError: leak_v_leak_code must be 0 to 1022; atomic_neuron 3 has 1023
    """
    if not isinstance(registers, xr.Dataset):
        raise ParameterError(
            f"registers must be a Dataset, as default_registers() makes it; got {type(registers).__name__}"
        )
    checked = {}
    for name, array in registers.data_vars.items():
        register = REGISTERS.get(str(name))
        if register is None:
            raise ParameterError(f"there is no register {name!r}{suggestion(str(name), REGISTERS)}")
        _check_dims(register, array)
        values = _check_values(register, array)
        if values is not array:
            checked[name] = values
    missing = [name for name in (REGISTERS if names is None else names) if name not in registers]
    if missing:
        raise ParameterError(f"registers lack {', '.join(missing)}; begin with default_registers()")
    return registers.assign(checked) if checked else registers
