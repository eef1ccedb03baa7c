"""From what one wants of a chip to the registers that give it."""
