"""How the neurons of this package and the nodes of NIR say the same: names, equations, and units of time.

A population with its synapses is Linear, LI and IF in a row (:class:`bss2sim.IAFNeuron`): LI with r = tau = tau_syn turns a
spike of weight w into a current that jumps by w and decays with tau_syn, and IF with r = 1 / tau_mem integrates it. With a leak it
is Linear and CubaLIF or CubaLI with w_in = tau_syn and r = 1. Equations of the nodes: Pedersen et al., Neuromorphic
intermediate representation, Nature Communications 15:8122 (2024).
"""

from __future__ import annotations

from typing import Any

from ..errors import MissingDependencyError

KEY = "bss2sim"  # of the metadata of a graph


def import_nir(function: str) -> Any:
    """Import NIR."""
    try:
        import nir
    except ImportError as error:
        raise MissingDependencyError(
            f'{function} needs NIR, which is not installed: pip install "bss2sim[nir]"'
        ) from error
    return nir
