"""``python -m bss2sim calibrate``: a calibration without a script."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bss2sim.errors import ParameterError, suggestion

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

    target, chip = _read_targets(options.targets, dict(map(_setting, options.set)))
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


def _read_targets(path: Path | None, given: dict[str, Any]) -> tuple[Any, Any]:
    """Return the target, and the chip if the file names one."""
    from bss2sim import EmulatedChip, NeuronCalibTarget

    from .settings import Settings
    from .specification import OPTIONS, TABLES, read_neurons

    known = list(inspect.signature(NeuronCalibTarget).parameters)
    for name in given:
        if name not in known:
            raise ParameterError(f"--set {name}: there is no such target{suggestion(name, known)}")
    if path is None:
        return NeuronCalibTarget(**given), None
    settings = Settings.read(path)
    if "neurons" not in settings:
        settings.check_keys(known)
        values = {key: settings.values(key) for key in settings.content}
        return settings.make(NeuronCalibTarget, **{**values, **given}), None
    settings.check_keys((*OPTIONS, *TABLES))
    table, chip = settings.table("neurons"), None
    target = table.make(NeuronCalibTarget.from_populations, [read_neurons(table)])
    if given:
        target = target.replace(**given)
    if "chip" in settings and "seed" in settings.table("chip"):
        chip = settings.table("chip").make(EmulatedChip, settings.table("chip").values("seed"))
    return target, chip
