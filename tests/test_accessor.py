"""What ``ds.bss2`` draws, read back from the artists, and who has it."""

import datetime
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import xarray as xr

import bss2sim as b2
import bss2sim.accessor  # for Datasets made by hand
from bss2sim import plot
from bss2sim.plot_residuals import draw_residuals

matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

DURATION = 50e-6
LABELS = {"batch": [10, 11], "gain": ("gain", [0.1, 0.3, 0.5], {"units": "LSB"})}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def run():
    """Return a run by hand: trial dims batch (2) and gain (3), four neurons, of which the last one is silent."""
    #       (time [us], neuron) of the trials in C order
    trials = [[(5, 0), (9, 1)], [(6, 0)], [], [(1, 2), (3, 0), (11, 0), (21, 0)], [(2, 2), (8, 2)], [(30, 1)]]
    rows = [(t * 1e-6, n, k) for k, spikes in enumerate(trials) for t, n in spikes]
    time, neuron, trial = (np.array(column) for column in zip(*rows, strict=True))
    return xr.Dataset(
        {
            "spike_time": ("spike", time),
            "spike_neuron": ("spike", neuron.astype(np.int32)),
            "spike_batch": ("spike", trial),
            "row_size": (("batch", "gain"), np.array([len(t) for t in trials]).reshape(2, 3)),
            "membrane": (("batch", "gain", "time", "neuron"), np.arange(2 * 3 * 5 * 4.0).reshape(2, 3, 5, 4)),
        },
        {**LABELS, "time": np.arange(5) * 1e-5, "neuron": np.arange(4)},
        {"duration": DURATION, "n_neuron": 4},
    )


@pytest.fixture(scope="module")
def chip():
    return b2.EmulatedChip(seed=7)


@pytest.fixture(scope="module")
def calibration(chip):
    return b2.calibrate(chip, b2.NeuronCalibTarget())


def ticks(ax):
    """Return (time [us], neuron) of every tick of a raster."""
    (line,) = ax.get_lines()
    assert line.get_marker() == "|"
    return sorted(zip(line.get_xdata().round(6).tolist(), line.get_ydata().tolist(), strict=True))


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_raster__draws_the_trial_that_the_keywords_name(run):
    ax = run.bss2.raster(batch=11, gain=0.1)
    assert ticks(ax) == [(1, 2), (3, 0), (11, 0), (21, 0)]
    assert ax.get_title() == "batch 11, gain 0.1 LSB"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time [us]", "Neuron")
    assert ax.get_xlim() == pytest.approx((0, 50)) and ax.get_ylim() == pytest.approx((-0.7, 3.7))
    assert ticks(run.bss2.raster(gain=0.1 + 0.2)) == [(6, 0)], "the first entry where none is given; 0.1 + 0.2 is 0.3"
    assert ticks(run.bss2.raster()) == [(5, 0), (9, 1)]


def test_raster__shows_the_neurons_that_were_asked_for_alone(run):
    ax = run.bss2.raster(batch=11, gain=0.1, neuron=[2, 3])
    assert ticks(ax) == [(1, 2)] and ax.get_ylim() == pytest.approx((1.3, 3.7))
    assert ticks(run.bss2.raster(batch=11, gain=0.1, neuron=0)) == [(3, 0), (11, 0), (21, 0)]


def test_raster__of_trials_without_labels_takes_an_index(run):
    bare = run.drop_vars(["batch", "gain"])
    ax = bare.bss2.raster(batch=-1, gain=2)
    assert ticks(ax) == [(30, 1)] and ax.get_title() == "batch 1, gain 2"


def test_raster__of_one_trial_has_no_title():
    ax = b2.sparse_spikes([1e-6], [0], duration=DURATION).bss2.raster()
    assert ax.get_title() == "" and ticks(ax) == [(1, 0)]


