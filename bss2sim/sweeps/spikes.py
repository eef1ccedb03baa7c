"""Sparse spikes of one block on disk: a folder of arrays whose length nobody knows before."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .zarr_arrays import codecs

SPARSE = ("spike_time", "spike_neuron", "spike_batch")


def write_spikes(folder: Path, arrays: Mapping[str, np.ndarray], row: np.ndarray) -> list[Path]:
    """Write the sparse spikes of a block; `row` is the number of each of its trials in the whole sweep. Return the files."""
    import zarr

    # under another name first: a worker whose job was killed may still be at the same block
    partial = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.partial")
    try:
        for name in SPARSE:
            values = row[arrays[name]] if name == "spike_batch" else arrays[name]
            array = zarr.create_array(
                str(partial / name), shape=values.shape, dtype=values.dtype, chunks=(max(1, values.size),),
                compressors=codecs(),
            )  # fmt: skip
            array[...] = values
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return sorted(path for path in folder.rglob("*") if path.is_file())
