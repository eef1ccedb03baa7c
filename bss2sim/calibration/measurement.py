"""Calibrate what was measured: from sweeps of codes on a real chip to laws that can be inverted."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bss2sim.errors import InputError, ParameterError, refuse_unknown_keywords, suggestion
from bss2sim.hardware.coordinates import atomic_neuron_coords
from bss2sim.hardware.registers import REGISTERS, SIZES, check_registers
from bss2sim.hardware.transfer import LAWS
from bss2sim.variables import RESERVED_DIMS, SYNAPTIC_INPUTS, TRIAL, VARIABLES, create_dataset

from .fitted_law import SHAPES, FittedLaw
from .inversion import QUADRANT
from .monotone import REASONS, fit_monotone
from .refractory import CLOCK_REGISTERS, refractory_times
from .sweeps import check_sizes, codes_of
from .wanted import Failures, Wanted

__all__ = ["FittedChip", "fit_transfer"]

FEWEST_CODES = 4
NOMINAL_CAPACITANCE_CODE = 63


@dataclass(frozen=True, eq=False)
class FittedChip:
    """Laws fitted to sweeps, in place of a chip for :func:`bss2sim.calibration.calibrate.calibrate` (method "analytic").

    Parameters
    ----------
    laws : mapping of str to FittedLaw
        By quantity, those that were swept. Registers of the others are left as after power-on.
    parameters : Dataset
        Tables of the laws.
    status : Dataset
        By quantity, for every curve: 0, or why it is no law, see :data:`bss2sim.calibration.monotone.REASONS`.
    chips : DataArray
        Zeros, with the dims of the chips.
    membrane_capacitance : int
        Code of the membrane capacitor of the sweeps.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from bss2sim.calibration.calibrate import calibrate
    >>> from bss2sim.calibration.measurement import fit_transfer
    >>> from bss2sim.calibration.target import NeuronCalibTarget
    >>> code = xr.DataArray(np.arange(300, 700, 50), dims="threshold_v_threshold_code")
    >>> measured = xr.Dataset({"threshold": 0.3 * code.assign_coords({code.dims[0]: code}) + xr.DataArray(
    ...     np.linspace(-5, 5, 512), dims="atomic_neuron")})
    >>> calibration = calibrate(fit_transfer(measured), NeuronCalibTarget(threshold=125))
    >>> calibration.registers.threshold_v_threshold_code.values[[0, 511]]
    array([433, 400])
    """

    laws: Mapping[str, FittedLaw]
    parameters: xr.Dataset
    status: xr.Dataset
    chips: xr.DataArray
    membrane_capacitance: int

    @property
    def provenance(self) -> dict[str, Any]:
        """Says that the laws were measured."""
        return {"chip_seed": "measured"}

    def note_failures(self, failures: Failures, wanted: Wanted) -> None:
        """Note the circuits without a law.

        Parameters
        ----------
        failures : Failures
            Gets them.
        wanted : Wanted
            What the chip is calibrated to.

        Raises
        ------
        ParameterError
            If the target asks for another membrane capacitor than that of the sweeps.

        Examples
        --------
        Calibrations call it; what it notes is in their ``reason``.

        >>> import numpy as np
        >>> import xarray as xr
        >>> import bss2sim as b2
        >>> code = np.arange(300, 700, 50)
        >>> flat = xr.Dataset(
        ...     {"threshold": (("threshold_v_threshold_code", "atomic_neuron"), np.full((8, 512), 100.0))},
        ...     {"threshold_v_threshold_code": code},
        ... )
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     calibration = b2.calibrate(b2.calibration.fit_transfer(flat), b2.NeuronCalibTarget())
        >>> print(calibration.reason.values[0].split(";")[0])
        threshold: the measured threshold_v_threshold_code sweep does not change with the code
        """
        bad = wanted["membrane_capacitance"] != self.membrane_capacitance
        if bad.any() and {"tau_mem", "synaptic_strength"} & set(self.laws):
            raise ParameterError(
                f"the target asks for membrane_capacitance {wanted['membrane_capacitance'][bad][0]}; the sweeps were "
                f"measured at {self.membrane_capacitance}: measure them at that of the target, and say so in a scalar "
                "coordinate membrane_capacitance_code"
            )
        for name, status in self.status.data_vars.items():
            if "capmem_block" in status.dims:
                status = status.isel(capmem_block=xr.DataArray(QUADRANT, dims="atomic_neuron"))
            own = status.ndim - self.chips.ndim
            place = (slice(None),) * self.chips.ndim + (np.newaxis,) * (len(wanted.dims) - self.chips.ndim)
            full = np.broadcast_to(status.values[place], (*wanted.shape, *status.shape[status.ndim - own :]))
            for code, reason in enumerate(REASONS):
                if code:
                    failures.add(
                        str(name), full == code, f"the measured {LAWS[str(name)].code} sweep {_reason(reason)}"
                    )

    def achieved(self, registers: xr.Dataset) -> xr.Dataset:
        """Return what registers make of the circuits, by the fitted laws.

        Parameters
        ----------
        registers : Dataset
            As :func:`~bss2sim.calibration.calibrate.calibrate` gives them; dims of the chips come first.

        Returns
        -------
        Dataset
            The quantities that were swept, and refractory_time and holdoff_time [s].

        Raises
        ------
        ParameterError
            If a register is missing or out of range.

        Examples
        --------
        >>> import numpy as np
        >>> import xarray as xr
        >>> import bss2sim as b2
        >>> code = np.arange(300, 700, 50)
        >>> line = xr.Dataset(
        ...     {"threshold": (("threshold_v_threshold_code", "atomic_neuron"), np.tile(0.3 * code[:, None], 512))},
        ...     {"threshold_v_threshold_code": code},
        ... )
        >>> registers = b2.hardware.default_registers()
        >>> registers["threshold_v_threshold_code"][:] = 400
        >>> float(b2.calibration.fit_transfer(line).achieved(registers).threshold[0])
        120.0
        """
        registers = check_registers(registers)
        lead = registers["leak_v_leak_code"].dims[:-1]
        place = (slice(None),) * self.chips.ndim + (np.newaxis,) * (len(lead) - self.chips.ndim)
        parameters = {str(name): table.values[place] for name, table in self.parameters.data_vars.items()}
        codes = {str(name): array.values for name, array in registers.data_vars.items()}
        variables = {}
        for name, law in self.laws.items():
            value = law.evaluate(codes[law.code], parameters, **codes)
            variables[name] = ((*lead, *law.own_dims), value)
        times = refractory_times(registers[list(CLOCK_REGISTERS)])
        for name in ("refractory_time", "holdoff_time"):
            variables[name] = ((*lead, "atomic_neuron"), times[name].transpose(*lead, ...).values)
        coords: dict[Hashable, Any] = {dim: registers.coords[dim].variable for dim in lead if dim in registers.coords}
        coords |= {str(dim): label for dim, label in atomic_neuron_coords().items()}
        coords |= {"synaptic_input": np.array(SYNAPTIC_INPUTS), "capmem_block": np.arange(SIZES["capmem_block"])}
        used = {dim for dims, _ in variables.values() for dim in dims}
        return create_dataset(
            variables, {d: c for d, c in coords.items() if d in used or d in atomic_neuron_coords()}, {}
        )


def _reason(reason: str) -> str:
    """Make a reason the end of a sentence."""
    return f"has {reason}" if reason.startswith("fewer") else reason


def _fit(name: str, array: xr.DataArray, chip_dims: tuple[Hashable, ...]) -> tuple[FittedLaw, xr.Variable, xr.Variable]:
    """Fit the sweep of one quantity: the law, its table and the status of its curves."""
    shape, code_dim = SHAPES[name], LAWS[name].code
    own = tuple(dim for dim in VARIABLES[name].dims if dim != TRIAL)
    if code_dim not in array.dims or any(dim not in array.dims for dim in own):
        raise InputError(f"{name} has dims {array.dims}; it must have {(code_dim, *own)}, and may have dims of chips")
    if array.chunks is not None:
        raise InputError(f"{name} is chunked (dask); call .compute() on it first")
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name} must be real numbers; got dtype {array.dtype}")
    check_sizes(name, array, own)
    codes = codes_of(name, array, code_dim)
    extra = [dim for dim in (shape.switch, shape.bias) if dim and dim in array.dims]
    extra_codes = codes_of(name, array, extra[0]) if extra else None
    if extra_codes is not None and extra[0] == shape.bias:
        # a Dataset has one set of codes: of those that were swept for another quantity there is no sample here
        swept = array.notnull().any([dim for dim in array.dims if dim != shape.bias]).values
        swept[0] |= not swept.any()
        array, extra_codes = array.isel({shape.bias: swept}), extra_codes[swept]
    if shape.saturating:
        array, codes = array.isel({code_dim: codes > 0}), codes[codes > 0]
    if len(codes) < FEWEST_CODES:
        raise InputError(f"{name} was swept over {len(codes)} codes of {code_dim}; it takes at least {FEWEST_CODES}")
    values = array.transpose(*chip_dims, *extra, code_dim, *own).values.astype(np.float64)
    lead, relative = len(chip_dims), shape.reciprocal or shape.saturating
    heights = shape.height(values)
    # (state, code, chips..., own): states of a switch, or biases, are fitted apart
    sorted_ = np.moveaxis(heights, lead + len(extra), 0)
    sorted_ = np.moveaxis(sorted_, 1 + lead, 0) if extra else sorted_[np.newaxis]
    fits = [fit_monotone(shape.place(codes), state.reshape(len(codes), -1), relative=relative) for state in sorted_]
    table = np.stack([fit.table.reshape(sorted_.shape[1:]) for fit in fits])
    if relative:
        # a line must not leave the side on which quantities are
        known = np.abs(heights[np.isfinite(heights)])
        near = 1e-3 * known.min() if known.size else 1e-9
        table = np.minimum(table, -near) if shape.saturating else np.maximum(table, near)
    table = np.moveaxis(table, (0, 1), (lead, lead + 1)) if extra else np.moveaxis(table[0], 0, lead)
    status = np.max([fit.status for fit in fits], axis=0).reshape(sorted_.shape[2:])
    biases = extra_codes if shape.bias and extra else None
    law = FittedLaw(name, codes, own, switched=bool(shape.switch and extra), biases=biases)
    knots = (f"{name}_{dim}" for dim in (*extra, code_dim))
    return law, xr.Variable((*chip_dims, *knots, *own), table), xr.Variable((*chip_dims, *own), status)


@refuse_unknown_keywords
def fit_transfer(measured: xr.Dataset) -> FittedChip:
    """Fit monotone laws to measured sweeps, to calibrate with.

    Each circuit gets a law of its own: a straight line (of the reciprocal for time constants; of the reciprocal over that of
    the code for strengths) where the samples agree with one, else the nearest monotone curve, interpolated between the
    codes of the sweep.

    Parameters
    ----------
    measured : Dataset
        Any of these sweeps, dims in any order, with further dims of your own for chips. A coordinate of the name of each code
        dim has its codes, at least 4 that rise; NaN is a sample that could not be measured.

        * ``leak`` (leak_v_leak_code, atomic_neuron) [CADC LSB], with a further dim leak_i_bias_code for how it changes with
          the bias (NaN at codes that are of the sweep of tau_mem only); without, it should be measured at the bias that
          tau_mem needs
        * ``reset`` (reset_v_reset_code, atomic_neuron), ``threshold`` (threshold_v_threshold_code, atomic_neuron) [CADC LSB]
        * ``tau_mem`` (leak_i_bias_code, atomic_neuron) [s], without division and multiplication, which are taken as 8
        * ``tau_syn`` (i_bias_tau_code, synaptic_input, atomic_neuron) [s], with a further dim enable_high_resistance (False,
          True); without, high resistance is not used
        * ``synapse_dac`` (synapse_dac_bias_code, capmem_block), in any unit
        * ``synaptic_strength`` (i_bias_gm_code, synaptic_input, atomic_neuron), in any unit, measured with tau_syn and
          synapse DACs calibrated already
        * ``reference_mismatch`` (i_shift_reference_code, synaptic_input, atomic_neuron) [CADC LSB/s], with the
          transconductances calibrated already

        A scalar coordinate ``membrane_capacitance_code`` says at which capacitor (63 if there is none).

    Returns
    -------
    FittedChip
        A chip for :func:`bss2sim.calibration.calibrate.calibrate`. Circuits whose samples do not change with the code, are
        not monotone, or are fewer than 3, fail there with that reason.

    Raises
    ------
    InputError
        If it is no Dataset, or a sweep has another name, dims, labels or codes than these.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from bss2sim.calibration.measurement import fit_transfer
    >>> code = np.arange(300, 700, 50)
    >>> measured = xr.Dataset(
    ...     {"threshold": (("threshold_v_threshold_code", "atomic_neuron"), np.tile(0.3 * code[:, None], 512))},
    ...     {"threshold_v_threshold_code": code},
    ... )
    >>> fit_transfer(measured).laws
    {'threshold': <fitted law of threshold: threshold_v_threshold_code 300 to 650>}
    """
    if not isinstance(measured, xr.Dataset):
        raise InputError(f"sweeps must be a Dataset; got {type(measured).__name__}")
    if not measured.data_vars:
        raise InputError(f"the Dataset has no sweep; known: {', '.join(SHAPES)}")
    chip_dims: dict[Hashable, int] = {}
    for name, array in measured.data_vars.items():
        if name not in SHAPES:
            raise InputError(f"{name!r} is no sweep{suggestion(str(name), SHAPES)}")
        shape = SHAPES[str(name)]
        known = {LAWS[str(name)].code, shape.switch, shape.bias, *SIZES}
        for dim in array.dims:
            if dim in known:
                continue
            if dim in RESERVED_DIMS or dim in REGISTERS:
                raise InputError(f"{name} has a dim {dim!r}; it may have {sorted(known - {''})} and dims of chips")
            chip_dims[dim] = array.sizes[dim]
    capacitance = measured.coords.get("membrane_capacitance_code", NOMINAL_CAPACITANCE_CODE)
    laws, tables, status = {}, {}, {}
    for name in [name for name in SHAPES if name in measured]:
        array = measured[name]
        whole = array.expand_dims({dim: size for dim, size in chip_dims.items() if dim not in array.dims})
        laws[name], tables[f"{name}_table"], status[name] = _fit(name, whole, tuple(chip_dims))
    coords = {dim: measured.coords[dim].variable for dim in chip_dims if dim in measured.coords}
    chips = xr.DataArray(np.zeros(tuple(chip_dims.values())), coords, tuple(chip_dims))
    return FittedChip(laws, xr.Dataset(tables, coords), xr.Dataset(status, coords), chips, int(capacitance))
