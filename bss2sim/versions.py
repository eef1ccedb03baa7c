"""What is installed on this machine, for bug reports."""

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import TextIO

from bss2sim import __version__

_REQUIRED = ("numba", "llvmlite", "numpy", "scipy", "xarray", "pandas", "tqdm")
_OPTIONAL = (
    "h5netcdf",
    "h5py",
    "netCDF4",
    "dask",
    "matplotlib",
    "scikit-learn",
    "numba-cuda",
    "torch",
    "pytest",
    "hypothesis",
)
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def show_versions(file: TextIO | None = None) -> None:
    """Print the versions of the package, of Python and of everything that may change a result.

    Nothing but the standard library is imported, so this works on a broken installation as well.

    Parameters
    ----------
    file : file-like, optional
        Where to print; standard output by default.

    Examples
    --------
    >>> import bss2sim as b2
    >>> b2.show_versions()  # doctest: +ELLIPSIS
    bss2sim ...
    """
    lines = list(_report())
    width = max(len(name) for name, _ in lines)
    print("\n".join(f"{name:<{width}}  {value}" for name, value in lines), file=file)


def _report() -> Iterator[tuple[str, str]]:
    """Pairs of a name and its version or value."""
    yield "bss2sim", __version__
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "system", platform.platform()
    yield "CPUs", f"{os.cpu_count()} ({_usable_cpus()} usable by this process)"
    for name in _REQUIRED:
        yield name, _version(name) or "NOT INSTALLED"
    for name in _OPTIONAL:
        yield name, _version(name) or "not installed"
    yield "CUDA driver", _cuda_driver() or "not found"
    for name in sorted({*_THREAD_VARIABLES, *(key for key in os.environ if key.startswith("NUMBA_"))}):
        yield name, os.environ.get(name, "not set")


def _version(distribution: str) -> str | None:
    """Version of an installed distribution, None where there is none or its metadata is broken."""
    try:
        return metadata.version(distribution)
    except Exception:  # broken metadata raises many things, and a bug report must not fail on it
        return None


def _cuda_driver() -> str | None:
    """Newest CUDA version the driver supports, None without a driver."""
    # Only the driver is asked: through Numba or torch the question would import them and start the device.
    version = ctypes.c_int()
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        if driver.cuDriverGetVersion(ctypes.byref(version)) != 0:
            return None
    except (OSError, AttributeError):
        return None
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def _usable_cpus() -> int:
    """Number of CPUs the scheduler lets this process use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
