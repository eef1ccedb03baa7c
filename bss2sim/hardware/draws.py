"""Random numbers that depend on nothing but a seed, a stream and a run: a counter-based generator.

The generator is Philox (4 words of 64 bit, 10 rounds), whose bits NumPy guarantees. Bits become numbers here, not by NumPy's
distributions, which may change between versions.
"""

from __future__ import annotations

import numpy as np

GRID = 2.0**32  # numbers are multiples of 1 / GRID: the last bits of a library's logarithm or exponential do not show


def uniform(seed: int, stream: int, run: int, size: int) -> np.ndarray:
    """Return numbers above 0 and below 1.

    Parameters
    ----------
    seed, stream : int
        Key of the generator, each at least 0 and below 2^64.
    run : int
        Word 1 of its counter, the same range; word 0 counts along the numbers.
    size : int
        How many.

    Returns
    -------
    array (size,)
        (k + 1/2) / 2^52 with k the upper 52 of each 64 bits; the first numbers do not depend on `size`.

    Examples
    --------
    >>> from bss2sim.hardware.draws import uniform
    >>> bool((uniform(7, 1, 0, 3) == uniform(7, 1, 0, 9)[:3]).all())
    True
    """
    generator = np.random.Philox(key=[seed, stream], counter=[0, run, 0, 0])
    bits = np.asarray(generator.random_raw(size))
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def normal(seeds: np.ndarray, stream: int, runs: np.ndarray | int, shape: tuple[int, ...]) -> np.ndarray:
    """Return standard normal numbers for every seed and run.

    Parameters
    ----------
    seeds : array of int, any shape
        Seeds, at least 0.
    stream : int
        Which of the independent streams of a seed.
    runs : array of int, broadcastable
        Runs of each seed, at least 0.
    shape : tuple of int
        Numbers of one seed and run, in C order.

    Returns
    -------
    array, shape of seeds and runs together, then `shape`
        Quantiles of :func:`uniform`, rounded to multiples of 2^-32.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.hardware.draws import normal
    >>> many, one = normal(np.arange(9), 1, 0, (512,)), normal(np.array(7), 1, 0, (512,))
    >>> bool((many[7] == one).all())
    True
    """
    from scipy.special import ndtri

    seeds, runs = np.broadcast_arrays(seeds, runs)
    size = int(np.prod(shape))
    numbers = np.empty((seeds.size, size))
    for row, (seed, run) in enumerate(zip(seeds.flat, runs.flat, strict=True)):
        numbers[row] = uniform(int(seed), stream, int(run), size)
    ndtri(numbers, out=numbers)
    return on_grid(numbers).reshape(seeds.shape + shape)


def on_grid(numbers: np.ndarray) -> np.ndarray:
    """Round numbers to multiples of 2^-32, in place."""
    numbers *= GRID
    np.rint(numbers, out=numbers)
    numbers /= GRID
    return numbers


def lognormal(normals: np.ndarray, spread: float) -> np.ndarray:
    """Return factors exp(spread z) of standard normal numbers z, their mantissa rounded to multiples of 2^-32."""
    mantissa, exponent = np.frexp(np.exp(spread * normals))
    return np.ldexp(on_grid(mantissa), exponent)
