"""Scales between model and chip, measured on the emulated chip as the utilities of hxtorch do; see :mod:`bss2sim.alignment`."""
