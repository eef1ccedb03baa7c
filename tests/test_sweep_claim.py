"""Two sweeps do not write into one store at once, and a process that was killed does not keep the next one out."""

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import bss2sim as b2

dask = pytest.importorskip("dask")
pytest.importorskip("zarr")

from bss2sim.sweeps import claim, processes  # noqa: E402  # they need dask

JUMPS = np.full((20, 2), 9.0)
NEURONS = b2.IAFNeuron(2, threshold=xr.DataArray([90.0, 100, 110], dims="level"), refractory_time=2e-6)
HOST = socket.gethostname()


def sweep(store):
    return b2.sweep(NEURONS, JUMPS, store=store, chunks={"level": 1}, progress=False)


@pytest.fixture
def store(tmp_path):
    return tmp_path / "run.zarr"


@pytest.fixture
def unfinished(store):
    """Return a store that lacks a block."""
    sweep(store)
    (store / "sweep/blocks/000001.json").unlink()
    return store


def gone():
    """Return the number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def plant(store, name="claim.json", **of_process):
    content = {
        "host": HOST,
        "pid": os.getpid(),
        "born": "",
        "since": "2026-01-01T00:00:00+00:00",
        "token": "x",
        **of_process,
    }
    (store / "sweep" / name).write_text(json.dumps(content))


def refused(store, message):
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    with pytest.raises(b2.FileError, match=message) as caught:
        sweep(store)
    assert before == {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    assert "\n" not in str(caught.value)


def finishes(store):
    xr.testing.assert_identical(sweep(store).compute(), b2.simulate(NEURONS, JUMPS))
    assert not list(store.rglob("*claim*")) and not list(store.rglob("*.partial"))


def test_claim__keeps_a_second_sweep_out(unfinished, monkeypatch):
    from bss2sim.lazy.block import Runner

    original, messages = Runner.run, []

    def run(self, where, name, pieces):
        with pytest.raises(b2.FileError) as caught:
            sweep(unfinished)
        messages.append(str(caught.value))
        return original(self, where, name, pieces)

    monkeypatch.setattr(Runner, "run", run)
    finishes(unfinished)
    assert len(messages) == 1
    assert f"run.zarr is being written by process {os.getpid()} of this machine, since 20" in messages[0]
    assert (
        f"wait until it has ended, or end it, and run the same sweep again. If that process is no sweep, remove {unfinished}"
        in messages[0]
    )


def test_claim__is_given_back_after_an_error(unfinished, monkeypatch):
    from bss2sim.sweeps.store import Store

    def fails(*args):
        raise ZeroDivisionError

    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(Store, "write", fails)
        sweep(unfinished)
    finishes(unfinished)


def test_claim__of_a_process_that_is_gone(unfinished):
    plant(unfinished, pid=gone())
    finishes(unfinished)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says when a process began")
def test_claim__of_an_earlier_process_of_the_same_number(unfinished):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        born = processes._born(other.pid)
        assert born and born != processes._born(os.getpid())
        plant(unfinished, pid=other.pid, born=born)
        refused(
            unfinished,
            f"is being written by process {other.pid} of this machine, since 2026-01-01T00:00:00.00:00; wait",
        )
        other.kill()
        while processes._born(other.pid) != processes.ENDED:  # nobody has waited for it yet
            time.sleep(0.01)
        finishes(unfinished)
    (unfinished / "sweep/blocks/000001.json").unlink()
    plant(unfinished, pid=os.getppid(), born=born)
    finishes(unfinished)


def test_claim__of_this_process_that_could_not_be_removed(unfinished):
    plant(unfinished)
    finishes(unfinished)


def test_claim__of_another_machine(unfinished):
    plant(unfinished, host="elsewhere", pid=5)
    refused(unfinished, r"is being written by process 5 on elsewhere, since 2026-01-01T00:00:00.00:00, or was when that was cut off"
        r".*; if no other sweep writes into it, remove .*run.zarr.sweep.claim.json, and run the same sweep again")  # fmt: skip
    (unfinished / "sweep/claim.json").unlink()
    finishes(unfinished)


@pytest.mark.parametrize("content", ["{", "[]", '{"host": "x"}'])
def test_claim__that_cannot_be_read(unfinished, content):
    (unfinished / "sweep/claim.json").write_text(content)
    refused(unfinished, r"has a claim that cannot be read \(\w+\(.*remove .*claim.json")


@pytest.mark.parametrize("content", ["", "\0\0"])
def test_claim__that_was_cut_off_before_it_was_written(unfinished, content, monkeypatch):
    monkeypatch.setattr(claim, "PATIENCE", 0.05)
    (unfinished / "sweep/claim.json").write_text(content)
    finishes(unfinished)


def test_claim__that_is_just_being_written(unfinished, monkeypatch):
    (unfinished / "sweep/claim.json").write_text("")
    later = threading.Timer(0.2, plant, [unfinished], {"host": "elsewhere"})
    later.start()
    with pytest.raises(b2.FileError, match=r"is being written by process \d+ on elsewhere"):
        sweep(unfinished)
    later.join()


def test_claim__is_not_needed_where_nothing_is_left_to_do(store):
    sweep(store)
    plant(store, host="elsewhere")
    assert sweep(store).sizes["level"] == 3
    chunk = store / "spikes/000001/spike_time/c/0"
    chunk.write_bytes(chunk.read_bytes() + b"x")
    refused(store, "is being written by process .* on elsewhere")


@pytest.mark.parametrize("text", ["of one that is gone", ""])
def test_claim__that_another_process_was_quicker_to_take_over(unfinished, monkeypatch, text):
    monkeypatch.setattr(claim, "PATIENCE", 0.05)
    if text:
        plant(unfinished, pid=gone())
    else:
        (unfinished / "sweep/claim.json").write_text("")
    original, quicker = claim.Claim.take, []

    def take(self):
        original(self)
        if self.name.name == "claim.json.turn" and not quicker:
            quicker.append((unfinished / "sweep/claim.json").unlink())
            if text:
                plant(unfinished, host="elsewhere", token="quicker")
            else:  # which has not written its claim yet
                (unfinished / "sweep/claim.json").write_text("")
                threading.Timer(0.02, plant, [unfinished], {"host": "elsewhere", "token": "quicker"}).start()

    monkeypatch.setattr(claim.Claim, "take", take)
    with pytest.raises(b2.FileError, match=r"is being written by process \d+ on elsewhere"):
        sweep(unfinished)
    assert quicker and json.loads((unfinished / "sweep/claim.json").read_text())["token"] == "quicker"


def test_claim__that_vanishes_meanwhile(unfinished, monkeypatch):
    plant(unfinished, pid=gone())
    original, first = claim.Claim.take, []

    def take(self):
        original(self)
        if self.name.name == "claim.json.turn":
            first.append((unfinished / "sweep/claim.json").unlink())

    monkeypatch.setattr(claim.Claim, "take", take)
    finishes(unfinished)
    assert first


def test_claim__that_another_process_is_taking_over(unfinished):
    plant(unfinished, pid=gone())
    plant(unfinished, "claim.json.turn", host="elsewhere", pid=5)
    refused(
        unfinished, r"is being written by process 5 on elsewhere.* remove .*run.zarr.sweep.claim.json.turn, and run"
    )
    plant(unfinished, "claim.json.turn", pid=gone())  # which was killed while it did
    finishes(unfinished)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (
            "open",
            "cannot be claimed, so that no other sweep writes into it: .*No space.*; make room, or let this process write",
        ),
        (
            "unlink",
            "has a claim that cannot be read, or is that of a process that is gone and cannot be removed: .*No space",
        ),
    ],
)
def test_claim__that_cannot_be_made_or_removed(unfinished, monkeypatch, method, message):
    original = getattr(Path, method)

    def full(self, *args, **kwargs):
        if "claim" in self.name and args != ("r",):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(self, *args, **kwargs)

    if method == "unlink":
        plant(unfinished, pid=gone())
    with monkeypatch.context() as patch:
        patch.setattr(Path, method, full)
        with pytest.raises(b2.FileError, match=message):
            sweep(unfinished)
    finishes(unfinished)


def test_claim__leaves_no_empty_file_on_a_full_disk(unfinished, monkeypatch):
    original = Path.open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def open_(self, mode="r", *args, **kwargs):
        file = original(self, mode, *args, **kwargs)
        return Full(file) if mode == "x" else file

    monkeypatch.setattr(Path, "open", open_)
    refused(unfinished, "cannot be claimed, .*No space left")
    assert not (unfinished / "sweep/claim.json").exists()


def test_claim__one_of_many_holds_it(unfinished):
    """Threads that all find the claim of a process that is gone."""
    dead, holding, most, taken, errors = gone(), [], [], [], []

    def contend():
        barrier.wait()
        try:
            for _ in range(10):
                with claim.Claim(unfinished) as own:
                    try:
                        own.take()
                    except b2.FileError:
                        continue
                    holding.append(1)
                    most.append(len(holding))
                    taken.append(own.token)
                    own.take()  # it is held
                    time.sleep(0.0005)
                    most.append(len(holding))
                    holding.pop()
        except BaseException as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # else hardly any thread comes between the steps of another
    try:
        for _ in range(15):
            plant(unfinished, pid=dead)
            barrier = threading.Barrier(8)
            threads = [threading.Thread(target=contend) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert not errors and not list(unfinished.rglob("*claim*")) and not claim._held
    finally:
        sys.setswitchinterval(interval)
    assert max(most) == 1 and len(set(taken)) == len(taken) >= 15


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import bss2sim as b2, test_sweep_claim
print("ready", flush=True)
sys.stdin.readline()
try:
    test_sweep_claim.sweep({store!r})
except b2.FileError as error:
    sys.exit(str(error))
"""


