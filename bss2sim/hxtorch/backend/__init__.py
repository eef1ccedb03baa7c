"""The graph of the modules."""

from .module_manager import ModuleManager

__all__ = ["ModuleManager"]
