"""
Refractory period: clamp, then holdoff
======================================

After a spike the membrane is clamped to the reset potential. In the last part of the refractory period, the holdoff,
it is free again but may not fire. The synaptic current keeps going all the time: the third input spike comes during
the clamp (weak input) and still counts, or lifts the membrane above the threshold during the holdoff (strong input);
then the neuron fires at the very moment the period ends.
"""

import matplotlib.pyplot as plt
import numpy as np

import bss2sim as b2

refractory_time, holdoff_time, threshold = 20e-6, 8e-6, 125.0
neuron = b2.IAFNeuron(1, reset=80.0, threshold=threshold, refractory_time=refractory_time, holdoff_time=holdoff_time)

# The same three input spikes through a weak and a strong synapse: two trials of one batch.
time = np.array([5e-6, 8e-6, 24e-6])
inputs = b2.sparse_spikes(np.tile(time, 2), [0, 0, 0, 1, 1, 1], batch=[0, 0, 0, 1, 1, 1], duration=80e-6)
run = b2.simulate(
    neuron,
    inputs,
    synapse=b2.Synapse(np.array([[45.0], [110.0]])),
    record=b2.Recording(membrane=True, sample_time=np.linspace(0, 80e-6, 800, endpoint=False)),
)

fig, axes = plt.subplots(2, 1, figsize=(7, 5.5), sharex=True, layout="constrained")
for batch, (ax, name) in enumerate(zip(axes, ("weak", "strong"), strict=True)):
    b2.plot.traces(run, ax, batch=batch, threshold=threshold)
    for number, spike in enumerate(run.spike_time.values[run.spike_batch.values == batch]):
        released, end = spike + refractory_time - holdoff_time, spike + refractory_time
        label = ("clamp", "holdoff") if number == 0 else (None, None)
        ax.axvspan(spike * 1e6, released * 1e6, color="0.75", linewidth=0, label=label[0])
        ax.axvspan(released * 1e6, end * 1e6, color="0.9", linewidth=0, label=label[1])
    ax.plot(time * 1e6, np.full(3, 76.0), "k^", markersize=5, clip_on=False, label="input spike")
    ax.get_lines()[0].set_label("membrane")
    ax.set(title=f"{name} input", ylabel="Membrane [LSB]", ylim=(70, 160))
    ax.get_legend().remove()
axes[0].set_xlabel("")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)

plt.show()
