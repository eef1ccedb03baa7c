"""Elementary functions of the exact path, in float64.

Each function consists of additions, multiplications, divisions, comparisons, one conversion between
the bits of a float and of an integer, and shifts. IEEE 754 fixes the result of all of them, so the
bits depend neither on the C library of the platform nor on the target, and LLVM can pack loops that
call :func:`decay` (it cannot pack ``math.exp``). This holds while multiplications and additions are
not contracted to fused operations: compile for CUDA with ``fma=False``.

Measured against 50-digit arithmetic: errors of at most 1.2 ulp for both results of :func:`decay`,
0.8 ulp for :func:`log1p`, and 4 (1 + s/tau) ulp for :func:`leaky_gain`, tau the longer time constant.
"""

import numpy as np

from bss2sim.kernels.jit import kernel, part, rule
from bss2sim.kernels.scalars import bits_of, from_bits

_LOG2_E = 1.4426950408889634
# ln 2 in two parts; the last 21 bits of the first are zero, so that its products with the exponents
# of float64 are exact (fdlibm, Sun Microsystems, e_exp.c).
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10

# Adding this number rounds to an integer k and leaves k + 1023 + 128, the exponent field of
# 2**(k + 128), in the lowest bits of the sum.
_ROUND = 6755399441055744.0 + 1151.0
_2_TO_MINUS_128 = 2.0**-128
# exp(-746) rounds to zero.
_LARGEST_DECAY = 746.0

# Weighted minimax polynomial of (exp(r) - 1 - r)/r**2 for |r| <= ln(2)/2 (Remez algorithm in
# 60-digit arithmetic); it changes exp(r) - 1 by less than 2e-18.
_P0 = 0.5
_P1 = 0.16666666666666677
_P2 = 0.0416666666666667
_P3 = 0.008333333333322186
_P4 = 0.0013888888888867862
_P5 = 0.0001984126988485049
_P6 = 2.480158735891802e-05
_P7 = 2.7557245398939407e-06
_P8 = 2.7557243943356015e-07
_P9 = 2.5108648168441842e-08
_P10 = 2.092412528532039e-09

# Bits of the float64 next to sqrt(1/2): the fraction of a logarithm lies in [sqrt(1/2), sqrt(2)).
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
# Polynomial of the logarithm (fdlibm, Sun Microsystems, s_log1p.c).
_L1 = 6.666666666666735130e-01
_L2 = 3.999999999940941908e-01
_L3 = 2.857142874366239149e-01
_L4 = 2.222219843214978396e-01
_L5 = 1.818357216161805012e-01
_L6 = 1.531383769920937332e-01
_L7 = 1.479819860511658591e-01


@rule
def decay(x):
    """
    Exponential decay and its complement.

    With k the integer next to -x/ln 2 and r = -x - k ln 2: exp(-x) = 2**k exp(r), where a polynomial
    gives exp(r) - 1 with a small relative error, also around r = 0. The power of two is built from
    its bits, 2**128 too large, so that a subnormal result is rounded once.

    Parameters
    ----------
    x : float64
        Elapsed time over the time constant, at least 0 [1].

    Returns
    -------
    remaining : float64
        exp(-x), 0 where it underflows [1].
    lost : float64
        1 - exp(-x) [1]. Its relative error is as small for tiny as for large x.
    """
    y = -(_LARGEST_DECAY if x > _LARGEST_DECAY else x)
    shifted = y * _LOG2_E + _ROUND
    k = shifted - _ROUND
    r = (y - k * _LN2_HIGH) - k * _LN2_LOW
    # Estrin's order: its chain of dependent operations is half as long as Horner's.
    r2 = r * r
    r4 = r2 * r2
    low = (_P0 + _P1 * r) + (_P2 + _P3 * r) * r2
    middle = (_P4 + _P5 * r) + (_P6 + _P7 * r) * r2
    high = (_P8 + _P9 * r) + _P10 * r2
    p = r + r2 * (low + r4 * (middle + r4 * high))
    power = from_bits(bits_of(shifted) << 52)
    remaining = (power + power * p) * _2_TO_MINUS_128
    power = power * _2_TO_MINUS_128
    return remaining, (1.0 - power) - power * p