def test_traces__draws_the_trial_and_the_neurons_that_the_keywords_name(run):
    ax = run.bss2.traces(neuron=[0, 3], batch=11, gain=0.3, threshold=90.0)
    first, second, threshold = ax.get_lines()
    expected = run.membrane.sel(batch=11, gain=0.3)
    np.testing.assert_allclose(first.get_xdata(), [0, 10, 20, 30, 40])
    np.testing.assert_allclose(first.get_ydata(), expected.isel(neuron=0))
    np.testing.assert_allclose(second.get_ydata(), expected.isel(neuron=3))
    np.testing.assert_allclose(threshold.get_ydata(), 90)
    assert texts(ax) == ["neuron 0", "neuron 3", "threshold"] and ax.get_title() == "batch 11, gain 0.3 LSB"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time [us]", "Membrane potential [a.u.]")
    ax = run.bss2.traces()
    assert len(ax.get_lines()) == 3 and ax.get_title() == "batch 10, gain 0.1 LSB, 3 of 4 neurons"
    assert run.bss2.traces(neuron=[0, 1]).get_title() == "batch 10, gain 0.1 LSB"
    assert run.isel(neuron=[0, 1, 2]).drop_dims("spike").bss2.traces().get_title() == "batch 10, gain 0.1 LSB"


def test_traces__threshold_may_be_a_trial_dim(run):
    swept = run.rename(gain="threshold")
    ax = swept.bss2.traces(threshold=0.5, neuron=1)
    (line,) = ax.get_lines()
    np.testing.assert_allclose(line.get_ydata(), swept.membrane.values[0, 2, :, 1])
    assert ax.get_title() == "batch 10, threshold 0.5 LSB"


def test_traces__has_the_unit_of_the_membrane(run):
    run["membrane"].attrs["units"] = "LSB"  # as that of a chip
    assert run.bss2.traces().get_ylabel() == "Membrane potential [LSB]"


def test_rates__are_means_over_the_trials_that_are_left(run):
    ax = run.bss2.rates(gain=0.1)
    (mean,) = ax.get_lines()
    np.testing.assert_array_equal(mean.get_xdata(), [0, 1, 2, 3])
    # 1 and 3, 1 and 0, 0 and 1, 0 and 0 spikes in 50 us: 20 kHz a spike
    np.testing.assert_allclose(mean.get_ydata(), [40, 10, 10, 0])
    (spread,) = ax.collections
    ends = [segment[:, 1] for segment in spread.get_segments()]
    np.testing.assert_allclose(ends, [[20, 60], [0, 20], [0, 20], [0, 0]])
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("Neuron", "Rate [kHz]", "gain 0.1 LSB")
    assert texts(ax) == ["lowest to highest trial", "mean of 2 trials"] and ax.get_ylim()[0] == 0


def test_rates__of_one_trial_and_of_some_neurons(run):
    ax = run.bss2.rates(neuron=[2, 0], batch=11, gain=0.1)
    (line,) = ax.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), [2, 0])
    np.testing.assert_allclose(line.get_ydata(), [20, 60])
    assert not ax.collections and ax.get_legend() is None


def test_rates__of_many_neurons_do_not_touch():
    rng = np.random.default_rng(1)
    n = 512
    many = b2.sparse_spikes(rng.uniform(0, DURATION, 4 * n), rng.integers(0, n, 4 * n), rng.integers(0, 3, 4 * n),
                            n_batch=3, n_neuron=n, duration=DURATION)  # fmt: skip
    ax = many.bss2.rates()
    room = ax.bbox.width / ax.figure.dpi * 72 / n  # points a neuron has
    assert ax.collections[0].get_linewidth()[0] < room
    few = many.bss2.rates(neuron=[3, 4])
    assert few.collections[0].get_linewidth()[0] == 3 and few.get_lines()[0].get_markersize() == 6


@pytest.mark.parametrize("draw", ["rates", "traces"])
def test_legends__stand_above_what_is_drawn(run, draw):
    figure, ax = plt.subplots(figsize=(5, 3))
    for _ in range(2):  # a second time into the same Axes
        getattr(run.bss2, draw)(ax)
        figure.canvas.draw()
        legend = ax.get_legend().get_window_extent()
        highest = max(ax.transData.transform((0, line.get_ydata().max()))[1] for line in ax.get_lines())
        assert highest < legend.y0 < legend.y1 <= ax.bbox.y1
    top = ax.get_ylim()[1]
    ax.set_ylim(-7, 2 * top)  # limits of the caller stay
    run.bss2.traces(ax)
    assert ax.get_ylim() == (-7, 2 * top)