def test_claim__one_of_two_processes_that_begin_at_once(store, request):
    if not request.config.getoption("--long-sweeps"):
        pytest.skip("starts six processes: --long-sweeps")
    script = SCRIPT.format(tests=str(Path(__file__).parent), store=str(store))
    ended = []
    for _ in range(3):
        pair = [
            subprocess.Popen(
                [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
            )
            for _ in range(2)
        ]  # fmt: skip
        for process in pair:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        for process in pair:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [process.communicate()[1] for process in pair]
        ended += [process.returncode for process in pair]
        assert all(
            ("is being written by process" in text) is bool(process.returncode)
            for text, process in zip(said, pair, strict=True)
        )
        finishes(store)
        shutil.rmtree(store)
    assert 0 in ended and 1 in ended


def test_claim__of_another_one_is_not_given_back(unfinished):
    with claim.Claim(unfinished) as own:
        own.take()
        plant(unfinished, host="elsewhere")  # somebody removed ours, which said that it may not be
    assert json.loads((unfinished / "sweep/claim.json").read_text())["host"] == "elsewhere"


def test_store__that_two_make_at_once(store, monkeypatch):
    original, made = xr.Dataset.to_zarr, []

    def to_zarr(self, *args, **kwargs):
        if not made:
            made.append(True)
            shutil.copytree(other, store)
        return original(self, *args, **kwargs)

    other = store.with_name("other.zarr")
    sweep(other)
    monkeypatch.setattr(xr.Dataset, "to_zarr", to_zarr)
    stamp = (other / "sweep/blocks/000000.json").stat().st_mtime_ns
    finishes(store)
    assert made and (store / "sweep/blocks/000000.json").stat().st_mtime_ns == stamp
    assert not list(store.parent.glob(".*"))


def test_store__that_threads_make_at_once(store):
    barrier, refusals = threading.Barrier(3), []

    def make():
        barrier.wait()
        try:
            sweep(store)
        except b2.FileError as error:
            refusals.append(str(error))

    threads = [threading.Thread(target=make) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refusals) < 3 and all("is being written by process" in text for text in refusals)
    finishes(store)


def test_process__is_gone_or_not(monkeypatch):
    ended, own = gone(), processes.this_process()
    assert own.is_here and not own.is_gone()
    assert all(processes.Process(HOST, pid).is_gone() for pid in (ended, 0, -1, 10**30))
    assert not processes.Process("elsewhere", ended).is_gone()
    monkeypatch.setattr(processes, "_born", lambda pid: "")  # where the system does not say
    assert not processes.Process(HOST, os.getpid(), "another").is_gone()

    def forbidden(pid, signal):
        assert signal == 0
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", forbidden)
        assert not processes.Process(HOST, ended).is_gone()

    def ends(pid, signal):
        raise AssertionError("on Windows os.kill ends a process")

    monkeypatch.setattr(os, "kill", ends)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "psutil", types.SimpleNamespace(pid_exists=[os.getpid()].__contains__))
    assert processes.Process(HOST, ended).is_gone() and not processes.Process(HOST, os.getpid()).is_gone()
