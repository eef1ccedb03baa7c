"""What is drawn, read back from the artists."""

import sys

import matplotlib
import numpy as np
import pytest
import xarray as xr

import bss2sim as b2
from bss2sim.plot import class_rates, raster, traces

matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

DURATION = 50e-6


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def spikes():
    return b2.sparse_spikes(
        [5e-6, 10e-6, 20e-6, 30e-6], [2, 0, 1, 2], [0, 0, 1, 1], n_batch=2, n_neuron=3, duration=DURATION
    )


@pytest.fixture
def run():
    """Return a run by hand: two trials, neurons 4 and 7, a grid of 5 steps."""
    values = np.arange(20.0).reshape(2, 5, 2)
    return xr.Dataset(
        {"membrane": (("batch", "time", "neuron"), values, {"units": "LSB"})},
        {"time": ("time", np.arange(5) * 1e-5, {"units": "s"}), "neuron": [4, 7]},
        {"duration": DURATION},
    )


def ticks(ax):
    """Return (time [us], neuron) of every tick of a raster."""
    (line,) = ax.get_lines()
    assert line.get_marker() == "|" and line.get_linestyle() == "None"
    return sorted(zip(line.get_xdata(), line.get_ydata(), strict=True))


@pytest.mark.parametrize(
    ("batch", "expected"), [(0, [(5, 2), (10, 0)]), (1, [(20, 1), (30, 2)]), (-1, [(20, 1), (30, 2)])]
)
def test_raster__draws_the_spikes_of_one_trial(spikes, batch, expected):
    ax = raster(spikes, batch=batch)
    np.testing.assert_allclose(ticks(ax), expected)


def test_raster__labels_and_ranges(spikes):
    ax = raster(spikes)
    assert ax.get_xlabel() == "Time [us]"
    assert ax.get_ylabel() == "Neuron"
    assert ax.get_xlim() == pytest.approx((0, 50))
    low, high = ax.get_ylim()
    assert low < 0 and 2 < high < 4
    assert all(tick == round(tick) for tick in ax.get_yticks())


def test_raster__one_neuron_has_one_tick():
    ax = raster(b2.sparse_spikes([1e-6], [0], duration=DURATION))
    low, high = ax.get_ylim()
    assert [tick for tick in ax.get_yticks() if low <= tick <= high] == [0]


def test_raster__of_a_continued_run_shows_its_time():
    spikes = b2.sparse_spikes([60e-6], [0]).assign_attrs(start_time=50e-6, duration=50e-6)
    assert raster(spikes).get_xlim() == pytest.approx((50, 100))


def test_raster__silent_trial_is_empty_not_an_error():
    ax = raster(b2.sparse_spikes([], [], [], n_batch=2, duration=DURATION), batch=1)
    assert ax.get_xlim() == pytest.approx((0, 50))
    ax.figure.canvas.draw()


def test_raster__without_batch():
    ax = raster(b2.sparse_spikes([1e-6], [1], duration=DURATION))
    np.testing.assert_allclose(ticks(ax), [(1, 1)])


def test_raster__of_a_sweep_counts_trials_in_c_order():
    threshold = xr.DataArray([90.0, 300.0], dims="threshold")
    inputs = b2.sparse_spikes([1e-6, 1e-6], [0, 0], [0, 2], n_batch=3, duration=DURATION)
    run = b2.simulate(b2.IAFNeuron(1, threshold=threshold), inputs, synapse=b2.Synapse(np.full((1, 1), 45.0)))
    assert run.row_size.dims == ("batch", "threshold")
    assert [len(ticks(raster(run, batch=trial))) > 0 for trial in range(6)] == [True, False, False, False, True, False]


def test_raster__draws_into_the_given_axes(spikes):
    _, ax = plt.subplots()
    assert raster(spikes, ax) is ax
    assert len(plt.get_fignums()) == 1


def test_raster__refuses(spikes):
    with pytest.raises(b2.InputError, match="Recording"):
        raster(xr.Dataset())
    with pytest.raises(b2.InputError, match="Recording"):
        raster(spikes.drop_vars("spike_batch"))
    with pytest.raises(b2.InputError, match="Dataset"):
        raster([1e-6])
    for batch in (2, -3, 0.0, True, "a"):
        with pytest.raises(b2.InputError, match=r"batch must be an index in 0 \.\.\. 1"):
            raster(spikes, batch=batch)
    with pytest.raises(b2.UnknownKeywordError, match="batch"):
        raster(spikes, bach=1)


def test_traces__no_threshold_of_a_chip(run):
    on_chip = run.assign_attrs(calibration_id="a")
    with pytest.raises(b2.InputError, match=r"80 LSB are -48 unless trace_offset=-128.*ax\.axhline"):
        traces(on_chip, threshold=125.0)
    assert len(traces(on_chip).get_lines()) == 2