def test_titles__of_an_earlier_picture_in_the_same_axes_go(run):
    ax = run.bss2.first_spikes(batch=11)
    assert run.bss2.first_spikes(ax, batch=10, neuron=0).get_title() == "batch 10, all 3 of gain"


def test_isi__counts_the_intervals_of_the_trials_and_neurons_that_are_left(run):
    ax = run.bss2.isi()
    heights = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in ax.patches if bar.get_height()}
    assert heights == {8: 1, 6: 1, 10: 1}, "8 and 10 us of neuron 0, 6 us of neuron 2"
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == (
        "Inter-spike interval [us]",
        "Intervals",
        "all 3 of gain",
    )
    assert ax.get_xlim()[0] == 0
    assert sum(bar.get_height() for bar in run.bss2.isi(gain=0.3).patches) == 1
    ax = run.bss2.isi(neuron=0, batch=11)
    assert sum(bar.get_height() for bar in ax.patches) == 2 and ax.get_title() == "batch 11, all 3 of gain"


def test_isi__without_intervals_says_so(run):
    ax = run.bss2.isi(batch=10)
    assert not ax.patches and ax.texts[0].get_text() == "no neuron fired twice in a trial"


def test_first_spikes__are_those_of_every_trial_and_their_median(run):
    ax = run.bss2.first_spikes(gain=0.1)
    each, median = ax.get_lines()
    points = sorted(zip(each.get_xdata().round(6).tolist(), each.get_ydata().tolist(), strict=True))
    assert points == [(1, 2), (3, 0), (5, 0), (9, 1)]
    np.testing.assert_allclose(median.get_xdata(), [4, 9, 1])
    np.testing.assert_array_equal(median.get_ydata(), [0, 1, 2])
    np.testing.assert_allclose(run.bss2.first_spikes(neuron=0).get_lines()[1].get_xdata(), np.median([5, 6, 3]))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time of the first spike [us]", "Neuron")
    assert ax.get_title() == "gain 0.1 LSB, 1 of 4 neurons silent" and texts(ax) == ["each trial", "median of 2 trials"]
    assert ax.get_xlim() == pytest.approx((0, 50)) and ax.get_ylim() == pytest.approx((-0.7, 3.7))


def test_first_spikes__of_a_recording_of_first_spikes(run):
    first = b2.runs.first_spikes(run)
    recorded = xr.Dataset({"first_spike": first}, attrs=run.attrs)
    ax = recorded.bss2.first_spikes(batch=11, gain=0.1, neuron=[0, 2])
    (line,) = ax.get_lines()
    np.testing.assert_allclose(line.get_xdata(), [3, 1])
    assert ax.get_title() == "batch 11, gain 0.1 LSB" and line.get_label() == "first spike"


@pytest.mark.parametrize("method", ["raster", "traces", "rates", "isi", "first_spikes"])
def test_runs__are_drawn_into_the_given_axes(run, method):
    _, ax = plt.subplots()
    assert getattr(run.bss2, method)(ax) is ax
    assert getattr(run.bss2, method)(ax=ax, gain=0.5) is ax
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("method", ["raster", "traces", "rates", "isi", "first_spikes"])
def test_runs__refuse_what_does_not_exist(run, method):
    draw = getattr(run.bss2, method)
    with pytest.raises(b2.UnknownKeywordError, match=rf"{method}\(\) has no argument 'gian'.*did you mean 'gain'"):
        draw(gian=0.1)
    with pytest.raises(b2.UnknownKeywordError, match=rf"{method}\(\) has no argument 'nuron'.*did you mean 'neuron'"):
        draw(nuron=0)
    with pytest.raises(b2.InputError, match=rf"{method}: there is no gain 0.2 LSB; labels: 0.1, 0.3, 0.5"):
        draw(gain=0.2)
    with pytest.raises(b2.InputError, match=rf"{method}: batch must be one label; got \[10, 11\]"):
        draw(batch=[10, 11])
    neuron = r"neuron 7 was not recorded" if method == "traces" else r"there is no neuron 7; neurons: 0, 1, 2, 3"
    with pytest.raises(b2.InputError, match=neuron):
        draw(neuron=7)
    with pytest.raises(b2.InputError, match=rf"{method}: .*neuron '?first'?"):
        draw(neuron="first")


