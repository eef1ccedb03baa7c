"""
Response to a spike, and rate against current
=============================================

An input spike makes the synaptic current jump; a membrane without leak integrates the current and keeps the sum.
A constant current therefore makes the neuron fire at a rate that grows linearly with it, until the refractory
period sets a limit: the interval between spikes is ``refractory_time + tau_mem * (threshold - reset) / current``.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import bss2sim as b2

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")

# %%
# One spike at 10 us through a weight of 40: the current decays with tau_syn, the membrane rises by
# 40 * tau_syn / tau_mem and stays there.
spike = b2.sparse_spikes([10e-6], [0], duration=60e-6)
response = b2.simulate(
    b2.IAFNeuron(1, reset=80.0, threshold=125.0),
    spike,
    synapse=b2.Synapse(np.array([[40.0]])),
    record=b2.Recording(
        spikes=None, membrane=True, current=True, sample_time=np.linspace(0, 60e-6, 300, endpoint=False)
    ),
).squeeze()
time = response.sample_time * 1e6
left.plot(time, response.membrane - 80, "k-", label="membrane - reset")
left.plot(time, response.current, color="0.5", linestyle="--", label="synaptic current")
left.set(xlabel="Time [us]", ylabel="Response [LSB]", title="Response to one spike")
left.legend(frameon=False)

# %%
# A jump in every step of 1 us adds up to a mean current of jump * tau_syn / dt. The currents are a dimension of the
# input, the refractory times belong to three neurons. (The current takes some 30 us to build up: 1 % of this run.)
dt, tau, n_time = 1e-6, 10e-6, 3000
current = xr.DataArray(np.linspace(0, 400, 41), dims="drive", name="drive")
jump = (current * dt / tau).expand_dims(time=n_time, neuron=3)
refractory = np.array([0.0, 2e-6, 10e-6])
neurons = b2.IAFNeuron(3, reset=80.0, threshold=125.0, tau_mem=tau, tau_syn=tau, refractory_time=refractory)
count = b2.simulate(neurons, jump, dt=dt, record=b2.Recording(spikes="count")).spike_count
for index, style in enumerate(("k", "tab:red", "tab:blue")):
    with np.errstate(divide="ignore"):
        theory = 1 / (refractory[index] + tau * 45.0 / current.values)
    right.plot(current, theory / 1e3, color=style, label=f"{refractory[index] * 1e6:.0f} us")
    right.plot(current, count.isel(neuron=index) / (n_time * dt) / 1e3, "o", color=style, markersize=3)
right.set(xlabel="Current [LSB]", ylabel="Rate [kHz]", title="Simulated (dots) and formula (lines)")
right.legend(title="refractory time", frameon=False)

plt.show()
