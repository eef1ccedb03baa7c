"""Experiments on the emulated chip: what becomes of neurons, weights and spikes there, and what is read of them."""
