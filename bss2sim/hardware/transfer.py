"""Transfer laws by quantity: the quantity that the code of a register makes, and the code that makes a quantity.

Every law is a pure function of codes, of the parameters of the circuits, and of other quantities it depends on (its
context). It works on numbers and arrays that broadcast with NumPy's rules. The inverse is exact; it gives a code that
is not rounded and may lie outside of the range of the register, infinite where no code is high enough, never NaN.
"""

from __future__ import annotations

from bss2sim.hardware.law import Law, Parameters
from bss2sim.hardware.membrane_laws import CapacitanceLaw, LeakLaw, ResetLaw, TauMemLaw, ThresholdLaw
from bss2sim.hardware.synaptic_laws import ReferenceMismatchLaw, SynapseDacLaw, SynapticStrengthLaw, TauSynLaw

__all__ = ["LAWS", "Law", "Parameters"]

#: Laws by quantity, in an order in which they can be inverted: the context of each comes before it.
LAWS: dict[str, Law] = {
    law.quantity: law
    for law in (
        CapacitanceLaw(),
        TauMemLaw(),
        LeakLaw(),
        ResetLaw(),
        ThresholdLaw(),
        TauSynLaw(),
        SynapseDacLaw(),
        SynapticStrengthLaw(),
        ReferenceMismatchLaw(),
    )
}
