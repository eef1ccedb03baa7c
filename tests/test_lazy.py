"""Chunked arguments make runs lazy: nothing is computed before it is asked for, and the bits are those of the eager run."""

import itertools

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import bss2sim as b2

dask = pytest.importorskip("dask")
pytest.importorskip("dask.array")

RNG = np.random.default_rng(7)
SPIKES = xr.DataArray(RNG.random((60, 4, 5)) < 0.2, dims=("time", "batch", "input"))
WEIGHT = xr.DataArray(RNG.normal(20, 10, (2, 5, 3)), dims=("setting", "input", "neuron"))
THRESHOLD = xr.DataArray([[100.0], [110], [130]] + np.arange(3), dims=("level", "neuron"), coords={"level": [5, 7, 9]})
COUNT = b2.Recording("count", membrane=True, current=True)
CHIPS = xr.DataArray([3, 1, 4], dims="chip", coords={"chip": ["a", "b", "c"]})


class OnGpu:
    __cuda_array_interface__: dict = {}


def refuse(*args, **kwargs):
    raise AssertionError("computed before it was asked for")


def model(spikes, weight, threshold, record=COUNT, **options):
    neurons = b2.IAFNeuron(3, threshold=threshold, refractory_time=2e-6)
    return b2.simulate(neurons, spikes, synapse=b2.Synapse(weight), record=record, **options)


@pytest.fixture(scope="module")
def eager():
    return model(SPIKES, WEIGHT, THRESHOLD)


@given(data=st.data())
@settings(max_examples=12)
def test_lazy__bits_are_those_of_the_eager_run_for_every_chunking(eager, data):
    def cut(array, dims):
        sizes = {dim: data.draw(st.integers(1, array.sizes[dim]), label=str(dim)) for dim in dims}
        return array.chunk(sizes) if data.draw(st.booleans(), label="chunked") else array

    arrays = [cut(SPIKES, ["batch", "time"]), cut(WEIGHT, ["setting", "input"]), cut(THRESHOLD, ["level"])]
    with dask.config.set(scheduler=refuse):
        run = model(*arrays)
    chunked = any(array.chunks is not None for array in arrays)
    assert all((v.chunks is not None) is chunked for v in run.data_vars.values())
    with dask.config.set(scheduler="synchronous"):
        xr.testing.assert_identical(run.compute(), eager)
    for variable in run.data_vars:
        assert run[variable].dtype == eager[variable].dtype


@pytest.mark.parametrize("spikes", ["dense", "first"])
@pytest.mark.parametrize("integrator", ["exact", "euler"])
def test_lazy__all_recordings(spikes, integrator):
    record = b2.Recording(spikes, current=True, neuron=[2, 0])
    eager = model(SPIKES.astype("f4"), WEIGHT.astype("f4"), THRESHOLD, record, integrator=integrator)
    run = model(SPIKES.astype("f4").chunk(batch=3), WEIGHT.astype("f4"), THRESHOLD, record, integrator=integrator)
    assert run.attrs == eager.attrs
    xr.testing.assert_identical(run.compute(scheduler="threads"), eager)


def test_lazy__pair_of_time_constants_and_jumps():
    jumps = RNG.normal(5, 20, (40, 3))
    taus = xr.DataArray([5e-6, 8e-6], dims="tau")
    record = b2.Recording(None, membrane=True, current=True, sample_time=[3e-6, 7.5e-6])

    def run(tau, jumps):
        return b2.simulate(b2.IAFNeuron(3, tau_syn=(tau, 1e-5)), jumps, record=record)

    lazy = run(taus.chunk(tau=1), jumps)
    assert lazy.current.chunksizes["tau"] == (1, 1)
    xr.testing.assert_identical(lazy.compute(), run(taus, jumps))
    other = xr.DataArray([1e-5, 2e-5, 3e-5], dims="other").chunk(other=2)
    for pair in ((taus.chunk(tau=1), other), (taus.chunk(tau=1), 2 * taus.chunk(tau=2)), (1e-5, other)):
        neurons = b2.IAFNeuron(3, tau_syn=pair)
        eager = b2.IAFNeuron(3, tau_syn=tuple(part if isinstance(part, float) else part.compute() for part in pair))
        lazy = b2.simulate(neurons, jumps, record=record)
        assert lazy.current.chunks is not None
        xr.testing.assert_identical(lazy.compute(), b2.simulate(eager, jumps, record=record))
    arrays = dask.array.from_array(jumps, chunks=(7, 2))  # without names, and without trials
    xr.testing.assert_identical(run(taus, arrays).compute(), run(taus, jumps))


