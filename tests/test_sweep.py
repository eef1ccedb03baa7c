"""Sweeps into a store: the bits of the eager run, whatever the blocks; resumed, refused, and never a finished block lost."""

import errno
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import bss2sim as b2

dask = pytest.importorskip("dask")
zarr = pytest.importorskip("zarr")

RNG = np.random.default_rng(7)
SPIKES = xr.DataArray(RNG.random((60, 4, 5)) < 0.2, dims=("time", "batch", "input"))
WEIGHT = RNG.normal(35, 5, (5, 3))
LEVEL = xr.DataArray([100.0, 110, 130, 90, 120], dims="level", coords={"level": [5, 7, 9, 11, 13]})
NEURONS = b2.IAFNeuron(3, threshold=LEVEL, refractory_time=2e-6)
SPARSE = b2.Recording("sparse", membrane=True)


def arguments(**changes):
    return {"synapse": b2.Synapse(WEIGHT), "record": SPARSE, **changes}


def sweep(store, inputs=SPIKES, neurons=NEURONS, *, chunks=None, **changes):
    return b2.sweep(neurons, inputs, store=store, chunks=chunks, progress=False, **arguments(**changes))


@pytest.fixture(scope="module")
def eager():
    return b2.simulate(NEURONS, SPIKES, **arguments())


@pytest.fixture
def store(tmp_path):
    return tmp_path / "run.zarr"


def records(store):
    return sorted((store / "sweep" / "blocks").glob("*.json"))


@pytest.fixture
def blocks_run(monkeypatch):
    """Number the blocks that are computed."""
    from bss2sim.lazy.block import Runner

    names = []
    original = Runner.run

    def run(self, where, name, pieces):
        names.append(name)
        return original(self, where, name, pieces)

    monkeypatch.setattr(Runner, "run", run)
    return names


@pytest.mark.parametrize("chunks", [None, {"level": 2}, {"level": 2, "batch": 3}, {"batch": 1, "level": -1}])
def test_sweep__is_the_eager_run_for_all_blocks(store, eager, chunks):
    run = sweep(store, chunks=chunks)
    assert all(variable.chunks is not None for variable in run.data_vars.values())
    xr.testing.assert_identical(run.compute(), eager)
    assert list(run.data_vars) == list(eager.data_vars) and run.attrs == eager.attrs
    for name, variable in run.variables.items():
        assert variable.dtype == eager.variables[name].dtype, name
    plain = xr.open_zarr(store)  # by any reader, without the sparse spikes
    xr.testing.assert_identical(plain.membrane.compute(), eager.membrane)
    xr.testing.assert_identical(b2.open_sweep(str(store)).compute(), eager)


def test_sweep__of_chunked_arguments_takes_their_chunks(store, eager):
    neurons = NEURONS.replace(threshold=LEVEL.chunk(level=3))
    run = sweep(store, SPIKES.chunk(batch=1, time=7), neurons)
    assert len(records(store)) == 8
    xr.testing.assert_identical(run.compute(), eager)
    run = sweep(store, SPIKES.chunk(batch=2), neurons)  # other chunks, same numbers
    other = SPIKES.copy(data=SPIKES.values ^ (np.arange(4) == 2)[:, None]).chunk(batch=4)
    with pytest.raises(b2.FileError, match=r"another sweep .inputs, batch 2 to 2: \w+ in the store, \w+ now"):
        sweep(store, other, neurons)


def test_sweep__of_parameters_with_a_value_for_model_and_chip(store):
    """Dims of the value of the chip are none of a run of the model, and none of its sparse spikes."""

    def neurons(model):
        return NEURONS.replace(threshold=b2.Parameter(model, LEVEL.rename(level="other")))

    run = sweep(store, neurons=neurons(LEVEL.chunk(level=2)))
    xr.testing.assert_identical(run.compute(), b2.simulate(neurons(LEVEL), SPIKES, **arguments()))
    with pytest.raises(b2.FileError, match=r"another sweep .neurons.threshold.model, level 2 to 3: \w+ in the store"):
        sweep(store, neurons=neurons(LEVEL.where(LEVEL != 130, 131).chunk(level=2)))


