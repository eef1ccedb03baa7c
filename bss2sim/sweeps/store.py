"""The directory of a sweep: a Zarr group, written block by block, with a record of what is finished.

A block is finished when its record is there, which is written after all its files, and names the checksum of each. The record is
written under another name and renamed, as Zarr does with chunks: a process that is killed leaves a whole file or none.

    run.zarr/                    a Zarr group that any reader can open
      membrane/c/3/0/0           one chunk of every dense variable for each block
      spikes/000003/spike_time   sparse spikes of block 3, sorted by trial
      sweep/zarr.json            what the sweep is made of
      sweep/blocks/000003.json   the record of block 3
      sweep/claim.json           which process writes, as long as it does (``claim``)
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileError, ParameterError, first_few
from ..lazy.grid import Grid, Index
from .files import file_digest, write_json
from .spikes import write_spikes

KIND, FORMAT = "bss2sim sweep", 1
RECORDS = Path("sweep") / "blocks"


@dataclass(frozen=True)
class Store:
    """A sweep on disk.

    Attributes
    ----------
    path : Path
        Its directory.
    grid : Grid
        Its blocks.
    variables : dict of str to tuple
        Dims of the dense variables.
    order : list of str
        All variables, as in the result.
    sparse : dict
        Dtype and attributes of the variables of sparse spikes; empty if there are none.
    fingerprint, parts : dict of str to str
        What the sweep is made of (``digests``), and the digests of the parts of chunked arguments.
    metadata : dict of str to str
        Digest of every file that was there before the first block, by its path in the directory.
    """

    path: Path
    grid: Grid
    variables: dict[str, tuple[Hashable, ...]]
    order: list[str]
    sparse: dict[str, dict[str, Any]]
    fingerprint: dict[str, str]
    parts: dict[str, str]
    metadata: dict[str, str]

    def number(self, index: Index) -> int:
        """Number of a block."""
        return int(np.ravel_multi_index(index, self.grid.shape)) if index else 0

    def record(self, index: Index) -> Path:
        """Where the record of a block is."""
        return self.path / RECORDS / f"{self.number(index):06d}.json"

    def spikes(self, index: Index) -> Path:
        """Where the sparse spikes of a block are."""
        return self.path / "spikes" / f"{self.number(index):06d}"

    def write(self, index: Index, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a block, and then its record.

        Raises
        ------
        FileError
            If a file cannot be written, as with a full disk.
        """
        import zarr

        where = self.grid.where(index)
        files: dict[str, str] = {}
        try:
            for name, dims in self.variables.items():
                place = self.grid.along(dims, index)
                own = {dim for dim in dims if dim in where}
                if any(k for dim, k in zip(where, index, strict=True) if dim not in own):
                    continue  # the same as in the first block along the dims that it lacks
                array = zarr.open_array(str(self.path / name), mode="r+")
                array[tuple(where.get(dim, slice(None)) for dim in dims)] = arrays[name]
                file = Path(name, "c", *map(str, place))
                files[file.as_posix()] = file_digest(self.path / file)
            if self.sparse:
                written = write_spikes(self.spikes(index), arrays, self.grid.trials(index).reshape(-1))
                files |= {file.relative_to(self.path).as_posix(): file_digest(file) for file in written}
            write_json(self.record(index), files)
        except OSError as reason:
            raise FileError(
                f"{self.path}: the block with {self.grid.name(index)} could not be written: {reason}. Finished blocks are kept; "
                "make room, and run the same sweep again to go on"
            ) from reason

    def is_complete(self) -> bool:
        """Whether every block has its record."""
        return all(self.record(index).exists() for index in self.grid)

    def missing(self) -> tuple[list[Index], dict[Index, str]]:
        """Return the blocks that are not finished, and of those that were and are damaged what is wrong with them."""
        missing, damaged = [], {}
        for index in self.grid:
            record = self.record(index)
            if not record.exists():
                missing.append(index)
            elif fault := self._fault(record):
                missing.append(index)
                damaged[index] = fault
        return missing, damaged

    def _fault(self, record: Path) -> str:
        """Return what is wrong with the files of a finished block; empty if nothing is."""
        try:
            files = json.loads(record.read_text(encoding="utf-8"))
            for name, digest in files.items():
                found = file_digest(self.path / name)
                if found != digest:
                    return f"{name} {'has another checksum than when it was written' if found else 'is missing'}"
        except (OSError, ValueError, AttributeError) as reason:
            return f"{record.relative_to(self.path).as_posix()} cannot be read: {reason}"
        return ""

    def check_files(self) -> None:
        """Refuse a store that lacks a file of a finished block: readers of Zarr take a chunk that is not there for zeros."""
        for index in self.grid:
            record = self.record(index)
            try:
                files = json.loads(record.read_text(encoding="utf-8")).items()
                lost = next((name for name, digest in files if digest and not (self.path / name).exists()), None)
            except (OSError, ValueError, AttributeError) as reason:
                lost = f"{record.relative_to(self.path).as_posix()} cannot be read: {reason}"
            else:
                lost = lost and f"{lost} is missing"
            if lost:
                raise FileError(
                    f"{self.path}: {lost}; run the same sweep again to compute the block with {self.grid.name(index)}"
                )

    def check_metadata(self) -> None:
        """Refuse a store whose descriptions or labels were changed or damaged."""
        for name, digest in self.metadata.items():
            found = file_digest(self.path / name)
            if found != digest:
                what = "has another checksum than when it was written" if found else "is missing"
                raise FileError(f"{self.path}: {name} {what}; restore it, or give another store=")

    def clean(self) -> None:
        """Remove what writes that were cut off have left."""
        for partial in list(self.path.rglob("*.partial")):
            if partial.is_dir():
                shutil.rmtree(partial, ignore_errors=True)
            else:
                partial.unlink(missing_ok=True)