def test_traces__draws_labelled_lines_with_units(run):
    ax = traces(run, batch=1, threshold=12.0)
    first, second, threshold = ax.get_lines()
    np.testing.assert_allclose(first.get_xdata(), [0, 10, 20, 30, 40])
    np.testing.assert_allclose(first.get_ydata(), [10, 12, 14, 16, 18])
    np.testing.assert_allclose(second.get_ydata(), [11, 13, 15, 17, 19])
    np.testing.assert_allclose(threshold.get_ydata(), 12.0)
    assert ax.get_xlabel() == "Time [us]"
    assert ax.get_ylabel() == "Membrane potential [LSB]"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["neuron 4", "neuron 7", "threshold"]


def test_traces__can_be_told_apart_in_grey(run):
    wide = xr.concat([run.assign_coords(neuron=[2 * part, 2 * part + 1]) for part in range(2)], "neuron")
    assert traces(wide).get_title() == "3 of 4 neurons" and traces(run).get_title() == ""
    lines = traces(wide, neuron=[0, 1, 2, 3]).get_lines()
    grey = [float(np.dot(matplotlib.colors.to_rgb(line.get_color()), [0.299, 0.587, 0.114])) for line in lines]
    assert min(np.diff(sorted(grey))) > 0.1


@pytest.mark.parametrize("neuron", [7, [7], np.array([7])])
def test_traces__selects_neurons_by_label(run, neuron):
    (line,) = traces(run, neuron=neuron).get_lines()
    np.testing.assert_allclose(line.get_ydata(), [1, 3, 5, 7, 9])
    assert line.get_label() == "neuron 7"


def test_traces__without_batch_and_at_sample_times(run):
    sampled = run.isel(batch=0).rename(time="sample_time")
    (line,) = traces(sampled, neuron=4).get_lines()
    np.testing.assert_allclose(line.get_ydata(), [0, 2, 4, 6, 8])


def test_traces__refuses(run):
    with pytest.raises(b2.InputError, match="neuron 5 was not recorded; recorded: 4, 7"):
        traces(run, neuron=5)
    with pytest.raises(b2.InputError, match="neuron first"):
        traces(run, neuron="first")
    with pytest.raises(b2.InputError, match="dims time and neuron"):
        traces(run.isel(time=0))
    with pytest.raises(b2.InputError, match="batch"):
        traces(run, batch=2)
    for wrong in (True, "high", [1.0]):
        with pytest.raises(b2.InputError, match=r"traces: threshold must be one number \[unit of the membrane\]; got"):
            traces(run, threshold=wrong)
    with pytest.raises(b2.InputError, match="membrane=True"):
        traces(xr.Dataset())


@pytest.fixture
def responses():
    """Four trials of classes 0, 1, 0, 1; neuron 0 likes class 1, neuron 1 is silent, neuron 2 likes class 0."""
    counts = np.array([[0, 0, 3], [4, 0, 0], [1, 0, 5], [2, 0, 1]])
    return xr.Dataset({"spike_count": (("batch", "neuron"), counts)}, attrs={"duration": 1e-3})


def test_class_rates__shows_mean_rates_ordered_by_preference(responses):
    ax = class_rates(responses, [0, 1, 0, 1])
    (image,) = ax.get_images()
    # neurons 2, 0, 1; counts in 1 ms are kHz
    np.testing.assert_allclose(image.get_array(), [[4.0, 0.5, 0.0], [0.5, 3.0, 0.0]])
    assert ax.get_ylabel() == "Class"
    assert ax.get_xlabel() == "Neuron, ordered by preferred class"
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0", "1"]
    (bar,) = [other for other in ax.figure.axes if other is not ax]
    assert bar.get_ylabel() == "Mean rate [kHz]"


def test_class_rates__takes_labels_of_any_kind_and_sparse_spikes(spikes):
    label = xr.DataArray(["b", "a"], dims="batch")
    ax = class_rates(spikes, label)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]
    # trial 1, class a: neurons 1 and 2 spike once; trial 0, class b: neurons 0 and 2
    (image,) = ax.get_images()
    assert sorted(map(tuple, np.asarray(image.get_array()).T.round(6))) == [(0, 20), (20, 0), (20, 20)]


def test_class_rates__refuses(responses):
    with pytest.raises(b2.InputError, match="label"):
        class_rates(responses, [0, 1])
    with pytest.raises(b2.InputError, match="no spikes"):
        class_rates(xr.Dataset(), [0])
    with pytest.raises(b2.InputError, match="duration"):
        class_rates(responses.drop_attrs(), [0, 1, 0, 1])


@pytest.mark.parametrize("draw", [lambda run, spikes: raster(spikes), lambda run, spikes: traces(run)])
def test_plot__without_matplotlib_names_the_extra(monkeypatch, run, spikes, draw):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(b2.MissingDependencyError, match=r"bss2sim\[plot\]"):
        draw(run, spikes)
