"""Memory that another package exports by DLPack, read without a package of its own.

What ``__dlpack__`` returns is a capsule around a C structure that says where the memory is, its shape and its dtype, and a
function to call when it is no longer needed. Layouts: https://dmlc.github.io/dlpack/latest/c_api.html, versions 0 and 1.
"""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

import numpy as np

_KINDS = {0: "i", 1: "u", 2: "f", 5: "c", 6: "b"}  # DLDataTypeCode -> kind of dtype
_READ_ONLY = 1  # of the flags
_MAJOR = 1  # of the newest layout that is known here

_deleter = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)  # with the lock of the interpreter, as NumPy calls it


def _interpreter(name: str, result: Any, *arguments: Any) -> Any:
    """Return a function of the interpreter; one of our own, as others may set other types for it."""
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_name_of = _interpreter("PyCapsule_GetName", ctypes.c_char_p, ctypes.py_object)
_pointer_of = _interpreter("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
_rename = _interpreter("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]  # fmt: skip


class _Managed(ctypes.Structure):
    _fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


class _Versioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64), ("tensor", _Tensor),
    ]  # fmt: skip


_LAYOUTS: dict[bytes, tuple[type[_Managed] | type[_Versioned], bytes]] = {
    b"dltensor": (_Managed, b"used_dltensor"),
    b"dltensor_versioned": (_Versioned, b"used_dltensor_versioned"),
}
# The names of capsules that were taken: a capsule keeps the address, so they must stay.


class Exported:
    """Memory that a package lends; it is given back, once, when this object is dropped.

    Attributes
    ----------
    address : int
        Of the first element.
    shape, strides : tuple of int
        Strides in elements.
    dtype : dtype
        Of the elements.
    device : tuple of int
        Kind (1: the processor, 2: CUDA) and number.
    read_only : bool
        Whether the memory must not be written.
    """

    def __init__(self, owner: Any, stream: int | None) -> None:
        """Ask `owner` for its memory, to be used on a stream of CUDA by its number.

        Raises
        ------
        BufferError, TypeError
            If it does not lend its memory, or in no way that is known here.
        """
        asked = {} if stream is None else {"stream": stream}
        try:
            capsule = owner.__dlpack__(max_version=(_MAJOR, 0), **asked)
        except TypeError:  # a package older than the versions
            capsule = owner.__dlpack__(**asked)
        name = _name_of(capsule)
        if name not in _LAYOUTS:
            raise TypeError(f"__dlpack__ returned a capsule {name!r}")
        layout, used = _LAYOUTS[name]
        address = _pointer_of(capsule, name)
        managed = layout.from_address(address)
        _rename(capsule, used)  # from here on it is ours to give back
        if managed.deleter:
            weakref.finalize(self, _deleter(managed.deleter), address).atexit = False
        if isinstance(managed, _Versioned) and managed.major > _MAJOR:
            raise BufferError(f"DLPack {managed.major}.{managed.minor} is newer than {_MAJOR}")
        tensor = managed.tensor
        if tensor.lanes != 1 or tensor.code not in _KINDS or tensor.bits % 8:
            raise BufferError(f"its DLPack dtype has code {tensor.code}, {tensor.bits} bits and {tensor.lanes} lanes")
        kind, n = _KINDS[tensor.code], tensor.ndim
        self.dtype = np.dtype(bool if kind == "b" else f"{kind}{tensor.bits // 8}")
        self.shape = tuple(tensor.shape[k] for k in range(n))
        self.strides: tuple[int, ...] | None = tuple(tensor.strides[k] for k in range(n)) if tensor.strides else None
        self.address = (tensor.data or 0) + tensor.byte_offset
        self.device = tensor.device_type, tensor.device_id
        self.read_only = isinstance(managed, _Versioned) and bool(managed.flags & _READ_ONLY)
