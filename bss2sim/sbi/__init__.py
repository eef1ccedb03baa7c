"""Simulators for simulation-based inference: rows of parameters in, rows of summaries out.

What they return goes into the package ``sbi`` as it is, and into any sampler of one's own; see ``docs/inference``.
"""

from .make import simulator as simulator

__all__ = ["simulator"]
