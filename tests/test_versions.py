"""show_versions tells what is installed, and never fails."""

import io
import re
from importlib import metadata

import pytest

import bss2sim
from bss2sim import versions


def report() -> dict[str, str]:
    """Printed lines as name -> value."""
    file = io.StringIO()
    bss2sim.show_versions(file)
    return dict(re.split(r"\s{2,}", line, maxsplit=1) for line in file.getvalue().splitlines())


def test_show_versions__names_the_package_and_what_it_needs() -> None:
    lines = report()
    assert lines["bss2sim"] == bss2sim.__version__
    for name in ("numba", "numpy", "scipy", "xarray", "tqdm"):
        assert lines[name] == metadata.version(name)
    assert lines["Python"].startswith("3.")
    assert {"system", "CPUs", "CUDA driver", "OMP_NUM_THREADS"} <= set(lines)


def test_show_versions__prints_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    bss2sim.show_versions()
    assert capsys.readouterr().out.startswith("bss2sim ")


def test_show_versions__shows_the_settings_of_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert report()["NUMBA_NUM_THREADS"] == "1"


@pytest.mark.parametrize("error", [metadata.PackageNotFoundError("h5py"), KeyError("Version"), OSError("unreadable")])
def test_show_versions__survives_what_is_missing_or_broken(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(name: str) -> str:
        raise error

    monkeypatch.setattr(versions.metadata, "version", broken)
    lines = report()
    assert lines["h5py"] == "not installed"
    assert lines["numba"] == "NOT INSTALLED"


def test_show_versions__survives_a_system_without_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(versions.ctypes, "CDLL", missing)
    assert report()["CUDA driver"] == "not found"