def test_sweep__counts_without_sparse_spikes(store):
    record = b2.Recording("count")
    run = sweep(store, record=record, chunks={"level": 1}, integrator="euler")
    xr.testing.assert_identical(
        run.compute(), b2.simulate(NEURONS, SPIKES, **arguments(record=record, integrator="euler"))
    )


def test_sweep__without_trials_and_without_spikes(store):
    neurons = b2.IAFNeuron(3, threshold=1e6, refractory_time=2e-6)
    run = sweep(store, SPIKES[:, 0], neurons)
    assert run.sizes["spike"] == 0
    xr.testing.assert_identical(run.compute(), b2.simulate(neurons, SPIKES[:, 0], **arguments()))


def test_sweep__of_chips(store):
    neurons = b2.IAFNeuron(3, refractory_time=2e-6)
    chip = b2.EmulatedChip(xr.DataArray([3, 1, 4], dims="chip"))
    with pytest.warns(UserWarning, match="calibration failed for"):
        calibration = b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([neurons]))
    weight = b2.Synapse(xr.DataArray([WEIGHT, WEIGHT / 2], dims=("setting", "input", "neuron")), transform=1.2)
    options = {"synapse": weight, "chip": chip, "calibration": calibration, "run": xr.DataArray([0, 5], dims="run")}
    eager = b2.simulate(neurons, SPIKES, **arguments(**options))
    assert not (eager.membrane[dict(run=0)] == eager.membrane[dict(run=1)]).all()  # so noise matters
    run = sweep(store, neurons=neurons, chunks={"chip": 2, "batch": 3, "run": 1, "setting": 1}, **options)
    xr.testing.assert_identical(run.compute(), eager)
    np.testing.assert_array_equal(run.attrs["chip_seed"], [3, 1, 4])
    with pytest.raises(b2.FileError, match=r"chip_seed: int64 .* \[3, 1, 4\] in the store, .* \[3, 1, 5\] now"):
        with pytest.warns(UserWarning, match="the calibration was made for the chip of seed"):
            sweep(store, neurons=neurons, **{**options, "chip": b2.EmulatedChip(xr.DataArray([3, 1, 5], dims="chip"))})
    with pytest.raises(b2.FileError, match=r"run: int64 .* \[0, 5\] in the store, .* \[0, 6\] now"):
        sweep(store, neurons=neurons, **{**options, "run": xr.DataArray([0, 6], dims="run")})
    with pytest.raises(b2.FileError, match=r"transform: 1.2 in the store, 1.3 now"):
        sweep(store, neurons=neurons, **{**options, "synapse": b2.Synapse(weight.weight, transform=1.3)})
    with pytest.raises(b2.FileError, match=r"weight: float64 .* sha256 \w+ in the store"):
        sweep(store, neurons=neurons, **{**options, "synapse": b2.Synapse(weight.weight, transform=lambda w: w * 1.3)})
    with pytest.raises(b2.FileError, match=r"calibration_id: '\w+' in the store, 'made in each block' now"):
        sweep(store, neurons=neurons, **{**options, "calibration": None})


def test_sweep__resumes_what_is_missing(store, eager, blocks_run):
    sweep(store, chunks={"level": 1, "batch": 2})
    assert len(blocks_run) == 10
    records(store)[3].unlink()
    run = sweep(store)
    assert blocks_run[10:] == ["batch 0 to 1, level 13 to 13".replace("13", "3")]
    xr.testing.assert_identical(run.compute(), eager)
    sweep(store)
    assert len(blocks_run) == 11  # nothing was missing


