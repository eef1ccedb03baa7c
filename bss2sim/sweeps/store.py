"""The directory of a sweep: a Zarr group, written block by block, with a record of what is finished.

A block is finished when its record is there, which is written after all its files, and names the checksum of each. The record is
written under another name and renamed, as Zarr does with chunks: a process that is killed leaves a whole file or none.

    run.zarr/                    a Zarr group that any reader can open
      membrane/c/3/0/0           one chunk of every dense variable for each block
      spikes/000003/spike_time   sparse spikes of block 3, sorted by trial
      sweep/zarr.json            what the sweep is made of
      sweep/blocks/000003.json   the record of block 3
"""

from __future__ import annotations

import glob
import hashlib
import itertools
import json
import math
import os
import shutil
import warnings
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..errors import FileError, MissingDependencyError
from ..lazy.grid import Grid, Index
from ..lazy.layout import Layout

KIND, FORMAT = "bss2sim sweep", 1
SPARSE = ("spike_time", "spike_neuron", "spike_batch")
RECORDS = Path("sweep") / "blocks"


def require_zarr() -> None:
    """Refuse to go on without zarr."""
    try:
        import zarr  # noqa: F401  # only whether it is there
    except ImportError as reason:
        raise MissingDependencyError("sweeps need zarr; install it with pip install 'bss2sim[dask,zarr]'") from reason


