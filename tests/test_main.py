"""The main job: as a function, as a command in this process, and as a command in a process of its own."""

import re
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import bss2sim as b2
from bss2sim import digits as job
from bss2sim import digits_report as report
from bss2sim.__main__ import main
from bss2sim.digits import run_digits
from bss2sim.digits_report import summary

SMALL = {"samples": 30, "neurons": 40, "progress": False}


@pytest.fixture(scope="module")
def run():
    return run_digits(**SMALL)


def same_results(first, second):
    """Compare everything but the clock."""
    clocks = ("wall_time", "compilation_time")
    for dataset in (first, second):
        assert all(dataset.attrs[clock] > 0 for clock in clocks)
    strip = [dataset.assign_attrs(dict.fromkeys(clocks, 0)) for dataset in (first, second)]
    xr.testing.assert_identical(*strip)


def test_run_digits__is_labelled(run):
    assert run.sizes["batch"] == 30 and run.sizes["neuron"] == 40
    np.testing.assert_array_equal(run.label[:10], range(10))
    assert run.spike_count.dims == ("batch", "neuron")
    assert int(run.spike_count.sum()) == run.sizes["spike"] == int(run.row_size.sum())
    assert run.membrane.sizes == {"membrane_batch": 10, "sample_time": 1000, "membrane_neuron": 3}
    assert float(run.membrane.max()) <= 125.0
    assert run.attrs["seed"] == 0 and run.attrs["integrator"] == "exact"
    assert all(isinstance(value, (str, int, float)) for value in run.attrs.values())
    assert run.spike_time.attrs["units"] == "s" and run.membrane.attrs["units"] == "LSB"
    assert all(run[name].attrs["long_name"] for name in run.data_vars)


def test_run_digits__responses_are_sensible(run):
    # a few spikes per neuron and digit, and few neurons that are no use
    assert 1 < float(run.spike_count.mean()) < 4
    assert float((run.spike_count.sum("batch") == 0).mean()) < 0.1
    # The refractory time is 2 us. It is counted from each spike time in float64: allow for the rounding of both.
    for neuron in range(40):
        for batch in range(30):
            mine = (run.spike_neuron.values == neuron) & (run.spike_batch.values == batch)
            assert (np.diff(run.spike_time.values[mine]) > 2e-6 - 1e-18).all()


def test_run_digits__classes_differ():
    run = run_digits(samples=400, neurons=64, progress=False)
    # the nearest mean of the first half tells most classes of the second half: 10 % would be chance
    count, label = run.spike_count.values.astype(float), run.label.values
    mean = np.stack([count[:200][label[:200] == digit].mean(axis=0) for digit in range(10)])
    distance = ((count[200:, None] - mean) ** 2).sum(axis=2)
    assert (distance.argmin(axis=1) == label[200:]).mean() > 0.7


@pytest.mark.parametrize("batch_size", [1, 7, 30, 1000])
def test_run_digits__batch_size_has_no_influence(run, batch_size):
    same_results(run_digits(**SMALL, batch_size=batch_size), run)


def test_run_digits__threads_have_no_influence(run):
    same_results(run_digits(**SMALL, threads=1), run_digits(**SMALL, threads=2))


def test_run_digits__seed_does(run):
    assert not run_digits(**SMALL, seed=1).spike_count.equals(run.spike_count)


def test_run_digits__euler_spikes_lie_on_the_grid(run):
    euler = run_digits(**SMALL, integrator="euler")
    steps = euler.spike_time.values / 1e-6
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-6)
    assert "time" in euler.membrane.dims
    # steps of 1 us are coarse, but not another world
    assert float(euler.spike_count.mean()) == pytest.approx(float(run.spike_count.mean()), rel=0.2)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("samples", 0), ("samples", 1798), ("samples", 2.5), ("samples", True), ("neurons", 0), ("neurons", "512"),
        ("seed", -1), ("batch_size", 0), ("threads", 0), ("integrator", "exakt"),
    ],
)  # fmt: skip
def test_run_digits__refuses(argument, value):
    with pytest.raises(b2.ParameterError, match=argument):
        run_digits(**{**SMALL, argument: value})


def test_summary__has_the_figures(run):
    text = summary(run)
    count = run.spike_count
    assert f"{int(count.sum())}, {float(count.mean()):.2f} per neuron and digit" in text
    run = run.assign_attrs(wall_time=2.0, compilation_time=1.0)
    text = summary(run)
    assert re.search(r"time: +2\.00 s, with compilation 3\.00 s", text)
    assert f"{30 * 40 * 100 / 2.0:.3g} neuron-steps/s" in text


