"""Hypothesis strategies: valid descriptions and inputs, and ways to spoil them."""

import numpy as np
import xarray as xr
from hypothesis import strategies as st

#: Values no argument should ever accept, or only in its own place; all of them small.
ODD_VALUES = [
    None, True, False, 0, -1, 1.5, -0.0, 1e-300, 1e300, float("nan"), float("inf"), -float("inf"), 10**400, 1 + 2j, "", "exact",
    "threshold", b"bytes", (), (1e-6,), (1e-6, 1e-6), (1e-6, 1e-6, 1e-6), [], [1.0, 2.0], [[1.0], [2.0, 3.0]], {}, {"a": 1},
    object(), len, slice(3), np.float32(2.0), np.datetime64("2024-01-01"), np.timedelta64(1, "us"), np.zeros(0), np.zeros(3),
    np.full(3, np.nan), np.zeros((2, 3)), np.zeros((2, 2, 2, 2)), np.array(["a", "b", "c"]), np.array([object()] * 3),
    np.array([1 + 1j] * 3), np.array(5.0), np.zeros(3, bool), np.ma.masked_array([1.0, 2.0, 3.0], [False, True, False]),
    xr.DataArray([1.0, 2.0, 3.0], dims="neuron"), xr.DataArray([1.0, 2.0], dims="neuron"),
    xr.DataArray([1.0, np.inf], dims="sweep"), xr.DataArray([1.0, 2.0], dims="time"), xr.DataArray([1.0, 2.0], dims="spike"),
    xr.DataArray(np.zeros((2, 3)), dims=("sweep", "neuron")), xr.DataArray([], dims="sweep"), xr.Dataset(),
    xr.Dataset({"spike_time": ("spike", [1e-6])}), xr.DataArray(["a"], dims="sweep"), xr.DataArray(1.0), 3, np.int64(3), "3",
]  # fmt: skip

odd_values = st.sampled_from(ODD_VALUES)


def parameters(size, *, fires=True, leaks=False):
    """Draw valid keyword arguments of a population."""
    seconds = st.floats(1e-7, 1e-4)
    potential = st.floats(-200, 300)

    def scalar_or_array(value):
        return st.one_of(value, st.lists(value, min_size=size, max_size=size).map(np.array))

    fields = {
        "tau_mem": scalar_or_array(seconds),
        "tau_syn": st.one_of(scalar_or_array(seconds), st.tuples(seconds, seconds)),
    }
    if leaks:
        fields["leak"] = scalar_or_array(potential)
    if fires:
        fields |= {"threshold": scalar_or_array(potential), "reset": scalar_or_array(potential)}
        fields["refractory_time"] = st.floats(1e-6, 1e-5)
        fields["holdoff_time"] = st.floats(0, 1e-6)
    return st.fixed_dictionaries({}, optional=fields)


def jumps(size, *, max_time=12, max_batch=3):
    """Draw graded jumps (time, batch, neuron)."""
    return st.builds(
        lambda n_time, n_batch, seed: np.random.default_rng(seed).normal(20, 100, (n_time, n_batch, size)),
        st.integers(1, max_time), st.integers(1, max_batch), st.integers(0, 1000),
    )  # fmt: skip


def _spoil_entry(value):
    def spoil(array, where):
        array = array.copy()
        array.flat[where % array.size] = value
        return array

    return spoil


#: (what is done, spoiled array) for a float array of at least one entry.
SPOILERS = {
    "nan": _spoil_entry(np.nan),
    "inf": _spoil_entry(np.inf),
    "minus_inf": _spoil_entry(-np.inf),
    "one_dim": lambda array, where: array.ravel(),
    "four_dims": lambda array, where: array[None],
    "more_neurons": lambda array, where: np.concatenate([array, array], axis=-1),
    "no_time": lambda array, where: array[:0],
    "text": lambda array, where: array.astype(str),
    "objects": lambda array, where: array.astype(object),
    "complex": lambda array, where: array.astype(complex),
    "dates": lambda array, where: array.astype("datetime64[s]"),
    "wrong_dims": lambda array, where: xr.DataArray(array, dims=("time", "batch", "cell")),
    "reserved_dim": lambda array, where: xr.DataArray(array, dims=("time", "spike", "neuron")),
    "uneven_time": lambda array, where: xr.DataArray(
        array, dims=("time", "batch", "neuron"), coords={"time": np.arange(len(array)) ** 2 * 1e-6 + 1e-6}
    ),
    "dataset": lambda array, where: xr.Dataset({"inputs": (("time", "batch", "neuron"), array)}),
}


def spoiled(arrays):
    """Draw (what was done, array) where the array cannot be an input any more."""
    return st.builds(
        lambda array, how, where: (how, SPOILERS[how](array, where)),
        arrays,
        st.sampled_from(sorted(SPOILERS)),
        st.integers(0, 10**6),
    )


#: Each takes a valid sparse Dataset with two spikes at different times in its first trial and returns one that is not valid.
SPARSE_SPOILERS = {
    # the first two swapped
    "unsorted": lambda ds: ds.assign(
        spike_time=ds.spike_time.copy(data=ds.spike_time.values[[1, 0, *range(2, ds.sizes["spike"])]])
    ),
    "negative_time": lambda ds: ds.assign(spike_time=ds.spike_time - 1.0),
    "nan_time": lambda ds: ds.assign(spike_time=ds.spike_time.where(ds.spike_time != ds.spike_time[1])),
    "inf_time": lambda ds: ds.assign(spike_time=ds.spike_time.where(ds.spike_time < ds.spike_time[-1], np.inf)),
    "whole_number_overflow": lambda ds: ds.assign(spike_neuron=ds.spike_neuron.astype("i8") + 2**32),
    "negative_neuron": lambda ds: ds.assign(spike_neuron=ds.spike_neuron - 1000),
    "neuron_beyond_weights": lambda ds: ds.assign(spike_neuron=ds.spike_neuron + 1000),
    "float_neuron": lambda ds: ds.assign(spike_neuron=ds.spike_neuron + 0.5),
    "text_time": lambda ds: ds.assign(spike_time=ds.spike_time.astype(str)),
    "no_time": lambda ds: ds.drop_vars("spike_time"),
    "no_neuron": lambda ds: ds.drop_vars("spike_neuron"),
    "short_rows": lambda ds: ds.assign(row_size=ds.row_size - 1),
    "long_rows": lambda ds: ds.assign(row_size=ds.row_size + 1),
    "negative_rows": lambda ds: ds.assign(row_size=-ds.row_size),
    "batch_against_rows": lambda ds: ds.assign(spike_batch=ds.spike_batch[::-1].copy(data=ds.spike_batch.values + 1)),
    "other_dim": lambda ds: ds.rename(spike="event"),
}