@pytest.mark.parametrize("damage", ["flip", "delete", "truncate", "record", "spikes"])
def test_sweep__damaged_blocks_are_named_and_computed_again(store, eager, blocks_run, damage):
    sweep(store, chunks={"level": 2})
    file = {"record": store / "sweep/blocks/000001.json", "spikes": store / "spikes/000001/spike_time/c/0"}.get(
        damage, store / "membrane/c/0/1/0/0"
    )
    content = file.read_bytes()
    if damage == "delete":
        file.unlink()
    else:
        file.write_bytes(
            content[:-1] + bytes([content[-1] ^ 1]) if damage in ("flip", "spikes") else content[: len(content) // 2]
        )
    what = {"delete": "is missing", "record": "cannot be read"}.get(damage, "has another checksum")
    name = file.relative_to(store).as_posix()
    with pytest.warns(
        UserWarning, match=f"1 of the finished blocks are damaged .*: batch 0 to 3, level 2 to 3 .{name} {what}"
    ):
        run = sweep(store)
    assert len(blocks_run) == 4
    xr.testing.assert_identical(run.compute(), eager)


def test_sweep__readers_see_a_damaged_chunk(store):
    run = sweep(store, chunks={"level": 2})
    file = store / "membrane/c/0/1/0/0"
    content = file.read_bytes()
    file.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    with pytest.raises(ValueError, match="checksum"):
        run.membrane.compute()


@pytest.mark.parametrize("file", ["zarr.json", "level/c/0", "membrane/zarr.json"])
def test_sweep__damaged_labels_are_refused(store, file):
    sweep(store)
    (store / file).write_bytes((store / file).read_bytes() + b" ")
    with pytest.raises(b2.FileError, match=f"{file} has another checksum than when it was written; restore it"):
        sweep(store)
    (store / file).unlink()
    with pytest.raises(b2.FileError, match=f"{file} is missing"):
        sweep(store)


def test_sweep__descriptions_that_are_none(store):
    sweep(store)
    description = store / "sweep/zarr.json"
    content = json.loads(description.read_text())
    content["attributes"]["format"] = 99
    description.write_text(json.dumps(content))
    with pytest.raises(b2.FileError, match="has format 99 of a bss2sim sweep; this version reads 1"):
        sweep(store)
    description.write_text("{")
    with pytest.raises(b2.FileError, match=r"sweep/zarr.json is damaged: JSONDecodeError"):
        b2.open_sweep(store)
    description.unlink()
    with pytest.raises(b2.FileError, match="holds no sweep"):
        sweep(store)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"neurons": NEURONS.replace(reset=70.0)}, "neurons.reset: 80.0 in the store, 70.0 now"),
        ({"neurons": NEURONS.replace(trace_scale=2.0)}, "neurons.trace_scale: the default in the store, 2.0 now"),
        ({"neurons": NEURONS.replace(threshold=LEVEL + 1)}, r"neurons.threshold: float64 .level: 5. \[100.0.* now"),
        ({"neurons": NEURONS.replace(threshold=LEVEL.assign_coords(level=range(5)))}, "labels: "),
        (
            {"neurons": b2.LIFNeuron(3, threshold=LEVEL, refractory_time=2e-6)},
            "neurons: IAFNeuron, size 3 in the store, LIFN",
        ),
        (
            {"inputs": SPIKES & (np.arange(4) != 2)[:, None]},
            r"inputs: bool .* sha256 \w+ in the store, bool .* sha256 \w+ now",
        ),
        ({"inputs": SPIKES[:50]}, "inputs: bool .*time: 60.* in the store"),
        ({"synapse": b2.Synapse(WEIGHT + 1)}, "weight: float64 .* sha256"),
        ({"dt": 2e-6}, "dt: 1e-06 in the store, 2e-06 now"),
        ({"record": b2.Recording("sparse")}, "record: membrane, spike_time.* in the store, spike_time.* now"),
        (
            {"record": b2.Recording(membrane=True, neuron=[1])},
            "record.neuron: the default in the store, int64 .* .1. now",
        ),
        ({"integrator": "euler"}, "integrator: 'exact' in the store, 'euler' now"),
        ({"device": "auto"}, "device: 'cpu' in the store, 'auto' now"),
        ({"chunks": {"level": 1}}, r"was made with chunks=\{'batch': 4, 'level': 2\}; leave chunks out"),
    ],
)
def test_sweep__refuses_the_store_of_another_sweep(other_store, changes, message):
    before = {path: path.read_bytes() for path in other_store.rglob("*") if path.is_file()}
    with pytest.raises(b2.FileError, match=message):
        sweep(other_store, **changes)
    assert before == {path: path.read_bytes() for path in other_store.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def other_store(tmp_path_factory):
    store = tmp_path_factory.mktemp("other") / "run.zarr"
    sweep(store, chunks={"level": 2})
    return store


def test_sweep__takes_the_store_of_the_same_sweep_said_otherwise(other_store, blocks_run):
    spikes = SPIKES.transpose("time", "batch", "input").drop_attrs().values
    neurons = NEURONS.replace(reset=np.float32(80), tau_mem=1e-5)
    run = sweep(other_store, spikes, neurons, integrator="exact", dt=1e-6, device="cpu", chunks={"level": 2}, threads=2)
    assert blocks_run == [] and run.sizes["level"] == 5


@pytest.mark.parametrize("package", ["bss2sim", "numpy", "numba"])
def test_sweep__refuses_the_store_of_another_version(other_store, monkeypatch, package):
    from bss2sim.sweeps import digests

    monkeypatch.setattr(digests, "__version__", "9.9" if package == "bss2sim" else b2.__version__)
    known = digests.version
    monkeypatch.setattr(digests, "version", lambda name: "9.9" if name == package else known(name))
    with pytest.raises(b2.FileError, match=rf"version of {package}: \S+ in the store, 9.9 now"):
        sweep(other_store)


def test_sweep__many_differences_are_counted():
    from bss2sim.sweeps.digests import differences

    text = differences({str(k): "a" for k in range(9)}, {str(k): "b" * 200 for k in range(9)})
    assert text.endswith("; and 3 more") and text.startswith("0: a in the store, bbb") and " ... " in text
    assert differences({"x": "1"}, {"x": "1"}) == ""


def test_sweep__a_transform_acts_by_what_it_makes_of_chunked_weights(store):
    neurons = b2.IAFNeuron(3, refractory_time=2e-6)
    weight = xr.DataArray([WEIGHT, WEIGHT / 2], dims=("setting", "input", "neuron")).chunk(setting=1)
    options = {"chip": b2.EmulatedChip(seed=7), "record": b2.Recording("count")}
    sweep(store, neurons=neurons, synapse=b2.Synapse(weight, transform=lambda w: 1.2 * w), **options)
    sweep(store, neurons=neurons, synapse=b2.Synapse(weight, transform=lambda w: w * 1.2), **options)
    with pytest.raises(b2.FileError, match="weight, setting 0 to 0"):
        sweep(store, neurons=neurons, synapse=b2.Synapse(weight, transform=lambda w: w * 1.3), **options)


@pytest.mark.parametrize("where", ["chunk", "record", "spikes", "labels"])
def test_sweep__a_full_disk_loses_nothing(store, eager, monkeypatch, blocks_run, where):
    """Write until there is no room, in the middle of a file."""
    room = {"chunk": 3, "spikes": 3, "record": 3, "labels": -1}[where]
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    written = []
    if where == "record":
        original = Path.write_text

        def write_text(self, *args, **kwargs):
            if self.name.endswith(".partial"):
                written.append(self)
                if len(written) > room:
                    original(self, '{"half')
                    raise full
            return original(self, *args, **kwargs)

        monkeypatch.setattr(Path, "write_text", write_text)
    else:
        from zarr.storage import LocalStore

        part = {"chunk": "membrane/c", "spikes": "spike_time/", "labels": "level/c"}[where]
        original = LocalStore.set

        async def set_(self, key, value):
            if part in f"{self.root}/{key}":
                written.append(key)
                if len(written) > room:
                    raise full
            await original(self, key, value)

        monkeypatch.setattr(LocalStore, "set", set_)
    with dask.config.set(scheduler="synchronous"):
        message = r"level \d to \d could not be written: .*No space left.*Finished blocks are kept; make room"
        message = r"could not be made: .*No space left" if where == "labels" else message
        with pytest.raises(b2.FileError, match=message):
            sweep(store, chunks={"level": 1})
        monkeypatch.undo()
        assert not list(store.parent.rglob("*.partial")) and not list(store.parent.glob(".*"))
        if where == "labels":
            assert not store.exists()
        else:
            finished = len(records(store))
            assert finished == (1 if where == "spikes" else 3)
            with pytest.raises(
                b2.FileError, match=f"is not finished: {5 - finished} of 5 blocks are missing, the first with"
            ):
                b2.open_sweep(store)
        done = len(records(store)) if store.exists() else 0
        kept = {path: path.stat().st_mtime_ns for path in records(store)}
        run = sweep(store, chunks={"level": 1})
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items()) and done < 5
    xr.testing.assert_identical(run.compute(), eager)


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import test_sweep
print("ready", flush=True)
test_sweep.sweep({store!r}, chunks={{"level": 1, "batch": 1}})
print("done", flush=True)
"""


def kill_and_resume(store, eager, times, seed):
    """Kill a process that sweeps at random moments, and finish what it began."""
    draw = random.Random(seed)
    script = SCRIPT.format(tests=str(Path(__file__).parent), store=str(store))
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}  # blocks take long enough to be hit
    killed, most = 0, 0
    for _ in range(times):
        process = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        stamps = {path: path.stat().st_mtime_ns for path in records(store)}
        time.sleep(draw.uniform(0.05, 1.5))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        process.stdout.close()
        assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())  # what was finished stayed
        if len(stamps) < len(records(store)) < 20:
            assert (store / "sweep" / "claim.json").exists()  # which does not keep the next one out
        most = max(most, len(records(store)))
        if most == 20:  # begin anew
            import shutil

            xr.testing.assert_identical(sweep(store).compute(), eager)
            shutil.rmtree(store)
    run = sweep(store, chunks={"level": 1, "batch": 1})
    xr.testing.assert_identical(run.compute(), eager)
    assert not list(store.rglob("*.partial")) and not list(store.parent.glob(".*"))
    return killed


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_sweep__killed_at_random_moments(store, eager):
    assert kill_and_resume(store, eager, 3, seed=1) >= 1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_sweep__killed_many_times(store, eager, request):
    if not request.config.getoption("--long-sweeps"):
        pytest.skip("takes a minute or two: --long-sweeps")
    assert kill_and_resume(store, eager, 20, seed=2) >= 10


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"treads": 2}, b2.UnknownKeywordError, r"sweep\(\) has no argument 'treads'; did you mean 'threads'"),
        ({"state": None}, b2.UnknownKeywordError, r"sweep\(\) has no argument 'state'"),
        ({"chunks": {"levle": 1}}, b2.ParameterError, "chunks has a dim 'levle', which .* did you mean 'level'"),
        ({"chunks": {"level": 0}}, b2.ParameterError, r"chunks\['level'\] must be a whole number of at least 1, or -1"),
        ({"chunks": {"level": 1.5}}, b2.ParameterError, r"chunks\['level'\] must be a whole number"),
        ({"chunks": 3}, b2.ParameterError, "chunks must be a mapping of dims"),
    ],
)
def test_sweep__refuses_arguments(store, changes, error, message):
    with pytest.raises(error, match=message):
        sweep(store, **changes)
    assert not store.exists()


def test_sweep__refuses_stores_and_progress(store):
    with pytest.raises(b2.ParameterError, match="store must be the path of a directory; got int"):
        sweep(3)
    with pytest.raises(
        b2.ParameterError, match="store must be a directory on a disk that all workers share; got 's3://x'"
    ):
        sweep("s3://x")
    with pytest.raises(b2.ParameterError, match="progress must be True or False; got 1"):
        b2.sweep(NEURONS, SPIKES, store=store, progress=1, **arguments())
    with pytest.raises(b2.ParameterError, match=r"start='carried' begins a batch entry where .*'batch' cannot be cut"):
        sweep(store, neurons=b2.IAFNeuron(3), chip=b2.EmulatedChip(seed=7), start="carried", chunks={"batch": 1})
    store.mkdir()
    assert sweep(store).sizes["level"] == 5  # an empty directory is taken


def test_sweep__removes_what_a_killed_process_left(store):
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    own = f"{socket.gethostname()}.{gone.pid}-0a1b.new"
    kept = {
        f".run.zarr2.{own}",
        f".run.zarr.elsewhere.{gone.pid}-0a1b.new",
        f".run.zarr.{socket.gethostname()}.{os.getpid()}.new",
    }
    for name in kept:  # of another sweep, of another machine, and of a process that is at work
        (store.parent / name).mkdir()
    for _ in range(2):  # before there is a store, and after
        (store.parent / f".run.zarr.{own}" / "membrane").mkdir(parents=True)
        if store.exists():
            (store / "membrane" / "c.123.partial").write_text("half")
            (store / "spikes" / "000000.abc.partial" / "spike_time").mkdir(parents=True)
            records(store)[0].unlink()
        sweep(store)
        assert {path.name for path in store.parent.glob(".*")} == kept
    assert not list(store.rglob("*.partial"))


def test_sweep__shows_a_bar(store, capfd):
    b2.sweep(NEURONS, SPIKES, store=store, chunks={"level": 1}, **arguments())
    assert "5/5" in capfd.readouterr().err
    records(store)[0].unlink()
    b2.sweep(NEURONS, SPIKES, store=store, **arguments())
    assert "80%" in capfd.readouterr().err  # begins with what was finished


def test_sweep__errors_of_blocks_leave_the_others(store):
    bad = LEVEL.where(LEVEL != 130).chunk(level=1)
    with dask.config.set(scheduler="synchronous"), pytest.raises(b2.ParameterError, match="threshold must be finite"):
        sweep(store, neurons=NEURONS.replace(threshold=bad), chunks={"batch": 1})
    assert 0 < len(records(store)) < 20


@pytest.mark.parametrize(
    ("device", "lacking", "expected"), [("auto", "no GPU", None), ("auto", "", 1), ("cuda", "", 1), ("cpu", "", None)]
)
def test_sweep__one_block_at_a_time_has_the_gpu(store, monkeypatch, device, lacking, expected):
    from bss2sim.sweeps import fill

    at_once = []
    monkeypatch.setattr(fill, "lacks_cuda", lambda: lacking)
    monkeypatch.setattr(fill, "compute_all", lambda tasks, **settings: at_once.append(settings["at_once"]))
    monkeypatch.setattr("bss2sim.sweeps.sweep.open_sweep", lambda store: None)
    sweep(store, device=device)
    assert at_once == [expected]


@pytest.mark.parametrize("threads", [1, 2])
def test_sweep__holds_the_chunks_in_flight_alone(store, threads):
    alive, most = [], []

    def load(block_info=None):
        chunk = np.ones((60, 1, 5), bool)
        alive.append(id(chunk))
        most.append(len(alive))
        weakref.finalize(chunk, alive.pop)
        return chunk

    chunks = dask.array.map_blocks(load, chunks=((60,), (1,) * 16, (5,)), dtype=bool, meta=np.empty((0, 0, 0), bool))
    with b2.set_options(threads=threads):
        run = sweep(store, xr.DataArray(chunks, dims=SPIKES.dims))
    assert run.sizes["batch"] == 16 and len(records(store)) == 16
    assert max(most) <= threads + 1 and len(most) >= 32 and not alive  # read once for the digests, and once for the run


def test_sweep__blocks_fit(store):
    from bss2sim.lazy.call import read_call
    from bss2sim.lazy.layout import lay_out
    from bss2sim.sweeps.regions import MOST_BYTES, choose_regions

    inputs = xr.DataArray(np.zeros((100, 1, 2)), dims=("time", "batch", "input")).isel(batch=np.zeros(200, int))
    neurons = b2.IAFNeuron(512, threshold=xr.DataArray(np.full(50, 100.0), dims="level"))
    record = b2.Recording(None, membrane=True)
    layout = lay_out(
        read_call({"neurons": neurons, "inputs": inputs, "synapse": b2.Synapse(np.ones((2, 512))), "record": record})
    )
    grid = choose_regions(layout, None)
    assert grid.chunks["level"] == (50,) and grid.chunks["batch"][0] == MOST_BYTES // (100 * 512 * 8) // 50
    assert choose_regions(layout, {"level": 30}).chunks["level"] == (30, 20)


@pytest.mark.parametrize(
    ("name", "what"), [("dask.array", "sweeps need dask, sweeps zarr too"), ("zarr", "sweeps need zarr")]
)
def test_sweep__says_what_to_install(monkeypatch, name, what):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(b2.MissingDependencyError, match=rf"{what}; install .* with pip install 'bss2sim\[dask,zarr\]'"):
        sweep("x")


@pytest.mark.parametrize(
    ("dim", "labels", "message"),
    [
        ("sweep", [1, 2, 3], "labels of a dim 'sweep' cannot be stored: .* rename the dim, or drop its labels"),
        ("zarr.json", [1, 2, 3], "labels of a dim 'zarr.json' cannot be stored"),
        ("a/b", [1, 2, 3], "labels of a dim 'a/b' cannot be stored"),
        ("", [1, 2, 3], "labels of a dim '' cannot be stored"),
        (0, None, "the dim 0 has a name that is no text"),
        ("level", np.array([1, "a", None], object), "labels of the dim 'level' must be all numbers, all texts or all"),
    ],
)
def test_sweep__refuses_names_and_labels_that_zarr_does_not_keep(tmp_path, dim, labels, message):
    level = xr.DataArray([100.0, 110, 130], dims=(dim,), coords={} if labels is None else {dim: labels})
    with pytest.raises(b2.ParameterError, match=message):
        sweep(tmp_path / "run.zarr", neurons=NEURONS.replace(threshold=level))
    assert not list(tmp_path.iterdir())


def test_sweep__labels_that_are_objects_come_back(store):
    neurons = NEURONS.replace(threshold=LEVEL.assign_coords(level=np.array(["a", "bb", "", "é", "d"], object)))
    run = sweep(store, neurons=neurons).compute()
    xr.testing.assert_identical(run, b2.simulate(neurons, SPIKES, **arguments()))
    assert run.level.dtype == object


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("membrane/c/0/1/0/0", "membrane/c/0/1/0/0 is missing; run the same sweep again .* level 2 to 3"),
        ("spikes/000001/spike_time/c/0", "spike_time/c/0 is missing; run the same sweep again"),
        ("level/c/0", "level/c/0 is missing; restore it"),
    ],
)
def test_open_sweep__lost_files_are_no_zeros(store, file, message):
    sweep(store, chunks={"level": 2})
    (store / file).unlink()
    with pytest.raises(b2.FileError, match=message):
        b2.open_sweep(store)


def test_open_sweep__records_that_cannot_be_read(store):
    sweep(store)
    records(store)[0].write_text("{")
    with pytest.raises(b2.FileError, match=r"sweep/blocks/000000.json cannot be read: .*run the same sweep again"):
        b2.open_sweep(store)


def test_sweep__places_of_stores(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")
    for place in ("link", "dir with spaces/run", "~/at home"):
        assert sweep(place).sizes["level"] == 5
    assert (tmp_path / "elsewhere/sweep").exists() and (tmp_path / "at home").exists() and not (tmp_path / "~").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(
        b2.FileError, match="file holds no sweep: it is a file, and a store is a directory; give another"
    ):
        sweep("file")
    xr.Dataset({"a": ("x", [1.0])}).to_zarr("other", zarr_format=2)
    with pytest.raises(b2.FileError, match="other holds no sweep: it is a Zarr store of something else"):
        sweep("other")
    with pytest.raises(
        b2.FileError, match=r"elsewhere again holds no sweep: it is a directory of other things \(run, x\)"
    ):
        (tmp_path / "dir with spaces/x").touch()
        sweep((tmp_path / "dir with spaces").rename("elsewhere again"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(b2.FileError, match="empty holds no sweep: it is empty"):
        b2.open_sweep("empty")
    with pytest.raises(b2.FileError, match=r"file/run.zarr could not be made: .*give another store="):
        sweep("file/run.zarr")
    with pytest.raises(b2.FileError, match=r"is no directory of a store: .*too long"):
        sweep("a" * 300)
    for place in ("", "a\0b"):
        with pytest.raises(b2.ParameterError, match="store must be a directory on a disk"):
            sweep(place)


def test_sweep__workers_may_be_in_another_directory(tmp_path, monkeypatch):
    from bss2sim.lazy.block import Runner

    monkeypatch.chdir(tmp_path)
    original = Runner.run

    def run(self, where, name, pieces):
        os.chdir("/")
        return original(self, where, name, pieces)

    with monkeypatch.context() as context, dask.config.set(scheduler="synchronous"):
        context.setattr(Runner, "run", run)
        context.setattr("bss2sim.sweeps.sweep.open_sweep", lambda path: None)
        sweep("run.zarr")
    assert len(records(tmp_path / "run.zarr")) == 1
