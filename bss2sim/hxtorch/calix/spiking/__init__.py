"""Targets of calibrations, and a calibration of the emulated chip."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bss2sim.calibration.calibrate import calibrate as _calibrate
from bss2sim.errors import ParameterError
from bss2sim.hardware.chip import EmulatedChip

from ...connection import connected
from . import refractory_period as refractory_period
from .neuron import NeuronCalibTarget

__all__ = ["SpikingCalibTarget", "calibrate"]


@dataclass(slots=True)
class SpikingCalibTarget:
    """What a chip is to be calibrated to.

    Parameters
    ----------
    neuron_target : NeuronCalibTarget
        The neurons. The CADC of the emulated chip needs no target, and has none.

    Examples
    --------
    >>> from bss2sim.hxtorch.calix.spiking import SpikingCalibTarget
    >>> SpikingCalibTarget().neuron_target.leak
    80
    """

    neuron_target: NeuronCalibTarget = field(default_factory=NeuronCalibTarget)


def calibrate(connection: Any = None, target: Any = None, options: Any = None) -> Any:
    """Calibrate the emulated chip.

    Parameters
    ----------
    connection : EmulatedChip, optional
        The chip. None: that of :func:`bss2sim.hxtorch.init_hardware`. A target here is taken for `target`.
    target : SpikingCalibTarget or NeuronCalibTarget, optional
        What to reach. None: the defaults.
    options : None
        Options of calix are those of its measurements; see :func:`bss2sim.calibrate` for those there are.

    Returns
    -------
    Calibration
        As :func:`bss2sim.calibrate` returns it; ``to_netcdf`` writes the file that ``ExecutionInstance.load_calib`` reads.

    Raises
    ------
    ParameterError
        If an argument is of another kind, or there are options.

    Examples
    --------
    >>> import bss2sim as b2
    >>> import bss2sim.hxtorch as hxsnn
    >>> from bss2sim.hxtorch.calix.spiking import SpikingCalibTarget, calibrate
    >>> hxsnn.init_hardware(b2.EmulatedChip(seed=7))
    >>> int(calibrate(target=SpikingCalibTarget()).success.sum())
    512
    >>> hxsnn.release_hardware()
    """
    if isinstance(connection, SpikingCalibTarget | NeuronCalibTarget) and target is None:
        connection, target = None, connection
    if options is not None:
        raise ParameterError(
            f"options of calix say how it measures, which the emulated chip does not need: leave them out, or call "
            f"bss2sim.calibrate; "
            f"got {options!r}"
        )
    if connection is not None and not isinstance(connection, EmulatedChip):
        raise ParameterError(
            f"connection must be an EmulatedChip, or None for that of init_hardware(); got {connection!r}"
        )
    wanted = SpikingCalibTarget() if target is None else target
    neurons = wanted.neuron_target if isinstance(wanted, SpikingCalibTarget) else wanted
    if not isinstance(neurons, NeuronCalibTarget):
        raise ParameterError(f"target must be a SpikingCalibTarget or a NeuronCalibTarget; got {target!r}")
    return _calibrate(connected().chip if connection is None else connection, neurons.to_bss2sim())
