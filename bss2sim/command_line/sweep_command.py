"""``python -m bss2sim sweep``: a sweep without a script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bss2sim.errors import DeviceError, InputError, MissingDependencyError, ParameterError

from .parser import make_parser

EXAMPLE = """\
dt = 1e-6                       # grid spacing [s]

[neurons]
kind = "IAFNeuron"              # or LIFNeuron, LINeuron
size = 512
reset = 80.0                    # one number, or a list, one for each neuron
threshold = { dim = "level", start = 100, stop = 140, num = 5 }
tau_mem = { dim = "tau", values = [5e-6, 10e-6] }
refractory_time = 2e-6

[inputs]                        # or file = "spikes.nc", .npy or .zarr
random = { inputs = 64, rate = 20e3, duration = 100e-6, batch = 4, seed = 1 }

[synapse]                       # or file = "weights.npy", or value = 20.0
random = { mean = 5.0, std = 10.0, seed = 2 }

[record]
spikes = "count"                # sparse, dense, count, first or none
"""
_DESCRIPTION = """\
Simulate what a TOML file describes, block by block, into a Zarr store. When it
is interrupted, the same command goes on where it was.

An example, spec.toml:

""" + "".join(f"  {line}\n" if line else "\n" for line in EXAMPLE.splitlines())
_EPILOG = """\
Every { dim = ... } is a dim of the result: values, or start, stop and num, or
for whole numbers start and stop. On emulated chips, add to the file:

  [chip]
  seed = { dim = "chip", start = 0, stop = 100 }
  calibration = "calibration.nc"  # of python -m bss2sim calibrate

  [chunks]                        # trials of a block; found if left out
  chip = 10

examples:
  python -m bss2sim sweep spec.toml --store run.zarr
  python -m bss2sim sweep spec.toml --store run.zarr --scheduler tcp://host:8786

then, in Python:
  >>> import bss2sim
  >>> run = bss2sim.open_sweep("run.zarr")
  >>> run.spike_count.mean("neuron").compute()
"""


def sweep_command(words: Sequence[str]) -> None:
    """Run a sweep."""
    parser = make_parser("sweep", _DESCRIPTION, _EPILOG)
    add = parser.add_argument
    add("spec", type=Path, help="TOML file that describes the sweep")
    add("--store", type=Path, required=True, metavar="DIR", help="folder of the Zarr store, made if missing")
    add("--scheduler", metavar="ADDRESS", help="scheduler of dask.distributed, whose workers share the disk of the store "
        "(default: threads of this process)")  # fmt: skip
    add("--threads", type=int, metavar="N", help="blocks at a time in this process (default: one per core)")
    add("--quiet", action="store_true", help="no progress bar and no summary, only errors")
    options = parser.parse_args(words)

    # only now: --help answers at once
    from contextlib import ExitStack

    from bss2sim import open_sweep, set_options
    from bss2sim.sweeps.fill import fill_store

    from .settings import Settings
    from .specification import read_specification

    arguments = read_specification(options.spec)
    with ExitStack() as stack:
        if options.threads is not None:
            stack.enter_context(set_options(threads=options.threads))
        if options.scheduler is not None:
            client = stack.enter_context(connect(options.scheduler))
            stack.enter_context(client.as_current())
        with Settings.read(options.spec).naming(DeviceError, InputError, MissingDependencyError, ParameterError):
            chunks = arguments.pop("chunks", None)
            computed = fill_store(options.store, arguments, chunks=chunks, progress=not options.quiet)
    run = open_sweep(options.store)
    if not options.quiet:
        done = f"written:   {options.store}" if computed else f"finished:  {options.store}, nothing was left to do"
        sizes = ", ".join(f"{dim} {size}" for dim, size in run.sizes.items())
        print(f"{done}\nvariables: {', '.join(map(str, run.data_vars))}\nsizes:     {sizes}")


def connect(address: str) -> Any:
    """Return a client of a scheduler.

    Raises
    ------
    DeviceError
        If there is none at the address.
    MissingDependencyError
        If dask.distributed is not installed.
    """
    try:
        from distributed import Client
    except ImportError as reason:
        raise MissingDependencyError(
            "--scheduler needs dask.distributed; install it with pip install 'bss2sim[dask]'"
        ) from reason
    try:
        # not the default: one that cannot connect would stay so
        return Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as reason:
        raise DeviceError(f"--scheduler {address}: there is no scheduler to be reached: {reason}") from reason
