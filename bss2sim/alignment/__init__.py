"""What aligns the model with a chip: offset and scale of membranes, factor of weights, ends of the membranes' range.

Each verb runs a population on the emulated chip as the reference's utilities do on hardware (HS:utils/dynamic_range), 100 us in
rows of 1 us, `n_trial` times, and reads the CADC. What was recorded with ``trace_offset`` and ``trace_scale``, and weights that
go through ``Synapse(weight, transform=weight_scale)``, can be compared with a run of the model.
"""

from bss2sim.alignment.membrane_range import dynamic_range
from bss2sim.alignment.trace import trace_scaling
from bss2sim.alignment.weight import weight_scaling

__all__ = ["dynamic_range", "trace_scaling", "weight_scaling"]