@pytest.mark.filterwarnings("ignore:calibration failed for")
@pytest.mark.parametrize("chip", [{}, {"chip": b2.EmulatedChip(seed=7)}], ids=["model", "chip"])
@pytest.mark.parametrize(
    ("model", "hardware"), [("level", lambda model: model - 3), ("level", 100.0), (100.0, "level"), ("level", "other")]
)
def test_lazy__parameters_with_a_value_for_model_and_chip(model, hardware, chip):
    arrays = {dim: xr.DataArray([100.0, 110, 130], {dim: [2, 3, 4]}, (dim,)) for dim in ("level", "other")}

    def run(cut):
        values = [cut(arrays[value]) if isinstance(value, str) else value for value in (model, hardware)]
        neurons = b2.IAFNeuron(3, threshold=b2.Parameter(*values), refractory_time=2e-6)
        return b2.simulate(neurons, SPIKES, synapse=b2.Synapse(WEIGHT[0]), record=b2.Recording("count"), **chip)

    with dask.config.set(scheduler=refuse):
        lazy = run(lambda array: array.chunk(2))
    eager = run(lambda array: array)
    assert lazy.spike_count.chunks is not None
    assert (
        lazy.spike_count.sizes == eager.spike_count.sizes
    )  # dims of the value that the run does not read are none of it
    xr.testing.assert_identical(lazy.compute(scheduler="synchronous").assign_attrs(eager.attrs), eager)


def test_lazy__without_trials():
    jumps, threshold = RNG.normal(8, 20, (40, 3)), dask.array.from_array(np.array([90.0, 100, 110]), chunks=1)
    with dask.config.set(scheduler=refuse):
        run = b2.simulate(
            b2.IAFNeuron(3, threshold=threshold, holdoff_time=3e-6, refractory_time=4e-6), jumps, record=COUNT
        )
    eager = b2.IAFNeuron(3, threshold=threshold.compute(), holdoff_time=3e-6, refractory_time=4e-6)
    xr.testing.assert_identical(run.compute(), b2.simulate(eager, jumps, record=COUNT))
    refractory = dask.array.full(3, 4e-6)  # its default, 0, is less than the holdoff
    run = b2.simulate(eager.replace(refractory_time=refractory), jumps, record=COUNT)
    xr.testing.assert_identical(run.compute(), b2.simulate(eager, jumps, record=COUNT))


def test_lazy__sparse_spikes_are_cut_by_trial():
    spikes = b2.sparse_spikes(
        np.sort(RNG.uniform(0, 60e-6, 40)), RNG.integers(0, 5, 40), RNG.integers(0, 4, 40), n_batch=4, duration=60e-6
    )
    lazy = model(spikes, WEIGHT.chunk(setting=1), THRESHOLD)
    xr.testing.assert_identical(lazy.compute(), model(spikes, WEIGHT, THRESHOLD))


def test_lazy__sparse_matrix_and_raw_arrays():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    matrix = scipy_sparse.csr_array(WEIGHT[0].values)
    lazy = model(SPIKES, matrix, THRESHOLD.chunk(level=1))
    xr.testing.assert_identical(lazy.compute(), model(SPIKES, matrix, THRESHOLD))
    raw = dask.array.from_array(WEIGHT[0].values, chunks=2)
    xr.testing.assert_identical(model(SPIKES, raw, THRESHOLD).compute(), model(SPIKES, WEIGHT[0], THRESHOLD))


@pytest.mark.parametrize("dim", ["level", "batch"])
def test_lazy__the_graph_holds_every_number_once(dim):
    import cloudpickle

    spikes = xr.DataArray(RNG.random((200, 1000, 5)) < 0.2, dims=("time", "batch", "input"))
    run = model(spikes, WEIGHT, xr.DataArray(np.full(1000, 100.0), dims=dim).chunk({dim: 100}))
    graph = dict(run.membrane.data.__dask_graph__())
    assert len(run.membrane.data.__dask_keys__()) == (10 if dim == "batch" else 1)
    assert spikes.nbytes < len(cloudpickle.dumps(graph)) < 1.2 * spikes.nbytes  # 10 blocks read all of them, or a part


