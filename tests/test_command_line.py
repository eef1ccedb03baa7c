"""Commands that sweep and calibrate from files."""

import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import bss2sim as b2
from bss2sim.__main__ import main
from bss2sim.command_line.sweep_command import EXAMPLE
from bss2sim.command_line.toml_lines import key_lines, line_of

pytest.importorskip("dask.array")
pytest.importorskip("zarr")

SPEC = """\
dt = 1e-6

[neurons]
kind = "IAFNeuron"
size = 3
threshold = { dim = "level", start = 90, stop = 130, num = 5 }
tau_syn = 1e-5
refractory_time = 2e-6
[inputs.random]
inputs = 5
rate = 200e3
duration = 60e-6
batch = 2
seed = 3

[synapse]
random = { mean = 20, std = 5 }
[record]
spikes = "count"
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text(SPEC)
    return path


def run(path, *words):
    return main(["sweep", str(path), "--store", str(path.parent / "run.zarr"), *words])


def expected():
    spikes = np.random.default_rng(3).random((60, 2, 5)) < 200e3 * 1e-6
    level = np.linspace(90, 130, 5)
    neurons = b2.IAFNeuron(3, threshold=xr.DataArray(level, {"level": level}, ("level",)), refractory_time=2e-6)
    weight = np.random.default_rng(0).normal(20, 5, (5, 3))
    return b2.simulate(neurons, spikes, synapse=b2.Synapse(weight), record=b2.Recording("count"))


def test_sweep__is_the_run_in_the_file(spec, capsys):
    assert run(spec) == 0
    said = capsys.readouterr()
    assert "1/1" in said.err and "variables: spike_count" in said.out and "level 5" in said.out
    store = spec.parent / "run.zarr"
    xr.testing.assert_identical(b2.open_sweep(store).compute(), expected())
    assert said.out.startswith(f"written:   {store}\n")
    assert run(spec, "--threads", "1") == 0  # nothing is missing
    assert capsys.readouterr().out.startswith(f"finished:  {store}, nothing was left to do\n")
    (store / "sweep/blocks/000000.json").unlink()
    assert run(spec, "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    spec.write_text(SPEC.replace("seed = 3", "seed = 4"))
    assert run(spec) == 2
    said = capsys.readouterr().err
    assert "another sweep (inputs: bool" in said and said.count("\n") == 1


def test_sweep__on_a_cluster(spec, capsys):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as cluster:
        assert run(spec, "--quiet", "--scheduler", cluster.scheduler_address) == 0
    xr.testing.assert_identical(b2.open_sweep(spec.parent / "run.zarr").compute(), expected())


def test_sweep__without_a_scheduler(spec, capsys):
    pytest.importorskip("distributed")
    assert run(spec, "--scheduler", "nonsense://x") == 2
    assert "--scheduler nonsense://x: there is no scheduler to be reached" in capsys.readouterr().err


def test_sweep__reads_files(spec, capsys):
    folder, result = spec.parent, expected()
    spikes = np.random.default_rng(3).random((60, 2, 5)) < 200e3 * 1e-6
    np.save(folder / "spikes.npy", spikes)
    weight = np.random.default_rng(0).normal(20, 5, (5, 3))
    xr.Dataset({"weight": (("input", "neuron"), weight), "other": ((), 1)}).to_netcdf(folder / "weight.nc")
    random = SPEC[SPEC.index("[inputs.random]") : SPEC.index("[record]")]
    text = '[inputs]\nfile = "spikes.npy"\n[synapse]\nfile = "weight.nc"\nvariable = "weight"\n[chunks]\nlevel = 2\n'
    spec.write_text(SPEC.replace(random, text))
    assert run(spec, "--quiet") == 0
    xr.testing.assert_identical(b2.open_sweep(folder / "run.zarr").compute(), result)
    # spikes that a run has recorded, and inputs in a store
    source = b2.simulate(b2.IAFNeuron(5, threshold=90.0), np.full((60, 5), 5.0))
    source.drop_attrs(deep=False).assign_attrs(duration=60e-6).to_netcdf(folder / "source.nc")
    jumps = xr.DataArray(np.full((40, 3), 9.0), dims=("time", "neuron"))
    jumps.to_dataset(name="jumps").to_zarr(folder / "jumps.zarr", zarr_format=2)
    for text in ('[inputs]\nfile = "source.nc"\n[synapse]\nvalue = 30\ninput = 5\n', '[inputs]\nfile = "jumps.zarr"\n'):
        spec.write_text(SPEC.replace(random, text))
        assert main(["sweep", str(spec), "--quiet", "--store", str(folder / f"{len(text)}.zarr")]) == 0, (
            capsys.readouterr().err
        )
    neurons = b2.IAFNeuron(3, threshold=expected().level.drop_vars("level") * 1.0, refractory_time=2e-6)
    record = b2.Recording("count")
    count = b2.simulate(neurons, jumps, record=record).spike_count
    np.testing.assert_array_equal(b2.open_sweep(folder / f"{len(text)}.zarr").spike_count, count)
    assert count.sum() > 0


def test_sweep__on_chips(spec, capsys):
    assert main(["calibrate", str(spec), "--chip-seed", "7", "--output", str(spec.parent / "c.nc"), "--quiet"]) == 0
    level = SPEC.replace('{ dim = "level", start = 90, stop = 130, num = 5 }', "120")
    assert "level" not in level.split("[inputs")[0]
    spec.write_text(level)
    words = ["calibrate", str(spec), "--chip-seed", "7", "--output", str(spec.parent / "c.nc")]
    assert main(words) == 0
    assert "calibrated:  <Calibration" in capsys.readouterr().out
    chip = '[chip]\nseed = 7\ncalibration = "c.nc"\nrun = { dim = "run", start = 0, stop = 3 }\neffects = 1\nstart = "drifted"\n'
    spec.write_text(level + chip)
    assert run(spec, "--quiet") == 0
    result = b2.open_sweep(spec.parent / "run.zarr")
    neurons = b2.IAFNeuron(3, threshold=120.0, refractory_time=2e-6)
    spikes = np.random.default_rng(3).random((60, 2, 5)) < 200e3 * 1e-6
    eager = b2.simulate(
        neurons, spikes, synapse=b2.Synapse(np.random.default_rng(0).normal(20, 5, (5, 3))), record=b2.Recording("count"),
        chip=b2.EmulatedChip(seed=7), calibration=b2.load_calibration(spec.parent / "c.nc"), start="drifted",
        run=xr.DataArray(range(3), {"run": range(3)}, ("run",)),
    )  # fmt: skip
    xr.testing.assert_identical(result.compute(), eager)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("dt = 1e-6", "dt = ", "line 1: not valid TOML"),
        ("dt = 1e-6", "dtt = 1e-6", "line 1: dtt: there is no such key; did you mean 'dt'"),
        ("dt = 1e-6", "dt = true", "line 1: dt: must be a number; got True"),
        ("dt = 1e-6", "dt = -1.0", "inputs.random.duration: must be finite and at least one step of dt = -1.0 s"),
        ("IAFNeuron", "IAFNeurn", "line 4: neurons.kind: kind must be one of 'IAFNeuron'"),
        ("size = 3", "size = 0", "line 5: neurons.size: size must be a whole number of at least 1"),
        ("size = 3", 'size = "3"', "line 5: neurons.size: must be a whole number; got '3'"),
        ("size = 3\n", "", "line 3: neurons: the key 'size' is missing; it is a whole number"),
        ("refractory_time", "refractory_tim", "line 8: neurons.refractory_tim: .* did you mean 'refractory_time'"),
        ("= 2e-6", "= -2e-6", "line 8: neurons.refractory_time: refractory_time must be finite and at least 0 s"),
        ("= 2e-6", '= [1, "x"]', "line 8: neurons.refractory_time: a list must hold numbers"),
        ("num = 5", "num = 0", "line 6: neurons.threshold.num: must be 1 to 100000000; got 0"),
        ("num = 5", "num = 3000000000000", "line 6: neurons.threshold.num: must be 1 to 100000000; got 3000000000000"),
        ("stop = 130", "stop = inf", "line 6: neurons.threshold.stop: must be finite; got inf"),
        (
            "start = 90, stop = 130, num = 5",
            "start = 9, stop = 90000000000",
            "line 6: neurons.threshold.stop: must be at most 100000000 above start, 9",
        ),
        ("60e-6", "inf", "line 12: inputs.random.duration: must be finite and at least one step"),
        ("60e-6", "1e9", "inputs.random: draws 1000000000000000 steps x batch 2 x 5 inputs, at most 8589934592"),
        ("size = 3", "size = 3000000000000", "there is not enough memory: .*; make sizes smaller"),
        ("num = 5", "step = 5", "line 6: neurons.threshold.step: there is no such key"),
        (
            "start = 90, stop = 130, num = 5",
            "values = [1], num = 3",
            "line 6: neurons.threshold.values: goes without start",
        ),
        (
            "start = 90, stop = 130, num = 5",
            "values = []",
            "line 6: neurons.threshold.values: must be a list of one or more",
        ),
        (
            "start = 90, stop = 130, num = 5",
            "start = 9, stop = 9",
            "line 6: neurons.threshold.stop: must be above start, 9; got 9",
        ),
        ('dim = "level", ', "", "line 6: neurons.threshold: the key 'dim' is missing; it is a text"),
        ("= 1e-5", "= { excitatory = 1e-5 }", "line 7: neurons.tau_syn: a pair needs 'inhibitory', too"),
        ("inputs = 5", "inputs = 0", "line 10: inputs.random.inputs: must be at least 1; got 0"),
        ("200e3", "2e9", r"line 11: inputs.random.rate: must be 0 to 1/dt = 1e\+06 spikes a second"),
        ("60e-6", "6e-9", "line 12: inputs.random.duration: must be finite and at least one step"),
        (
            "[inputs.random]",
            '[inputs]\nfile = "x.nc"\n[inputs.random]',
            "line 9: inputs: give either `file`, or `random`",
        ),
        ("[inputs.random]", '[inputs]\nfile = "x.nc"\n[x]', "line 11: x: there is no such key"),
        ("[synapse]", '[synapse]\nfile = "x.nc"', "line 16: synapse: give one of `file`, `value`"),
        ("std = 5", "std = -5", "line 17: synapse.random.std: must be at least 0; got -5"),
        (
            "random = { mean = 20, std = 5 }",
            "value = 1\ninput = 0",
            "line 18: synapse.input: must be at least 1; got 0",
        ),
        ("random = { mean = 20, std = 5 }", 'file = "x.nc"', "line 17: synapse.file: there is no file"),
        (
            "random = { mean = 20, std = 5 }",
            'file = "spec.toml"',
            "line 17: synapse.file: must end in .npy, .nc or .zarr",
        ),
        ('"count"', '"cuont"', "line 19: record.spikes: spikes must be one of .* did you mean 'count'"),
        ("[record]", "[chip]\nrun = 1\n[record]", "line 18: chip: the key 'seed' is missing"),
        ("[record]", "[chip]\nseed = -1\n[record]", "line 19: chip.seed: seed must be 0 to"),
        ("[record]", "[chunks]\nlevl = 1\n[record]", "line 18: chunks: chunks has a dim 'levl'"),
        (
            "[record]",
            "[chunks]\nlevel = 0\n[record]",
            r"line 19: chunks.level: chunks\['level'\] must be a whole number",
        ),
        (
            "[record]",
            "[chip]\nseed = 1\neffects = -1\n[record]",
            "line 20: chip.effects: effects must be a number of 0 to 100",
        ),
        ("[record]", '[chip]\nseed = 1\nstart = "drift"\n[record]', "line 20: chip.start: start must be one of"),
        ("[record]", "[chip]\nseed = 1\nrun = 1.5\n[record]", "line 20: chip.run: run must be a whole number"),
        (
            "[record]",
            "[chip]\nseed = 1\n[record]\nneuron = [7]",
            "line 21: record.neuron: record.neuron asks for neuron 7",
        ),
        (
            "[record]",
            "[record]\nmembrane = true\nsample_time = [1.0]",
            "line 20: record.sample_time: sample_time must be in",
        ),
        ("dt = 1e-6", 'device = "gpu"', "line 1: device: device must be one of"),
        (
            "mean = 20, std = 5 }",
            "mean = 20, std = 5 }\ninput = 4",
            "line 9: inputs: inputs have 5 entries along input",
        ),
    ],
)
def test_sweep__errors_name_line_and_key(spec, capsys, before, after, message):
    assert SPEC.count(before) == 1
    spec.write_text(SPEC.replace(before, after))
    assert run(spec) == 2
    said = capsys.readouterr().err
    assert said.startswith("bss2sim: error: ") and said.count("\n") == 1
    assert str(spec) in said or "memory" in said
    assert re.search(message, said), said
    assert not (spec.parent / "run.zarr").exists()


@pytest.mark.parametrize(
    ("name", "content", "message", "of_variable"),
    [
        (
            "a.npy",
            b"nonsense",
            r"inputs.file: \S+a.npy is damaged, or no file of NumPy with numbers\n",
            "line 11: inputs.variable: a .npy file has one array",
        ),
        (
            "a.nc",
            b"nonsense",
            r"inputs.file: \S+a.nc is damaged, or no netCDF file\n",
            "line 10: inputs.file: .* is damaged",
        ),
        ("empty.npy", b"", "is damaged, or no file of NumPy with numbers\n", "a .npy file has one array"),
        ("directory.nc", (), r"directory.nc cannot be read: Is a directory\n", "cannot be read: Is a directory"),
        ("objects.npy", [None], "is damaged, or no file of NumPy with numbers\n", "a .npy file has one array"),
        (
            "a.zarr",
            b"nonsense",
            r"inputs.file: \S+a.zarr is damaged, or no Zarr store\n",
            "is damaged, or no Zarr store",
        ),
        (
            "b.nc",
            None,
            "inputs.file: has 2 variables; give variable=, one of p, q",
            "variable: .*has no variable 'z'; it has p, q",
        ),
    ],
)
def test_sweep__files_that_hold_no_array(spec, capsys, name, content, message, of_variable):
    path = spec.parent / name
    if content is None:
        xr.Dataset({"p": ((), 1), "q": ((), 2)}).to_netcdf(path)
    elif content == ():
        path.mkdir()
    elif content == [None]:
        np.save(path, np.array(content), allow_pickle=True)
    else:
        path.write_bytes(content)
    random = SPEC[SPEC.index("[inputs.random]") : SPEC.index("[synapse]")]
    spec.write_text(SPEC.replace(random, f'[inputs]\nfile = "{name}"\n'))
    assert run(spec) == 2
    said = capsys.readouterr().err
    assert re.search(message, said) and said.count("\n") == 1
    spec.write_text(SPEC.replace(random, f'[inputs]\nfile = "{name}"\nvariable = "z"\n'))
    assert run(spec) == 2
    assert re.search(of_variable, capsys.readouterr().err)


def test_sweep__files_without_times(spec, capsys):
    counts = b2.simulate(b2.IAFNeuron(5), np.full((60, 5), 5.0), record=b2.Recording("count", membrane=True))
    counts[["spike_count"]].to_netcdf(spec.parent / "count.nc")
    counts.to_netcdf(spec.parent / "both.nc")
    random = SPEC[SPEC.index("[inputs.random]") : SPEC.index("[synapse]")]
    for line, text in ((10, 'file = "count.nc"'), (11, 'file = "both.nc"\nvariable = "spike_count"')):
        spec.write_text(SPEC.replace(random, f"[inputs]\n{text}\n"))
        assert run(spec) == 2
        key = "file" if line == 10 else "variable"
        assert (
            f"line {line}: inputs.{key}: spike_count has dims (neuron), and no `time`; inputs are an array with `time`, or the "
            'spikes of a run that recorded "sparse" ones'
        ) in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"nonsense", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_sweep__damaged_calibrations(spec, capsys, content):
    (spec.parent / "c.nc").write_bytes(content)
    spec.write_text(SPEC + '[chip]\nseed = 7\ncalibration = "c.nc"\n')
    assert run(spec) == 2
    path = spec.parent / "c.nc"
    assert capsys.readouterr().err.endswith(f"line 22: chip.calibration: {path} is damaged, or no netCDF file\n")


def test_sweep__says_what_to_install(spec, capsys, monkeypatch):
    def lacks(path):
        raise ImportError("no engine")

    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "distributed", None)
        assert run(spec, "--scheduler", "tcp://x:1") == 2
        assert "--scheduler needs dask.distributed; install it with pip install" in capsys.readouterr().err
    (spec.parent / "a.nc").write_bytes(b"")
    monkeypatch.setattr(xr, "load_dataset", lacks)
    random = SPEC[SPEC.index("[inputs.random]") : SPEC.index("[synapse]")]
    spec.write_text(SPEC.replace(random, '[inputs]\nfile = "a.nc"\n'))
    assert run(spec) == 2
    assert "a.nc cannot be read: no engine" in capsys.readouterr().err


def test_sweep__file_that_cannot_be_read(tmp_path, capsys):
    assert run(tmp_path / "none.toml") == 2
    assert "none.toml cannot be read" in capsys.readouterr().err
    (tmp_path / "half.toml").write_text("dt = 1e-6\n")
    assert run(tmp_path / "half.toml") == 2
    assert "line 1: the table [neurons] is missing" in capsys.readouterr().err


def test_sweep__reads_pairs_and_lists(spec):
    from bss2sim.command_line.specification import read_specification

    pair = 'tau_syn = { excitatory = 1e-5, inhibitory = { dim = "i", values = [5e-6, 6e-6] } }\nreset = [1, 2, 3]'
    spec.write_text(SPEC.replace("tau_syn = 1e-5", pair))
    neurons = read_specification(spec)["neurons"]
    assert neurons.tau_syn[0] == 1e-5 and neurons.tau_syn[1].i.values.tolist() == [5e-6, 6e-6]
    assert neurons.reset.values.tolist() == [1, 2, 3]


@pytest.mark.parametrize("command", ["sweep", "calibrate"])
def test_help__teaches(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text and f"python -m bss2sim {command}" in text and ">>> import bss2sim" in text
    assert max(map(len, text.splitlines())) <= 80


def test_help__the_example_runs(tmp_path):
    assert (Path(__file__).parents[1] / "docs" / "sweep.toml").read_text() == EXAMPLE
    small = EXAMPLE.replace("size = 512", "size = 4").replace("inputs = 64", "inputs = 6")
    (tmp_path / "spec.toml").write_text(small)
    assert run(tmp_path / "spec.toml", "--quiet") == 0
    assert dict(b2.open_sweep(tmp_path / "run.zarr").sizes) == {"batch": 4, "level": 5, "tau": 2, "neuron": 4}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--output", "c.nc"], "which chip? Give --chip-seed N"),
        (
            ["--output", "c.nc", "--chip-seed", "1", "--set", "treshold=1"],
            "--set treshold: there is no such target; did you mean",
        ),
        (["--output", "c.nc", "--chip-seed", "1", "--set", "threshold"], "--set takes NAME=VALUE"),
        (
            ["--output", "c.nc", "--chip-seed", "1", "--set", "threshold=x"],
            "--set threshold=x: must be a number, or a list of them as [1, 2]; got a text",
        ),
        (["--output", "c.nc", "--chip-seed", "1", "--set", "tau_syn=1"], "error: --set tau_syn: tau_syn must be 1e-07"),
        (
            ["good.toml", "--output", "c.nc", "--chip-seed", "1", "--set", "threshold=nan"],
            "error: --set threshold: threshold must",
        ),
        (["spec.toml", "--output", "c.nc", "--chip-seed", "1", "--set", "reset=nan"], "error: --set reset: reset must"),
        (
            ["--output", "c.nc", "--chip-seed", "1", "--set", "reset=80", "--set", "reset=90"],
            "error: --set reset is given twice, as 80 and 90; leave one out",
        ),
        (["--output", "no/c.nc", "--chip-seed", "1"], "no/c.nc: there is no directory"),
        (["--output", "c.nc", "--chip-seed", "1", "--method", "serch"], "did you mean 'search'"),
        (["--output", "c.nc", "--chip-seed", "-1"], "seed must be 0 to"),
        (["targets.toml", "--output", "c.nc", "--chip-seed", "1"], "targets.toml, line 2: reset: reset must be"),
        (
            ["other.toml", "--output", "c.nc", "--chip-seed", "1"],
            "other.toml, line 1: rest: there is no such key; did you",
        ),
    ],
)
def test_calibrate__errors(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "targets.toml").write_text("threshold = 125\nreset = nan\n")
    (tmp_path / "good.toml").write_text("threshold = 125\n")
    (tmp_path / "spec.toml").write_text(SPEC)
    (tmp_path / "other.toml").write_text("rest = 80\n")
    assert main(["calibrate", *words]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not (tmp_path / "c.nc").exists()


def test_calibrate__writes_what_calibrate_returns(tmp_path, capsys):
    path = tmp_path / "targets.toml"
    path.write_text('threshold = 120\ntau_syn = { excitatory = 5e-6, inhibitory = 8e-6 }\nsynin_mode = "calibrated"\n')
    words = ["calibrate", str(path), "--chip-seed", "7", "--set", "reset=75", "--set", "synin_mode=matching"]
    assert main([*words, "--output", str(tmp_path / "c.nc"), "--quiet"]) == 0
    target = b2.NeuronCalibTarget(threshold=120, tau_syn=(5e-6, 8e-6), reset=75)
    made = b2.calibrate(b2.EmulatedChip(seed=7), target)
    found = b2.load_calibration(tmp_path / "c.nc")
    xr.testing.assert_equal(found.registers, made.registers)
    assert capsys.readouterr().out == ""


def test_calibrate__takes_the_chip_of_a_file(spec, capsys):
    spec.write_text(SPEC.replace('{ dim = "level", start = 90, stop = 130, num = 5 }', "120") + "[chip]\nseed = 7\n")
    assert main(["calibrate", str(spec), "--output", str(spec.parent / "c.nc"), "--set", "threshold=110"]) == 0
    found = b2.load_calibration(spec.parent / "c.nc")
    assert found.attrs["chip_seed"] == "7"
    assert abs(float(found.achieved.threshold[0]) - 110) < 1


KEYS = st.text("abc-_1", min_size=1, max_size=4)
LONG = ["[\n 1, # ]\n 2\n]", '"""\n[no]\nq = 1\n"""', "'''\nz = 2'''"]
VALUES = st.sampled_from(["1", '"a = [1]"', "'x'", "{ p = 1 }", "1 # k = 2", *LONG])


@given(
    st.dictionaries(KEYS, VALUES, max_size=4),
    st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=3), max_size=3),
)
def test_key_lines__are_where_the_keys_are(top, tables):
    lines = [f"{key} = {value}" for key, value in top.items()]
    for table, content in tables.items():
        if table not in top:
            lines += ["# a comment", f"[ {table} ]", *(f'"{key}" = {value}' for key, value in content.items())]
    text = "\n".join(lines)
    content, found, rows = tomllib.loads(text), key_lines(text), text.splitlines()
    expected = {(key,) for key in content} | {(t, k) for t, c in tables.items() if t not in top for k in c}
    assert set(found) == expected
    for keys, line in found.items():
        assert keys[-1] in rows[line - 1].split("=")[0] and "#" not in rows[line - 1].split("=")[0]
        assert line_of(found, (*keys, "inline")) == line
    assert line_of(found, ("missing",)) == 1
