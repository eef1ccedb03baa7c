"""Lanes: a row of neurons in one value, so that the rules of ``membrane`` run on 64 bytes of neurons at a time.

A rule is written for one neuron; given lanes instead of numbers it becomes instructions on vectors, and the state of a
group of neurons stays in registers over many steps. LLVM packs a loop over neurons too, but then every step loads and
stores the state again, which was two to three times slower. Processors with narrower vectors get several of theirs;
the results are the same bits.

Operators are those the rules use; ``select(condition, a, b)`` stands for ``a if condition else b``, for numbers too.
"""

from __future__ import annotations

import operator
import sys

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model
from numba.np.arrayobj import make_array

from .codes import STREAMED
from .jit import rule
from .vector import LINE, address_of, as_nontemporal


class Lanes(types.Type):
    """Type of `count` numbers of one kind."""

    def __init__(self, dtype, count):
        self.dtype = dtype
        self.count = count
        super().__init__(f"Lanes({dtype}, {count})")


def _element(dtype):
    """LLVM type of one lane; a condition is one bit."""
    if isinstance(dtype, types.Float):
        return ir.FloatType() if dtype.bitwidth == 32 else ir.DoubleType()
    return ir.IntType(1 if isinstance(dtype, types.Boolean) else dtype.bitwidth)


def _vector(dtype, count):
    """LLVM type of lanes."""
    return ir.VectorType(_element(dtype), count)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    """Lanes are a vector value of LLVM."""

    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, _vector(fe_type.dtype, fe_type.count))


def _define(symbol, instruction, compares):
    """Let an operator take two lanes of one type; `instruction(builder, is_float)` gives the LLVM instruction."""

    @infer_global(symbol)
    class _Operator(AbstractTemplate):
        def generic(self, args, kws):
            if len(args) == 2 and isinstance(args[0], Lanes) and args[0] == args[1]:
                result = Lanes(types.boolean, args[0].count) if compares else args[0]
                return signature(result, *args)
            return None

    @lower_builtin(symbol, Lanes, Lanes)
    def lower(context, builder, signature, args):
        return instruction(builder, isinstance(signature.args[0].dtype, types.Float))(*args)


def _compare(sign):
    """Comparison; false for NaN."""

    def instruction(builder, is_float):
        ordered = builder.fcmp_ordered if is_float else builder.icmp_signed
        return lambda a, b: ordered(sign, a, b)

    return instruction


_define(operator.add, lambda builder, is_float: builder.fadd if is_float else builder.add, False)
_define(operator.sub, lambda builder, is_float: builder.fsub if is_float else builder.sub, False)
_define(operator.mul, lambda builder, is_float: builder.fmul if is_float else builder.mul, False)
_define(operator.truediv, lambda builder, is_float: builder.fdiv, False)
_define(operator.and_, lambda builder, is_float: builder.and_, False)
_define(operator.or_, lambda builder, is_float: builder.or_, False)
for _symbol, _sign in ((operator.gt, ">"), (operator.ge, ">="), (operator.lt, "<")):
    _define(_symbol, _compare(_sign), True)


@intrinsic
def select(typingctx, condition, if_true, if_false):
    """`if_true` where the condition holds, `if_false` elsewhere; of lanes, or of numbers."""

    def codegen(context, builder, signature, args):
        return builder.select(*args)

    return if_true(condition, if_true, if_true), codegen


