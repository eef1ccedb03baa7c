"""Ask for memory before it is read, where the processor does not foresee it: rows that are short, or far apart."""

from __future__ import annotations

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import part
from .lanes import lane_count
from .vector import LINE, address_of


def _ask(context, builder, signature, args, locality):
    """Ask for the cache line of an element: in the first-level cache if the locality is 3, in the second-level one if it is 2."""
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.VoidType(), [byte, number, number, number]), "llvm.prefetch.p0"
    )
    address = builder.bitcast(address_of(context, builder, signature.args[0], args[0], args[1]), byte)
    builder.call(function, [address, number(0), number(locality), number(1)])


@intrinsic
def prefetch_line(typingctx, array, offset):
    """Ask for the cache line of an element, in the second-level cache; harmless beyond the end of the array.

    In the first-level cache rows of some distance share a few places, and what is asked for too early is lost there again.
    """

    def codegen(context, builder, signature, args):
        _ask(context, builder, signature, args, 2)

    return types.void(array, types.int64), codegen


@intrinsic
def prefetch_near(typingctx, array, offset):
    """Ask for the cache line of an element that is read soon, in the first-level cache; harmless beyond the end of the array."""

    def codegen(context, builder, signature, args):
        _ask(context, builder, signature, args, 3)

    return types.void(array, types.int64), codegen


if config.DISABLE_JIT:  # the same in plain Python

    def prefetch_line(array, offset):  # replaces the intrinsic
        """Do nothing."""

    prefetch_near = prefetch_line  # replaces the intrinsic


@part
def prefetch_row(spikes, offset, n_input):
    """Ask for a row of dense spikes: rows are too short and too far apart for the processor to foresee the next one."""
    width = lane_count(spikes)
    for k in range(0, n_input, width):
        if width == LINE:  # of bytes, the first-level cache has room for some rows
            prefetch_near(spikes, offset + k)
        else:
            prefetch_line(spikes, offset + k)
