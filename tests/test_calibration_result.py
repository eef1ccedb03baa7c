"""Calibrations in files: round trip, and every way a file can be wrong."""

import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from bss2sim.calibration import result
from bss2sim.calibration.calibrate import calibrate
from bss2sim.calibration.result import calibration_id, load_calibration
from bss2sim.calibration.target import NeuronCalibTarget
from bss2sim.errors import FileError
from bss2sim.hardware.chip import EmulatedChip

CHIPS = xr.DataArray([7, 2**40], dims="chip", coords={"chip": ["a", "b"]})


@pytest.fixture(scope="module")
def calibration():
    """Two chips, some circuits of which fail."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return calibrate(EmulatedChip(seed=CHIPS), NeuronCalibTarget(tau_mem=np.linspace(1e-6, 1000e-6, 512)))


@pytest.fixture(scope="module")
def written(tmp_path_factory, calibration):
    path = tmp_path_factory.mktemp("calibration") / "chips.nc"
    calibration.to_netcdf(path)
    return path


@pytest.fixture(scope="module")
def dataset(written):
    """What is in the file."""
    return xr.load_dataset(written)


@pytest.fixture
def path(tmp_path, written):
    return Path(shutil.copy(written, tmp_path))


def assert_same(one, other):
    for name in ("registers", "achieved", "residual"):
        mine, theirs = getattr(one, name), getattr(other, name)
        xr.testing.assert_identical(mine, theirs)
        assert {k: v.dtype for k, v in mine.items()} == {k: v.dtype for k, v in theirs.items()}
    assert one.success.dtype == bool and one.reason.dtype.kind == "U"
    xr.testing.assert_equal(one.success, other.success)
    xr.testing.assert_equal(one.reason, other.reason)
    assert dict(one.attrs) == dict(other.attrs)


def test_file__round_trip(path, calibration):
    assert not calibration.success.all() and calibration.success.any()
    assert_same(load_calibration(path), calibration)
    assert_same(load_calibration(str(path)), calibration)


def test_file__leaves_nothing_beside_it(written):
    assert [entry.name for entry in written.parent.iterdir()] == [written.name]


def test_file__of_one_chip_that_all_circuits_reach(tmp_path):
    """No reason is longer than the empty one."""
    calibration = calibrate(EmulatedChip(seed=7, variation=0.1), NeuronCalibTarget())
    calibration.to_netcdf(tmp_path / "one.nc")
    assert_same(load_calibration(tmp_path / "one.nc"), calibration)


@pytest.mark.parametrize("engine", ["scipy", "h5netcdf", "netcdf4"])
def test_file__of_every_engine(path, dataset, calibration, engine):
    """Without extras xarray writes netCDF3, which has no 64-bit integers and no strings."""
    pytest.importorskip({"netcdf4": "netCDF4"}.get(engine, engine))
    dataset.to_netcdf(path, engine=engine)
    assert_same(load_calibration(path), calibration)


def test_file__missing(tmp_path):
    with pytest.raises(FileError, match=r"no file .*none\.nc; write one with"):
        load_calibration(tmp_path / "none.nc")


def test_file__cannot_be_written(tmp_path, calibration):
    with pytest.raises(FileError, match=r"cannot be written to .*chip.nc: there is no directory .*none; make it first"):
        calibration.to_netcdf(tmp_path / "none" / "chip.nc")


def test_file__says_nothing_of_the_temporary_one(tmp_path, calibration, monkeypatch):
    def full(before, after):
        raise OSError(28, "No space left on device", str(before))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FileError, match=r"cannot be written to .*chip\.nc: No space left on device$"):
        calibration.to_netcdf(tmp_path / "chip.nc")
    assert not list(tmp_path.iterdir())


def test_file__that_may_not_be_read(tmp_path, monkeypatch):
    def forbidden(path):
        raise PermissionError(13, "Permission denied", path)

    (tmp_path / "odd.nc").write_bytes(b"x")
    monkeypatch.setattr(xr, "load_dataset", forbidden)
    with pytest.raises(FileError, match=r"odd\.nc cannot be read: Permission denied$"):
        load_calibration(tmp_path / "odd.nc")


def test_file__says_what_reads_it(tmp_path, monkeypatch):
    (tmp_path / "odd.nc").write_bytes(b"no netCDF")
    monkeypatch.setattr(result, "find_spec", lambda name: None)
    with pytest.raises(FileError, match=r"netCDF 4 need pip install 'bss2sim\[netcdf\]'$") as caught:
        load_calibration(tmp_path / "odd.nc")
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("content", [b"", b"not netCDF", b"CDF\x01", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_file__is_not_netcdf(tmp_path, content):
    path = tmp_path / "odd.nc"
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"odd\.nc is (damaged|no calibration)"):
        load_calibration(path)


@pytest.mark.parametrize("engine", ["scipy", "h5netcdf"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.97])
def test_file__is_truncated(path, dataset, engine, kept):
    pytest.importorskip(engine)
    dataset.to_netcdf(path, engine=engine)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(FileError, match=r"damaged|lacks|no calibration"):
        load_calibration(path)


def test_file__of_something_else(tmp_path):
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "other.nc")
    with pytest.raises(FileError, match=r"other\.nc is no calibration: its attribute `kind` is None"):
        load_calibration(tmp_path / "other.nc")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop_vars("leak_v_leak_code"), "lacks leak_v_leak_code"),
        (lambda d: d.drop_vars("success"), "lacks success"),
        (lambda d: d.drop_attrs(deep=False).assign_attrs({k: v for k, v in d.attrs.items() if k != "rule"}), "lacks rule"),
        (lambda d: d.assign(odd=d.leak), "'odd' is not registered"),
        (lambda d: d.assign(leak_v_leak_code=d.leak_v_leak_code.where(d.atomic_neuron != 3, 1023).astype(int)),
         "leak_v_leak_code must be 0 to 1022; chip 0, atomic_neuron 3 has 1023"),
        (lambda d: d.assign(leak_v_leak_code=d.leak_v_leak_code + 1), "damaged: its numbers, labels or attributes are not those"),
        (lambda d: d.assign(tau_mem=d.tau_mem * 1.001), "damaged: its numbers, labels or attributes are not those"),
        (lambda d: d.assign(leak_v_leak_code=d.leak_v_leak_code * 1.0), "leak_v_leak_code has dtype float64"),
        (lambda d: d.assign(success=d.success.astype("int32")), "success has dtype int32; registered is bool"),
        (lambda d: d.assign(enable_threshold=d.enable_threshold.astype("int32")), "enable_threshold has dtype int32"),
        (lambda d: d.assign(reason=d.tau_mem), "reason has dtype float64; registered is str"),
        (lambda d: d.assign(tau_mem=d.tau_mem.astype("float32")), "tau_mem has dtype float32"),
        (lambda d: d.assign(tau_mem=d.tau_mem.mean("atomic_neuron")), "tau_mem has dims"),
        (lambda d: d.assign_coords(chip=["b", "a"]), "damaged: its numbers, labels"),
        (lambda d: d.assign_coords(row=1 - d.row), "damaged: its numbers, labels"),
        (lambda d: d.assign_attrs(seed=1), "damaged: its numbers, labels"),
        (lambda d: d.assign(leak=d.leak.assign_attrs(units="V")), "damaged: its numbers, labels"),
        (lambda d: d.assign_attrs(seed=1.5), "`seed` is .*1.5.*, no whole number"),
        (lambda d: d.assign_attrs(method="fast"), "`method` is 'fast', not one of analytic, search"),
        (lambda d: d.assign_attrs(rule="odd"), "`rule` is 'odd', not one of default, calix"),
        (lambda d: d.assign_attrs(kind=[1, 2]), "`kind` is array"),
        (lambda d: d.assign_attrs(checksum=[1.0, 2.0]), "`checksum` is array.*no text"),
        (lambda d: d.assign(success=~d.success), "circuits that failed must have a reason"),
        (lambda d: d.assign(leak=d.leak.isel(chip=0)), r"leak has dims \('atomic_neuron',\), not \('chip', 'atomic_neuron'\)"),
        (lambda d: d.assign(leak=d.leak.where(d.atomic_neuron != 3)), "leak has entries that are no number"),
        (lambda d: d.drop_vars("leak"), "lacks leak"),
        (lambda d: d.drop_vars("residual_leak"), "lacks residual_leak"),
        (lambda d: d.assign(state_membrane=(("chip", "neuron"), np.zeros((2, 3)))), "holds what no calibration has: state_m"),
        (lambda d: d.isel(atomic_neuron=slice(0, 511)), "has 511 entries along atomic_neuron"),
        (lambda d: d.isel(atomic_neuron=slice(None, None, -1)), "other labels along atomic_neuron"),
    ],
)  # fmt: skip
def test_file__holds_what_no_calibration_has(path, dataset, change, message):
    change(dataset).to_netcdf(path, engine="scipy")
    with pytest.raises(FileError, match=message):
        load_calibration(path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (None, "a str or os.PathLike; got None"),
        (3, "a str or os.PathLike; got 3"),
        (b"a.nc", "a str or os.PathLike; got b'a.nc'"),
        ("", "must be the name of a file"),
        ("a\0b", "without null characters"),
        ("a" * 5000, r"\(5000 characters\)' cannot be the name of a file: File name too long"),
    ],
)
def test_file__has_no_such_path(calibration, path, message):
    for act in (calibration.to_netcdf, load_calibration):
        with pytest.raises(FileError, match=message):
            act(path)


def test_file__is_a_directory(tmp_path, calibration):
    for act in (calibration.to_netcdf, load_calibration):
        with pytest.raises(FileError, match="is a directory; name"):
            act(tmp_path)


def test_file__through_a_link(tmp_path, calibration):
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link.nc"
    link.symlink_to(tmp_path / "folder" / "real.nc")
    calibration.to_netcdf(link)
    assert link.is_symlink() and (tmp_path / "folder" / "real.nc").is_file()
    assert_same(load_calibration(link), calibration)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(FileError, match="loop"):
        calibration.to_netcdf(tmp_path / "loop")


@pytest.mark.parametrize("labels", [{"a/b": None}, {"chip": [(1, 2), "x"]}, {"chip": np.array([1, 2j])}])
def test_file__cannot_hold_dims_or_labels(tmp_path, labels):
    (dim, label), *_ = labels.items()
    coords = {}
    if label is not None:
        column = np.empty(2, object if isinstance(label, list) else complex)
        column[:] = label
        coords = {dim: column}
    calibration = calibrate(
        EmulatedChip(seed=xr.DataArray([1, 2], coords, dims=[dim]), variation=0), NeuronCalibTarget()
    )
    with pytest.raises(FileError, match="a netCDF file cannot hold its dims"):
        calibration.to_netcdf(tmp_path / "odd.nc")
    assert not list(tmp_path.iterdir())


def test_calibration_id__follows_the_registers(calibration):
    registers = calibration.registers
    assert calibration_id(registers) == calibration.attrs["calibration_id"] == registers.attrs["calibration_id"]
    changed = registers.copy(deep=True)
    changed["leak_v_leak_code"][1, 4] += 1
    assert calibration_id(changed) != calibration_id(registers)
    assert calibration_id(registers.isel(chip=0)) != calibration_id(registers.isel(chip=1))


def test_result__has_provenance(calibration):
    attrs = calibration.attrs
    assert (attrs["method"], attrs["rule"], attrs["seed"]) == ("analytic", "default", 0)
    assert attrs["chip_seed"] == f"7 {2**40}"
    assert repr(calibration).startswith(
        f"<Calibration {attrs['calibration_id']}: {int(calibration.success.sum())} of 1024"
    )
    assert "chip_configuration" in attrs and "bss2sim_version" in attrs
    with pytest.raises(AttributeError):
        calibration.success = None
