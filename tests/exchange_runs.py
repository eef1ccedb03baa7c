"""Runs that the tests of conversions share, and a strategy for sparse spikes over dims of one's own."""

import functools

import numpy as np
import xarray as xr
from hypothesis import strategies as st

import bss2sim as b2

SPARSE = ["spike_time", "spike_neuron", "spike_batch", "row_size"]


def spike_inputs():
    return np.random.default_rng(1).random((60, 3, 4)) < 0.2  # (time, batch, input)


@functools.cache
def model_run():
    """A sweep with all observables on the grid: spikes, membrane, two currents."""
    threshold = xr.DataArray([100.0, 125.0], dims="threshold", coords={"threshold": [100.0, 125.0]})
    weight = np.random.default_rng(2).normal(10, 20, (4, 6))
    return b2.simulate(
        b2.IAFNeuron(6, threshold=threshold, tau_syn=(5e-6, 10e-6)), spike_inputs(), synapse=b2.Synapse(weight),
        record=b2.Recording("sparse", membrane=True, current=True),
    )  # fmt: skip


@functools.cache
def chip_run():
    """Everything a chip sends: neurons on both hemispheres, CADC and MADC."""
    neurons = b2.IAFNeuron(4, enable_madc_recording=True, record_neuron_id=1, placement_constraint=[0, 1, 300, 5])
    return b2.simulate(neurons, spike_inputs(), synapse=b2.Synapse(np.full((4, 4), 25.0)), chip=b2.EmulatedChip(seed=3))


@st.composite
def sparse_runs(draw, unit=None):
    """Draw sparse spikes over up to three trial dims, some labelled, with trials that have none.

    With `unit` all times are whole numbers of it.
    """
    kinds = {
        "float": lambda n: np.linspace(-1.5, 2.25, n),
        "int": lambda n: np.arange(n) * 7 - 3,
        "str": lambda n: np.array([f"label {k}" for k in range(n)]),
        "bool": lambda n: np.arange(n) > 0,
        "time": lambda n: np.arange(n).astype("datetime64[ns]"),
        "none": None,
    }
    sizes = draw(st.lists(st.integers(1, 3), max_size=3))
    names = ["batch", "threshold", "run"][: len(sizes)]
    coords = {}
    for name, size in zip(names, sizes, strict=True):
        label = kinds[draw(st.sampled_from(sorted(kinds)))]
        if label is not None and len(np.unique(label(size))) == size:
            coords[name] = label(size)
    n_trial, n_neuron = int(np.prod(sizes)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n_spike = draw(st.integers(0, 20))
    time = rng.uniform(0, 1e-4, n_spike) if unit is None else rng.integers(0, 90, n_spike) / round(1 / unit)
    trial, neuron = rng.integers(0, n_trial, n_spike), rng.integers(0, n_neuron, n_spike)
    order = np.lexsort((neuron, time, trial))
    return xr.Dataset(
        {
            "spike_time": ("spike", time[order]),
            "spike_neuron": ("spike", neuron[order].astype(np.int32)),
            "spike_batch": ("spike", trial[order]),
            "row_size": (names, np.bincount(trial, minlength=n_trial).reshape(sizes)),
        },
        coords,
        {"duration": 1e-3, "start_time": 0.0, "note": "a text", "numbers": np.array([1, 2])},
    )


def assert_same(found, wanted):
    """Values, dtypes, dims, labels and attributes are the same; attributes of single variables are those of the registry."""
    xr.testing.assert_equal(found, wanted)
    assert set(found.variables) == set(wanted.variables)
    for name in wanted.variables:
        kind = wanted[name].dtype.kind
        assert found[name].dims == wanted[name].dims
        assert found[name].dtype == wanted[name].dtype or kind in "UOT"
    assert set(found.attrs) == set(wanted.attrs)
    for name, value in wanted.attrs.items():
        assert type(found.attrs[name]) is type(value) and np.all(found.attrs[name] == value)
