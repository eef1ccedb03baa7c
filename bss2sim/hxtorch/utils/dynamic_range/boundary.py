"""The range of the membranes."""

from __future__ import annotations

from typing import Any

from bss2sim.alignment import dynamic_range
from bss2sim.errors import refuse_unknown_keywords

from ...morphology import SingleCompartmentNeuron
from .population import measured_population, missing, setting


@refuse_unknown_keywords
def get_dynamic_range(
    neuron_structure: Any = SingleCompartmentNeuron(1),  # noqa: B008  # immutable
    calib_path: Any = None,
    params: dict[str, Any] = {},  # noqa: B006  # read only
) -> float:
    """Measure how far apart the ends of the range of the membranes are; see :func:`bss2sim.alignment.dynamic_range`.

    Parameters
    ----------
    neuron_structure : SingleCompartmentNeuron
        Circuits of a neuron.
    calib_path : str or Path, optional
        File of a calibration. None: the chip is calibrated to what the parameters ask for.
    params : dict of str to number, Tensor or HXBaseParameter
        Parameters of the neurons, which leak; the others have their defaults.

    Returns
    -------
    float
        Mean over the neurons [CADC LSB].

    Raises
    ------
    ParameterError
        If an argument is of another kind, or a parameter does not exist.
    FileError
        If the file cannot be read.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> import bss2sim.hxtorch as hxsnn
    >>> from bss2sim.hxtorch.utils.dynamic_range.boundary import get_dynamic_range
    >>> hxsnn.init_hardware(b2.EmulatedChip(seed=7))
    >>> 150 < get_dynamic_range() < 256
    True
    """
    neurons = measured_population(params, neuron_structure)
    measured = dynamic_range(neurons, **setting(calib_path))
    return float(measured.mean_range_upper - measured.mean_range_lower)


def __getattr__(name: str) -> Any:
    """Explain what is not here."""
    raise missing(__name__, name, ("Boundaries",))
