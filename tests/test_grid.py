"""Grids of samples and spikes against the reference's results, and against brute force."""

import json
import math
from fractions import Fraction
from pathlib import Path

import naive_experiment_readout as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bss2sim.errors import InputError, ParameterError
from bss2sim.recording.grid import cadc_to_grid, grid_rows, post_process, spikes_to_grid
from bss2sim.recording.sample_lists import arrange_samples

CYCLE = 1 / 125e6
with np.load(Path(__file__).parent / "data" / "observables.npz") as arrays:
    GOLDEN = {key: arrays[key] for key in arrays.files}
INDEX = json.loads(str(GOLDEN["index"]))
SETS = [entry for entry in INDEX if entry["case"].startswith("set")]
POSTS = [entry for entry in INDEX if entry["case"].startswith("post")]


def case_id(entry):
    return entry["case"]


def load(entry):
    """Arrays of a case by their own names."""
    return {key.split("/")[1]: array for key, array in GOLDEN.items() if key.startswith(entry["case"] + "/")}


@pytest.fixture(params=SETS, ids=case_id)
def golden(request):
    return request.param, load(request.param)


def arranged(entry, data):
    """CADC samples of a set, all of them."""
    return arrange_samples(
        data["cadc_value"],
        data["cadc_time"] * CYCLE,
        data["cadc_batch"],
        data["cadc_neuron"],
        n_trial=entry["B"],
        n_neuron=entry["N"],
    )


def dense(entry, data, mode):
    """Grid of all samples of a set, and its difference from the reference's (trial, time, neuron)."""
    samples = arranged(entry, data)
    rows = grid_rows(entry["runtime"], entry["dt"])
    assert rows == entry["steps"]
    neurons = np.arange(entry["N"])
    grid = cadc_to_grid(samples.value, samples.stamp, rows, entry["dt"], mode, hemisphere=neurons, count=samples.count)
    return samples, np.abs(grid - data[f"dense_{mode}"].transpose(1, 0, 2))


def test_cadc_to_grid__straight_lines_agree_with_reference(golden):
    assert dense(*golden, "linear")[1].max() <= 5e-3


def test_cadc_to_grid__nearest_samples_agree_with_reference_but_for_ties():
    n_tie = n_row = 0
    for entry in SETS:
        samples, difference = dense(entry, load(entry), "nn")
        n_row += difference.size
        for trial, row, neuron in np.argwhere(difference > 0):
            now = Fraction(str(entry["dt"])) * int(row)
            ways = sorted(
                abs(Fraction(round(stamp / CYCLE), 125_000_000) - now)
                for stamp in samples.stamp[trial, neuron, : samples.count[trial, neuron]]
            )
            assert ways[0] == ways[1]  # float32 decides in the reference, here the later one
            n_tie += 1
    assert n_tie <= 0.002 * n_row


def test_raw_samples__are_the_reference_s(golden):
    entry, data = golden
    samples = arranged(entry, data)
    assert samples.n == data["raw_value"].shape[0] == samples.count.min()
    np.testing.assert_array_equal(samples.value[:, : samples.n].transpose(1, 0, 2), data["raw_value"])
    np.testing.assert_array_equal(np.rint(samples.stamp[..., : samples.n].transpose(2, 0, 1) / CYCLE), data["raw_time"])


def test_raw_madc__is_the_reference_s_as_far_as_every_trial_reaches(golden):
    entry, data = golden
    times, batch = data["madc_time"] * CYCLE, data["madc_batch"]
    samples = arrange_samples(data["madc_value"], times, batch, n_trial=entry["B"])
    np.testing.assert_array_equal(samples.count[:, 0], entry["madc_counts"])
    n = min(samples.n, entry["madc_steps"])
    np.testing.assert_array_equal(samples.value[:, :n, 0].T, data["madc_raw"][1, :n])
    np.testing.assert_array_equal(np.rint(samples.stamp[:, 0, :n].T / CYCLE), data["madc_raw"][0, :n])


def test_spikes_to_grid__agrees_with_reference(golden):
    entry, data = golden
    spikes = spikes_to_grid(
        data["event_time"] * CYCLE,
        data["event_neuron"],
        data["event_batch"],
        n_trial=entry["B"],
        n_time=entry["steps"],
        n_neuron=entry["N"],
        dt=entry["dt"],
    )
    assert spikes.dtype == np.uint8
    np.testing.assert_array_equal(spikes.transpose(1, 0, 2), data["dense_events"])


