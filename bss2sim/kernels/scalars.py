"""Small operations on numbers that are one or two instructions.

Numba's own ``min``, ``max`` and ``view`` are functions that it compiles anew for every process and kind of number; these
cost no compile time. The results are the same, and so are those of the plain Python functions here, which run where
nothing is compiled.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import lower_builtin, type_callable


def smaller(a, b):
    """The smaller of two numbers, as ``min``: `a` unless `b` is smaller."""
    return b if b < a else a


def larger(a, b):
    """The larger of two numbers, as ``max``: `a` unless `b` is larger."""
    return b if b > a else a


def bits_of(x):
    """The bits of a float64 as an int64."""
    return np.float64(x).view(np.int64)


def from_bits(bits):
    """The float64 that has the bits of an int64."""
    return float(np.int64(bits).view(np.float64))


def _define_choice(function, sign):
    """Let kernels choose one of two numbers: the second if it compares with the first as `sign` says."""

    @type_callable(function)
    def type_choice(context):
        def typer(a, b):
            if isinstance(a, types.Number) and isinstance(b, types.Number):
                return context.unify_types(types.unliteral(a), types.unliteral(b))
            return None

        return typer

    @lower_builtin(function, types.Number, types.Number)
    def lower_choice(context, builder, signature, args):
        kind = signature.return_type
        a, b = (context.cast(builder, arg, given, kind) for arg, given in zip(args, signature.args, strict=True))
        compare = builder.fcmp_ordered if isinstance(kind, types.Float) else builder.icmp_signed
        return builder.select(compare(sign, b, a), b, a)


_define_choice(smaller, "<")
_define_choice(larger, ">")


def _define_cast(function, given, result, kind):
    """Let kernels take the bits of a number as another one."""

    @type_callable(function)
    def type_cast(context):
        return lambda x: result if x == given else None

    @lower_builtin(function, given)
    def lower_cast(context, builder, signature, args):
        return builder.bitcast(args[0], kind)


_define_cast(bits_of, types.float64, types.int64, ir.IntType(64))
_define_cast(from_bits, types.int64, types.float64, ir.DoubleType())
