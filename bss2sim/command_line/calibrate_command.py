"""``python -m bss2sim calibrate``: a calibration without a script."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bss2sim.errors import Bss2SimError, ParameterError, suggestion

from .parser import make_parser

_DESCRIPTION = """\
Calibrate an emulated chip to what its neurons are to do, and keep the registers
in a netCDF file, for simulate(..., chip=, calibration=) and for the command
sweep.

Targets are those of NeuronCalibTarget: leak, reset, threshold [CADC LSB],
tau_mem, tau_syn, refractory_time, holdoff_time [s], i_synin_gm, synin_mode,
membrane_capacitance, synapse_dac_bias. They come from options, or from a TOML
file:

  threshold = 125.0               # one number for all 512 circuits
  reset = 80.0
  tau_syn = 10e-6
  refractory_time = 2e-6

A file with a table [neurons], as the command sweep reads it, calibrates to
these neurons; the seed of its table [chip] is taken without --chip-seed.
"""
_EPILOG = """\
examples:
  python -m bss2sim calibrate --chip-seed 7 --set threshold=125 --output c.nc
  python -m bss2sim calibrate targets.toml --chip-seed 7 --output c.nc
  python -m bss2sim calibrate spec.toml --output calibration.nc

then, in Python:
  >>> import bss2sim
  >>> calibration = bss2sim.load_calibration("calibration.nc")
"""


def calibrate_command(words: Sequence[str]) -> None:
    """Calibrate a chip."""
    parser = make_parser("calibrate", _DESCRIPTION, _EPILOG)
    add = parser.add_argument
    add("targets", type=Path, nargs="?", help="TOML file with targets, or with the neurons of a sweep")
    add("--chip-seed", type=int, metavar="N", help="which chip")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="a target; goes before that of the file")
    add("--method", default="analytic", help="analytic: from the laws of the chip; search: from noisy reads, as on a real chip "
        "(default: %(default)s)")  # fmt: skip
    add("--rule", default="default", help="how the refractory clocks are set: default or calix (default: %(default)s)")
    add("--output", type=Path, required=True, metavar="FILE", help="netCDF file to write")
    add("--quiet", action="store_true", help="no summary, only errors and warnings")
    options = parser.parse_args(words)

    # only now: --help answers at once
    from bss2sim import EmulatedChip, calibrate
    from bss2sim.calibration.result import file_to_write

    file_to_write(options.output)  # before what takes long
    target, chip = _read_targets(options.targets, _settings(options.set))
    if options.chip_seed is not None:
        chip = EmulatedChip(seed=options.chip_seed)
    if chip is None:
        raise ParameterError("which chip? Give --chip-seed N, or a file with a table [chip] that has a seed")
    calibration = calibrate(chip, target, method=options.method, rule=options.rule)
    calibration.to_netcdf(options.output)
    if not options.quiet:
        print(f"written:     {options.output}\ncalibrated:  {calibration!r}")


def _setting(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ParameterError(f"--set takes NAME=VALUE, e.g. threshold=125; got {text!r}")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), value.strip()  # a text without quotes


def _settings(texts: Sequence[str]) -> dict[str, Any]:
    """Read all words NAME=VALUE."""
    given: dict[str, Any] = {}
    for name, value in map(_setting, texts):
        if name in given:
            raise ParameterError(f"--set {name} is given twice, as {given[name]!r} and {value!r}; leave one out")
        given[name] = value
    return given


@contextmanager
def _naming(given: dict[str, Any]) -> Iterator[None]:
    """Name the option --set in an error that begins with its target."""
    try:
        yield
    except Bss2SimError as error:
        name = re.split(r"\W", str(error), maxsplit=1)[0]
        if name not in given:
            raise
        raise type(error)(f"--set {name}: {error}") from error


def _read_targets(path: Path | None, given: dict[str, Any]) -> tuple[Any, Any]:
    """Return the target, and the chip if the file names one."""
    from bss2sim import EmulatedChip, NeuronCalibTarget

    from .settings import Settings
    from .specification import OPTIONS, TABLES, read_neurons

    known = inspect.signature(NeuronCalibTarget).parameters
    for name, value in given.items():
        if name not in known:
            raise ParameterError(f"--set {name}: there is no such target{suggestion(name, known)}")
        if isinstance(value, str) and not isinstance(known[name].default, str):
            raise ParameterError(f"--set {name}={value}: must be a number, or a list of them as [1, 2]; got a text")
    if path is None:
        with _naming(given):
            return NeuronCalibTarget(**given), None
    settings = Settings.read(path)
    if "neurons" not in settings:
        settings.check_keys(known)
        values = {key: settings.values(key) for key in settings.content}
        with settings.naming(), _naming(given):
            return NeuronCalibTarget(**{**values, **given}), None
    settings.check_keys((*OPTIONS, *TABLES))
    table, chip = settings.table("neurons"), None
    target = table.make(NeuronCalibTarget.from_populations, [read_neurons(table)])
    if given:
        with _naming(given):
            target = target.replace(**given)
    if "chip" in settings and "seed" in settings.table("chip"):
        chip = settings.table("chip").make(EmulatedChip, settings.table("chip").values("seed"))
    return target, chip
