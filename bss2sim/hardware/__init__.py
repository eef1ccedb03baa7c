"""The emulated chip: coordinates, registers, transfer laws, circuits and their variation."""

from bss2sim.hardware.chip import EmulatedChip
from bss2sim.hardware.chip_configuration import ChipConfiguration
from bss2sim.hardware.coordinates import AtomicNeuronOnDLS
from bss2sim.hardware.morphology import LogicalNeuronOnDLS, SingleCompartmentNeuron
from bss2sim.hardware.neuron_block import (
    configure,
    default_registers,
    disable_leak,
    disable_spiking,
    enable_madc_recording,
    enable_spiking,
    set_spike_mask,
)
from bss2sim.hardware.placement import place
from bss2sim.hardware.registers import check_registers

__all__ = [
    "AtomicNeuronOnDLS",
    "ChipConfiguration",
    "EmulatedChip",
    "LogicalNeuronOnDLS",
    "SingleCompartmentNeuron",
    "check_registers",
    "configure",
    "default_registers",
    "disable_leak",
    "disable_spiking",
    "enable_madc_recording",
    "enable_spiking",
    "place",
    "set_spike_mask",
]
