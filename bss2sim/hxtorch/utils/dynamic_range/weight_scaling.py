"""The factor from weights of the model to weights of the chip."""

from __future__ import annotations

from typing import Any

from bss2sim.alignment import weight_scaling
from bss2sim.arrays import as_whole
from bss2sim.errors import refuse_unknown_keywords
from bss2sim.hardware.synapse_array import HIGHEST_WEIGHT

from ...morphology import SingleCompartmentNeuron
from .population import measured_population, missing, setting


@refuse_unknown_keywords
def get_weight_scaling(
    params: dict[str, Any] = {},  # noqa: B006  # read only
    weight_step: int = 1,
    calib_path: Any = None,
    neuron_structure: Any = SingleCompartmentNeuron(1),  # noqa: B008  # immutable
) -> float:
    """Measure the factor of weights, the scale of ``linear_saturating``; see :func:`bss2sim.alignment.weight_scaling`.

    Parameters
    ----------
    params : dict of str to number, Tensor or HXBaseParameter
        Parameters of the neurons, which leak, e.g. ``{"threshold": MixedHXModelParameter(1.0, 125)}``; the others have their
        defaults. Leak and reset of the model that are not given are 0 if its threshold is another number than that of the chip.
    weight_step : int
        Weights -63, -63 + weight_step .. 63 are measured. Each takes as long as a run: 1 is thorough and slow.
    calib_path : str or Path, optional
        File of a calibration. None: the chip is calibrated to what the parameters ask for.
    neuron_structure : SingleCompartmentNeuron
        Circuits of a neuron.

    Returns
    -------
    float
        For all neurons [weight LSB per unit of model weight].

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
        If a neuron does not fire in every trial of the measurement of thresholds.

    Examples
    --------
    >>> import bss2sim as b2
    >>> import bss2sim.hxtorch as hxsnn
    >>> from bss2sim.hxtorch.utils.dynamic_range.weight_scaling import get_weight_scaling
    >>> hxsnn.init_hardware(b2.EmulatedChip(seed=7))
    >>> potentials = {"threshold": hxsnn.MixedHXModelParameter(1.0, 125)}
    >>> 40 < get_weight_scaling(potentials, weight_step=42) < 65
    True
    """
    neurons = measured_population(params, neuron_structure)
    weights = range(-HIGHEST_WEIGHT, HIGHEST_WEIGHT + 1, as_whole("weight_step", weight_step))
    return float(weight_scaling(neurons, weight=list(weights), **setting(calib_path)).mean_weight_scale)


def __getattr__(name: str) -> Any:
    """Explain what is not here."""
    raise missing(__name__, name, ("WeightScaling",))
