"""The LLVM code of a kernel and of its parts: optimised once, as a whole, and made machine code once.

Numba gives every function a library of its own. It optimises each function of a library, then the library, then makes
machine code of it, also of functions that only other functions call; their optimised code is copied into the library of each
caller, and optimised and made machine code again there. A :class:`KernelLibrary` leaves all of that to the library of the
kernel that Python calls.
"""

from __future__ import annotations

from typing import Any

from numba.core import typed_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_machinery import register_pass


class KernelLibrary(JITCodeLibrary):
    """Code of a kernel and of its parts."""

    def add_ir_module(self, ir_module: Any) -> None:
        """Add a function, or the wrapper that takes its arguments from Python."""
        if ir_module.name == "wrapper":  # a third of the code, which runs once a call: not worth optimising
            for function in ir_module.functions:
                if not function.is_declaration:
                    function.attributes.add("optnone")
                    function.attributes.add("noinline")
        super().add_ir_module(ir_module)

    def _optimize_functions(self, ll_module: Any) -> None:
        """Leave a function as it is: the passes over the whole library begin with the same ones."""
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        """Optimise the library, without the passes before that find redundant counting of references."""
        passes, builder = self._codegen._module_pass_manager()
        with self._recorded_timings.record("Module passes", builder):
            passes.run(self._final_module, builder)


class PartLibrary(KernelLibrary):
    """Code of a part of kernels, as it was written, to be linked into the library of its callers."""

    def finalize(self) -> None:
        """Add the code of the parts that this one calls."""
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class KernelLowering(typed_passes.NativeLowering):
    """Lowering to LLVM code in a library of the package."""

    _name = "kernel_lowering"
    _library_class = KernelLibrary

    def run_pass(self, state: Any) -> bool:
        """Lower one function."""
        state.library = self._library_class(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return bool(super().run_pass(state))


@register_pass(mutates_CFG=True, analysis_only=False)
class PartLowering(KernelLowering):
    """Lowering of a function that only kernels call."""

    _name = "part_lowering"
    _library_class = PartLibrary

    def run_pass(self, state: Any) -> bool:
        """Lower one function, and make it known to its callers; there is no machine code yet."""
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        state["cr"] = lowered._replace(cfunc=_Entry())
        state.targetctx.insert_user_function(state["cr"].cfunc, lowered.fndesc, [state.library])
        return True


class _Entry:
    """Stand for the entry point of a part, by which Numba finds its code."""