def test_lazy__one_task_a_block():
    seen = []
    run = model(SPIKES.chunk(batch=1), WEIGHT, THRESHOLD.chunk(level=2))
    from dask.callbacks import Callback

    with Callback(pretask=lambda key, *_: seen.append(key)):
        dask.compute(run.membrane, run.spike_count, scheduler="synchronous")
    blocks = [key for key in seen if isinstance(key, tuple) and str(key[0]).startswith("bss2sim-") and len(key) == 4]
    assert len(set(blocks)) == len(blocks) == 4 * 2  # batch, setting, level: (4, 1, 2) chunks


@pytest.mark.parametrize("chunks", [{"chip": 2}, {"batch": 3}, {"run": 1}, {"chip": 2, "batch": 2, "run": 1}])
def test_lazy__noise_of_a_chip_does_not_depend_on_the_chunks(chip_run, chunks):
    neurons, calibration, run, eager = chip_run
    lazy = b2.simulate(
        neurons,
        SPIKES.chunk(batch=chunks["batch"]) if "batch" in chunks else SPIKES,
        synapse=b2.Synapse(WEIGHT[0]),
        record=b2.Recording("count", membrane=True),
        chip=b2.EmulatedChip(CHIPS.chunk(chip=chunks["chip"]) if "chip" in chunks else CHIPS),
        run=run.chunk(run=1) if "run" in chunks else run,
        calibration=calibration,
    )
    if chunks == {"batch": 3}:
        assert lazy.membrane.chunksizes["batch"] == (3, 1)
    xr.testing.assert_identical(lazy.compute(scheduler="synchronous"), eager)


def test_lazy__input_may_be_a_run_with_all_that_it_recorded():
    first = model(SPIKES, WEIGHT[0], 90.0, b2.Recording(membrane=True))
    weight = xr.DataArray(np.full((2, 3, 3), 30.0), dims=("setting", "input", "neuron"))
    eager = model(first, weight, 100.0)
    assert eager.spike_count.sum() > 0
    lazy = model(first, weight.chunk(setting=1), 100.0)
    xr.testing.assert_identical(lazy.compute(scheduler="synchronous"), eager)


@pytest.fixture(scope="module")
def chip_run():
    neurons = b2.IAFNeuron(3, refractory_time=2e-6)
    chip = b2.EmulatedChip(CHIPS)
    with pytest.warns(UserWarning, match="calibration failed for"):
        calibration = b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([neurons]))
    run = xr.DataArray([0, 5], dims="run")
    eager = b2.simulate(
        neurons, SPIKES, synapse=b2.Synapse(WEIGHT[0]), record=b2.Recording("count", membrane=True), chip=chip,
        calibration=calibration, run=run,
    )  # fmt: skip
    assert not (eager.membrane[dict(run=0)] == eager.membrane[dict(run=1)]).all()  # so noise matters
    return neurons, calibration, run, eager


def test_lazy__batch_labels_and_settings_without_calibration():
    spikes = SPIKES.assign_coords(batch=[10, 2, 30, 4])
    neurons = b2.IAFNeuron(3, refractory_time=2e-6, threshold=THRESHOLD[:, 0])
    options = {"synapse": b2.Synapse(WEIGHT[0]), "chip": b2.EmulatedChip(seed=7), "start": "carried"}
    options["record"] = b2.Recording(None, membrane=True)
    lazy = b2.simulate(neurons, spikes.chunk(batch=1, time=9), **options)
    assert lazy.membrane.chunksizes["batch"] == (4,)  # each entry begins where the one before ended
    options["start"] = "reset"
    lazy = b2.simulate(neurons.replace(threshold=THRESHOLD[:, 0].chunk(level=2)), spikes.chunk(batch=3), **options)
    eager = b2.simulate(neurons, spikes, **options)
    assert lazy.attrs["calibration_id"] == "made in each block"
    computed = lazy.compute(scheduler="synchronous")
    xr.testing.assert_identical(computed.assign_attrs(eager.attrs), eager)