@pytest.mark.parametrize("entry", POSTS, ids=case_id)
def test_post_process__agrees_with_reference(entry):
    data = load(entry)
    options = dict(
        cadc_time_shift=entry["shift"],
        shift_cadc_to_first=entry["shift_to_first"],
        trace_offset=data["offset"],
        trace_scale=data["scale"],
    )
    out = post_process(data["dense_in"].transpose(1, 0, 2), **options)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out.transpose(1, 0, 2), data["cadc_out"], rtol=1e-6, atol=1e-6)
    # a sample in each row: the grid is the samples
    times = np.arange(data["dense_in"].shape[0]) * entry["dt"]
    both = cadc_to_grid(
        data["dense_in"].transpose(1, 0, 2), np.tile(times, (3, 1)), times.size, entry["dt"], entry["mode"], **options
    )
    np.testing.assert_allclose(both, out, rtol=1e-6, atol=1e-6)


@given(data=st.data(), mode=st.sampled_from(["linear", "nn"]), threads=st.integers(1, 3))
def test_cadc_to_grid__is_the_naive_one(data, mode, threads):
    n_trial, n_group, n_neuron = (data.draw(st.integers(1, 3)) for _ in range(3))
    n_sample, n_time = data.draw(st.integers(0, 6)), data.draw(st.integers(1, 12))
    step = data.draw(st.sampled_from([25, 125, 130, 999]))  # cycles
    gaps = st.lists(st.integers(0, 400), min_size=n_sample, max_size=n_sample)
    cycles = np.array([[data.draw(gaps) for _ in range(n_group)] for _ in range(n_trial)], np.int64).reshape(
        n_trial, n_group, n_sample
    )
    cycles = np.cumsum(cycles, axis=-1)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    value = rng.integers(-128, 128, (n_trial, n_sample, n_neuron)).astype(data.draw(st.sampled_from(["i2", "f8"])))
    count = rng.integers(0, n_sample + 1, (n_trial, n_group))
    hemisphere = rng.integers(0, n_group, n_neuron)
    shift, to_first = data.draw(st.integers(-15, 15)), data.draw(st.booleans())
    offset, scale = rng.uniform(-60, 60, n_neuron), rng.uniform(0.01, 2, n_neuron)
    grid = cadc_to_grid(
        value, cycles * CYCLE, n_time, step * CYCLE, mode, hemisphere=hemisphere, count=count, cadc_time_shift=shift,
        shift_cadc_to_first=to_first, trace_offset=offset, trace_scale=scale, threads=threads,
    )  # fmt: skip
    assert grid.dtype == np.float32 and grid.shape == (n_trial, n_time, n_neuron)
    for b in range(n_trial):
        for k in range(n_neuron):
            n = count[b, hemisphere[k]]
            rows = naive.grid(
                value[b, :n, k].tolist(),
                cycles[b, hemisphere[k], :n].tolist(),
                n_time,
                Fraction(step, 125_000_000),
                mode,
            )
            expected = naive.post_process(rows, shift, to_first, offset[k], scale[k])
            np.testing.assert_allclose(grid[b, :, k], expected, rtol=1e-6, atol=1e-5)


def test_cadc_to_grid__a_neuron_without_samples_is_nan():
    none = cadc_to_grid(np.empty((0, 2), np.int16), np.empty(0), 3, 1e-6)
    assert none.shape == (3, 2) and np.isnan(none).all()
    some = cadc_to_grid(
        np.full((1, 2), 5), np.full((2, 1), 1e-6), 3, 1e-6, hemisphere=np.arange(2), count=np.array([0, 1])
    )
    assert np.isnan(some[:, 0]).all() and (some[:, 1] == 5).all()


def test_cadc_to_grid__leading_dims_of_any_number():
    rng = np.random.default_rng(0)
    value, stamp = rng.integers(-9, 9, (2, 3, 4, 5)), np.cumsum(rng.uniform(0, 1e-6, (2, 3, 4)), axis=-1)
    grid = cadc_to_grid(value, stamp, 6, 1e-6)
    assert grid.shape == (2, 3, 6, 5)
    np.testing.assert_array_equal(grid[1, 2], cadc_to_grid(value[1, 2], stamp[1, 2], 6, 1e-6))