def open_store(path: Path) -> Store:
    """Read what a sweep on disk is made of.

    Raises
    ------
    FileError
        If there is no sweep, or its description is damaged.
    """
    description = path / "sweep" / "zarr.json"
    if not description.exists():
        raise FileError(f"{path} holds no sweep: {_what_it_is(path)}; give another store=")
    try:
        content = json.loads(description.read_text(encoding="utf-8"))["attributes"]
        if content["kind"] != KIND or content["format"] != FORMAT:
            raise FileError(
                f"{path} has format {content['format']} of a {content['kind']}; this version reads {FORMAT}"
            )
        chunks = {dim: tuple(map(int, lengths)) for dim, lengths in content["chunks"]}
        variables: dict[str, tuple[Hashable, ...]] = {name: tuple(dims) for name, dims in content["variables"].items()}
        return Store(
            path, Grid(chunks), variables, content["order"], content["sparse"], content["fingerprint"],
            content["parts"], content["metadata"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as reason:
        if isinstance(reason, FileError):
            raise
        raise FileError(f"{description} is damaged: {reason!r}; give another store=") from reason


def _what_it_is(path: Path) -> str:
    """Say what there is in place of a sweep."""
    if not path.is_dir():
        return "it is a file, and a store is a directory" if path.exists() else "there is no such directory"
    found = sorted(entry.name for entry in path.iterdir())
    if {"zarr.json", ".zgroup", ".zarray"} & {*found}:
        return "it is a Zarr store of something else, without sweep/zarr.json"
    return f"it is a directory of other things ({first_few(found, 3)})" if found else "it is empty"


def as_path(store: Any) -> Path:
    """Return the directory of a store; an error if it cannot be one."""
    if not isinstance(store, str | os.PathLike):
        raise ParameterError(f"store must be the path of a directory; got {type(store).__name__}")
    text = os.fspath(store)
    if not isinstance(text, str) or "://" in text or not text or "\0" in text:
        raise ParameterError(f"store must be a directory on a disk that all workers share; got {text!r}")
    path = Path(text).expanduser()
    try:
        path.exists()
    except OSError as reason:
        raise FileError(f"{path} is no directory of a store: {reason}") from reason
    return path