@pytest.mark.parametrize("method", ["raster", "rates", "isi", "first_spikes"])
def test_runs__refuse_no_neurons(run, method):
    with pytest.raises(b2.InputError, match=rf"{method}: neuron is empty"):
        getattr(run.bss2, method)(neuron=[])


def test_labels__that_occur_twice_are_refused(run):
    twice = run.assign_coords(batch=[10, 10])
    with pytest.raises(b2.InputError, match="raster: there are 2 of batch 10; labels: 10, 10"):
        twice.bss2.raster(batch=10)
    for wrong in (2, -3, 0.0, True, "a"):
        with pytest.raises(b2.InputError, match=r"raster: batch must be an index in 0 \.\.\. 1, it has no labels"):
            run.drop_vars("batch").bss2.raster(batch=wrong)


@pytest.mark.parametrize(
    "wanted",
    [
        "2024-01-02",
        datetime.date(2024, 1, 2),
        datetime.datetime(2024, 1, 2),
        np.datetime64("2024-01-02"),
        datetime.timedelta(2),
    ],
)
def test_labels__that_are_times(run, wanted):
    kind = "m8[D]" if isinstance(wanted, datetime.timedelta) else "M8[ns]"
    days = np.array([1, 2], "m8[D]") if kind == "m8[D]" else np.array(["2024-01-01", "2024-01-02"], "M8[ns]")
    labelled = run.assign_coords(batch=days)
    assert ticks(labelled.bss2.raster(batch=wanted)) == ticks(run.bss2.raster(batch=11))
    with pytest.raises(b2.InputError, match="there is no batch tomorrow; labels: "):
        labelled.bss2.raster(batch="tomorrow")


def test_labels__that_are_close_are_told_apart(run):
    close = run.assign_coords(batch=[1.0, 1.0 + 1e-12])
    assert ticks(close.bss2.raster(batch=1.0 + 1e-12)) == ticks(run.bss2.raster(batch=11))
    with pytest.raises(b2.InputError, match="there are 2 of batch"):
        close.bss2.raster(batch=1.0 + 1e-11)


@pytest.mark.parametrize("method", ["raster", "traces", "rates", "isi", "first_spikes"])
def test_neurons__that_are_no_list_of_labels_are_refused(run, method):
    draw = getattr(run.bss2, method)
    for wrong in (True, [[0, 1]]):
        with pytest.raises(
            b2.InputError, match=rf"{method}: neuron must be one label of a neuron or a list of them; got"
        ):
            draw(neuron=wrong)
    with pytest.raises(b2.InputError, match=f"{method}: neuron is empty"):
        draw(neuron=[])


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("raster", 'no sparse spikes, only x; record them with Recording\\(spikes="sparse"\\)'),
        ("traces", r"no membrane; record it with Recording\(membrane=True\)"),
        ("rates", "duration"),
        ("isi", "no sparse spikes"),
        ("first_spikes", 'Recording\\(spikes="first"\\)'),
        ("histograms", "histograms: this Dataset is no calibration, it has no success; take the accessor"),
        ("residuals", "residuals: this Dataset is no calibration, it has no success; take the accessor"),
    ],
)
def test_methods__refuse_other_datasets(method, message):
    with pytest.raises(b2.InputError, match=message):
        getattr(xr.Dataset({"x": 0}).bss2, method)()


