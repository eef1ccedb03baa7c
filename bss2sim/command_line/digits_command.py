"""The main job: ``python -m bss2sim``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .parser import make_parser

_DESCRIPTION = """\
Simulate how integrate-and-fire neurons of BrainScaleS-2 respond to handwritten
digits: the 1797 digits of scikit-learn, coded into spikes (bright pixels spike
early), go through a random weight matrix into a population of 512 neurons.

Prints a summary and writes two files:
  digits.nc   netCDF: every spike, spike counts, membranes of a few neurons
  digits.png  spikes, membranes, rates averaged over the digits of each class
"""
_EPILOG = """\
examples:
  python -m bss2sim                                     all digits
  python -m bss2sim --samples 100 --output-dir results  the first 100 digits
  python -m bss2sim --integrator euler --threads 1      Euler steps, one thread

other commands, each with --help:
  python -m bss2sim sweep      simulate a file of settings into a Zarr store
  python -m bss2sim calibrate  calibrate an emulated chip, and keep the result

then, in Python:
  >>> import xarray
  >>> run = xarray.open_dataset("bss2sim-output/digits.nc")
  >>> run.spike_count.groupby("label").mean()
"""


def digits(words: Sequence[str]) -> None:
    """Run the main job."""
    parser = make_parser("", _DESCRIPTION, _EPILOG)
    add = parser.add_argument
    add("--output-dir", type=Path, default=Path("bss2sim-output"), metavar="DIR",
        help="folder for the two files, made if missing (default: %(default)s)")  # fmt: skip
    add("--samples", type=int, metavar="N", help="simulate only the first N digits (default: all 1797)")
    add("--neurons", type=int, default=512, metavar="N", help="size of the population (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="seed of the random weights (default: %(default)s)")
    add("--integrator", choices=("exact", "euler"), default="exact",
        help="exact: closed form, continuous spike times; euler: steps of 1 us (default: %(default)s)")  # fmt: skip
    add("--threads", type=int, metavar="N", help="number of threads (default: one per core)")
    add("--batch-size", type=int, default=256, metavar="N",
        help="digits per call of the simulator, with no influence on the result (default: %(default)s)")  # fmt: skip
    add("--quiet", action="store_true", help="no progress bar and no summary, only errors")
    options = parser.parse_args(words)

    # only now: --help and --version answer at once
    from bss2sim.digits import run_digits
    from bss2sim.digits_report import FILES, summary

    run = run_digits(
        options.output_dir,
        samples=options.samples,
        neurons=options.neurons,
        seed=options.seed,
        integrator=options.integrator,
        threads=options.threads,
        batch_size=options.batch_size,
        progress=not options.quiet,
    )
    if not options.quiet:
        print(summary(run))
        print(f"written:   {', '.join(str(options.output_dir / name) for name in FILES)}")
