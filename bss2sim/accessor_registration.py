"""Give every Dataset of xarray the accessor ``bss2``, whose class is loaded when it is first used."""

from __future__ import annotations

from typing import Any

import xarray as xr


@xr.register_dataset_accessor("bss2")
def load_accessor(dataset: xr.Dataset) -> Any:
    """Load the accessor, which draws and stands above all that makes a Dataset, as the package loads its public names."""
    import bss2sim

    return bss2sim.accessor.Bss2Accessor(dataset)