@pytest.mark.parametrize("cycles", [1, 62, 63, 125, 7375, 7499])
@pytest.mark.parametrize("dt", [1e-6, 5e-7, 1.3e-6])
def test_grid_rows__counts_the_rows(cycles, dt):
    exact = Fraction(cycles, 125_000_000) / Fraction(str(dt))
    assert grid_rows(cycles * CYCLE, dt) == math.ceil(exact) + 1


def test_grid_rows__a_short_run_has_two():
    assert grid_rows(1e-9, 1e-6) == 2


def test_spikes_to_grid__half_a_row_goes_to_the_later_one():
    times = (np.arange(200) + 0.5) * 1e-6  # the quotient is a little less than half for some
    spikes = spikes_to_grid(times, np.zeros(200, int), np.zeros(200, int), n_trial=1, n_time=201, n_neuron=1, dt=1e-6)
    assert spikes[0, 0, 0] == 0 and (spikes[0, 1:, 0] == 1).all()


def refuse(error, message, *args, **kwargs):
    with pytest.raises(error, match=message):
        cadc_to_grid(*args, **kwargs)


def test_cadc_to_grid__refuses():
    value, stamp = np.zeros((2, 3), np.int16), np.array([0.0, 1e-6])
    refuse(
        ParameterError, "interpolation_mode must be one of 'linear', 'nn'; got 'cubic'", value, stamp, 3, 1e-6, "cubic"
    )
    refuse(
        ParameterError,
        "cadc_time_shift must be a whole number of rows; got 0.5",
        value,
        stamp,
        3,
        1e-6,
        cadc_time_shift=0.5,
    )
    refuse(
        ParameterError,
        r"trace_offset must be a number or an array \(3,\)",
        value,
        stamp,
        3,
        1e-6,
        trace_offset=np.zeros(2),
    )
    refuse(
        ParameterError,
        r"trace_scale must be a number or an array \(3,\)",
        value,
        stamp,
        3,
        1e-6,
        trace_scale=np.zeros((3, 3)),
    )
    refuse(InputError, r"value must be \(..., sample, neuron\) and n_time at least 1", value[0], stamp, 3, 1e-6)
    refuse(InputError, r"n_time at least 1; got \(2, 3\) and 0", value, stamp, 0, 1e-6)
    refuse(InputError, r"values \(2, 3\) need times \(2,\)", value, stamp[:1], 3, 1e-6)
    refuse(InputError, "stamp has shape", value, stamp, 3, 1e-6, hemisphere=np.zeros(3, int))
    two = np.tile(stamp, (2, 1))
    refuse(InputError, "hemisphere must be 3 numbers 0 to 1", value, two, 3, 1e-6, hemisphere=np.array([0, 1, 2]))
    refuse(InputError, "hemisphere must be 3 numbers", value, two, 3, 1e-6, hemisphere=np.array([0, 1]))
    refuse(InputError, "count must be 0 to 2 samples", value, stamp, 3, 1e-6, count=np.array(3))
    refuse(InputError, "count must be 0 to 2 samples", value, stamp, 3, 1e-6, count=np.array([1, 1]))


def test_post_process__refuses():
    with pytest.raises(ParameterError, match="cadc_time_shift must be a whole number of rows; got '1'"):
        post_process(np.zeros((2, 3)), cadc_time_shift="1")
    with pytest.raises(ParameterError, match="trace_scale must be a number or an array"):
        post_process(np.zeros((2, 3)), trace_scale=np.zeros(4))


def test_arrange_samples__refuses_what_does_not_exist():
    with pytest.raises(InputError, match="trial must be 0 to 0; got 1 at index 1"):
        arrange_samples([1, 2], [0, 0], [0, 1], n_trial=1)
    with pytest.raises(InputError, match="neuron must be 0 to 1; got -1 at index 0"):
        arrange_samples([1], [0], [0], [-1], n_trial=1, n_neuron=2)


def test_arrange_samples__none_at_all():
    samples = arrange_samples([], [], np.zeros(0, int), n_trial=2, n_neuron=3)
    assert samples.value.shape == (2, 0, 3) and samples.stamp.shape == (2, 3, 0) and samples.n == 0


def test_cadc_to_grid__ties_go_to_the_later_sample_whatever_rounding_does():
    rows = np.arange(300)
    cycles = np.sort(np.concatenate([125 * rows - 50, 125 * rows + 50]))
    grid = cadc_to_grid(cycles[:, np.newaxis], cycles * CYCLE, rows.size, 1e-6, "nn")
    np.testing.assert_array_equal(grid[:, 0], 125 * rows + 50)
