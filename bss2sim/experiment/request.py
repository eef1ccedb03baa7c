"""What a run on a chip is asked for, checked before anything is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InputError, ParameterError
from ..hardware.chip import EmulatedChip
from ..inputs import Drive
from ..neuron import Population
from ..recording import Recording

STARTS = ("reset", "drifted", "carried")


def check_chip(chip: Any) -> EmulatedChip:
    """Return the chip; ParameterError if it is none that can be run."""
    if isinstance(chip, EmulatedChip):
        return chip
    if hasattr(chip, "parameters") and not isinstance(chip, type):
        raise ParameterError(
            f"chip is a {type(chip).__name__}, which knows the laws that were measured and nothing of noise and readout; run an "
            "EmulatedChip, or calibrate the measured one only"
        )
    raise ParameterError(f"chip must be an EmulatedChip, e.g. EmulatedChip(seed=0); got {chip!r}")


def chip_recording(record: Any, neurons: Population) -> Recording:
    """Return what is recorded; by default all that the population's arguments enable."""
    sends_spikes = neurons.fires and neurons.enable_spike_recording
    if record is None:
        return Recording("sparse" if sends_spikes else None, membrane=neurons.enable_cadc_recording)
    if not isinstance(record, Recording):
        raise ParameterError(f"record must be a Recording(...); got {type(record).__name__}")
    if record.current:
        raise ParameterError("a chip cannot record its synaptic currents; leave current=True out, or run without chip=")
    if record.sample_time is not None:
        raise ParameterError(
            "a chip samples its membranes when its ADCs do: cadc_time and madc_time of the result; leave sample_time out"
        )
    if record.membrane and not neurons.enable_cadc_recording:
        raise ParameterError(
            "membrane=True needs the CADC; make the neurons with enable_cadc_recording=True, or record with membrane=False"
        )
    if record.spikes is not None and not sends_spikes:
        reason = f"{type(neurons).__name__} never fires;"
        if neurons.fires:
            reason = "the neurons send no spikes; make them with enable_spike_recording=True, or"
        raise ParameterError(f"spikes={record.spikes!r}: {reason} record with spikes=None")
    record.selected(neurons.size)  # so that an error comes before the run
    return record


def check_counts(inputs: Any, drive: Drive) -> None:
    """Refuse dense inputs that are no numbers of spikes."""
    if drive.kind == "sparse":
        return
    values = np.asarray(getattr(inputs, "values", inputs))
    if values.dtype == bool:
        return
    bad = ~np.isfinite(values) | (values < 0) | (values != np.rint(values))
    if bad.any():
        raise InputError(
            f"a chip takes whole spikes: inputs must be 0, 1, 2 ... spikes in a bin; got {values[bad].flat[0]:g}. Graded inputs "
            "run in the model only, without chip="
        )