def test_main__writes_both_files(tmp_path, capsys, run):
    folder = tmp_path / "new" / "folder"
    assert main(["--samples", "30", "--neurons", "40", "--output-dir", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert "neuron-steps/s" in out and "digits.nc" in out
    assert "30/30" in err  # the bar
    assert sorted(path.name for path in folder.iterdir()) == ["digits.nc", "digits.png"]
    assert (folder / "digits.png").read_bytes().startswith(b"\x89PNG")
    with xr.open_dataset(folder / "digits.nc", decode_times=False) as stored:
        same_results(stored.load(), run)


def test_main__quiet_says_nothing(tmp_path, capsys):
    assert main(["digits", "--samples", "3", "--neurons", "8", "--quiet", "--output-dir", str(tmp_path)]) == 0
    assert capsys.readouterr() == ("", "")


def test_main__few_samples_and_one_neuron(tmp_path):
    assert main(["--samples", "1", "--neurons", "1", "--quiet", "--output-dir", str(tmp_path)]) == 0


def test_main__without_h5netcdf_writes_netcdf_3(tmp_path, monkeypatch, run):
    monkeypatch.setattr(report, "find_spec", lambda name: None)
    assert main(["--samples", "30", "--neurons", "40", "--quiet", "--output-dir", str(tmp_path)]) == 0
    assert (tmp_path / "digits.nc").read_bytes().startswith(b"CDF")
    with xr.open_dataset(tmp_path / "digits.nc", engine="scipy", decode_times=False) as stored:
        np.testing.assert_array_equal(stored.spike_time, run.spike_time)
        np.testing.assert_array_equal(stored.spike_count, run.spike_count)
        np.testing.assert_array_equal(stored.label, run.label)


def test_main__repeats_overwrite(tmp_path):
    for _ in range(2):
        assert main(["--samples", "2", "--neurons", "4", "--quiet", "--output-dir", str(tmp_path)]) == 0


@pytest.fixture
def _no_simulation(monkeypatch):
    def simulate(*args, **kwargs):
        pytest.fail("simulated before the output was tried")

    monkeypatch.setattr(job, "simulate", simulate)


def one_line(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(("bss2sim: error: ", "python -m bss2sim: error: ")) and err.count("\n") == 1
    return err


@pytest.mark.usefixtures("_no_simulation")
@pytest.mark.parametrize("inside", [False, True])
def test_main__output_is_a_file(tmp_path, capsys, inside):
    path = tmp_path / "taken"
    path.write_text("text")
    assert main(["--output-dir", str(path / "deeper" if inside else path)]) == 2
    assert str(path) in one_line(capsys)
    assert path.read_text() == "text"


@pytest.mark.usefixtures("_no_simulation")
def test_main__output_not_writable(tmp_path, capsys, monkeypatch):
    # permission bits do not stop an administrator, so the refusal is simulated
    def refuse(**kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(report.tempfile, "TemporaryFile", refuse)
    assert main(["--output-dir", str(tmp_path)]) == 2
    assert "Permission denied" in one_line(capsys)


@pytest.mark.usefixtures("_no_simulation")
@pytest.mark.parametrize("name", ["digits.nc", "digits.png"])
def test_main__result_file_is_a_folder(tmp_path, capsys, name):
    (tmp_path / name).mkdir()
    assert main(["--output-dir", str(tmp_path)]) == 2
    assert name in one_line(capsys)


def test_main__disk_full(tmp_path, capsys, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    (tmp_path / "digits.nc").write_text("earlier result")
    monkeypatch.setattr(report, "_write_netcdf", full)
    assert main(["--samples", "2", "--neurons", "4", "--quiet", "--output-dir", str(tmp_path)]) == 2
    assert "No space left" in one_line(capsys)
    assert (tmp_path / "digits.nc").read_text() == "earlier result"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("module", ["matplotlib.figure", "sklearn.datasets"])
@pytest.mark.usefixtures("_no_simulation")
def test_main__missing_dependency(tmp_path, capsys, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["--output-dir", str(tmp_path)]) == 2
    assert "pip install" in one_line(capsys)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sampels", "3"], "did you mean '--samples'"),
        (["--thread=3"], "did you mean '--threads'"),
        (["--sample", "3"], "did you mean '--samples'"),  # abbreviations are not options
        (["digts"], "unknown argument digts"),
        (["--samples", "many"], "invalid int value: 'many'"),
        (["--integrator", "exakt"], "invalid choice: 'exakt'"),
    ],
)
def test_main__wrong_words(words, said, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert said in one_line(capsys)


@pytest.mark.parametrize("words", [["--samples", "0"], ["--samples", "5000"], ["--neurons", "-1"], ["--threads", "0"]])
def test_main__wrong_numbers(words, capsys, tmp_path):
    assert main([*words, "--quiet", "--output-dir", str(tmp_path)]) == 2
    assert words[0].lstrip("-") in one_line(capsys)


def test_main__help_teaches(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for word in ("1797", "digits.nc", "digits.png", "examples:", "--samples", "default: 512", "open_dataset"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 80


def test_main__version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"bss2sim {b2.__version__}\n"


def test_main__interrupt(monkeypatch, capsys):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "digits", interrupt)
    assert main(["--quiet"]) == 130
    assert capsys.readouterr().err == "bss2sim: interrupted\n"


def test_main__in_a_process_of_its_own(tmp_path):
    def command(folder):
        words = ["--samples", "5", "--neurons", "16", "--output-dir", folder]
        command = [sys.executable, "-W", "error", "-m", "bss2sim", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)

    done = command("out")
    assert done.returncode == 0, done.stderr
    assert "neuron-steps/s" in done.stdout and "5/5" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["digits.nc", "digits.png"]
    done = command("out/digits.nc")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "it is a file" in done.stderr
