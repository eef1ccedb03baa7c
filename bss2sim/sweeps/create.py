"""Make the directory of a sweep."""

from __future__ import annotations

import glob
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from ..errors import FileError
from ..lazy.grid import Grid
from ..lazy.layout import Layout
from .files import file_digest
from .processes import Process, this_process
from .spikes import SPARSE
from .store import FORMAT, KIND, RECORDS
from .zarr_arrays import codecs, without_notes_of_formats

_UNFINISHED = ".new"  # how the name of a directory ends that is being made


def create_store(path: Path, layout: Layout, grid: Grid, fingerprint: dict[str, str], parts: dict[str, str]) -> None:
    """Make the directory of a sweep with all labels and without any block, at once or not at all.

    Raises
    ------
    FileError
        If it cannot be made. That another process has made one meanwhile is no error: what it is, is for the caller to see.
    """
    import dask.array as da
    import zarr

    dense = layout.dense()
    lengths = {dim: chunks[0] for dim, chunks in grid.chunks.items()}
    arrays, encoding = {}, {}
    for name, (dims, dtype, _) in dense.items():
        shape = tuple(layout.sizes[dim] for dim in dims)
        arrays[name] = da.empty(shape, dtype=dtype, chunks=-1)
        chunks = tuple(max(1, lengths.get(dim, layout.sizes[dim])) for dim in dims)
        encoding[name] = {"chunks": chunks, "compressors": codecs()}
    sparse = {
        name: {"dtype": str(dtype), "attrs": attrs}
        for name, (_, dtype, attrs) in layout.variables.items()
        if name in SPARSE
    }
    empty = layout.dataset(arrays)
    place = path.resolve()  # of a link what it points to
    own = this_process()
    partial = place.with_name(f".{place.name}.{own.host}.{own.pid}-{uuid.uuid4().hex[:8]}{_UNFINISHED}")
    try:
        remove_unfinished(place)
        partial.parent.mkdir(parents=True, exist_ok=True)
        with without_notes_of_formats():
            empty.to_zarr(partial, compute=False, encoding=encoding, zarr_format=3, consolidated=True)
        files = sorted(file for file in partial.rglob("*") if file.is_file())
        metadata = {file.relative_to(partial).as_posix(): file_digest(file) for file in files}
        content = {
            "kind": KIND, "format": FORMAT, "fingerprint": fingerprint, "parts": parts, "metadata": metadata,
            "chunks": [[str(dim), list(chunks)] for dim, chunks in grid.chunks.items()],
            "variables": {name: list(map(str, dims)) for name, (dims, _, _) in dense.items()}, "sparse": sparse,
            "order": list(layout.variables),
        }  # fmt: skip
        group = zarr.open_group(str(partial), mode="r+")
        group.create_group("sweep", attributes=content)
        if layout.is_sparse:
            group.create_group("spikes")
        (partial / RECORDS).mkdir()
        with suppress(OSError):
            place.rmdir()  # Windows renames nothing to what is there, be it empty
        partial.rename(place)
    except OSError as reason:
        shutil.rmtree(partial, ignore_errors=True)
        if (place / "sweep").exists():
            return
        raise FileError(f"{path} could not be made: {reason}; give another store=, or make it possible") from reason


def remove_unfinished(place: Path) -> None:
    """Remove directories of a store whose making was cut off on this machine; others may be under way."""
    start = f".{place.name}."
    for folder in place.parent.glob(f"{glob.escape(start)}*{_UNFINISHED}"):
        host, _, number = folder.name.removeprefix(start).removesuffix(_UNFINISHED).rpartition(".")
        pid = number.partition("-")[0]
        if pid.isdecimal() and Process(host, int(pid)).is_gone():
            shutil.rmtree(folder, ignore_errors=True)
