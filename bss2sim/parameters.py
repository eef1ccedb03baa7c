"""The parameters of a population as a run reads them: trial dims they sweep, rows, and what is kept between runs."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from .broadcasting import Trials, labels_of, stack
from .kept import Kept
from .neuron import MOST_KEPT, Population

MOST_NEURONS = 4096  # of a population whose arrays are kept: some 0.3 MB for each dt; larger ones work longer anyway


def _sweeps(neurons: Population) -> list[tuple[str, dict[Hashable, int], dict[Hashable, Any]]]:
    """Name, sizes and labels of the trial dims of each parameter that has any."""
    found = []
    for name, value in neurons._values():
        lead = tuple(dim for dim in value.dims if dim != "neuron")
        if lead:
            found.append((name, {dim: value.sizes[dim] for dim in lead}, labels_of(value, lead)))
    return found


def add_sweeps(trials: Trials, neurons: Population) -> None:
    """Take in the trial dims of the parameters."""
    for name, sizes, labels in neurons._kept.get("sweeps", lambda: _sweeps(neurons)):
        trials.add(name, sizes, labels)


def read_parameters(neurons: Population, trials: Trials) -> tuple[dict[str, np.ndarray], np.ndarray, Kept]:
    """Return arrays (row, neuron) by name, the row of each trial, and where to keep what follows from the arrays.

    Of a small population without sweep dims, which is the same in every run, that is a store of the population;
    otherwise one for this run.
    """

    def rows() -> tuple[dict[str, np.ndarray], tuple[Hashable, ...]]:
        labelled = {name: values[0] for name, values in neurons._parameters.items()}
        if len(neurons._parameters["tau_syn"]) == 2:
            labelled["tau_inh"] = neurons._parameters["tau_syn"][1]
        return stack(labelled, trials, neurons.size, {"spike_mask": np.uint8})

    same = neurons.size <= MOST_NEURONS and not neurons._kept.get("sweeps", lambda: _sweeps(neurons))
    kept = neurons._kept if same else Kept(MOST_KEPT)
    parameters, dims = kept.get("parameters", rows)
    return parameters, trials.rows(dims), kept
