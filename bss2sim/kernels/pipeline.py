"""How Numba compiles the kernels: its own compiler without the steps that no kernel of this package needs.

Half of the time of a first result is spent in Numba's Python code. Saved here, through the interface that Numba's manual
describes under "Customizing the compiler", are:

* Passes over features that kernels do not use: closures, ``with``, array expressions, ``literal_unroll``, ``raise``.
  A pass that another version of Numba does not have is not missed; one that it adds is run.
* The end of the life of every variable: nothing is counted, so nothing has to be done there. Nor are lifetimes analysed.
* The search for the signature of an operator, which Numba repeats when it infers types and when it writes code for every
  occurrence of ``a + b`` (through a hundred candidates) and for every literal number in place of an operand.
* Most of the work of LLVM, see :mod:`bss2sim.kernels.library`.
* The import of SciPy's linear algebra.
"""

from __future__ import annotations

import operator
import sys
from copy import copy
from importlib import import_module
from typing import Any

from numba.core import types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.ir_utils import build_definitions
from numba.core.ssa import reconstruct_ssa
from numba.core.typed_passes import NativeLowering, PreLowerStripPhis
from numba.core.untyped_passes import ReconstructSSA
from numba.extending import models, register_model
from numba.np import linalg

from .library import KernelLowering, PartLowering

LEFT_OUT = frozenset(
    {
        "annotate_types",
        "dump_parfor_diagnostics",
        "find_literally",
        "generic_rewrites",
        "inline_closure_likes",
        "inline_overloads",
        "ir_legalization",  # the ends of variables
        "literal_unroll",
        "LiteralPropagation",
        "make_function_op_code_to_jit_function",
        "nopython_rewrites",
        "nopython_supported_feature_validation",
        "rewrite_dynamic_raises",
        "with_lifting",
    }
)

# Operators of numbers and arrays: a literal operand has the same signature as another number of its type.
_OPERATORS = frozenset(
    getattr(operator, name)
    for name in (
        "add sub mul truediv floordiv mod neg lt le gt ge eq ne and_ or_ xor lshift rshift "
        "iadd isub imul itruediv ifloordiv iand ior ixor getitem setitem"
    ).split()
)


class _RememberingFunction(types.Function):
    """A built-in function that remembers its signatures."""

    def __init__(self, function: types.Function) -> None:
        self.__dict__.update(function.__dict__)
        self._signatures: dict[Any, Any] = {}

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        """Return the signature of a call."""
        if kws:
            return super().get_call_type(context, args, kws)
        if self.typing_key in _OPERATORS and isinstance(args[0], types.Number | types.Array):
            args = tuple(arg.literal_type if isinstance(arg, types.IntegerLiteral) else arg for arg in args)
        if args not in self._signatures:
            self._signatures[args] = super().get_call_type(context, args, kws)
        return self._signatures[args]


register_model(_RememberingFunction)(models.OpaqueModel)  # as of every function: nothing is stored of it

_FUNCTIONS: dict[types.Function, _RememberingFunction] = {}


class _Remembering:
    """What a typing context does differently: its built-in functions remember their signatures."""

    def _lookup_global(self, value: Any) -> Any:
        found = super()._lookup_global(value)  # type: ignore[misc]  # of the class it is put before
        if type(found) is not types.Function:
            return found
        if found not in _FUNCTIONS:
            _FUNCTIONS[found] = _RememberingFunction(found)
        return _FUNCTIONS[found]


def _remembering(context: Any) -> Any:
    """Return a typing context of the same contents that remembers."""
    twin = copy(context)
    twin.__class__ = type("RememberingContext", (_Remembering, type(context)), {})
    return twin


def load_without_blas() -> None:
    """Load Numba's array functions without SciPy's linear algebra, which they import to see whether it is there.

    SciPy is there, Numba itself has imported it, and the functions that need its linear algebra import it again.
    """
    if "scipy" in sys.modules and "numba.np.arraymath" not in sys.modules:
        ensure_blas, linalg.ensure_blas = linalg.ensure_blas, lambda: None
        try:
            import_module("numba.np.arraymath")
        finally:
            linalg.ensure_blas = ensure_blas


@register_pass(mutates_CFG=True, analysis_only=False)
class _Reconstruct(ReconstructSSA):
    """Static single assignment, without the analysis of generators and lifetimes after it."""

    _name = "kernel_reconstruct_ssa"

    def run_pass(self, state: Any) -> bool:
        """Rewrite one function."""
        state.func_ir = reconstruct_ssa(state.func_ir)
        self._patch_locals(state)
        state.func_ir._definitions = build_definitions(state.func_ir.blocks)
        return True


@register_pass(mutates_CFG=False, analysis_only=False)
class _StripPhis(PreLowerStripPhis):
    """The end of static single assignment, without the analysis of generators and lifetimes after it."""

    _name = "kernel_strip_phis"

    def run_pass(self, state: Any) -> bool:
        """Rewrite one function."""
        state.func_ir = self._strip_phi_nodes(state.func_ir)
        state.func_ir._definitions = build_definitions(state.func_ir.blocks)
        return True


class KernelCompiler(CompilerBase):
    """The compiler of kernels."""

    _replaced: dict[Any, Any] = {
        NativeLowering: KernelLowering,
        PreLowerStripPhis: _StripPhis,
        ReconstructSSA: _Reconstruct,
    }

    def __init__(self, typingctx: Any, targetctx: Any, *others: Any) -> None:
        super().__init__(typingctx, targetctx, *others)
        self.state.typingctx = _remembering(typingctx)
        self.state.targetctx.typing_context = self.state.typingctx

    def define_pipelines(self) -> list[Any]:
        """Numba's passes but those left out."""
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        manager.passes = [
            (self._replaced.get(step, step), about) for step, about in manager.passes if step.name() not in LEFT_OUT
        ]
        manager.finalize()
        return [manager]


class PartCompiler(KernelCompiler):
    """The compiler of functions that only kernels call."""

    _replaced = {**KernelCompiler._replaced, NativeLowering: PartLowering}
