"""The factor from readings of the CADC to the unit of the model."""

from __future__ import annotations

from typing import Any

from bss2sim.alignment import trace_scaling
from bss2sim.errors import refuse_unknown_keywords

from ...morphology import SingleCompartmentNeuron
from .population import measured_population, missing, setting


@refuse_unknown_keywords
def get_trace_scaling(
    params: dict[str, Any],
    calib_path: Any = None,
    neuron_structure: Any = SingleCompartmentNeuron(1),  # noqa: B008  # immutable
) -> float:
    """Measure the `trace_scale` of neurons; see :func:`bss2sim.alignment.trace_scaling`.

    Parameters
    ----------
    params : dict of str to number, Tensor or HXBaseParameter
        Parameters of the neurons, which leak, e.g. ``{"threshold": MixedHXModelParameter(1.0, 125)}``; the others have their
        defaults. Leak and reset of the model that are not given are 0 if its threshold is another number than that of the chip.
    calib_path : str or Path, optional
        File of a calibration. None: the chip is calibrated to what the parameters ask for.
    neuron_structure : SingleCompartmentNeuron
        Circuits of a neuron.

    Returns
    -------
    float
        For all neurons: threshold less leak of the model over the mean height of the threshold [unit of the model per CADC LSB].
        In hxtorch the leak counts as 0.

    Raises
    ------
    ParameterError
        If an argument is of another kind, a parameter does not exist, or the model's threshold is not above its leak.
    FileError
        If the file cannot be read.
    UnknownKeywordError
        If an argument does not exist.

    Warns
    -----
    UserWarning
        If a neuron does not fire in every trial.

    Examples
    --------
    >>> import bss2sim as b2
    >>> import bss2sim.hxtorch as hxsnn
    >>> from bss2sim.hxtorch.utils.dynamic_range.threshold import get_trace_scaling
    >>> hxsnn.init_hardware(b2.EmulatedChip(seed=7))
    >>> potentials = {"threshold": hxsnn.MixedHXModelParameter(1.0, 125)}
    >>> 1 / 55 < get_trace_scaling(potentials) < 1 / 40
    True
    """
    neurons = measured_population(params, neuron_structure)
    return float(trace_scaling(neurons, **setting(calib_path)).mean_trace_scale)


def __getattr__(name: str) -> Any:
    """Explain what is not here."""
    raise missing(__name__, name, ("Threshold",))
