"""What a run on a chip tells about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class ExecutionInfo:
    """Times and health of a run on a chip; :func:`bss2sim.hxtorch.run` returns None in mock mode.

    Parameters
    ----------
    time : dict
        Length of the trials on the chip and of all of them [s]: "trial", "chip".
    health : dict
        "weight_saturated": number of weights that synapses could not hold; "calibration_failed": number of neurons with circuits
        that could not be calibrated.

    Examples
    --------
    >>> from bss2sim.hxtorch.execution_info import ExecutionInfo
    >>> ExecutionInfo(time={"chip": 1e-3}).time["chip"]
    0.001
    """

    time: dict[str, Any] = field(default_factory=dict)
    health: dict[str, Any] = field(default_factory=dict)