def test_lazy__bad_numbers_are_found_when_they_are_computed():
    bad = THRESHOLD.copy(data=np.where(np.arange(3)[:, None] == 1, np.nan, THRESHOLD.values)).chunk(level=1)
    run = model(SPIKES, WEIGHT, bad)
    with pytest.raises(b2.ParameterError, match="threshold must be finite") as caught:
        run.spike_count.compute(scheduler="synchronous")
    assert "This was in the block with" in caught.value.__notes__[0] and "level 1 to 1" in caught.value.__notes__[0]
    weight = WEIGHT.where(WEIGHT != WEIGHT[1, 2, 0]).chunk(setting=1)
    with pytest.raises(b2.ParameterError, match="weight must be finite"):
        model(SPIKES, weight, THRESHOLD).spike_count.compute(scheduler="synchronous")
    holdoff = xr.DataArray([1e-6, 9e-6], dims="h").chunk(h=1)
    neurons = b2.IAFNeuron(5, refractory_time=2e-6, holdoff_time=holdoff)
    with pytest.raises(b2.ParameterError, match="holdoff_time must be at most"):
        b2.simulate(neurons, SPIKES.rename(input="neuron") * 1.0, record=COUNT).compute(scheduler="synchronous")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"record": None},
            b2.ParameterError,
            r"the number of sparse spikes of a lazy run .* sweep\(.*, or call .compute\(\)",
        ),
        ({"return_state": True}, b2.ParameterError, "return_state does not go with blocks"),
        ({"out": {"membrane": 1}}, b2.ParameterError, "out does not go with blocks"),
        ({"state": xr.Dataset()}, b2.ParameterError, "state does not go with blocks"),
        ({"device": "gpu"}, b2.ParameterError, "device must be one of"),
        ({"integrator": "eulr"}, b2.ParameterError, "did you mean 'euler'"),
        ({"chip": 3}, b2.ParameterError, "chip must be an EmulatedChip"),
        ({"chip": b2.EmulatedChip(), "device": "gpu"}, b2.ParameterError, "device must be one of"),
        ({"threads": 0}, b2.ParameterError, "threads must be at least 1"),
        ({"threads": 2, "device": "cuda"}, b2.ParameterError, "leave it out with device='cuda'"),
    ],
)
def test_lazy__refuses_at_once(arguments, error, message):
    with dask.config.set(scheduler=refuse), pytest.raises(error, match=message):
        model(SPIKES.chunk(), WEIGHT, THRESHOLD, **{"record": COUNT, **arguments})


def test_lazy__device_of_a_chip_is_decided_before_the_blocks_run():
    arguments = {
        "synapse": b2.Synapse(np.ones((4, 2))),
        "chip": b2.EmulatedChip(seed=xr.DataArray([1, 2], dims="chip").chunk(chip=1)),
    }
    spikes = np.zeros((60, 1, 4))
    with dask.config.set(scheduler=refuse):
        lazy = b2.simulate(b2.IAFNeuron(2), spikes, record=b2.Recording("count"), device="cuda", **arguments)
        with b2.set_options(device="auto"):
            kept = b2.simulate(b2.IAFNeuron(2), spikes, record=b2.Recording("count"), **arguments)
    assert lazy.attrs["device"] == "cuda"  # of the workers; this process needs none
    assert kept.attrs["device"] == "cpu"
    assert "with device='cuda' alone" in kept.attrs["device_choice"]