@pytest.mark.parametrize("method", ["raster", "traces", "rates", "first_spikes"])
def test_runs__of_no_trials_are_refused(run, method):
    none = run.bss2.isel(batch=[])
    with pytest.raises(b2.InputError, match=rf"^{method}: there is nothing to draw: .*'batch': 0"):
        getattr(none.bss2, method)()
    if hasattr(plot, method):
        with pytest.raises(b2.InputError, match=rf"^{method}: there is nothing to draw: .*'batch': 0"):
            getattr(plot, method)(none)


def test_traces__of_no_neurons_are_refused(run):
    for draw in (plot.traces, lambda none: none.bss2.traces()):
        with pytest.raises(b2.InputError, match=r"^traces: there is nothing to draw: .*'neuron': 0"):
            draw(run.bss2.isel(neuron=[]))


@pytest.mark.parametrize("method", ["rates", "first_spikes"])
def test_runs__of_no_neurons_are_refused(method):
    with pytest.raises(b2.InputError, match=rf"{method}: there is nothing to draw: .*'neuron': 0"):
        getattr(b2.sparse_spikes([], [], duration=DURATION).bss2, method)()


def test_rates__refuse_a_run_without_spikes(run):
    with pytest.raises(b2.InputError, match="no spikes to count"):
        run[["membrane"]].bss2.rates()


def strokes(ax):
    """Return (column, zero, residual) of every stroke of a picture of residuals."""
    ends = np.array(ax.collections[0].get_segments())
    np.testing.assert_array_equal(ends[:, 0, 0], ends[:, 1, 0])
    return ends[:, 0, 0], ends[:, 0, 1], ends[:, 1, 1] - ends[:, 0, 1]


