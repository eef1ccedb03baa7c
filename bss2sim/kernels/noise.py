"""Random numbers of trials: Philox4x32-10, whose counter names the number that is asked for.

Word 0 of the counter is `index`, which counts along (spikes, samples ...); word 1 is ``circuit | stream << 16``; word 2 is
`batch` and word 3 `run`, of each the lowest 32 bits; the key is the seed, its low and its high 32 bits. So a number depends
neither on how a run is cut nor on what else is drawn, and a GPU gives the same bits: integers, the four operations, a
square root and ``elementary.log1p`` are all that is used.

Sources: J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; M. J. Wichura, "Algorithm AS 241: the
percentage points of the normal distribution", Applied Statistics 37 (1988), whose third range, below e^-25, 32 bits never
reach.
"""

from __future__ import annotations

import math

import numpy as np

from .elementary import log1p
from .jit import kernel, part, rule
from .vector import above_mask, trailing_zeros, use_wide_registers, without_lowest

# Streams: which of the independent sequences of a circuit, trial and run.
THRESHOLD = 1
TRIAL_GAIN = 2
TRIAL_OFFSET = 3
CADC_NOISE = 4
MADC_NOISE = 5
CADC_SCHEDULE = 6
SPIKE_JITTER = 7
CLOCK_OFFSET = 8

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_MASK = 0xFFFFFFFF  # for signed numbers
STREAM_BITS = 16
_STEP = 2.0**-32

# AS 241, PPND16: |p - 1/2| <= 0.425
_CENTRE = 0.425
_A0, _A1 = 3.3871328727963666080e0, 1.3314166789178437745e2
_A2, _A3 = 1.9715909503065514427e3, 1.3731693765509461125e4
_A4, _A5 = 4.5921953931549871457e4, 6.7265770927008700853e4
_A6, _A7 = 3.3430575583588128105e4, 2.5090809287301226727e3
_B1, _B2 = 4.2313330701600911252e1, 6.8718700749205790830e2
_B3, _B4 = 5.3941960214247511077e3, 2.1213794301586595867e4
_B5, _B6 = 3.9307895800092710610e4, 2.8729085735721942674e4
_B7 = 5.2264952788528545610e3
_ASIDE = 4.0  # with a multiple of 2^-33 a sum without error
# sqrt(-ln p) <= 5
_C0, _C1 = 1.42343711074968357734e0, 4.63033784615654529590e0
_C2, _C3 = 5.76949722146069140550e0, 3.64784832476320460504e0
_C4, _C5 = 1.27045825245236838258e0, 2.41780725177450611770e-1
_C6, _C7 = 2.27238449892691845833e-2, 7.74545014278341407640e-4
_D1, _D2 = 2.05319162663775882187e0, 1.67638483018380384940e0
_D3, _D4 = 6.89767334985100004550e-1, 1.48103976427480074590e-1
_D5, _D6 = 1.51986665636164571966e-2, 5.47593808499534494600e-4
_D7 = 1.05075007164441684324e-9


@rule
def philox(c0, c1, c2, c3, k0, k1):
    """Encrypt four counter words with two key words, all uint64 below 2^32; return four words of the same kind."""
    for _ in range(10):
        product = _M0 * c0
        other = _M1 * c2
        c0, c1, c2, c3 = (other >> _HALF) ^ c1 ^ k0, other & _LOW, (product >> _HALF) ^ c3 ^ k1, product & _LOW
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@part
def random_words(index, circuit, stream, batch, run, seed):
    """Return the four words, uint64 below 2^32, of an index; arguments int64, see the module."""
    return philox(
        np.uint64(index & _MASK),
        np.uint64((circuit | stream << STREAM_BITS) & _MASK),
        np.uint64(batch & _MASK),
        np.uint64(run & _MASK),
        np.uint64(seed & _MASK),
        np.uint64((seed >> 32) & _MASK),
    )


@rule
def to_uniform(word):
    """(word + 1/2) / 2^32 of a random word: above 0, below 1, exact."""
    return (float(word) + 0.5) * _STEP


@rule
def _central_quantile(q):
    """Quantile for |q| <= _CENTRE, q the probability less 1/2."""
    r = _CENTRE * _CENTRE - q * q
    above = ((((((_A7 * r + _A6) * r + _A5) * r + _A4) * r + _A3) * r + _A2) * r + _A1) * r + _A0
    below = ((((((_B7 * r + _B6) * r + _B5) * r + _B4) * r + _B3) * r + _B2) * r + _B1) * r + 1.0
    return q * above / below


@kernel
def normal_quantile(p):
    """Return the quantile of the standard normal distribution for a multiple p of 2^-33, 0 < p < 1; relative error 1e-15."""
    q = p - 0.5
    if abs(q) <= _CENTRE:
        return _central_quantile(q)
    # The smaller of p and 1 - p, both exact, less 1: ln p = log1p(p - 1).
    r = math.sqrt(-log1p(p - 1.0 if q < 0.0 else -p)) - 1.6
    above = ((((((_C7 * r + _C6) * r + _C5) * r + _C4) * r + _C3) * r + _C2) * r + _C1) * r + _C0
    below = ((((((_D7 * r + _D6) * r + _D5) * r + _D4) * r + _D3) * r + _D2) * r + _D1) * r + 1.0
    return -above / below if q < 0.0 else above / below


@kernel
def uniform(index, circuit, stream, batch, run, seed):
    """Return a number above 0 and below 1, a multiple of 2^-33, from word 0."""
    return to_uniform(random_words(index, circuit, stream, batch, run, seed)[0])


@kernel
def standard_normal(index, circuit, stream, batch, run, seed):
    """Return a standard normal number, the quantile of :func:`uniform`."""
    return normal_quantile(uniform(index, circuit, stream, batch, run, seed))


@part
def normal_row(out, index, circuit, stream, batch, run, seed):
    """Fill out[k] with the :func:`standard_normal` of index[k] and circuit[k] (n,)."""
    use_wide_registers()
    c2, c3 = np.uint64(batch & _MASK), np.uint64(run & _MASK)
    k0, k1 = np.uint64(seed & _MASK), np.uint64((seed >> 32) & _MASK)
    above = np.int64(stream << STREAM_BITS)
    for k in range(out.size):
        c1 = np.uint64((circuit[k] | above) & _MASK)
        out[k] = to_uniform(philox(np.uint64(index[k] & _MASK), c1, c2, c3, k0, k1)[0])
    # Seven of eight quantiles in a loop that LLVM packs; the others wait, moved beyond what a quantile of the middle can be.
    for k in range(out.size):
        q = out[k] - 0.5
        out[k] = _central_quantile(q) if abs(q) <= _CENTRE else out[k] + _ASIDE
    whole = out.size - out.size % 64
    for first in range(0, whole, 64):
        mask = above_mask(out, first, _ASIDE)
        while mask != 0:
            k = first + trailing_zeros(mask)
            out[k] = normal_quantile(out[k] - _ASIDE)
            mask = without_lowest(mask)
    for k in range(whole, out.size):
        if out[k] > _ASIDE:
            out[k] = normal_quantile(out[k] - _ASIDE)


@kernel
def fill_normals(out, index, circuit, stream, batch, run, seed):
    """Fill out[t, k] with the standard normal of index[k], circuit[k] (n,), batch[t], run[t] and seed[t] (trial,)."""
    for t in range(out.shape[0]):
        normal_row(out[t], index, circuit, stream, batch[t], run[t], seed[t])
