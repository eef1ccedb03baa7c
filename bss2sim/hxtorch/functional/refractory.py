"""The refractory state of neurons, under the path of the reference."""

from .steps import refractory_update

__all__ = ["refractory_update"]
