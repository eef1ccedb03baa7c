"""Weights between inputs and neurons."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from . import memory
from .arrays import as_array, as_variable, is_chunked, is_dask, shadow
from .errors import ParameterError, refuse_unknown_keywords
from .kept import Kept
from .variables import RESERVED_DIMS

if TYPE_CHECKING:
    import scipy.sparse

MOST_KEPT = 2  # forms of the weights that runs work out, one for each dtype


class Synapse:
    """A matrix of synaptic weights: what an input spike adds to the synaptic current of each neuron.

    Parameters
    ----------
    weight : array (input, neuron), DataArray with dims input and neuron, or SciPy sparse matrix (input, neuron)
        Jump of the synaptic current per spike [unit of the membrane]. A DataArray may have further dims of your
        own; they broadcast by name and appear in the result. Of a sparse matrix only the stored entries are used.
    transform : float or function, optional
        From `weight` to the weights of the chip, in which 63 is the largest: a factor, or a function of the weights, a
        DataArray (..., input, neuron), that returns as many. Only a run with ``chip=`` uses it; None: the same numbers.

    Attributes
    ----------
    weight : DataArray or scipy.sparse.csr_array
        The weights, read-only.
    transform : float, function or None
        As given.
    n_input, n_neuron : int
        Sizes of the two dims.

    Raises
    ------
    ParameterError
        If weights are not finite real numbers, the dims are not (input, neuron), or transform is neither a finite number
        nor a function.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> import bss2sim as b2
    >>> synapse = b2.Synapse(np.ones((256, 512)))
    >>> synapse.n_input, synapse.n_neuron
    (256, 512)
    """

    _weight: xr.DataArray | scipy.sparse.csr_array
    transform: float | Callable[[xr.DataArray], Any] | None
    n_input: int
    n_neuron: int
    _kept: Kept  # what runs work out of the weights; no part of the description

    @refuse_unknown_keywords
    def __init__(self, weight: Any, *, transform: float | Callable[[xr.DataArray], Any] | None = None) -> None:
        if transform is not None and not callable(transform):
            transform = _factor(transform)
        # what SciPy has made exists only if SciPy is loaded, which takes as long as a short run
        sparse = sys.modules.get("scipy.sparse")
        if sparse is not None and sparse.issparse(weight):
            checked, shape = _sparse(weight)
        else:
            checked, shape = _dense(weight)
        values = checked.data
        if not is_chunked(checked) and not np.isfinite(values).all():
            n_bad = int(np.count_nonzero(~np.isfinite(values)))
            raise ParameterError(f"weight must be finite; {n_bad} of {values.size} entries are NaN or infinite")
        object.__setattr__(self, "_weight", checked)
        object.__setattr__(self, "transform", transform)
        object.__setattr__(self, "n_input", shape[0])
        object.__setattr__(self, "n_neuron", shape[1])
        object.__setattr__(self, "_kept", Kept(MOST_KEPT))

    @property
    def _chunked(self) -> bool:
        """Whether the weights are chunked: they are not known yet."""
        return is_chunked(self._weight)

    @property
    def weight(self) -> xr.DataArray | scipy.sparse.csr_array:
        """The weights, read-only; of a DataArray a new one with the same numbers, so that nothing can be put in their place."""
        weight = self._weight
        return weight.copy(deep=False) if isinstance(weight, xr.DataArray) else weight

    def chip_weight(self) -> xr.DataArray:
        """Return the weights that the chip is asked for, before they are rounded.

        Returns
        -------
        DataArray (..., input, neuron), float64
            ``transform`` of the weights.

        Raises
        ------
        ParameterError
            If the function fails, or returns other dims or lengths, or numbers that are not real and finite.

        Examples
        --------
        >>> import bss2sim as b2
        >>> b2.Synapse([[0.5, -1.0]], transform=40).chip_weight().values
        array([[ 20., -40.]])
        """
        weight = self._weight
        dense = weight if isinstance(weight, xr.DataArray) else xr.DataArray(weight.toarray(), dims=("input", "neuron"))
        if self.transform is None:
            return dense.astype(np.float64)
        if not callable(self.transform):
            return dense.astype(np.float64) * self.transform
        try:
            found = self.transform(dense.copy(deep=False))
        except Exception as reason:
            raise ParameterError(f"transform failed for weights {dict(dense.sizes)}: {reason}") from reason
        array = as_array("what transform returns", found, "an array (input, neuron)", ParameterError)
        dims = found.dims if isinstance(found, xr.DataArray) else dense.dims
        if array.shape != dense.shape or dims != dense.dims:
            raise ParameterError(
                f"transform must return weights {dict(dense.sizes)}; it returned dims {dims}, shape {array.shape}"
            )
        if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            raise ParameterError(f"transform must return finite real numbers; it returned dtype {array.dtype}")
        return dense.copy(data=array.astype(np.float64))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Synapse is immutable; make a new one")

    def __repr__(self) -> str:
        if isinstance(self._weight, xr.DataArray):
            sizes = ", ".join(f"{dim}: {length}" for dim, length in self._weight.sizes.items())
        else:
            sizes = f"input: {self.n_input}, neuron: {self.n_neuron}, {self._weight.nnz} stored"
        transform = "" if self.transform is None else f", transform={self.transform!r}"
        return f"Synapse(<{sizes}>{transform})"

    def __reduce__(self) -> Any:
        return partial(Synapse, transform=self.transform), (self._weight,)


def _factor(transform: Any) -> float:
    """Return a factor of weights."""
    try:
        number = float(transform)
    except (TypeError, ValueError, OverflowError) as reason:
        raise ParameterError(f"transform must be a number or a function of the weights; got {transform!r}") from reason
    if isinstance(transform, bool | np.bool_) or not np.isfinite(number):
        raise ParameterError(f"transform must be a finite number or a function of the weights; got {transform!r}")
    return number


def _sparse(weight: Any) -> tuple[scipy.sparse.csr_array, tuple[int, int]]:
    """Check a SciPy matrix; return it as CSR with its shape."""
    import scipy.sparse

    if weight.ndim != 2:
        raise ParameterError(f"weight must have two dims (input, neuron); got shape {weight.shape}")
    if weight.dtype.kind not in "biuf":
        raise ParameterError(f"weight must be real numbers; got dtype {weight.dtype}")
    matrix = scipy.sparse.csr_array(weight, copy=True)
    if matrix.dtype.kind != "f" or matrix.dtype.itemsize not in (4, 8):
        matrix = matrix.astype(np.float64)
    matrix.sum_duplicates()
    matrix.sort_indices()
    for part in (matrix.data, matrix.indices, matrix.indptr):
        part.setflags(write=False)
    return matrix, matrix.shape


def _dense(weight: Any) -> tuple[xr.DataArray, tuple[int, int]]:
    """Check an array of weights; return it labelled, read-only, with (n_input, n_neuron)."""
    if is_chunked(weight):
        return _chunked(weight)
    if isinstance(weight, xr.DataArray):
        missing = [dim for dim in ("input", "neuron") if dim not in weight.dims]
        if missing:
            raise ParameterError(f"weight has dims {weight.dims}; it needs `input` and `neuron`")
        wrong = [dim for dim in weight.dims if dim in RESERVED_DIMS and dim not in ("input", "neuron")]
        if wrong:
            raise ParameterError(f"weight has a dim {wrong[0]!r}; it may have input, neuron and sweep dims of your own")
        array = weight.transpose(..., "input", "neuron")
        coords = {dim: array.coords[dim].variable for dim in array.dims if dim in array.coords}
        dims, values = array.dims, array.values
    else:
        values = as_array("weight", weight, "an array (input, neuron)", ParameterError)
        if values.ndim != 2:
            raise ParameterError(f"weight must have two dims (input, neuron); got shape {values.shape}")
        dims, coords = ("input", "neuron"), {}
    if values.dtype.kind not in "biuf":
        raise ParameterError(f"weight must be real numbers; got dtype {values.dtype}")
    n_input, n_neuron = values.shape[-2:]
    if n_input < 1 or n_neuron < 1:
        raise ParameterError(f"weight needs at least one input and one neuron; got {n_input} and {n_neuron}")
    dtype = values.dtype if values.dtype in (np.float32, np.float64) else np.dtype(np.float64)
    aligned = memory.empty(values.shape, dtype)  # rows that start on a cache line are added twice as fast
    aligned[...] = values
    aligned.setflags(write=False)
    return xr.DataArray(as_variable(dims, aligned), coords), (n_input, n_neuron)


def _chunked(weight: Any) -> tuple[xr.DataArray, tuple[int, int]]:
    """Check dims and dtype of chunked weights; their numbers are checked part by part when they are computed."""
    if is_dask(weight):
        if weight.ndim != 2:
            raise ParameterError(f"weight must have two dims (input, neuron); got shape {weight.shape}")
        weight = xr.DataArray(weight, dims=("input", "neuron"))
    own = {dim: slice(0) for dim in weight.dims if dim not in ("input", "neuron")}
    empty, shape = _dense(shadow(weight.isel(own)))
    array = weight.transpose(*empty.dims)
    coords = {dim: array.coords[dim].variable for dim in array.dims if dim in array.coords}
    return xr.DataArray(array.variable.astype(empty.dtype), coords), shape