# Up to here :func:`lost_soon` has the bits of :func:`decay`, which takes 0 for k there.
SOON = 0.34


@rule
def lost_soon(x):
    """1 - exp(-x) for 0 <= x <= SOON: the bits of the second result of :func:`decay` in a third of the operations."""
    r = -x
    r2 = r * r
    r4 = r2 * r2
    low = (_P0 + _P1 * r) + (_P2 + _P3 * r) * r2
    middle = (_P4 + _P5 * r) + (_P6 + _P7 * r) * r2
    high = (_P8 + _P9 * r) + _P10 * r2
    return -(r + r2 * (low + r4 * (middle + r4 * high)))


@kernel
def log1p(x):
    """
    Natural logarithm of 1 + x.

    With u = 1 + x = 2**k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), and s = f/(2 + f):
    ln(1 + f) = f - f**2/2 + s (f**2/2 + R(s**2)), R a polynomial (fdlibm). What the rounding of u
    lost is added as its first-order correction.

    Parameters
    ----------
    x : float64
        Any number [1].

    Returns
    -------
    float64
        ln(1 + x) [1]; minus infinity at -1, NaN below and for NaN.
    """
    u = 1.0 + x
    inside = 0.0 < u < np.inf
    small = -0.29 < x < 0.41
    # Outside of the domain any harmless number serves: the result is replaced below.
    u = u if inside and not small else 1.0
    bits = bits_of(u)
    k = (bits - _SQRT_HALF_BITS) >> 52
    f = x if small else from_bits(bits - (k << 52)) - 1.0
    lost = (1.0 - (u - x) if x > 1.0 else x - (u - 1.0)) / u
    lost = lost if inside and not small else 0.0
    exponent = float(k)
    half_square = 0.5 * f * f
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    series = z * (_L1 + w * (_L3 + w * (_L5 + w * _L7))) + w * (_L2 + w * (_L4 + w * _L6))
    correction = exponent * _LN2_LOW + lost
    result = exponent * _LN2_HIGH - ((half_square - (s * (half_square + series) + correction)) - f)
    if not inside:
        result = x if x > 0.0 else (-np.inf if x == -1.0 else np.nan)
    return result


@rule
def leaky_gain(s, tau_mem, tau_syn):
    """
    Response of a leaky membrane to its synaptic current, per unit of current at the beginning.

    tau_syn/(tau_syn - tau_mem) (exp(-s/tau_syn) - exp(-s/tau_mem)), written as
    exp(-s/max(tau_mem, tau_syn)) (1 - exp(-d s))/(d tau_mem) with d = |1/tau_mem - 1/tau_syn|, which
    does not cancel for similar time constants; s/tau_mem exp(-s/tau_mem) for equal ones.

    Parameters
    ----------
    s : float64
        Elapsed time, finite and at least 0 [s].
    tau_mem, tau_syn : float64
        Time constants of membrane and synaptic current [s].

    Returns
    -------
    float64
        Membrane minus leak, for a membrane that starts at the leak and a current that starts at 1 [1].
    """
    slower = tau_syn if tau_syn > tau_mem else tau_mem
    faster = tau_mem if tau_syn > tau_mem else tau_syn
    difference = slower - faster
    x = s / slower
    remaining = decay(x)[0]
    lost = decay(x * (difference / faster))[1]
    # Both branches are evaluated, so that loops stay without branches. Equal time constants must not
    # divide by zero there.
    distinct = difference > 0.0
    gain = lost * (tau_syn / (difference if distinct else 1.0))
    limit = s / tau_mem
    return remaining * (gain if distinct else limit)


# The same as functions that are compiled once, not copied to every call, for the scalar paths.
called_decay = part(getattr(decay, "py_func", decay))
called_log1p = part(getattr(log1p, "py_func", log1p))
