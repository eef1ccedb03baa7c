"""Processor-level tricks behind the plain loops: streaming stores, copies of rows, bit masks of a row.

Each was kept because a measurement showed its gain: a recorded row that is streamed past the caches costs two thirds of one
that is stored through them; rows of 512 float32 are packed into 512-bit registers only if LLVM is asked to; a set bit is found
eight times faster in a mask of 64 bytes than byte by byte; rows that one instruction copies or clears leave no loop to
compile. On processors without these instructions LLVM falls back to plain ones; the results are the same bits.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .codes import STREAMED, WHOLE
from .jit import part, rule

LINE = 64  # bytes of a cache line, and of the widest register


def address_of(context, builder, array_type, array, offset):
    """Pointer to the element `offset` of a contiguous one-dimensional array."""
    return builder.gep(make_array(array_type)(context, builder, array).data, [offset])


def as_nontemporal(builder, store):
    """Let a store go past the caches."""
    store.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))


@intrinsic
def stream_line(typingctx, target, target_offset, source, source_offset, line):
    """Copy one line of 64 bytes between aligned addresses, past the caches. Offsets in elements."""
    signature = types.void(target, types.int64, source, types.int64, types.int64)

    def codegen(context, builder, signature, args):
        wide = ir.VectorType(ir.IntType(32), LINE // 4).as_pointer()

        def place(k):
            start = builder.bitcast(address_of(context, builder, signature.args[k], args[k], args[k + 1]), wide)
            return builder.gep(start, [args[4]])

        value = builder.load(place(2), align=LINE)
        as_nontemporal(builder, builder.store(value, place(0), align=LINE))

    return signature, codegen


@intrinsic
def copy_row(typingctx, target, target_offset, source, source_offset, count):
    """Copy elements between contiguous arrays of one dtype; offsets in elements, in memory order."""
    if target.dtype != source.dtype:
        return None
    signature = types.void(target, types.int64, source, types.int64, types.int64)

    def codegen(context, builder, signature, args):
        to = address_of(context, builder, signature.args[0], args[0], args[1])
        start = address_of(context, builder, signature.args[2], args[2], args[3])
        cgutils.raw_memcpy(builder, to, start, args[4], context.get_abi_sizeof(context.get_data_type(target.dtype)))

    return signature, codegen


@intrinsic
def clear_row(typingctx, target, offset, count):
    """Set elements of a contiguous array to zero."""
    signature = types.void(target, types.int64, types.int64)

    def codegen(context, builder, signature, args):
        start = address_of(context, builder, signature.args[0], args[0], args[1])
        size = builder.mul(
            args[2], ir.Constant(ir.IntType(64), context.get_abi_sizeof(context.get_data_type(target.dtype)))
        )
        cgutils.memset(builder, start, size, 0)

    return signature, codegen


def _load_row(context, builder, signature, args):
    """Load the 64 elements of a mask."""
    element = context.get_data_type(signature.args[0].dtype)
    row = ir.VectorType(element, 64)
    address = builder.bitcast(address_of(context, builder, signature.args[0], args[0], args[1]), row.as_pointer())
    return builder.load(address, align=context.get_abi_sizeof(element))


def _unlike(builder, signature, value, number):
    """Which elements of a row are not a number, 0 or 1; NaN is none."""
    constant = ir.Constant(value.type, [ir.Constant(value.type.element, number)] * value.type.count)
    is_float = isinstance(signature.args[0].dtype, types.Float)
    return (builder.fcmp_unordered if is_float else builder.icmp_unsigned)("!=", value, constant)


@intrinsic
def nonzero_mask(typingctx, array, offset):
    """Bit k of the result is set if element offset + k is not zero (or is NaN), k < 64."""
    signature = types.uint64(array, types.int64)

    def codegen(context, builder, signature, args):
        value = _load_row(context, builder, signature, args)
        return builder.bitcast(_unlike(builder, signature, value, 0), ir.IntType(64))

    return signature, codegen


@intrinsic
def graded_mask(typingctx, array, offset):
    """Bit k of the result is set if element offset + k is neither 0 nor 1 (or is NaN), k < 64."""
    signature = types.uint64(array, types.int64)

    def codegen(context, builder, signature, args):
        value = _load_row(context, builder, signature, args)
        bits = builder.and_(_unlike(builder, signature, value, 0), _unlike(builder, signature, value, 1))
        return builder.bitcast(bits, ir.IntType(64))

    return signature, codegen


@intrinsic
def put_bits(typingctx, array, offset, mask):
    """Write the bits of a mask to 64 bytes of an array, from element `offset` on, as 0 and 1."""
    signature = types.void(array, types.int64, types.uint64)

    def codegen(context, builder, signature, args):
        row = ir.VectorType(ir.IntType(8), 64)
        bits = builder.bitcast(args[2], ir.VectorType(ir.IntType(1), 64))
        address = address_of(context, builder, signature.args[0], args[0], args[1])
        builder.store(builder.zext(bits, row), builder.bitcast(address, row.as_pointer()), align=1)

    return signature, codegen


@intrinsic
def above_mask(typingctx, array, offset, level):
    """Bit k of the result is set if element offset + k of an array of floats is above a level, k < 64."""
    signature = types.uint64(array, types.int64, array.dtype)

    def codegen(context, builder, signature, args):
        value = _load_row(context, builder, signature, args)
        undefined = ir.Constant(value.type, ir.Undefined)
        first = builder.insert_element(undefined, args[2], ir.Constant(ir.IntType(32), 0))
        levels = builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), 64), None))
        return builder.bitcast(builder.fcmp_ordered(">", value, levels), ir.IntType(64))

    return signature, codegen


@intrinsic
def trailing_zeros(typingctx, mask):
    """Index of the lowest set bit of a mask that is not zero."""
    signature = types.int64(types.uint64)

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return signature, codegen


@intrinsic
def count_bits(typingctx, mask):
    """Number of set bits of a mask."""
    signature = types.int64(types.uint64)

    def codegen(context, builder, signature, args):
        return builder.ctpop(args[0])

    return signature, codegen


@rule
def without_lowest(mask):
    """The mask with its lowest set bit cleared."""
    return mask & (mask - np.uint64(1))


@intrinsic
def use_wide_registers(typingctx):
    """Let LLVM pack the loops of the calling function into 512-bit registers where they exist."""
    signature = types.void()

    def codegen(context, builder, signature, args):
        # llvmlite's own `add` accepts only attributes without a value
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        builder.function.attributes.add("noinline")  # its callers need not have that attribute

    return signature, codegen


@intrinsic
def inline_here(typingctx):
    """Let LLVM copy the calling function into those that call it."""
    signature = types.void()

    def codegen(context, builder, signature, args):
        builder.function.attributes.add("alwaysinline")

    return signature, codegen


if config.DISABLE_JIT:  # the same in plain Python, to step through a kernel or to see which of its lines run

    def stream_line(target, target_offset, source, source_offset, line):  # replaces the intrinsic
        """Copy one line of 64 bytes."""
        n = LINE // source.itemsize
        first = line * n
        target[target_offset + first : target_offset + first + n] = source[
            source_offset + first : source_offset + first + n
        ]

    def copy_row(target, target_offset, source, source_offset, count):  # replaces the intrinsic
        """Copy elements."""
        values = source.reshape(-1)[source_offset : source_offset + count]
        target.reshape(-1)[target_offset : target_offset + count] = values

    def clear_row(target, offset, count):  # replaces the intrinsic
        """Set elements to zero."""
        target[offset : offset + count] = 0

    def nonzero_mask(array, offset):  # replaces the intrinsic
        """Bit k of the result is set if element offset + k is not zero."""
        return np.uint64(sum(1 << k for k, x in enumerate(array[offset : offset + 64]) if x != 0))

    def graded_mask(array, offset):  # replaces the intrinsic
        """Bit k of the result is set if element offset + k is neither 0 nor 1."""
        return np.uint64(sum(1 << k for k, x in enumerate(array[offset : offset + 64]) if x != 0 and x != 1))

    def put_bits(array, offset, mask):  # replaces the intrinsic
        """Write bits as bytes."""
        array[offset : offset + 64] = [int(mask) >> k & 1 for k in range(64)]

    def above_mask(array, offset, level):  # replaces the intrinsic
        """Bit k of the result is set if element offset + k is above a level."""
        return np.uint64(sum(1 << k for k, x in enumerate(array[offset : offset + 64]) if x > level))

    def trailing_zeros(mask):  # replaces the intrinsic
        """Index of the lowest set bit."""
        return (int(mask) & -int(mask)).bit_length() - 1

    def count_bits(mask):  # replaces the intrinsic
        """Number of set bits."""
        return int(mask).bit_count()

    def without_lowest(mask):  # NumPy warns where an empty mask wraps around
        """The mask with its lowest set bit cleared."""
        return np.uint64(int(mask) & (int(mask) - 1)) if mask else mask

    def use_wide_registers():  # replaces the intrinsic
        """Do nothing."""

    def inline_here():  # replaces the intrinsic
        """Do nothing."""


@part
def record_row(target, row, source, at, selected, low, n, how):
    """Write the values source[at : at + n] of neurons low .. low + n to a row of an output that starts at `row`.

    `how`: WHOLE, all neurons; STREAMED, the same past the caches, where both sides start on a cache line and n fills
    whole lines; SELECTED, the neurons `selected`, one a column.
    """
    use_wide_registers()
    if how == STREAMED:
        for line in range(n * source.itemsize // LINE):
            stream_line(target, row + low, source, at, line)
    elif how == WHOLE:
        to = target[row + low : row + low + n]
        values = source[at : at + n]
        for k in range(n):
            to[k] = values[k]
    else:
        for m in range(selected.size):
            k = selected[m] - low
            if 0 <= k < n:
                target[row + m] = source[at + k]
