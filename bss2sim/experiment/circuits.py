"""What the circuits of placed neurons do in an experiment: every parameter of their dynamics from registers and a chip."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from ..arrays import as_variable
from ..errors import ParameterError
from ..hardware.alignment import Alignment
from ..hardware.chip import EmulatedChip
from ..hardware.coordinates import atomic_neuron_coords
from ..hardware.draws import normal
from ..hardware.quantities import NEEDED, Quantities
from ..hardware.registers import SIZES, check_registers
from ..variables import LABEL_ATTRS, SYNAPTIC_INPUTS, TRIAL, VARIABLES

#: Stream of the write noise of each CapMem code. A number stays with its register for ever.
WRITE_STREAMS = {
    "leak_v_leak_code": 201,
    "leak_i_bias_code": 202,
    "reset_v_reset_code": 203,
    "threshold_v_threshold_code": 204,
    "i_bias_tau_code": 205,
    "i_bias_gm_code": 206,
    "i_shift_reference_code": 207,
    "synapse_dac_bias_code": 208,
}

FLOATING_TAU_SYN = 1.0  # [s] instead of infinity: the current of a line that floats is kept, and falls 0.1 % in 1 ms

_QUANTITIES = (
    "leak",
    "reset",
    "threshold",
    "tau_mem",
    "tau_syn",
    "synaptic_strength",
    "drift",
    "refractory_time",
    "holdoff_time",
)
_OWN_DIMS = {
    "tau_syn": ("synaptic_input", "neuron"),
    "strength": ("synaptic_input", "neuron"),
    "circuit_strength": ("synaptic_input", "circuit", "neuron"),
}
_REGISTERED = dict.fromkeys(("strength", "circuit_strength"), "synaptic_strength")
_SWITCHES = ("enable_threshold", "enable_digital")
_REGISTERS = tuple(dict.fromkeys([*(register for name in _QUANTITIES for register in NEEDED[name]), *_SWITCHES]))


class _Circuits(Quantities):
    """Quantities of circuits of an experiment, where a synaptic line that floats has a very long time constant."""

    @cached_property
    def tau_syn(self) -> np.ndarray:
        """Synaptic time constant (..., synaptic_input, atomic_neuron) [s], finite."""
        tau_syn = super().tau_syn
        return np.where(np.isinf(tau_syn), FLOATING_TAU_SYN, tau_syn)


def _written(
    codes: Mapping[str, np.ndarray], seeds: np.ndarray, runs: np.ndarray, noise: float
) -> dict[str, np.ndarray]:
    """Return codes with the noise of a write; a CapMem cell at code 0 is off and has none."""
    written = dict(codes)
    if noise == 0:
        return written
    for name, stream in WRITE_STREAMS.items():
        own = tuple(SIZES[dim] for dim in VARIABLES[name].dims if dim != TRIAL)
        code = codes[name]
        error = normal(seeds, stream, runs, own)
        error *= noise
        written[name] = np.where(code == 0, 0.0, np.maximum(code + error, 0.0))
    return written


class _Membranes:
    """The membranes of placed neurons, each of the capacitances of all circuits of the neuron.

    Parameters
    ----------
    placement : list of int array (circuit,)
        Numbers of the circuits of each neuron.
    capacitance : array (..., atomic_neuron)
        Of every circuit [LSB].
    """

    def __init__(self, placement: Sequence[np.ndarray], capacitance: np.ndarray) -> None:
        lengths = np.array([len(circuits) for circuits in placement])
        number = np.arange(lengths.max())[:, np.newaxis]
        there = number < lengths
        place = np.cumsum(lengths) - lengths + np.where(there, number, 0)
        self.circuits = np.concatenate(placement)[place]  # (circuit, neuron); the first again where there is none
        each = [
            np.where(has, np.take(capacitance, one, -1), 0.0) for has, one in zip(there, self.circuits, strict=True)
        ]
        whole = sum(each[1:], start=each[0])
        self.shares = [one / whole for one in each]  # 1 to the bit of a single circuit, 0 of one that is not there

    def first(self, value: np.ndarray) -> np.ndarray:
        """Return the values of the first circuits, (..., neuron)."""
        return np.take(value, self.circuits[0], -1)

    def of_circuits(self, value: np.ndarray, n_own: int) -> list[np.ndarray]:
        """Return what each circuit does to the whole membrane, of values (..., n_own dims, atomic_neuron) ~ 1 / capacitance."""
        place = (..., *[np.newaxis] * n_own, slice(None))
        return [np.take(value, one, -1) * share[place] for one, share in zip(self.circuits, self.shares, strict=True)]


def _neurons(truth: Quantities, placement: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Return the quantities of neurons by name, (..., own dims, neuron)."""
    membranes = _Membranes(placement, truth.capacitance)
    names = ("threshold", "reset", "leak", "tau_syn", "refractory_time", "holdoff_time")
    values = {name: membranes.first(getattr(truth, name)) for name in names}
    values["tau_mem"] = membranes.first(truth.tau_mem) / membranes.shares[0]
    strength = membranes.of_circuits(truth.synaptic_strength, 1)
    values["strength"] = strength[0]
    values["circuit_strength"] = np.stack(np.broadcast_arrays(*strength), axis=-2)
    drift = membranes.of_circuits(truth.drift, 0)
    values["drift"] = sum(drift[1:], start=drift[0])
    return values


