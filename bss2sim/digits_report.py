"""What the main job shows and leaves behind: a summary, a figure and two files."""

from __future__ import annotations

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from bss2sim import plot
from bss2sim.errors import FileError, MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["summary", "figure", "check_output", "write"]

FILES = ("digits.nc", "digits.png")


def summary(run: xr.Dataset) -> str:
    """Return a few lines on a run of the main job: sizes, rates and times.

    Parameters
    ----------
    run : Dataset
        Result of :func:`bss2sim.digits.run_digits`.

    Returns
    -------
    str
    """
    count = run.spike_count
    n_digit, n_neuron = count.shape
    wall, compilation = run.attrs["wall_time"], run.attrs["compilation_time"]
    duration, inputs = run.attrs["duration"], run.attrs["input_spikes"]
    steps = n_digit * n_neuron * round(duration / run.attrs["dt"])
    total = int(count.sum())
    per_trial = total / count.size
    silent = int((count.sum("batch") == 0).sum())
    lines = {
        "digits": f"{n_digit}, {inputs} input spikes, {inputs / n_digit:.1f} per digit",
        "neurons": f"{n_neuron} IAF, integrator {run.attrs['integrator']!r}, {duration * 1e6:.0f} us per digit",
        "spikes": f"{total}, {per_trial:.2f} per neuron and digit",
        "mean rate": f"{per_trial / duration / 1e3:.1f} kHz of hardware time",
        "silent": f"{silent} neurons in all digits, {float((count == 0).mean()):.0%} of all (neuron, digit) pairs",
        "time": f"{wall:.2f} s, with compilation {wall + compilation:.2f} s",
        "speed": f"{steps / wall:.3g} neuron-steps/s (a step is {run.attrs['dt'] * 1e6:.0f} us of hardware time)",
    }
    return "\n".join(f"{name + ':':<11}{text}" for name, text in lines.items())


def figure(run: xr.Dataset, pixel: xr.DataArray, inputs: xr.Dataset, digit: int = 0) -> Figure:
    """Draw the responses to one digit, membranes, and the class-averaged rates.

    Parameters
    ----------
    run : Dataset
        Result of :func:`bss2sim.digits.run_digits`.
    pixel : DataArray, shape (sample, pixel)
        Brightness of the digits.
    inputs : Dataset
        Input spikes of the digits.
    digit : int
        Which of the recorded digits is shown in detail.

    Returns
    -------
    Figure

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    # not through pyplot: this runs without a display and leaves no figure open
    page = _matplotlib_figure()(figsize=(11, 8), layout="constrained")
    panels: Any = page.subfigures(1, 2)
    left, right = panels
    upper, lower = left.subplots(2, 1, sharex=True, height_ratios=(1, 3))
    middle, bottom = right.subplots(2, 1)

    plot.raster(inputs, upper, batch=digit)
    upper.set(xlabel="", ylabel="Pixel", ylim=(-0.7, pixel.sizes["pixel"] - 0.3))
    upper.set_title(f"(a) Input and output spikes, a handwritten {int(run.label[digit])}")
    image = upper.inset_axes((0.75, 0.05, 0.23, 0.9))
    image.imshow(pixel.values[digit].reshape(8, 8), cmap="Greys")
    image.set(xticks=[], yticks=[])
    plot.raster(run, lower, batch=digit)
    shown = run[["membrane"]].rename(membrane_neuron="neuron", membrane_batch="batch")
    plot.traces(shown, middle, batch=digit, threshold=run.attrs["threshold"])
    middle.set_title("(b) Membranes, same digit")
    plot.class_rates(run, run.label, bottom)
    bottom.set(title="(c) Class-averaged rates", ylabel="Digit")
    return page


def check_output(folder: Path) -> None:
    """Make the folder of the results and try it, before time is spent on computing what could not be written.

    Parameters
    ----------
    folder : Path
        Made if it is missing.

    Raises
    ------
    FileError
        If it is a file, cannot be made, cannot be written to, or has folders in place of the result files.
    MissingDependencyError
        If matplotlib is not installed.
    """
    _matplotlib_figure()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # permission bits do not tell on network drives, nor to an administrator: try
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError as error:
        raise FileError(f"cannot write to {folder}: it is a file; name a folder with --output-dir") from error
    except OSError as error:
        raise FileError(
            f"cannot write to {folder}: {error.strerror}; name a folder you may write to with --output-dir"
        ) from error
    for name in FILES:
        if (folder / name).is_dir():
            raise FileError(f"cannot write {folder / name}: it is a folder; move it away or use another --output-dir")


def write(run: xr.Dataset, page: Figure, folder: Path) -> None:
    """Write both files; what was there before stays until the new one is complete.

    Parameters
    ----------
    run : Dataset
        Result of :func:`bss2sim.digits.run_digits`.
    page : Figure
        What :func:`figure` drew.
    folder : Path
        A folder that exists.

    Raises
    ------
    FileError
        If that fails.
    """
    data, picture = (folder / name for name in FILES)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".digits-") as scratch:
            _write_netcdf(run, Path(scratch, data.name))
            os.replace(Path(scratch, data.name), data)
            page.savefig(Path(scratch, picture.name), dpi=150)
            os.replace(Path(scratch, picture.name), picture)
    except OSError as error:
        raise FileError(f"cannot write the results to {folder}: {error}") from error


def _write_netcdf(run: xr.Dataset, path: Path) -> None:
    """Write netCDF 4 if h5netcdf is installed, else netCDF 3 through SciPy."""
    if find_spec("h5netcdf") is None or find_spec("h5py") is None:
        run.to_netcdf(path, engine="scipy")
        return
    # Spike counts and indices shrink to a fraction, and the fastest level is as good as the best one for them.
    packed = {"zlib": True, "complevel": 1, "shuffle": True}
    run.to_netcdf(path, engine="h5netcdf", encoding={name: packed for name in run.data_vars if run[name].ndim})


def _matplotlib_figure() -> type[Figure]:
    """Return the Figure class of matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            'pictures need matplotlib, which is not installed: pip install "bss2sim[plot]"'
        ) from error
    return Figure
