"""The emulated chip: coordinates, registers, transfer laws, circuits and their variation."""
