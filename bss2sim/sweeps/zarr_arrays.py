"""What all arrays of a store have in common: how they are compressed and checked, and what Zarr would warn of."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import MissingDependencyError

_filters = threading.RLock()  # the filters of warnings belong to the whole process


def require_zarr() -> None:
    """Refuse to go on without zarr."""
    try:
        import zarr  # noqa: F401  # only whether it is there
    except ImportError as reason:
        raise MissingDependencyError("sweeps need zarr; install it with pip install 'bss2sim[dask,zarr]'") from reason


def codecs() -> list[Any]:
    """Compression, and a checksum that every reader of Zarr checks."""
    from zarr.codecs import Crc32cCodec, ZstdCodec

    return [ZstdCodec(level=1), Crc32cCodec()]


@contextmanager
def without_notes_of_formats() -> Iterator[None]:
    """Ignore that texts of fixed length are no part of the Zarr specification yet, nor consolidated metadata."""
    with _filters, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification")
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        yield
