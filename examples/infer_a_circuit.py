"""
What one circuit of a chip is like, inferred from its membrane
==============================================================

The CADC traces of eight trials are all one has of a circuit. Which threshold, synaptic time constant and gain of its
weights made them? A simulator of the ideal neuron turns thousands of guesses into traces in one call, and importance
sampling weighs them. The answer is known here, as the chip is an emulated one.

The stimulus, the delay, the baseline and the width of the likelihood were chosen with known answers at hand: an ideal
neuron that leaves out what the chip does gives posteriors that are narrow and wrong. Of six circuits the truth was then
within 2.4 standard deviations.
"""

import matplotlib.pyplot as plt
import numpy as np

import bss2sim as b2

n_input, n_trial, reset, tau_mem, duration, circuit = 16, 8, 80.0, 10e-6, 110e-6, 42
chip = b2.EmulatedChip(seed=7)
target = b2.NeuronCalibTarget(reset=reset, threshold=118.0, tau_syn=7.5e-6, refractory_time=2e-6)
calibration = b2.calibrate(chip, target)
# One volley stays below the threshold, the next ones cross it with something left over.
time, source = np.repeat([5e-6, 35e-6, 70e-6], [4, 8, 4]), np.arange(n_input)
trials = b2.sparse_spikes(np.tile(time, n_trial), np.tile(source, n_trial), np.repeat(np.arange(n_trial), n_input),
                          n_batch=n_trial, duration=duration)  # fmt: skip
neuron = b2.IAFNeuron(1, reset=reset, tau_mem=tau_mem, refractory_time=2e-6, placement_constraint=[circuit])
synapse = b2.Synapse(np.full((n_input, 1), 9.0))
measured = b2.simulate(neuron, trials, synapse=synapse, chip=chip, calibration=calibration)
sampled = measured.cadc_time.sel(hemisphere=measured.row.item()).values.ravel()
trace = measured.cadc_value.values.ravel().astype(float)
trace += reset - trace[sampled < time[0]].mean()  # the offset of the CADC channel

# %%
# The simulator: guesses (n, 3) in, membranes at the times of the samples out.
names, unit = ["threshold", "tau_syn", "gain"], np.array([1.0, 1e-6, 1.0])
at, place = np.unique(sampled, return_inverse=True)
inputs = b2.sparse_spikes(time + chip.configuration.synaptic_delay, source, n_neuron=n_input, duration=duration)
simulate = b2.sbi.simulator(neuron, inputs, names, synapse=synapse, summary="membrane", batch_size=500,
                            record=b2.Recording(None, membrane=True, sample_time=at))  # fmt: skip
low, high = np.array([100.0, 3.0, 0.3]), np.array([140.0, 15.0, 1.5])  # of a flat prior [LSB, us, 1]


def log_likelihood(guess):
    """Student's t, 3 LSB wide. The trials share synapses and a CADC channel, whose errors they repeat: they count as one."""
    inside = ((guess > low) & (guess < high)).all(axis=1)
    off = simulate(np.clip(guess, low, high) * unit)[:, place] - trace
    return np.where(inside, -2.0 * np.log1p((off / 3.0) ** 2 / 3).sum(axis=1) / n_trial, -np.inf)


rng = np.random.default_rng(1)
guess = rng.uniform(low, high, (3000, 3))
log_weight = log_likelihood(guess)
for _ in range(4):  # guess again where guesses were good; the density of the new ones divides their weights
    power = min(1.0, 10.0 / np.ptp(np.sort(log_weight)[-300:]))
    weight = np.exp(power * (log_weight - log_weight.max()))
    mean, spread = np.average(guess, axis=0, weights=weight), 2.0 * np.cov(guess.T, aweights=weight)
    guess = rng.multivariate_normal(mean, spread, 1000)
    density = -0.5 * np.einsum("ni,ij,nj->n", guess - mean, np.linalg.inv(spread), guess - mean)
    log_weight = log_likelihood(guess) - density
weight = np.exp(log_weight - log_weight.max())
posterior = guess[rng.choice(len(guess), 2000, p=weight / weight.sum())]

# The chip knows the answer.
known = chip.achieved(calibration.registers).isel(atomic_neuron=circuit, synaptic_input=0)
truth = np.array([known.threshold, known.tau_syn * 1e6, known.synaptic_strength * tau_mem / known.tau_syn])
print("off by", ((posterior.mean(axis=0) - truth) / posterior.std(axis=0)).round(1), "standard deviations")

_, axes = plt.subplot_mosaic([["trace"] * 3, names], figsize=(9, 6), layout="constrained")
axes["trace"].plot(at * 1e6, simulate(posterior[:40] * unit).T, color="0.75", linewidth=0.8)
axes["trace"].plot(sampled * 1e6, trace, ".", color="black", markersize=3)
axes["trace"].set(xlabel="Time [us]", ylabel="Membrane [LSB]", title=f"{n_trial} trials, and likely membranes in grey")
for name, label, values, true in zip(names, ["Threshold [LSB]", "tau_syn [us]", "Gain"], posterior.T, truth, strict=True):
    axes[name].hist(values, 30, color="0.7")
    axes[name].axvline(true, color="tab:red", linestyle="--", label="the chip")
    axes[name].set(xlabel=label, ylabel="Posterior samples")
axes[names[-1]].legend(frameon=False)

plt.show()
