"""What is not there yet: running modules on the emulated chip."""

from __future__ import annotations

from typing import NoReturn

from bss2sim.errors import Bss2SimError


class HardwareModeError(Bss2SimError, NotImplementedError):
    """Something that needs a chip behind the modules, which bss2sim.hxtorch does not have yet."""


def refuse_hardware_mode(what: str) -> NoReturn:
    """Raise the one error that says what to do without hardware mode."""
    raise HardwareModeError(
        f"{what} needs hardware mode, which bss2sim.hxtorch does not have yet: use Experiment(mock=True) to train; to run "
        "populations with trained weights on the emulated chip, use bss2sim.simulate(..., chip=bss2sim.EmulatedChip(seed=...))"
    )
