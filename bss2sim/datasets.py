"""Data sets that need no download, and their coding into spikes."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bss2sim.errors import InputError, MissingDependencyError, ParameterError, refuse_unknown_keywords
from bss2sim.inputs import sparse_spikes
from bss2sim.variables import create_dataset

__all__ = ["digits", "latency_code"]


def digits() -> xr.Dataset:
    """Return the 1797 handwritten digits that scikit-learn ships.

    Returns
    -------
    Dataset
        ``pixel``, shape (sample, pixel) = (1797, 64): brightness in 0..1, the rows of an image of 8 x 8 one after
        the other; ``label``, shape (sample,): the digit, 0 to 9.

    Raises
    ------
    MissingDependencyError
        If scikit-learn is not installed.

    Notes
    -----
    The test set of the UCI "Optical Recognition of Handwritten Digits" data, see :func:`sklearn.datasets.load_digits`.
    The 17 grey levels 0..16 of the original are divided by 16.

    Examples
    --------
    >>> data = digits()
    >>> dict(data.sizes)
    {'sample': 1797, 'pixel': 64}
    >>> data.label.values[:5]
    array([0, 1, 2, 3, 4])
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingDependencyError(
            'the digits come with scikit-learn, which is not installed: pip install "bss2sim[demo]"'
        ) from error
    pixel, label = load_digits(return_X_y=True)
    return create_dataset(
        {"pixel": (("sample", "pixel"), pixel / 16.0), "label": (("sample",), label.astype(np.int64))}, {}, {}
    )


@refuse_unknown_keywords
def latency_code(
    pixel: xr.DataArray | ArrayLike, *, tau: float = 20e-6, threshold: float = 0.2, t_max: float = 50e-6
) -> xr.Dataset:
    """Code brightness into the time of one spike per pixel: the brighter, the earlier.

    A pixel of brightness x > `threshold` spikes once, at ``tau * log(x / (x - threshold))``. Darker pixels, and those
    whose spike would come at `t_max` or later, stay silent.

    Parameters
    ----------
    pixel : DataArray or array_like, shape (sample, pixel) or (pixel,)
        Brightness, usually in 0..1.
    tau : float
        Time scale of the code [s].
    threshold : float
        Brightness that is just too dark for a spike, > 0 [unit of `pixel`].
    t_max : float
        End of the code [s]; the ``duration`` of the result.

    Returns
    -------
    Dataset
        Sparse spikes as :func:`bss2sim.sparse_spikes` makes them: one trial (dim ``batch``) per sample,
        ``spike_neuron`` is the index of the pixel. No dim ``batch`` if `pixel` has one dim.

    Raises
    ------
    ParameterError
        If `tau`, `threshold` or `t_max` is not a positive number.
    InputError
        If `pixel` has other dims or is not finite.
    UnknownKeywordError
        If an argument does not exist.

    Notes
    -----
    The time is that at which a leaky integrator with time constant `tau`, driven by a constant current x, reaches
    `threshold`. This is the usual latency code, found in Zenke & Vogels, "The remarkable robustness of surrogate
    gradient learning", Neural Computation 33 (2021), and in hxtorch as ``PixelsToSpikeTimes``, which puts spikes that
    do not occur at `t_max`; here they are left out.

    Examples
    --------
    >>> spikes = latency_code([[1.0, 0.4, 0.1]], tau=20e-6, threshold=0.2)
    >>> spikes.spike_time.values * 1e6
    array([ 4.46287103, 13.86294361])
    >>> spikes.spike_neuron.values
    array([0, 1], dtype=int32)
    """
    parameters: dict[str, Any] = {"tau": tau, "threshold": threshold, "t_max": t_max}
    for name, value in parameters.items():
        if isinstance(value, bool) or not (isinstance(value, int | float | np.number) and 0 < value < np.inf):
            unit = "" if name == "threshold" else " s"
            raise ParameterError(f"latency_code: {name} must be finite and above 0{unit}; got {value!r}{unit}")
    try:
        brightness = np.asarray(pixel, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"latency_code: pixel must be an array of numbers: {error}") from error
    if brightness.ndim not in (1, 2):
        raise InputError(
            f"latency_code: pixel must have the dims (sample, pixel) or (pixel,), got an array of shape "
            f"{brightness.shape}"
        )
    bad = ~np.isfinite(brightness)
    if bad.any():
        first = tuple(int(index) for index in np.argwhere(bad)[0])
        raise InputError(f"latency_code: pixel must be finite; pixel{list(first)} is {brightness[first]}")

    time = np.full(brightness.shape, np.inf)
    bright = brightness > threshold
    # x / (x - threshold) = 1 / (1 - threshold / x); log1p keeps the digits of very bright pixels
    time[bright] = -tau * np.log1p(-threshold / brightness[bright])
    spikes = time < t_max
    where = np.nonzero(spikes)
    n_pixel = brightness.shape[-1]
    if brightness.ndim == 1:
        return sparse_spikes(time[spikes], where[0], n_neuron=n_pixel, duration=t_max)
    return sparse_spikes(time[spikes], where[1], where[0], n_batch=len(brightness), n_neuron=n_pixel, duration=t_max)