def file_digest(path: Path) -> str:
    """Return the BLAKE2b digest of a file; empty if there is none, as of a chunk of zeros, which Zarr does not write."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def write_json(path: Path, content: Any) -> None:
    """Write a file as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        partial.write_text(json.dumps(content, indent=1), encoding="utf-8")
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


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

    def write(self, index: Index, arrays: Mapping[str, np.ndarray], row: np.ndarray) -> None:
        """Write a block, and then its record; `row` is the number of each of its trials in the whole sweep.

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
                files |= self._write_spikes(index, arrays, row)
            write_json(self.record(index), files)
        except OSError as reason:
            raise FileError(
                f"{self.path}: the block with {self.grid.name(index)} could not be written: {reason}. Finished blocks are kept; "
                "make room, and run the same sweep again to go on"
            ) from reason

    def _write_spikes(self, index: Index, arrays: Mapping[str, np.ndarray], row: np.ndarray) -> dict[str, str]:
        """Write the sparse spikes of a block; return the digests of the files."""
        import zarr

        folder, files = self.spikes(index), {}
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
        for name in SPARSE:
            values = row[arrays[name]] if name == "spike_batch" else arrays[name]
            array = zarr.create_array(
                str(folder / name), shape=values.shape, dtype=values.dtype, chunks=(max(1, values.size),),
                compressors=_codecs(),
            )  # fmt: skip
            array[...] = values
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            files[file.relative_to(self.path).as_posix()] = file_digest(file)
        return files

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
        for partial in self.path.rglob("*.partial"):
            partial.unlink(missing_ok=True)
        _remove_unfinished(self.path)

    def dataset(self) -> xr.Dataset:
        """Open the sweep; variables are dask arrays with a chunk for each block."""
        with warnings.catch_warnings():
            _ignore_types_of_labels()
            found = xr.open_zarr(self.path, chunks={}, consolidated=True)
        found.attrs = {k: np.array(v) if isinstance(v, list) else v for k, v in found.attrs.items()}
        labels = {name: label.load() for name, label in found.coords.items()}
        # texts that were objects come back as numpy's texts of any length
        labels = {name: label.astype(object) if label.dtype.kind == "T" else label for name, label in labels.items()}
        found = found.assign_coords(labels)
        if self.sparse:
            found = found.assign(self._ragged(found["row_size"].values))
        return found[self.order]

    def _ragged(self, row_size: np.ndarray) -> dict[str, xr.Variable]:
        """Return the sparse spikes in the order of the trials, whatever the blocks: dask arrays of the runs of trials in each."""
        import dask.array as da
        import zarr

        counts = row_size.reshape(-1)
        trial = np.arange(counts.size).reshape(row_size.shape)
        runs = []  # first trial, block, and where its spikes are there
        for index in self.grid:
            own = trial[tuple(self.grid.where(index).values())].reshape(-1)
            end = np.cumsum(counts[own])
            cuts = [0, *(np.flatnonzero(np.diff(own) != 1) + 1).tolist(), own.size]
            for first, last in itertools.pairwise(cuts):
                low, high = int(end[first] - counts[own[first]]), int(end[last - 1])
                if high > low:
                    runs.append((int(own[first]), index, slice(low, high)))
        runs.sort(key=lambda run: run[0])
        found = {}
        for name, label in self.sparse.items():
            parts: dict[Index, Any] = {}
            for _, index, _ in runs:
                if index not in parts:
                    array = zarr.open_array(str(self.spikes(index) / name), mode="r")
                    parts[index] = da.from_array(array, chunks=array.shape, name=f"{name}-{self.path}-{index}")
            pieces = [parts[index][where] for _, index, where in runs] or [da.empty(0, dtype=label["dtype"])]
            found[name] = xr.Variable(("spike",), da.concatenate(pieces), label["attrs"])
        return found


def _codecs() -> list[Any]:
    """Compression, and a checksum that every reader of Zarr checks."""
    from zarr.codecs import Crc32cCodec, ZstdCodec

    return [ZstdCodec(level=1), Crc32cCodec()]


def _remove_unfinished(path: Path) -> None:
    """Remove directories of stores whose making was cut off."""
    for folder in path.parent.glob(f".{glob.escape(path.name)}.*.new"):
        shutil.rmtree(folder, ignore_errors=True)


def _ignore_types_of_labels() -> None:
    """Ignore that texts of fixed length are no part of the Zarr specification yet, nor consolidated metadata."""
    warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification")
    warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")


def create_store(path: Path, layout: Layout, grid: Grid, fingerprint: dict[str, str], parts: dict[str, str]) -> Store:
    """Make the directory of a sweep with all labels and without any block, at once or not at all."""
    import dask.array as da
    import zarr

    dense = layout.dense()
    lengths = {dim: chunks[0] for dim, chunks in grid.chunks.items()}
    arrays, encoding = {}, {}
    for name, (dims, dtype, _) in dense.items():
        shape = tuple(layout.sizes[dim] for dim in dims)
        arrays[name] = da.empty(shape, dtype=dtype, chunks=-1)
        chunks = tuple(max(1, lengths.get(dim, layout.sizes[dim])) for dim in dims)
        encoding[name] = {"chunks": chunks, "compressors": _codecs()}
    sparse = {
        name: {"dtype": str(dtype), "attrs": attrs}
        for name, (_, dtype, attrs) in layout.variables.items()
        if name in SPARSE
    }
    empty = layout.dataset(arrays)
    place = path.resolve()  # of a link what it points to
    partial = place.with_name(f".{place.name}.{os.getpid()}.new")
    try:
        _remove_unfinished(place)
        partial.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            _ignore_types_of_labels()
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
        partial.rename(place)  # an empty directory gives way
    except OSError as reason:
        shutil.rmtree(partial, ignore_errors=True)
        raise FileError(f"{path} could not be made: {reason}; give another store=, or make it possible") from reason
    return open_store(path)


def open_store(path: Path) -> Store:
    """Read what a sweep on disk is made of.

    Raises
    ------
    FileError
        If there is no sweep, or its description is damaged.
    """
    description = path / "sweep" / "zarr.json"
    if not description.exists():
        raise FileError(
            f"{path} holds no sweep: it has no {description.relative_to(path).as_posix()}; give another store="
        )
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


def trial_numbers(sizes: Mapping[Hashable, int], where: Mapping[Hashable, slice]) -> np.ndarray:
    """Return the numbers of the trials of a block among all, in its order."""
    numbers = np.arange(math.prod(sizes.values())).reshape(tuple(sizes.values()))
    return numbers[tuple(where[dim] for dim in sizes)].reshape(-1)
