"""Warnings of what is allowed and hardly ever meant, in the line that meant it."""

import pickle
import warnings

import numpy as np
import pytest
import xarray as xr

import bss2sim as b2
from bss2sim.plausibility import warn_of_long_step, warn_of_long_time, warn_of_restless

KINDS = [b2.IAFNeuron, b2.LIFNeuron]


@pytest.mark.parametrize("name", ["tau_mem", "tau_syn", "refractory_time"])
def test_times__of_seconds_are_warned_of(name):
    message = (
        rf"^{name} is 10 s, and the chip's times are microseconds; times are in seconds: for 10 us give {name}=10e-6$"
    )
    with pytest.warns(UserWarning, match=message) as found:
        assert getattr(b2.IAFNeuron(2, **{name: 10.0}), name) == 10.0
    assert [warning.filename for warning in found] == [__file__]
    with pytest.warns(UserWarning, match=rf"^{name} is 2.5 s,"):
        b2.IAFNeuron(2, **{name: [1e-6, 2.5]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        b2.IAFNeuron(2, **{name: 0.5})
        b2.IAFNeuron(2, **{name: 1e6})  # a time that does not end


def test_times__of_pairs_and_of_the_chip_are_warned_of():
    with (
        pytest.warns(UserWarning, match=r"^refractory_time is 2 s, "),
        pytest.warns(UserWarning, match=r"^holdoff_time is 1 s, "),
    ):
        b2.IAFNeuron(1, refractory_time=2.0, holdoff_time=1.0)
    with pytest.warns(UserWarning, match=r"^tau_syn is 8 s, "):
        b2.LINeuron(1, tau_syn=(5e-6, 8.0))
    with pytest.warns(UserWarning, match=r"^tau_syn is 5 s, ") as found:
        b2.LINeuron(1, tau_syn=(5.0, 8.0))
    assert len(found) == 1, "of a pair too"
    with pytest.warns(UserWarning, match=r"^tau_mem\.hardware is 10 s, .* give tau_mem\.hardware=10e-6$"):
        b2.IAFNeuron(1, tau_mem=b2.Parameter(model=1e-5, hardware=10.0))


def test_steps__of_a_tenth_of_a_second_are_warned_of():
    message = r"^dt is 0\.1 s, .* for 0\.1 us give dt=0\.1e-6$"
    with pytest.warns(UserWarning, match=message) as found:
        b2.simulate(b2.IAFNeuron(1), np.ones((3, 1, 1)), dt=0.1)
    assert [warning.filename for warning in found] == [__file__]
    chip, synapse = b2.EmulatedChip(seed=1), b2.Synapse(np.ones((1, 1)))
    with pytest.warns(UserWarning, match=message), pytest.raises(b2.ParameterError, match="calibration"):
        b2.simulate(b2.IAFNeuron(1), np.ones((3, 1, 1)), dt=0.1, synapse=synapse, chip=chip, calibration="none")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_long_step(0.09)
        warn_of_long_time("tau_mem", [])


@pytest.mark.parametrize("kind", KINDS)
def test_reset__that_is_not_below_the_threshold_is_warned_of(kind):
    with pytest.warns(UserWarning) as found:
        kind(3, reset=125.0, threshold=80.0)
    assert [str(warning.message) for warning in found] == [
        "reset must be below threshold for a neuron to rest: the neurons have reset 125 and threshold 80, and fire again "
        "without any input as soon as the refractory period ends; each has a default, so give both, in one unit"
    ]
    assert found[0].filename == __file__
    with pytest.warns(
        UserWarning, match=r"1 of 3 neurons have reset 80 and threshold 80, and fire again at the least input as"
    ):
        kind(3, threshold=[125.0, 80.0, 125.0])


def test_reset__of_sweeps_and_of_the_chip():
    threshold = xr.DataArray([100.0, 125.0], dims="threshold")
    reset = xr.DataArray([[80.0, 110.0, 80.0]], dims=("goal", "neuron"))
    with pytest.warns(UserWarning, match=r"1 of 6 entries of a sweep have reset 110 and threshold 100"):
        b2.IAFNeuron(3, threshold=threshold, reset=reset)
    with pytest.warns(
        UserWarning, match=r"^reset\.hardware must be below threshold\.hardware .* reset 125 and threshold 90"
    ):
        b2.IAFNeuron(1, reset=b2.Parameter(model=0.0, hardware=125.0), threshold=b2.Parameter(model=1.0, hardware=90.0))
    with pytest.warns(
        UserWarning, match=r"^reset\.hardware must be below threshold\.hardware .* reset 150 and threshold 125"
    ):
        b2.IAFNeuron(1, reset=b2.Parameter(model=0.0, hardware=150.0))


def test_reset__is_warned_of_once():
    with pytest.warns(UserWarning, match="reset must be below"):
        restless = b2.IAFNeuron(1, reset=130.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pickle.loads(pickle.dumps(restless)) == restless, "as workers get it"
        assert restless.replace(tau_mem=5e-6).reset == 130.0, "nothing that was told has changed"
        b2.share_chip(restless, b2.LINeuron(1))
    with pytest.warns(UserWarning, match="reset 130 and threshold 90"):
        restless.replace(threshold=90.0)
    with pytest.warns(UserWarning, match=r"^tau_mem is 5 s") as found:
        restless.replace(tau_mem=5.0)
    assert len(found) == 1


def test_reset__of_rows_of_a_prior_is_warned_of_once():
    record = b2.Recording("count")
    simulator = b2.sbi.simulator(
        b2.IAFNeuron(2), np.ones((5, 1, 2)), ["threshold"], summary=lambda run: run.spike_count, record=record, dt=0.5
    )
    with (
        pytest.warns(UserWarning, match="1 of 2 entries of a sweep have reset 80 and threshold 70"),
        pytest.warns(UserWarning, match="^dt is 0.5 s") as found,
    ):
        simulator(np.array([[70.0], [100.0]]))
        simulator(np.array([[60.0], [70.0]]))
    assert [warning.filename for warning in found] == [__file__] * 2


def test_reset__such_neurons_fire_as_the_warning_says():
    with pytest.warns(UserWarning, match="reset must be below"):
        without, least = (b2.IAFNeuron(1, reset=reset, threshold=80.0, refractory_time=2e-6) for reset in (81.0, 80.0))
    jumps = np.zeros((10, 1, 1))
    run = b2.simulate(without, jumps)
    np.testing.assert_allclose(run.spike_time, np.arange(5) * 2e-6, atol=1e-12)
    assert b2.simulate(least, jumps).sizes["spike"] == 0
    jumps[1] = 1e-6
    assert b2.simulate(least, jumps).sizes["spike"] > 1


def test_warn_of_restless__of_no_neurons():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_restless([], [])
        warn_of_restless([80.0, 1.0], [125.0, 2.0])


TAU = xr.DataArray([1e-5, 1e-4, 1e-3], dims="tau")


def test_lazy_runs__warn_once_and_of_what_was_given():
    dask = pytest.importorskip("dask")
    count, jumps = b2.Recording("count"), np.ones((5, 1, 2))
    with pytest.warns(UserWarning, match=r"^dt is 1 s, ") as found:
        b2.simulate(b2.IAFNeuron(2, tau_mem=TAU.chunk(tau=1)), jumps, dt=1.0, record=count).compute()
    assert [warning.filename for warning in found] == [__file__], "not in each block"
    spikes, synapse = b2.sparse_spikes([1e-6], [0], n_neuron=1), b2.Synapse(np.ones((1, 2)))
    with pytest.warns(UserWarning, match=r"^duration is 2 s, ") as found:
        b2.simulate(b2.IAFNeuron(2, tau_mem=TAU.chunk()), spikes, synapse=synapse, duration=2.0, record=count)
    assert [warning.filename for warning in found] == [__file__]
    with pytest.warns(UserWarning, match="reset must be below"):
        restless = b2.IAFNeuron(2, reset=130.0, tau_mem=TAU)
        chunked = b2.IAFNeuron(2, reset=130.0, tau_mem=TAU.chunk(tau=1))
    high = b2.IAFNeuron(2, reset=200.0, threshold=xr.DataArray([300.0, 400.0], dims="level").chunk())
    bad = b2.IAFNeuron(2, threshold=xr.DataArray([70.0, 100.0], dims="level").chunk(level=1))
    with warnings.catch_warnings(), dask.config.set(scheduler="synchronous"):
        warnings.simplefilter("error")
        b2.simulate(restless, xr.DataArray(jumps, dims=("time", "batch", "neuron")).chunk(), record=count).compute()
        b2.simulate(chunked, jumps, record=count).compute()  # its threshold is not chunked
        b2.simulate(high, jumps, record=count).compute()  # no default stands for a chunked threshold
        lazy = b2.simulate(bad, jumps, record=count)
    with pytest.warns(UserWarning, match="the neurons have reset 80 and threshold 70") as found:
        lazy.compute(scheduler="synchronous")
    assert len(found) == 1, "in the one block that has it"


def test_sweep__warns_once(tmp_path):
    pytest.importorskip("zarr")
    with pytest.warns(UserWarning, match="reset must be below"):
        restless = b2.IAFNeuron(2, reset=130.0, tau_mem=TAU)
    with pytest.warns(UserWarning, match=r"^dt is 1 s, ") as found:
        b2.sweep(
            restless,
            np.ones((5, 1, 2)),
            dt=1.0,
            record=b2.Recording("count"),
            store=tmp_path / "run.zarr",
            chunks={"tau": 1},
            progress=False,
        )
    assert [warning.filename for warning in found] == [__file__]