def test_residuals__are_where_the_circuits_are(calibration):
    ax = calibration.bss2.residuals("reset")
    column, zero, height = strokes(ax)
    residual = calibration.residual.residual_reset.values
    np.testing.assert_array_equal(column, np.tile(np.arange(256), 2))
    np.testing.assert_allclose(height, residual, atol=1e-12)
    most = abs(residual).max()
    assert (zero[:256] == 0).all() and len(set(zero[256:])) == 1 and zero[511] < -2 * most, "the lanes do not touch"
    assert ax.get_ylim()[0] < zero[511] - most and ax.get_ylim()[1] > most
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("Column", "reset: achieved\nless target [LSB]", "")
    assert [(text.get_text(), text.get_position()[1]) for text in ax.texts] == [
        ("row 0, top", 0),
        ("row 1, bottom", zero[511]),
    ]
    ticks = [(text.get_text(), place) for text, place in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True)]
    top, bottom = ticks[: len(ticks) // 2], ticks[len(ticks) // 2 :]
    assert len(top) >= 3 and [float(text) for text, _ in top] == pytest.approx([place for _, place in top])
    assert [text for text, _ in top] == [text for text, _ in bottom]
    assert [place - zero[511] for _, place in bottom] == pytest.approx([place for _, place in top])
    assert ax.get_legend() is None


def test_residuals__of_synaptic_inputs_and_of_quadrants(calibration):
    excitatory, inhibitory = (
        calibration.bss2.residuals("tau_syn", **chosen) for chosen in ({}, {"synaptic_input": "inhibitory"})
    )
    tau = calibration.residual.residual_tau_syn.values * 1e6
    np.testing.assert_allclose(strokes(excitatory)[2], tau[0], atol=1e-12)
    np.testing.assert_allclose(strokes(inhibitory)[2], tau[1], atol=1e-12)
    assert excitatory.get_title() == "synaptic_input excitatory"
    assert inhibitory.get_title() == "synaptic_input inhibitory"
    assert inhibitory.get_ylabel() == "tau_syn: achieved\nless target [us]"
    height = strokes(calibration.bss2.residuals("synapse_dac"))[2].reshape(2, 256)
    dac = calibration.residual.residual_synapse_dac.values
    expected = [dac[[0, 0, 1, 1]], dac[[2, 2, 3, 3]]]
    np.testing.assert_allclose(height[:, [0, 127, 128, 255]], expected, atol=1e-12)


def test_residuals__of_circuits_that_failed_are_crosses(chip):
    threshold = np.full(512, 125.0)
    threshold[[3, 300]] = 215.0
    with pytest.warns(UserWarning):
        failed = b2.calibrate(
            chip, b2.NeuronCalibTarget(threshold=threshold, leak=80, reset=np.where(threshold > 200, 12, 70))
        )
    ax = failed.bss2.residuals("reset")
    (cross,) = (line for line in ax.get_lines() if line.get_marker() == "x")
    assert cross.get_xdata().tolist() == [3, 44]
    assert (cross.get_ydata() > ax.texts[1].get_position()[1] / 2).tolist() == [True, False], "one in each lane"
    assert texts(ax)[0].startswith("2 failed") and len(strokes(ax)[0]) == 510
    good = failed.residual.residual_reset.values[failed.success.values]
    assert abs(strokes(ax)[2]).max() == pytest.approx(abs(good).max())


@pytest.mark.parametrize(
    ("failed", "drawn", "label"),
    [
        (50.0, 2.3, "1 failed, 1 of them beyond"),
        (-50.0, -2.3, "1 failed, 1 of them beyond"),
        (1.0, 1.0, "1 failed"),
        (np.nan, 0, "1 failed"),
    ],
)
def test_residuals__beyond_the_others_are_at_the_edge_and_counted(failed, drawn, label):
    value, success = np.zeros(512), np.ones(512, bool)
    value[[3, 5]], success[3] = (failed, 2.0), False
    residual = xr.DataArray(value, {"atomic_neuron": np.arange(512)}, "atomic_neuron")
    ax = draw_residuals(residual, success, "reset", None)
    (cross,) = (line for line in ax.get_lines() if line.get_marker() == "x")
    assert cross.get_ydata() == pytest.approx([drawn]) and texts(ax) == [label]
    assert abs(drawn) < ax.get_ylim()[1] <= 2.5


def test_residuals__of_circuits_that_all_failed_have_their_range():
    residual = xr.DataArray(np.linspace(-50, 30, 512), {"atomic_neuron": np.arange(512)}, "atomic_neuron")
    ax = draw_residuals(residual, np.zeros(512, bool), "reset", None)
    assert texts(ax) == ["512 failed"] and 50 < ax.get_ylim()[1] < 70


def test_residuals__of_zero_have_a_range():
    residual = xr.DataArray(np.zeros(512), {"atomic_neuron": np.arange(512)}, "atomic_neuron")
    ax = draw_residuals(residual, np.ones(512, bool), "reset", None)
    assert ax.get_ylim()[1] > 0.5 and "-0" not in [text.get_text() for text in ax.get_yticklabels()]


def test_residuals__refuse(calibration):
    with pytest.raises(b2.InputError, match=r"residuals: .*no residual of 'treshold'; did you mean 'threshold'\?"):
        calibration.bss2.residuals("treshold")
    with pytest.raises(b2.InputError, match=r"no residual of 3; known: tau_mem"):
        calibration.bss2.residuals(3)
    with pytest.raises(b2.UnknownKeywordError, match=r"residuals\(\) has no argument 'chip'"):
        calibration.bss2.residuals("threshold", chip=1)
    with pytest.raises(
        b2.InputError, match=r"residuals: there is no synaptic_input inh; labels: excitatory, inhibitory"
    ):
        calibration.bss2.residuals("tau_syn", synaptic_input="inh")


def test_histograms__show_the_chip_of_the_calibration_before_and_after(chip, calibration, tmp_path):
    before = chip.achieved(b2.calibration.uniform_registers(calibration.registers))
    expected = b2.plot.distributions(before, calibration.achieved, ["threshold", "tau_syn"])
    calibration.to_netcdf(tmp_path / "chip7.nc")
    for one in (calibration, b2.load_calibration(tmp_path / "chip7.nc")):
        axes = one.bss2.histograms(["threshold", "tau_syn"])
        assert [ax.get_xlabel() for ax in axes] == ["threshold [LSB]", "tau_syn [us]"]
        for ax, other in zip(axes, expected, strict=True):
            assert [bar.get_height() for bar in ax.containers[0]] == [bar.get_height() for bar in other.containers[0]]
            np.testing.assert_array_equal(ax.patches[-1].get_xy(), other.patches[-1].get_xy())


def test_histograms__choose_along_dims_and_take_what_was_before(chip, calibration):
    before = chip.achieved(b2.calibration.uniform_registers(calibration.registers))
    (ax,) = calibration.bss2.histograms("tau_syn", before=before, synaptic_input="inhibitory")
    assert sum(bar.get_height() for bar in ax.containers[0]) == 512, "not 1024"
    assert ax.figure.get_suptitle() == "synaptic_input inhibitory"


def test_histograms__of_many_chips():
    chips = b2.EmulatedChip(seed=xr.DataArray([1, 2], dims="chip", coords={"chip": [1, 2]}))
    target = b2.NeuronCalibTarget(reset=xr.DataArray([70.0, 75.0, 80.0], dims="goal"))
    with pytest.warns(UserWarning, match="calibration failed for 6 of 3072"):
        many = b2.calibrate(chips, target)
    (ax,) = many.bss2.histograms("reset", chip=2, goal=1)
    with pytest.warns(UserWarning, match="calibration failed"):
        alone = b2.calibrate(b2.EmulatedChip(seed=2), b2.NeuronCalibTarget(reset=75.0))
    (other,) = alone.bss2.histograms("reset")
    assert [bar.get_height() for bar in ax.containers[0]] == [bar.get_height() for bar in other.containers[0]]
    (ax,) = many.bss2.histograms("reset")
    assert sum(bar.get_height() for bar in ax.containers[0]) == 512 * 6
    assert many.bss2.residuals("reset", chip=2).get_title() == "chip 2, goal 0"


def test_histograms__refuse(calibration):
    with pytest.raises(b2.UnknownKeywordError, match=r"histograms\(\) has no argument 'befor'.*did you mean 'before'"):
        calibration.bss2.histograms(befor=1)
    with pytest.raises(b2.InputError, match="histograms: before must be a Dataset of quantities; got int"):
        calibration.bss2.histograms(before=1)
    measured = calibration.to_dataset().assign_attrs(chip_seed="measured")
    with pytest.raises(b2.InputError, match=r"chip of this calibration is not known .* give before="):
        measured.bss2.histograms()
    other = calibration.to_dataset().assign_attrs(chip_seed="8")
    with pytest.raises(b2.InputError, match=r"gives other thresholds; give before="):
        other.bss2.histograms()
    del other.attrs["chip_seed"]
    with pytest.raises(b2.InputError, match=r"not known from its attributes \(KeyError: 'chip_seed'\)"):
        other.bss2.histograms()


@pytest.mark.parametrize("method", ["raster", "traces", "rates", "isi", "first_spikes"])
def test_accessor__without_matplotlib_names_the_extra(monkeypatch, run, method):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(b2.MissingDependencyError, match=r"bss2sim\[plot\]"):
        getattr(run.bss2, method)()


@pytest.mark.parametrize("method", ["residuals", "histograms"])
def test_accessor__of_a_calibration_without_matplotlib_names_the_extra(monkeypatch, calibration, method):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(b2.MissingDependencyError, match=r"bss2sim\[plot\]"):
        getattr(calibration.bss2, method)()


HEAVY = '; import sys; assert not {"numba", "torch", "matplotlib"} & set(sys.modules)'


@pytest.mark.parametrize(
    "code",
    [
        "import bss2sim as b2; b2.sparse_spikes([1e-6], [0]).bss2.raster",
        "from bss2sim.inputs import sparse_spikes; sparse_spikes([1e-6], [0]).bss2.raster",
        "from bss2sim.calibration.result import load_calibration; import xarray; xarray.Dataset().bss2.raster",
        "import xarray, bss2sim.accessor; xarray.Dataset().bss2.raster" + HEAVY,
        "import sys, bss2sim; assert not {'xarray', 'numba', 'torch'} & set(sys.modules)",
    ],
)
def test_accessor__is_there_without_more(code):
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