def circuit_parameters(
    chip: EmulatedChip,
    registers: xr.Dataset,
    placement: Sequence[np.ndarray],
    *,
    leaks: bool,
    fires: bool,
    factors: Mapping[str, float],
    run: int | xr.DataArray,
) -> xr.Dataset:
    """Return what placed neurons do on a chip: the parameters of their dynamics.

    A neuron of several circuits has the leak, the capacitor, the reset and the comparator of its first one. The others
    bring their synaptic inputs, which differ in strength, their intrinsic capacitance and the drift of their references.
    The synaptic time constants of the first circuit stand for those of all (an assumption), so that a membrane has one
    excitatory and one inhibitory current.

    Parameters
    ----------
    chip : EmulatedChip
        One chip or several.
    registers : Dataset
        All registers, as :func:`~bss2sim.hardware.neuron_block.configure` returns them.
    placement : list of int array (circuit,)
        Numbers of the circuits of each neuron.
    leaks, fires : bool
        Whether the population has a leak and a threshold; if not, those of the registers do not matter.
    factors : mapping of str to float
        Of :func:`~bss2sim.experiment.effects.effect_factors`; ``write_noise`` and ``drift`` are read.
    run : int or DataArray of int
        Number of the run, at least 0: the noise of writing analog codes is drawn once for a chip, a register and a run.

    Returns
    -------
    Dataset
        float64, dims (.., neuron) with those of chip, registers and run first:

        * ``threshold`` [CADC LSB], infinite where it is off; ``reset``, ``leak`` [CADC LSB]
        * ``tau_mem`` [s], infinite without leak
        * ``tau_syn`` (.., synaptic_input, neuron) [s], :data:`FLOATING_TAU_SYN` if the synaptic line floats
        * ``strength`` (.., synaptic_input, neuron) [CADC LSB]: step of the membrane of an integrate-and-fire neuron per
          weight LSB of a synapse on the first circuit; 0 if the input is off
        * ``circuit_strength`` (.., synaptic_input, circuit, neuron) [CADC LSB]: the same of synapses on each circuit, 0 of
          one that the neuron does not have
        * ``refractory_time``, ``holdoff_time`` [s], ``drift`` [CADC LSB/s]: slope without input and leak
        * ``enable_digital`` (bool): whether spikes leave the neuron

    Raises
    ------
    ParameterError
        If the chip is no EmulatedChip, there is no neuron, a register is missing or out of range, or dims of one name disagree.

    Examples
    --------
    >>> import numpy as np
    >>> import bss2sim as b2
    >>> from bss2sim.experiment.circuits import circuit_parameters
    >>> from bss2sim.experiment.effects import effect_factors
    >>> from bss2sim.hardware.neuron_block import configure
    >>> chip, placement = b2.EmulatedChip(seed=7), [np.array([3]), np.array([4])]
    >>> registers = configure(b2.calibrate(chip, b2.NeuronCalibTarget(threshold=125)).registers, placement)
    >>> circuits = circuit_parameters(
    ...     chip, registers, placement, leaks=False, fires=True, factors=effect_factors(0), run=0
    ... )
    >>> circuits.threshold.values.round(1), circuits.tau_mem.values
    (array([124.9, 125.1]), array([inf, inf]))
    """
    if not isinstance(chip, EmulatedChip):
        raise ParameterError(
            f"chip must be an EmulatedChip; got {type(chip).__name__}: an experiment needs all laws of "
            "a chip and its noise, and sweeps tell but some of them; use EmulatedChip(seed=...)"
        )
    if not len(placement):
        raise ParameterError("no neuron is placed on the chip; place at least one")
    registers = check_registers(registers[list(_REGISTERS)] if _has_all(registers) else registers, names=_REGISTERS)
    runs = run if isinstance(run, xr.DataArray) else xr.DataArray(np.int64(run))
    alignment = Alignment()
    alignment.add("seed", chip._seeds)
    arrays = {name: registers[name] for name in _REGISTERS}
    for name, array in arrays.items():
        alignment.add(name, array)
    alignment.add("run", runs)
    codes = {name: alignment.values(array) for name, array in arrays.items()}
    noise = factors["write_noise"] * chip.configuration.capmem_write_noise
    written = _written(codes, alignment.values(chip._seeds), alignment.values(runs), noise)
    parameters = {str(name): alignment.values(array) for name, array in chip.parameters.data_vars.items()}
    values = _neurons(_Circuits(written, parameters), placement)
    first = np.array([circuits[0] for circuits in placement], dtype=np.int64)
    switches = {name: np.take(codes[name], first, -1) for name in _SWITCHES}
    values["threshold"] = np.where(switches["enable_threshold"] & fires, values["threshold"], np.inf)
    if not leaks:
        values["tau_mem"] = np.full(len(placement), np.inf)
    values["drift"] *= factors["drift"]
    values["enable_digital"] = switches["enable_digital"]
    return _dataset(values, alignment, first)


def _has_all(registers: Any) -> bool:
    """Whether it is a Dataset with all registers that are read; the others need no check then."""
    return isinstance(registers, xr.Dataset) and all(name in registers for name in _REGISTERS)


def _dataset(values: Mapping[str, np.ndarray], alignment: Alignment, first: np.ndarray) -> xr.Dataset:
    """Label the values, all with all leading dims."""
    lead = tuple(alignment.sizes)
    variables: dict[Hashable, xr.Variable] = {}
    for name, value in values.items():
        own = _OWN_DIMS.get(name, ("neuron",))
        n_own = len(own)
        shape = (*alignment.shape, *value.shape[value.ndim - n_own :])
        full = value if value.shape == shape else np.array(np.broadcast_to(value, shape), order="C")
        variables[name] = as_variable((*lead, *own), full, LABEL_ATTRS.get(_REGISTERED.get(name, name)))
    coords: dict[Hashable, Any] = alignment.coords(lead)
    coords["synaptic_input"] = list(SYNAPTIC_INPUTS)
    for name, label in atomic_neuron_coords().items():
        coords[name] = as_variable(("neuron",), label.values[first], label.attrs)
    return xr.Dataset(variables, coords)