def test_lazy__refuses_arrays_that_do_not_fit():
    with pytest.raises(b2.InputError, match="dim 'batch' has 4 entries in inputs and 3 in weight"):
        model(SPIKES.chunk(), WEIGHT[[0, 1, 1]].rename(setting="batch"), THRESHOLD)
    with pytest.raises(
        b2.InputError, match=r"inputs have dims \('time', 'batch', 'neuron'\); they need `time` and `input`"
    ):
        model(SPIKES.rename(input="neuron").chunk(), WEIGHT, THRESHOLD)
    with pytest.raises(b2.InputError, match=r"inputs have dims \('batch', 'input'\); they need `time` and `input`"):
        model(SPIKES[0].chunk(), WEIGHT, THRESHOLD)
    with pytest.raises(b2.InputError, match=r"inputs have shape \(60,\)"):
        model(dask.array.zeros(60), WEIGHT, THRESHOLD)
    with pytest.raises(b2.ParameterError, match=r"weight must have two dims .input, neuron.; got shape \(3,\)"):
        b2.Synapse(dask.array.zeros(3))
    with pytest.raises(b2.ParameterError, match=r"threshold has shape \(3, 3\); give dims names"):
        b2.IAFNeuron(3, threshold=dask.array.zeros((3, 3)))
    assert b2.IAFNeuron(3, threshold=dask.array.ones(3)).threshold.dims == ("neuron",)
    with pytest.raises(b2.InputError, match="inputs of blocks come from the memory of the processor"):
        b2.simulate(b2.IAFNeuron(3, threshold=THRESHOLD.chunk()), OnGpu())
    with pytest.raises(b2.ParameterError, match="threshold must be real numbers"):
        b2.IAFNeuron(3, threshold=THRESHOLD.astype(str).chunk())
    with pytest.raises(b2.ParameterError, match="spike_mask must be True or False"):
        b2.IAFNeuron(3, spike_mask=THRESHOLD.chunk())
    with pytest.raises(b2.ParameterError, match="threshold has 3 entries along neuron"):
        b2.IAFNeuron(4, threshold=THRESHOLD.chunk())
    spikes = model(SPIKES, WEIGHT, THRESHOLD, b2.Recording()).chunk()
    with pytest.raises(b2.InputError, match=r"spike_time is chunked \(dask\)"):
        b2.simulate(b2.IAFNeuron(2), spikes, synapse=b2.Synapse(np.ones((3, 2))))
    with pytest.raises(b2.InputError, match="sparse spikes are chunked"):
        b2.simulate(b2.IAFNeuron(2), spikes, synapse=b2.Synapse(xr.zeros_like(WEIGHT[:, :3, :2]).chunk()))


def test_lazy__warns_of_labels_that_repeat():
    spikes = SPIKES.assign_coords(batch=[1, 2, 1, 3]).chunk(batch=2)
    with pytest.warns(UserWarning, match="batch has the same label more than once"):
        b2.simulate(
            b2.IAFNeuron(3), spikes, synapse=b2.Synapse(WEIGHT[0]), chip=b2.EmulatedChip(seed=7),
            record=b2.Recording("count"),
        )  # fmt: skip


def test_lazy__each_kernel_runs_on_one_thread(monkeypatch):
    from bss2sim import exact_run

    used = set()
    original = exact_run.run_chunks
    monkeypatch.setattr(
        exact_run, "run_chunks", lambda n, threads, work: (used.add(threads), original(n, threads, work))
    )
    model(SPIKES.chunk(batch=1), WEIGHT, THRESHOLD).spike_count.compute(scheduler="threads")
    assert used == {1}


def test_lazy__device_of_the_options_is_that_of_the_tasks():
    with b2.set_options(device="cuda"):
        run = model(SPIKES.chunk(batch=1), WEIGHT, THRESHOLD)
    assert run.attrs["device"] == "cuda"
    with b2.set_options(device="auto"):
        run = model(SPIKES.chunk(batch=1), WEIGHT, THRESHOLD)
    eager = model(SPIKES, WEIGHT, THRESHOLD)
    assert run.attrs["device"] == "auto"
    np.testing.assert_array_equal(run.membrane, eager.membrane)  # a small run stays on the processor


def test_lazy__in_other_processes(eager, monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # nothing to compile there
    run = model(SPIKES.chunk(batch=2), WEIGHT.chunk(setting=1), THRESHOLD)
    xr.testing.assert_identical(run.compute(scheduler="processes", num_workers=1), eager)


def test_lazy__grid():
    from bss2sim.broadcasting import Trials
    from bss2sim.lazy.grid import unite

    grid = unite(Trials({"a": 5, "b": 4}), {("x",): {"a": (2, 3), "time": (1,)}, ("y",): {"a": (4, 1), "b": (4,)}})
    assert grid.chunks == {"a": (2, 2, 1), "b": (4,)} and grid.size == 3 and grid.shape == (3, 1)
    covered = np.zeros((5, 4), int)
    for index in grid:
        covered[tuple(grid.where(index).values())] += 1
    assert (covered == 1).all() and list(grid) == list(itertools.product(range(3), range(1)))
    assert grid.name((2, 0)) == "a 4 to 4, b 0 to 3" and grid.along(("time", "b", "a"), (2, 0)) == (0, 0, 2)
    assert unite(Trials(), {}).name(()) == "all of it"
