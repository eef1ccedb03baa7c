"""The chip that experiments in hardware mode run on: an emulated one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bss2sim.errors import ParameterError, choose, refuse_unknown_keywords

STARTS = ("reset", "drifted", "carried")


@dataclass(frozen=True)
class Connection:
    """A chip and how it is run.

    Attributes
    ----------
    chip : EmulatedChip
        The chip.
    effects : float or dict of str to float
        Factor of its effects.
    start : str
        How trials start.
    """

    chip: Any
    effects: Any
    start: str


_connection: list[Connection] = []  # of this process; one at most


@refuse_unknown_keywords
def init_hardware(chip: Any = None, *, effects: Any = 1.0, start: str = "reset") -> None:
    """Choose the emulated chip of this process. Scripts of hxtorch call it without arguments, which is a chip of seed 0.

    Parameters
    ----------
    chip : EmulatedChip, optional
        The chip. None: ``EmulatedChip(seed=0)``.
    effects : float or dict of str to float
        Factor of what distinguishes a chip from the model, see :func:`bss2sim.simulate`.
    start : {"reset", "drifted", "carried"}
        How trials start, see :func:`bss2sim.simulate`.

    Raises
    ------
    ParameterError
        If an argument is of a wrong kind.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.init_hardware(b2.EmulatedChip(seed=7))
    >>> hxsnn.release_hardware()
    """
    from bss2sim.hardware.chip import EmulatedChip

    if chip is not None and not isinstance(chip, EmulatedChip):
        raise ParameterError(f"chip must be an EmulatedChip, e.g. EmulatedChip(seed=0); got {chip!r}")
    connection = Connection(chip or EmulatedChip(seed=0), effects, choose("start", start, STARTS))
    _connection[:] = [connection]


def release_hardware() -> None:
    """Forget the chip; the next experiment that needs one takes that of seed 0.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.release_hardware()
    """
    _connection.clear()


def connected() -> Connection:
    """Return the chip of this process, chosen now if it is not yet."""
    if not _connection:
        init_hardware()
    return _connection[0]


def get_unique_identifier() -> str:
    """Return what names the chip.

    Returns
    -------
    str
        With its seed.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.init_hardware()
    >>> hxsnn.get_unique_identifier()
    'bss2sim:0'
    >>> hxsnn.release_hardware()
    """
    return f"bss2sim:{connected().chip.provenance['chip_seed']}"
