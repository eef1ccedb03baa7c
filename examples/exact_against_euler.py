"""
Exact and Euler integration
===========================

The exact integrator finds spike times on a continuous time axis from the closed form of the membrane. Euler steps,
the numerics of many frameworks, see the membrane on a grid only: their first spikes are wrong by a part of a step,
later ones by more, and the error shrinks at first order: ten times the accuracy costs ten times the steps.
"""

import matplotlib.pyplot as plt
import numpy as np

import bss2sim as b2

rng = np.random.default_rng(1)
duration, n_input, n_neuron = 100e-6, 50, 200
neurons = b2.IAFNeuron(n_neuron, reset=80.0, threshold=125.0, refractory_time=2e-6)
synapse = b2.Synapse(rng.normal(2.0, 15.0, (n_input, n_neuron)))
# on a grid of 1 us, which all the finer grids below have in common
spikes = b2.sparse_spikes(rng.integers(1, 60, n_input) * 1e-6, np.arange(n_input), duration=duration)


def simulate(record, **settings):
    return b2.simulate(neurons, spikes, synapse=synapse, record=record, **settings)


# %%
# A membrane: Euler at 1 us lags behind, and its spikes are late.
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
fine = np.linspace(0, duration, 1000, endpoint=False)
exact = simulate(b2.Recording(spikes="first", membrane=True, sample_time=fine))
euler = simulate(b2.Recording(spikes="first", membrane=True), integrator="euler", dt=1e-6)
earliest = int(exact.first_spike.argmin("neuron"))
left.plot(fine * 1e6, exact.membrane.isel(neuron=earliest), "k-", linewidth=1, label="exact")
left.plot(euler.time * 1e6, euler.membrane.isel(neuron=earliest), "o-", color="tab:red", markersize=2.5,
          linewidth=0.8, label="Euler, 1 us")  # fmt: skip
left.axhline(125.0, color="0.4", linestyle=":", label="threshold")
left.set(xlabel="Time [us]", ylabel="Membrane [LSB]", title="One membrane")
left.legend(frameon=False)

# %%
# The first spikes of all neurons: median error against the exact times, for smaller and smaller steps.
steps = 1e-6 / 2.0 ** np.arange(9)
error = []
for dt in steps:
    first = simulate(b2.Recording(spikes="first"), integrator="euler", dt=dt).first_spike
    error.append(float(abs(first - exact.first_spike).median()))
right.loglog(steps * 1e6, np.array(error) * 1e6, "ko-", label="Euler")
right.loglog(steps * 1e6, steps * 1e6, color="0.5", linestyle="--", label="one step")
right.set(xlabel="Step [us]", ylabel="Median error of first spikes [us]", title="Convergence")
right.legend(frameon=False)

plt.show()
