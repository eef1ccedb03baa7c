"""Where a neuron circuit sits on the chip, and under which number each part of the chip knows it.

The chip has 512 circuits in 256 columns and 2 rows (0 top, 1 bottom). Functions work on one number or on arrays.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np
import xarray as xr

from ..arrays import as_array, as_variable
from ..errors import ParameterError, choose, refuse_unknown_keywords
from ..variables import LABEL_ATTRS

N_ATOMIC_NEURON = 512
N_COLUMN = 256
N_ROW = 2
N_COLUMN_HALF = 128  # columns of a quadrant; no neuron reaches over their border
N_QUADRANT = 4
N_COLUMN_EVENT_OUTPUT = 32  # columns that share an event output
N_QUAD_COLUMN, N_QUAD_ENTRY = 64, 4
CADC_TYPES = ("causal", "acausal")

Numbers = Any  # one number gives one number, an array an array of the same shape


def one_in_range(what: str, value: Any, size: int) -> int:
    """Return a whole number from 0 to size - 1; ParameterError otherwise."""
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if isinstance(value, bool) or not 0 <= number < size:
        raise ParameterError(f"{what} must be a whole number from 0 to {size - 1}; got {value!r}")
    return number


def whole_in_range(what: str, value: Any, size: int) -> Numbers:
    """Return whole numbers from 0 to size - 1, an int or an array of int64; ParameterError otherwise.

    >>> whole_in_range("column", [3, 255], 256)
    array([  3, 255])
    """
    if not isinstance(value, np.ndarray | list | tuple | xr.DataArray | xr.Variable):
        return one_in_range(what, value, size)
    array = as_array(what, value, "a whole number or an array of them", ParameterError)
    if array.dtype.kind not in "iu":
        raise ParameterError(f"{what} must be whole numbers from 0 to {size - 1}; got dtype {array.dtype}")
    bad = (array < 0) | (array >= size)
    if bad.any():
        first = np.unravel_index(int(np.argmax(bad)), bad.shape)
        where = f" at index {', '.join(map(str, first))}" if first else ""
        raise ParameterError(f"{what} must be whole numbers from 0 to {size - 1}; got {array[first]}{where}")
    return array.astype(np.int64)


def enum_to_grid(enum: Numbers) -> tuple[Numbers, Numbers]:
    """Return (column, row) of circuits; the columns of row 0 are counted first. Source: HC geometry.h:568-583.

    Raises ParameterError outside of 0 .. 511.

    >>> enum_to_grid(293)
    (37, 1)
    """
    enum = whole_in_range("AtomicNeuronOnDLS", enum, N_ATOMIC_NEURON)
    return enum % N_COLUMN, enum // N_COLUMN


def grid_to_enum(column: Numbers, row: Numbers) -> Numbers:
    """Return the enum of the circuits in these columns and rows. Source: HC geometry.h:568-583.

    Raises ParameterError outside of columns 0 .. 255 and rows 0, 1.

    >>> grid_to_enum(37, 1)
    293
    """
    return N_COLUMN * whole_in_range("row", row, N_ROW) + whole_in_range("column", column, N_COLUMN)


def enum_to_capmem(enum: Numbers) -> tuple[Numbers, Numbers]:
    """Return (CapMem block, column in it); the block is the quadrant, too. Source: HC-s:neuron.cpp:36,118,153,158.

    Quadrants: 0 top left, 1 top right, 2 bottom left, 3 bottom right. Raises ParameterError outside of 0 .. 511.

    >>> enum_to_capmem(200)
    (1, 72)
    """
    enum = whole_in_range("AtomicNeuronOnDLS", enum, N_ATOMIC_NEURON)
    return enum // N_COLUMN_HALF, enum % N_COLUMN_HALF


def capmem_to_enum(block: Numbers, column: Numbers) -> Numbers:
    """Return the enum of the circuits with these CapMem columns. Source: HC-s:neuron.cpp:36,118,153,158.

    Raises ParameterError outside of blocks 0 .. 3 and columns 0 .. 127 (128 and 129 belong to no circuit).

    >>> capmem_to_enum(1, 72)
    200
    """
    block = whole_in_range("CapMem block", block, N_QUADRANT)
    return N_COLUMN_HALF * block + whole_in_range("CapMem column of a circuit", column, N_COLUMN_HALF)


def enum_to_backend(enum: Numbers) -> Numbers:
    """Return the enum of the reset, the backend configuration and the spike counter. Source: HC-s:neuron.cpp:41,91,148.

    The left half of the chip is backend block 0 (enum 0 .. 255, the top row first), the right half block 1.
    Raises ParameterError outside of 0 .. 511.

    >>> enum_to_backend(np.array([127, 128, 256, 293]))
    array([127, 256, 128, 165])
    """
    quadrant, column = enum_to_capmem(enum)
    return N_COLUMN * (quadrant % 2) + N_COLUMN_HALF * (quadrant // 2) + column


def backend_to_enum(backend_enum: Numbers) -> Numbers:
    """Return the enum of the circuits of backend configurations. Source: HC-s:neuron.cpp:211-223.

    Raises ParameterError outside of 0 .. 511.

    >>> backend_to_enum(165)
    293
    """
    backend_enum = whole_in_range("backend enum", backend_enum, N_ATOMIC_NEURON)
    block, index = backend_enum // N_COLUMN, backend_enum % N_COLUMN
    return N_COLUMN * (index // N_COLUMN_HALF) + N_COLUMN_HALF * block + index % N_COLUMN_HALF


def enum_to_event_output(enum: Numbers) -> Numbers:
    """Return the event output 0 .. 7, which is the crossbar input, too. Source: HC-s:neuron.cpp:86,123.

    Raises ParameterError outside of 0 .. 511.

    >>> enum_to_event_output(293)
    1
    """
    return enum_to_grid(enum)[0] // N_COLUMN_EVENT_OUTPUT


def column_to_quad(column: Numbers) -> tuple[Numbers, Numbers]:
    """Return (quad column, entry) of synapse columns. Source: HC-s:synapse.cpp:251-260.

    A quad is four columns of synapses that are read and written together. Raises ParameterError outside of 0 .. 255.

    >>> column_to_quad(37)
    (36, 2)
    """
    column = whole_in_range("synapse column", column, N_COLUMN)
    return N_QUAD_COLUMN // 2 * (column % 2) + column // 8, column // 2 % N_QUAD_ENTRY


def quad_to_column(quad_column: Numbers, entry: Numbers) -> Numbers:
    """Return the synapse column of entries of quads. Source: HC-s:synapse.cpp:224-241.

    Raises ParameterError outside of quad columns 0 .. 63 and entries 0 .. 3.

    >>> quad_to_column(31, np.arange(4))
    array([248, 250, 252, 254])
    """
    quad = whole_in_range("quad column", quad_column, N_QUAD_COLUMN)
    entry = whole_in_range("entry on quad", entry, N_QUAD_ENTRY)
    return 2 * (quad % (N_QUAD_COLUMN // 2) * N_QUAD_ENTRY + entry) + quad // (N_QUAD_COLUMN // 2)


def enum_to_cadc_channel(enum: Numbers, channel_type: str) -> Numbers:
    """Return the enum 0 .. 1023 of the "causal" or "acausal" CADC channel. Source: HC:cadc.h:201-243.

    Raises ParameterError outside of 0 .. 511 and for another type.

    >>> enum_to_cadc_channel(293, "acausal")
    805
    """
    column, row = enum_to_grid(enum)
    kind = CADC_TYPES.index(choose("channel_type", channel_type, CADC_TYPES))
    return 2 * N_COLUMN * row + N_COLUMN * kind + column


def cadc_channel_to_enum(channel: Numbers) -> tuple[Numbers, Numbers]:
    """Return (enum of the circuit, 0 causal or 1 acausal) of CADC channels. Source: HC:cadc.h:201-243.

    Raises ParameterError outside of 0 .. 1023.

    >>> cadc_channel_to_enum(805)
    (293, 1)
    """
    channel = whole_in_range("CADC channel", channel, 2 * N_ATOMIC_NEURON)
    row, rest = channel // (2 * N_COLUMN), channel % (2 * N_COLUMN)
    return N_COLUMN * row + rest % N_COLUMN, rest // N_COLUMN


@functools.total_ordering
class AtomicNeuronOnDLS:
    """One neuron circuit of the chip. Immutable, hashable, ordered by enum; int() gives the enum.

    Parameters
    ----------
    enum : int or AtomicNeuronOnDLS
        0 .. 511; 256 row + column. Or give the two as keywords:
    column, row : int
        0 .. 255 from the left, 0 (top) or 1 (bottom).

    Attributes
    ----------
    quadrant, capmem_block, capmem_column : int
        Quadrant 0 .. 3, which is the CapMem block, and column 0 .. 127 in it.
    hemisphere : int
        Which synapse array and CADC serve the circuit: the row.
    event_output : int
        Output 0 .. 7 of its spikes.
    backend_enum, backend_block : int
        Number 0 .. 511 of its reset, backend and spike counter; block 0 (left) or 1 (right).
    synapse_column, quad_column, quad_entry : int
        Column of its synapses, and where to find it in the quads 0 .. 63 of four columns.

    Raises
    ------
    ParameterError
        If a number is out of range, or neither an enum nor both of column and row are given.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> circuit = AtomicNeuronOnDLS(column=37, row=1)
    >>> circuit, int(circuit), circuit.quadrant, circuit.backend_enum
    (AtomicNeuronOnDLS(293), 293, 2, 165)
    >>> circuit.cadc_channel("causal")
    549
    """

    __slots__ = ("enum",)
    enum: int

    @refuse_unknown_keywords
    def __init__(self, enum: Any = None, *, column: Any = None, row: Any = None) -> None:
        if (enum is None) == (column is None and row is None) or (column is None) != (row is None):
            raise ParameterError("AtomicNeuronOnDLS takes an enum 0 .. 511, or both column= and row=")
        if enum is None:
            enum = N_COLUMN * one_in_range("row", row, N_ROW) + one_in_range("column", column, N_COLUMN)
        object.__setattr__(self, "enum", one_in_range("AtomicNeuronOnDLS", enum, N_ATOMIC_NEURON))

    column = property(lambda self: self.enum % N_COLUMN)
    row = property(lambda self: self.enum // N_COLUMN)
    hemisphere = row
    quadrant = property(lambda self: self.enum // N_COLUMN_HALF)
    capmem_block = quadrant
    capmem_column = property(lambda self: self.enum % N_COLUMN_HALF)
    event_output = property(lambda self: enum_to_event_output(self.enum))
    backend_enum = property(lambda self: enum_to_backend(self.enum))
    backend_block = property(lambda self: self.backend_enum // N_COLUMN)
    synapse_column = column
    quad_column = property(lambda self: column_to_quad(self.column)[0])
    quad_entry = property(lambda self: column_to_quad(self.column)[1])

    def cadc_channel(self, channel_type: str) -> int:
        """Return the enum 0 .. 1023 of one of its two CADC channels.

        Parameters
        ----------
        channel_type : {"causal", "acausal"}
            Which.

        Returns
        -------
        int

        Raises
        ------
        ParameterError
            If there is no such type.

        Examples
        --------
        >>> import bss2sim as b2
        >>> b2.AtomicNeuronOnDLS(293).cadc_channel("acausal")
        805
        """
        return int(enum_to_cadc_channel(self.enum, channel_type))

    def __int__(self) -> int:
        return self.enum

    __index__ = __int__

    def __eq__(self, other: object) -> bool:
        return self.enum == other.enum if isinstance(other, AtomicNeuronOnDLS) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self.enum < other.enum if isinstance(other, AtomicNeuronOnDLS) else NotImplemented

    def __hash__(self) -> int:
        return hash((AtomicNeuronOnDLS, self.enum))

    def __setattr__(self, name: str, value: object = None) -> None:
        raise AttributeError("AtomicNeuronOnDLS is immutable; make a new one")

    __delattr__ = __setattr__

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return AtomicNeuronOnDLS, (self.enum,)

    def __repr__(self) -> str:
        return f"AtomicNeuronOnDLS({self.enum})"


def atomic_neuron_coords() -> dict[str, xr.Variable]:
    """Return the labels of the 512 circuits: atomic_neuron, row, column, quadrant, all of dim `atomic_neuron`.

    >>> atomic_neuron_coords()["quadrant"].values[[0, 200, 293, 511]]
    array([0, 1, 2, 3])
    """
    enum = np.arange(N_ATOMIC_NEURON)
    column, row = enum_to_grid(enum)
    labels = {"atomic_neuron": enum, "row": row, "column": column, "quadrant": enum_to_capmem(enum)[0]}
    return {name: as_variable(("atomic_neuron",), label, LABEL_ATTRS[name]) for name, label in labels.items()}
