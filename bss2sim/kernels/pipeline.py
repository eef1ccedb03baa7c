"""How Numba compiles the kernels: its own compiler without the steps that no kernel of this package needs.

Half of the time of a first result is spent in Numba's Python code. Two things are saved here, both through the interface
that Numba's manual describes under "Customizing the compiler":

* Passes over features that kernels do not use: closures, ``with``, array expressions, ``literal_unroll``, ``raise``.
  A pass that another version of Numba does not have is not missed; one that it adds is run.
* The search for the signature of an operator, which Numba repeats for every occurrence of ``a + b`` (through a hundred
  candidates) and for every literal number in place of an operand.
"""

from __future__ import annotations

import operator
from typing import Any

from numba.core import types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NopythonTypeInference

LEFT_OUT = frozenset(
    {
        "annotate_types",
        "dump_parfor_diagnostics",
        "find_literally",
        "generic_rewrites",
        "inline_closure_likes",
        "inline_overloads",
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


class _Remembering:
    """A typing context that remembers the signatures of built-in functions."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._signatures: dict[Any, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, function: Any, args: Any, kws: Any) -> Any:
        """Return the signature of a call."""
        if kws or not isinstance(function, types.Function):  # others may have to compile something
            return self._context.resolve_function_type(function, args, kws)
        if function.typing_key in _OPERATORS and isinstance(args[0], types.Number | types.Array):
            args = tuple(arg.literal_type if isinstance(arg, types.IntegerLiteral) else arg for arg in args)
        key = function, args
        if key not in self._signatures:
            self._signatures[key] = self._context.resolve_function_type(function, args, kws)
        return self._signatures[key]


_CONTEXTS: dict[Any, _Remembering] = {}


@register_pass(mutates_CFG=True, analysis_only=False)
class KernelTypeInference(NopythonTypeInference):
    """Type inference that looks up each signature once per process."""

    _name = "kernel_type_inference"

    def run_pass(self, state: Any) -> bool:
        """Infer the types of one function."""
        context = state.typingctx
        if context not in _CONTEXTS:
            _CONTEXTS[context] = _Remembering(context)
        state.typingctx = _CONTEXTS[context]
        try:
            return bool(super().run_pass(state))
        finally:
            state.typingctx = context


class KernelCompiler(CompilerBase):
    """The compiler of kernels."""

    def define_pipelines(self) -> list[Any]:
        """Numba's passes but those left out."""
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        manager.passes = [
            (KernelTypeInference if step is NopythonTypeInference else step, about)
            for step, about in manager.passes
            if step.name() not in LEFT_OUT
        ]
        manager.finalize()
        return [manager]
