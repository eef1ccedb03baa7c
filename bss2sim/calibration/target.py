"""What a chip is to be calibrated to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import xarray as xr

from bss2sim.errors import ParameterError, choose, refuse_unknown_keywords, suggestion, warn, without_warnings

from .populations import place_populations
from .target_dataset import from_dataset, to_dataset
from .target_fields import FIELDS, GM_DIMS, bad_circuits, labelled, warn_infeasible

__all__ = ["NeuronCalibTarget"]


class NeuronCalibTarget:
    """What the 512 circuits of a chip are to be calibrated to.

    Fields, defaults and ranges are those of calix' NeuronCalibTarget, except `coba_synin` (conductance-based inputs are
    not emulated) and `tau_icc` (nor are inter-compartment conductances): both are unknown keywords here. Each field may
    differ from circuit to circuit unless its shape below says otherwise, and may be a DataArray with dims of your own,
    which broadcast by name.

    Parameters
    ----------
    leak, reset : float, array (atomic_neuron,) or DataArray
        Leak and reset potential [CADC LSB]. Feasible: 50 to 160.
    threshold : float, array (atomic_neuron,) or DataArray
        Spike threshold [CADC LSB]. Feasible: 50 to 220.
    tau_mem : float, array (atomic_neuron,) or DataArray
        Membrane time constant [s]. Feasible: 0.5 to 60 us; allowed: 0.1 to 2000 us.
    tau_syn : float, pair, array (atomic_neuron,) or (synaptic_input, atomic_neuron), or DataArray
        Synaptic time constant [s]; a pair is (excitatory, inhibitory). Feasible: 0.3 to 30 us; allowed: 0.1 to 100 us.
    i_synin_gm : int; pair; array (atomic_neuron,) or (synaptic_input, atomic_neuron), or DataArray
        Code of the bias of the synaptic transconductance, 0 to 1022. Feasible: 30 to 800. One number if `synin_mode` is
        "matching", at most a pair if "calibrated", any of these shapes if "uncalibrated".
    synin_mode : {"matching", "calibrated", "uncalibrated"}
        "uncalibrated": the codes are written as they are. "calibrated": the strength of each input is calibrated to the
        median of the chip at that code, excitatory and inhibitory apart. "matching": the excitatory one to its median,
        the inhibitory one to the excitatory target. Source: CX:inc/neuron_calib_target.h:63-138.
    membrane_capacitance : int, array (atomic_neuron,) or DataArray
        Code of the membrane capacitor, 0 to 63.
    refractory_time : float, array (atomic_neuron,) or DataArray
        Time after a spike in which the circuit cannot fire, holdoff included [s]. Feasible: 40 ns to 32 us.
    holdoff_time : float, array (atomic_neuron,) or DataArray
        Last part of it, in which the membrane is free already [s]. Feasible: 0 to 4 us.
    synapse_dac_bias : int
        Code of the bias of the synapse DACs, 0 to 1022, of the whole chip: the quadrants are calibrated to the
        weakest one at this code. Feasible: 30 to 1022.

    Raises
    ------
    ParameterError
        If a value is not a finite number of the allowed range, or a shape does not fit.
    UnknownKeywordError
        If an argument does not exist.

    Warns
    -----
    UserWarning
        If a value is out of its feasible range, or holdoff_time exceeds refractory_time; the circuits are named.

    Examples
    --------
    >>> from bss2sim.calibration.target import NeuronCalibTarget
    >>> target = NeuronCalibTarget(threshold=125, reset=80, tau_syn=(5e-6, 10e-6))
    >>> target.reset
    80.0
    >>> target.tau_syn.values
    array([5.e-06, 1.e-05])
    """

    _fields: dict[str, xr.DataArray]
    _synin_mode: str

    @refuse_unknown_keywords
    def __init__(
        self,
        *,
        leak: Any = FIELDS["leak"].default,
        reset: Any = FIELDS["reset"].default,
        threshold: Any = FIELDS["threshold"].default,
        tau_mem: Any = FIELDS["tau_mem"].default,
        tau_syn: Any = FIELDS["tau_syn"].default,
        i_synin_gm: Any = FIELDS["i_synin_gm"].default,
        synin_mode: str = "matching",
        membrane_capacitance: Any = FIELDS["membrane_capacitance"].default,
        refractory_time: Any = FIELDS["refractory_time"].default,
        holdoff_time: Any = FIELDS["holdoff_time"].default,
        synapse_dac_bias: Any = FIELDS["synapse_dac_bias"].default,
    ) -> None:
        given = {"leak": leak, "reset": reset, "threshold": threshold, "tau_mem": tau_mem, "tau_syn": tau_syn,
                 "i_synin_gm": i_synin_gm, "membrane_capacitance": membrane_capacitance,
                 "refractory_time": refractory_time, "holdoff_time": holdoff_time,
                 "synapse_dac_bias": synapse_dac_bias}  # fmt: skip
        mode = choose("synin_mode", synin_mode, GM_DIMS)
        fields = {}
        for name, value in given.items():
            dims = GM_DIMS[mode] if name == "i_synin_gm" else FIELDS[name].dims
            try:
                fields[name] = labelled(FIELDS[name], value, dims)
            except ParameterError as error:
                if name != "i_synin_gm" or mode == "uncalibrated":
                    raise
                raise ParameterError(f"{error} (synin_mode is {mode!r})") from None
        object.__setattr__(self, "_fields", fields)
        object.__setattr__(self, "_synin_mode", mode)
        self._check_sizes()
        for name, array in fields.items():
            warn_infeasible(FIELDS[name], array)
        late = fields["holdoff_time"] > fields["refractory_time"]
        if late.any():
            warn(
                f"holdoff_time exceeds refractory_time, of which it is the last part{bad_circuits(late)}; these circuits "
                "cannot be given both"
            )

    def _check_sizes(self) -> None:
        """Refuse dims of your own with one name and different lengths or labels."""
        try:
            xr.align(*self._fields.values(), join="exact")
        except ValueError as error:
            raise ParameterError(f"the fields of the target do not fit together: {error}") from None

    @property
    def synin_mode(self) -> str:
        """How `i_synin_gm` is meant: "matching", "calibrated" or "uncalibrated"."""
        return self._synin_mode

    @property
    def fields(self) -> dict[str, xr.DataArray]:
        """All fields by name, each with the dims it was given."""
        return {name: value.copy(deep=False) for name, value in self._fields.items()}

    def __getattr__(self, name: str) -> Any:
        fields = self.__dict__.get("_fields", {})
        if name not in fields:
            raise AttributeError(f"NeuronCalibTarget has no field {name!r}{suggestion(name, FIELDS)}")
        value = fields[name]
        return value.item() if value.ndim == 0 else value.copy(deep=False)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"NeuronCalibTarget is immutable; make a changed copy with .replace({name}=...)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("NeuronCalibTarget is immutable")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *FIELDS})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NeuronCalibTarget):
            return NotImplemented
        return self.to_dataset().identical(other.to_dataset())

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __reduce__(self) -> Any:
        return _rebuild, ({**{name: getattr(self, name) for name in FIELDS}, "synin_mode": self.synin_mode},)

    def __repr__(self) -> str:
        def text(value: xr.DataArray) -> str:
            return (
                repr(value.item())
                if value.ndim == 0
                else "<" + ", ".join(f"{dim}: {length}" for dim, length in value.sizes.items()) + ">"
            )

        fields = ", ".join(f"{name}={text(value)}" for name, value in self._fields.items())
        return f"NeuronCalibTarget({fields}, synin_mode={self.synin_mode!r})"

    def replace(self, **changes: Any) -> NeuronCalibTarget:
        """Return a copy with some fields changed, checked like a new target.

        Parameters
        ----------
        **changes
            New values by name, those of the constructor.

        Returns
        -------
        NeuronCalibTarget

        Raises
        ------
        ParameterError
            If a value is out of range, or a shape does not fit.
        UnknownKeywordError
            If a field does not exist.

        Examples
        --------
        >>> from bss2sim.calibration.target import NeuronCalibTarget
        >>> NeuronCalibTarget().replace(threshold=150).threshold
        150.0
        """
        given = {name: getattr(self, name) for name in FIELDS}
        return NeuronCalibTarget(**{**given, "synin_mode": self.synin_mode, **changes})

    def to_dataset(self) -> xr.Dataset:
        """Return the target of every circuit, labelled.

        Returns
        -------
        Dataset
            ``leak``, ``reset``, ``threshold`` [CADC LSB], ``tau_mem``, ``refractory_time``, ``holdoff_time`` [s] and
            ``membrane_capacitance_code`` (..., atomic_neuron); ``tau_syn`` [s] and ``i_bias_gm_code``
            (..., synaptic_input, atomic_neuron); ``synapse_dac_bias_code`` (..., capmem_block), the same number four
            times. Attribute ``synin_mode``.

        Examples
        --------
        >>> from bss2sim.calibration.target import NeuronCalibTarget
        >>> NeuronCalibTarget(tau_mem=20e-6).to_dataset().tau_mem.values[:2]
        array([2.e-05, 2.e-05])
        """
        return to_dataset(self._fields, self.synin_mode)

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> NeuronCalibTarget:
        """Return the target that a Dataset of :meth:`to_dataset` describes.

        Parameters
        ----------
        dataset : Dataset
            With the variables and the attribute ``synin_mode`` that :meth:`to_dataset` gives.

        Returns
        -------
        NeuronCalibTarget
            Fields that are the same for all circuits become one number.

        Raises
        ------
        InputError
            If it is no Dataset, or a variable or ``synin_mode`` is missing or unknown.
        ParameterError
            If a value cannot be a target.

        Examples
        --------
        >>> from bss2sim.calibration.target import NeuronCalibTarget
        >>> target = NeuronCalibTarget(tau_syn=(5e-6, 10e-6))
        >>> NeuronCalibTarget.from_dataset(target.to_dataset()) == target
        True
        """
        return cls(**from_dataset(dataset))

    @classmethod
    def from_populations(cls, populations: Iterable[Any], *, synin_mode: str = "calibrated") -> NeuronCalibTarget:
        """Return the target that gives populations of neurons the circuits they are placed on.

        Parameters
        ----------
        populations : iterable of populations, or of (population, circuits); or one population
            A population is an object or a mapping with any of the fields of a target, per population or per neuron, as
            :class:`bss2sim.IAFNeuron`; what it does not have is that class' default (reset 80 LSB, refractory time
            1 us), and of a :class:`bss2sim.Parameter` the value of the hardware counts. Its circuits are what
            :func:`~bss2sim.hardware.placement.place` returns, a list of AtomicNeuronOnDLS, or an integer array (neuron,),
            or (neuron, circuit) if a neuron has several: all of them get the targets of the neuron. An IAFNeuron, LIFNeuron
            or LINeuron may come without circuits: it is placed as :func:`bss2sim.share_chip` does. Circuits of no
            population keep the defaults of a target.
        synin_mode : {"calibrated", "matching", "uncalibrated"}
            As in the class; "calibrated" is what hxtorch does. Source: HS:modules/types.py:198-292.

        Returns
        -------
        NeuronCalibTarget

        Raises
        ------
        ParameterError
            If circuits do not exist or are claimed twice, a shape does not fit, or populations ask for different
            values of `i_synin_gm` or `synapse_dac_bias`, which are the chip's.

        Examples
        --------
        >>> import bss2sim as b2
        >>> from bss2sim.calibration.target import NeuronCalibTarget
        >>> target = NeuronCalibTarget.from_populations([(b2.IAFNeuron(2, threshold=100.0), [0, 1])])
        >>> target.threshold.values[:4]
        array([100., 100., 125., 125.])
        >>> neurons = b2.IAFNeuron(2, reset=b2.Parameter(0.0, 80.0), threshold=b2.Parameter(model=1.0, hardware=110.0))
        >>> NeuronCalibTarget.from_populations([neurons]).threshold.values[:4]
        array([110., 110., 125., 125.])
        """
        mode = choose("synin_mode", synin_mode, GM_DIMS)
        return cls(**place_populations(populations), synin_mode=mode)


def _rebuild(fields: dict[str, Any]) -> NeuronCalibTarget:
    """Unpickle, without the warnings of the first time."""
    with without_warnings():
        return NeuronCalibTarget(**fields)
