"""How the tests read and compare results; imports nothing from bss2sim."""

import naive
import numpy as np
import xarray as xr

#: Spike times of the exact integrator agree with 50-digit arithmetic to this [s], where the condition allows it.
WELL_CONDITIONED = 1e-17
#: Beyond that: relative rounding 2**-52 in each of a few operations, times the condition number of the spike.
ROUNDING = 4 * 2.0**-52


def by_time(array):
    """Return the values of a recording as (time, batch, neuron), the order of the twins."""
    array = array if "batch" in array.dims else array.expand_dims("batch")
    rest = [dim for dim in array.dims if dim not in ("time", "sample_time", "batch")]
    return array.transpose(*(dim for dim in array.dims if dim in ("time", "sample_time")), "batch", *rest).values


def spike_lists(run):
    """Return {(trial, neuron): [spike times]} from the sparse spikes, after checking that they are well formed."""
    rows = run.row_size.values.ravel()
    trial, neuron, time = run.spike_batch.values, run.spike_neuron.values, run.spike_time.values
    assert trial.size == neuron.size == time.size == rows.sum()
    np.testing.assert_array_equal(trial, np.repeat(np.arange(rows.size), rows))
    order = np.lexsort((neuron, time, trial))
    np.testing.assert_array_equal(order, np.arange(order.size), err_msg="not sorted by trial, time, neuron")
    found = {}
    for b, n, t in zip(trial.tolist(), neuron.tolist(), time.tolist(), strict=True):
        found.setdefault((b, n), []).append(t)
    return found


def assert_identical(first, second, ignore=()):
    """Demand the same variables, dims, dtypes and bits."""
    assert set(first.variables) - set(ignore) == set(second.variables) - set(ignore)
    for name in set(first.variables) - set(ignore):
        a, b = first[name], second[name]
        assert a.dims == b.dims, name
        assert a.dtype == b.dtype, name
        assert a.shape == b.shape, (name, a.shape, b.shape)
        if a.dtype.kind == "f":
            # bit patterns: also tells -0.0 from 0.0
            a, b = (np.ascontiguousarray(x.values).view(f"i{x.dtype.itemsize}") for x in (a, b))
            np.testing.assert_array_equal(a, b, err_msg=name)
        else:
            np.testing.assert_array_equal(a.values, b.values, err_msg=name)


def joined_in_time(pieces):
    """Put the results of consecutive pieces of a run together, as if it had been one.

    Spike times are absolute, so spikes only need sorting into their trials.
    """
    out = {}
    for name in ("membrane", "current", "spikes"):
        if name in pieces[0]:
            out[name] = xr.concat([piece[name] for piece in pieces], "time")
    if "spike_time" in pieces[0]:
        trial, time, neuron = (
            np.concatenate([piece[name].values for piece in pieces])
            for name in ("spike_batch", "spike_time", "spike_neuron")
        )
        order = np.lexsort((neuron, time, trial))
        out["spike_time"] = ("spike", time[order])
        out["spike_batch"] = ("spike", trial[order])
        out["spike_neuron"] = ("spike", neuron[order])
        out["row_size"] = sum(piece["row_size"] for piece in pieces)
    if "spike_count" in pieces[0]:
        out["spike_count"] = sum(piece["spike_count"] for piece in pieces)
    if "first_spike" in pieces[0]:
        first = pieces[0]["first_spike"]
        for piece in pieces[1:]:
            first = first.fillna(piece["first_spike"])
        out["first_spike"] = first
    return xr.Dataset(out)


def assert_spikes_match(found, trace, tolerance=WELL_CONDITIONED, rounding=ROUNDING):
    """Demand the exact twin's spikes: as many, at its times within the tolerance or what the condition number allows.

    Returns the number of spikes, and how many of them were held to the plain tolerance.
    """
    assert len(found) == len(trace.spike_time), (found, [float(t) for t in trace.spike_time])
    strict = 0
    for time, expected, uncertainty in zip(found, trace.spike_time, trace.uncertainty, strict=True):
        allowed = max(tolerance, rounding * uncertainty)
        error = abs(naive.PRECISE.mpf(time) - naive.PRECISE.mpf(expected))
        assert error <= allowed, f"spike at {time}: off by {float(error):.2e} s, allowed {allowed:.2e} s"
        strict += allowed == tolerance
    return len(found), strict
