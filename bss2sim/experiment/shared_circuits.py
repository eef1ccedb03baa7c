"""Whether two populations that run one after the other, the second on the spikes of the first, are on the same circuits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from ..errors import first_few, warn
from ..hardware.chip import EmulatedChip
from ..plausibility import was_told


def warn_of_shared_circuits(inputs: Any, placement: Iterable[np.ndarray], chip: EmulatedChip) -> None:
    """Warn if spikes come from circuits of this chip on which the population is placed, too.

    A result names the first circuit of each neuron that it recorded; of those that it names, one in two places is enough.
    """
    if not isinstance(inputs, xr.Dataset) or "atomic_neuron" not in inputs.coords:
        return
    ours, theirs = chip.provenance, inputs.attrs
    if any(name not in theirs or not np.array_equal(theirs[name], value) for name, value in ours.items()):
        return
    both = np.intersect1d(inputs.atomic_neuron.values, np.concatenate(list(placement)))
    if both.size and not was_told("inputs"):
        warn(
            f"the input spikes were recorded on {'circuits' if both.size > 1 else 'circuit'} {first_few(both, 4)} of this chip, on "
            "which these neurons are placed, too; a chip cannot hold both at a time. Place both with share_chip() before they run; "
            "if the chip is configured anew between the two, nothing is wrong"
        )