@intrinsic
def lane_count(typingctx, array):
    """Number of lanes that :func:`load_lanes` takes, known when compiling: ``array.itemsize`` is read at run time."""

    def codegen(context, builder, signature, args):
        return ir.Constant(ir.IntType(64), LINE // context.get_abi_sizeof(context.get_data_type(array.dtype)))

    return types.int64(array), codegen


@intrinsic
def load_lanes(typingctx, array, offset):
    """Return the lanes that start at an element of a contiguous array, a line of memory of them."""
    lanes = Lanes(array.dtype, LINE * 8 // array.dtype.bitwidth)

    def codegen(context, builder, signature, args):
        start = address_of(context, builder, signature.args[0], args[0], args[1])
        vector = _vector(lanes.dtype, lanes.count)
        return builder.load(builder.bitcast(start, vector.as_pointer()), align=array.dtype.bitwidth // 8)

    return lanes(array, types.int64), codegen


@intrinsic
def load_lanes_as(typingctx, array, offset, like):
    """Return as many lanes as `like` has, of its kind, from elements of the same or a shorter kind of number."""

    def codegen(context, builder, signature, args):
        start = address_of(context, builder, signature.args[0], args[0], args[1])
        vector = _vector(array.dtype, like.count)
        value = builder.load(builder.bitcast(start, vector.as_pointer()), align=array.dtype.bitwidth // 8)
        return value if array.dtype == like.dtype else builder.fpext(value, _vector(like.dtype, like.count))

    return like(array, types.int64, like), codegen


@intrinsic
def load_group(typingctx, array, offset, pair):
    """Return lanes as :func:`load_lanes`, or with `pair` not None those of two lines: what waits for one goes on with the other."""
    lines = 1 if isinstance(pair, types.NoneType) else 2
    lanes = Lanes(array.dtype, lines * LINE * 8 // array.dtype.bitwidth)

    def codegen(context, builder, signature, args):
        start = address_of(context, builder, signature.args[0], args[0], args[1])
        vector = _vector(lanes.dtype, lanes.count)
        return builder.load(builder.bitcast(start, vector.as_pointer()), align=array.dtype.bitwidth // 8)

    return lanes(array, types.int64, pair), codegen


@intrinsic
def store_lanes(typingctx, array, offset, value):
    """Write lanes to a contiguous array from an element on; conditions as bytes 0 and 1."""
    signature = types.void(array, types.int64, value)

    def codegen(context, builder, signature, args):
        start = address_of(context, builder, signature.args[0], args[0], args[1])
        vector = _vector(array.dtype, value.count)
        what = builder.zext(args[2], vector) if isinstance(value.dtype, types.Boolean) else args[2]
        builder.store(what, builder.bitcast(start, vector.as_pointer()), align=array.dtype.bitwidth // 8)

    return signature, codegen


@intrinsic
def store_marks(typingctx, array, offset, condition):
    """Write a condition to an array of uint64, a bit a lane, from a byte on; lane 0 is the lowest bit."""
    if array.dtype != types.uint64 or not isinstance(condition.dtype, types.Boolean):
        return None

    def codegen(context, builder, signature, args):
        byte, bits = ir.IntType(8).as_pointer(), ir.IntType(condition.count)
        start = builder.bitcast(make_array(signature.args[0])(context, builder, args[0]).data, byte)
        start = builder.gep(start, [args[1]])
        builder.store(builder.bitcast(args[2], bits), builder.bitcast(start, bits.as_pointer()), align=1)

    return types.void(array, types.int64, condition), codegen


@intrinsic
def marks_of(typingctx, condition):
    """The bits of a condition as a uint64; lane 0 is the lowest bit."""
    if not isinstance(condition.dtype, types.Boolean):
        return None

    def codegen(context, builder, signature, args):
        return builder.zext(builder.bitcast(args[0], ir.IntType(condition.count)), ir.IntType(64))

    return types.uint64(condition), codegen


@intrinsic
def load_marks(typingctx, array, offset, like):
    """Return a condition for as many lanes as `like` has that :func:`store_marks` wrote."""
    if array.dtype != types.uint64:
        return None
    condition = Lanes(types.boolean, like.count)

    def codegen(context, builder, signature, args):
        byte, bits = ir.IntType(8).as_pointer(), ir.IntType(like.count)
        start = builder.bitcast(make_array(signature.args[0])(context, builder, args[0]).data, byte)
        start = builder.gep(start, [args[1]])
        found = builder.load(builder.bitcast(start, bits.as_pointer()), align=1)
        return builder.bitcast(found, _vector(types.boolean, like.count))

    return condition(array, types.int64, like), codegen


@intrinsic
def stream_lanes(typingctx, array, offset, value):
    """Write lanes past the caches to a contiguous array, from an element that starts a line of memory."""
    signature = types.void(array, types.int64, value)

    def codegen(context, builder, signature, args):
        start = address_of(context, builder, signature.args[0], args[0], args[1])
        vector = _vector(array.dtype, value.count)
        store = builder.store(args[2], builder.bitcast(start, vector.as_pointer()), align=LINE)
        as_nontemporal(builder, store)

    return signature, codegen


@intrinsic
def element(typingctx, array, offset):
    """Return array[offset] of a contiguous array, offset >= 0: Numba's own indexing tests for a negative one."""

    def codegen(context, builder, signature, args):
        start = address_of(context, builder, signature.args[0], args[0], args[1])
        return builder.load(start, align=array.dtype.bitwidth // 8)

    return array.dtype(array, types.int64), codegen


@intrinsic
def four_elements(typingctx, array, offset):
    """Return the integers array[offset : offset + 4], each at least 0, of a contiguous array; short ones take one load."""
    short = array.dtype.bitwidth == 16 and sys.byteorder == "little"
    result = types.UniTuple(types.int64, 4)

    def codegen(context, builder, signature, args):
        start = address_of(context, builder, signature.args[0], args[0], args[1])
        wide = ir.IntType(64)
        if short:
            four = builder.load(builder.bitcast(start, wide.as_pointer()), align=2)
            values = [builder.and_(builder.lshr(four, wide(16 * k)), wide(0xFFFF)) for k in range(4)]
        else:
            values = [builder.zext(builder.load(builder.gep(start, [wide(k)])), wide) for k in range(4)]
        return context.make_tuple(builder, result, values)

    return result(array, types.int64), codegen


@intrinsic
def put_element(typingctx, array, offset, value):
    """Set array[offset] of a contiguous array, offset >= 0, see ``element``."""

    def codegen(context, builder, signature, args):
        start = address_of(context, builder, signature.args[0], args[0], args[1])
        what = context.cast(builder, args[2], signature.args[2], array.dtype)
        builder.store(what, start, align=array.dtype.bitwidth // 8)

    return types.void(array, types.int64, value), codegen


@intrinsic
def fill_lanes(typingctx, number, like):
    """Return lanes of the type of `like` that all hold a number."""

    def codegen(context, builder, signature, args):
        vector = _vector(like.dtype, like.count)
        undefined = ir.Constant(vector, ir.Undefined)
        one = context.cast(builder, args[0], signature.args[0], like.dtype)
        first = builder.insert_element(undefined, one, ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), like.count), None))

    return like(number, like), codegen


if config.DISABLE_JIT:  # the same in plain Python: lanes are small arrays

    def select(condition, if_true, if_false):  # replaces the intrinsic
        """`if_true` where the condition holds, `if_false` elsewhere."""
        return np.where(condition, if_true, if_false)[()]

    def lane_count(array):  # replaces the intrinsic
        """Number of elements in a line of memory."""
        return LINE // array.itemsize

    def load_lanes(array, offset):  # replaces the intrinsic
        """Return a copy of the elements of a line of memory."""
        return array[offset : offset + LINE // array.itemsize].copy()

    def load_lanes_as(array, offset, like):  # replaces the intrinsic
        """Return a copy of elements as another kind of number."""
        return array[offset : offset + like.size].astype(like.dtype)

    def load_group(array, offset, pair):  # replaces the intrinsic
        """Return a copy of the elements of a line of memory, or of two."""
        return array[offset : offset + (1 if pair is None else 2) * LINE // array.itemsize].copy()

    def store_lanes(array, offset, value):  # replaces the intrinsic
        """Write lanes to an array."""
        array[offset : offset + value.size] = value

    def store_marks(array, offset, condition):  # replaces the intrinsic
        """Write a condition as bits."""
        array.view(np.uint8)[offset : offset + condition.size // 8] = np.packbits(condition, bitorder="little")

    def marks_of(condition):  # replaces the intrinsic
        """The bits of a condition as a number."""
        return np.uint64(sum(1 << k for k, holds in enumerate(condition) if holds))

    def load_marks(array, offset, like):  # replaces the intrinsic
        """Read a condition from bits."""
        found = array.view(np.uint8)[offset : offset + like.size // 8]
        return np.unpackbits(found, bitorder="little").astype(bool)

    stream_lanes = store_lanes  # replaces the intrinsic

    def element(array, offset):  # replaces the intrinsic
        """Return an element."""
        return array.reshape(-1)[offset]

    def four_elements(array, offset):  # replaces the intrinsic
        """Return four elements."""
        return tuple(map(np.int64, array[offset : offset + 4].tolist()))

    def put_element(array, offset, value):  # replaces the intrinsic
        """Set an element."""
        array.reshape(-1)[offset] = value

    def fill_lanes(number, like):  # replaces the intrinsic
        """Return an array like another that holds one number."""
        return np.full_like(like, number)


@rule
def put_lanes(target, at, value, scratch, row, whole, how):
    """Write lanes to the row of an output, or, if it is not made of whole lanes, to scratch."""
    if not whole:
        store_lanes(scratch, row, value)
    elif how == STREAMED:
        stream_lanes(target, at, value)
    else:
        store_lanes(target, at, value)
