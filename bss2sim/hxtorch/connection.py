"""The connection to a chip, which an emulated one does not need."""

from __future__ import annotations


def init_hardware() -> None:
    """Do nothing: there is no chip to connect to.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.init_hardware()
    """


def release_hardware() -> None:
    """Do nothing: there is no chip to release.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.release_hardware()
    """


def get_unique_identifier() -> str:
    """Return what names the chip.

    Returns
    -------
    str
        The same for all: chips are emulated.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.get_unique_identifier()
    'bss2sim'
    """
    return "bss2sim"
