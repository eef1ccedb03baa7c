"""The main job: handwritten digits through a random projection into a population of non-leaking neurons."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from tqdm import tqdm

from bss2sim.datasets import digits, latency_code
from bss2sim.digits_report import check_output, figure, write
from bss2sim.errors import ParameterError, refuse_unknown_keywords
from bss2sim.neuron import IAFNeuron
from bss2sim.recording import Recording
from bss2sim.runs import concatenate, count_spikes
from bss2sim.simulate import simulate
from bss2sim.synapse import Synapse

__all__ = ["run_digits", "random_weight"]

DT = 1e-6  # [s], the step that neuron-steps are counted in, and the grid of integrator="euler"
CODE_END = 50e-6  # [s], spikes of the pixels come before
DURATION = 100e-6  # [s], time for the currents to decay after the last of them
THRESHOLD, RESET = 125.0, 80.0  # [CADC LSB]
SHOWN_DIGITS = 10
SHOWN_NEURONS = 3


@refuse_unknown_keywords
def run_digits(
    output_dir: str | os.PathLike[str] | None = None,
    *,
    samples: int | None = None,
    neurons: int = 512,
    seed: int = 0,
    integrator: str = "exact",
    threads: int | None = None,
    batch_size: int = 256,
    progress: bool = True,
) -> xr.Dataset:
    """Simulate the responses of a population to the digits of scikit-learn.

    Each digit is coded into at most one spike per pixel (:func:`bss2sim.datasets.latency_code`), which reach a
    population of IAF neurons (refractory time 2 us, holdoff time 0.5 us) through random weights.

    Parameters
    ----------
    output_dir : path, optional
        Folder for ``digits.nc`` and ``digits.png``, made if missing; by default nothing is written. It is tried
        before anything is simulated.
    samples : int, optional
        Number of digits, the first ones of the data set; by default all 1797.
    neurons : int
        Size of the population.
    seed : int
        Seed of the random weights, >= 0.
    integrator : {"exact", "euler"}
        See :func:`bss2sim.simulate`. For "euler" the input spikes are moved to the step before, dt = 1 us.
    threads : int, optional
        See :func:`bss2sim.simulate`.
    batch_size : int
        Number of digits simulated in one call. It has no influence on the result.
    progress : bool
        Show a bar on standard error.

    Returns
    -------
    Dataset
        Sparse spikes and ``spike_count`` of all digits with their ``label``; ``membrane`` of a few neurons
        (``membrane_neuron``) for the first digits (``membrane_batch``). Attrs ``wall_time`` and
        ``compilation_time`` are in s.

    Raises
    ------
    ParameterError
        If an argument is out of its range.
    FileError
        If the results cannot be written.
    MissingDependencyError
        If scikit-learn, or for `output_dir` matplotlib, is not installed.
    """
    for name, value, low in (("neurons", neurons, 1), ("seed", seed, 0), ("batch_size", batch_size, 1)):
        _check_integer(name, value, low)
    data = digits()
    available = data.sizes["sample"]
    samples = available if samples is None else samples
    _check_integer("samples", samples, 1, available)
    if output_dir is not None:
        check_output(Path(output_dir))

    pixel = data.pixel.isel(sample=slice(samples))
    population = IAFNeuron(neurons, threshold=THRESHOLD, reset=RESET, refractory_time=2e-6, holdoff_time=0.5e-6)
    synapse = Synapse(random_weight(pixel.sizes["pixel"], neurons, seed))

    def simulated(part: slice, record: Recording) -> xr.Dataset:
        return simulate(
            population,
            _code(pixel.isel(sample=part), integrator),
            synapse=synapse,
            dt=DT,
            record=record,
            integrator=integrator,
            duration=DURATION,
            threads=threads,
        )

    spikes = Recording(spikes="sparse")
    traces = Recording(
        spikes=None,
        membrane=True,
        neuron=range(min(SHOWN_NEURONS, neurons)),
        # exact values are to be had at any time; Euler knows those on its grid only
        sample_time=np.linspace(0.0, DURATION, 1000, endpoint=False) if integrator == "exact" else None,
    )
    if progress:
        print("compiling the kernels, a few seconds ...", file=sys.stderr)
    # Two digits are enough to have the loops compiled, which takes longer than to run them.
    start = time.perf_counter()
    simulated(slice(2), spikes)
    membrane = simulated(slice(min(SHOWN_DIGITS, samples)), traces)
    compiled = time.perf_counter()
    parts = []
    with tqdm(total=samples, unit=" digits", disable=not progress) as bar:
        for first in range(0, samples, batch_size):
            parts.append(simulated(slice(first, first + batch_size), spikes))
            bar.update(parts[-1].sizes["batch"])
    run = concatenate(parts)
    end = time.perf_counter()

    inputs = _code(pixel, integrator)
    run = _labelled(run, membrane, data.label.values[:samples], neurons)
    run.attrs.update(
        title="responses of random IAF neurons to the scikit-learn digits",
        seed=seed,
        threshold=THRESHOLD,
        reset=RESET,
        input_spikes=inputs.sizes["spike"],
        compilation_time=compiled - start,
        wall_time=end - compiled,
    )
    if output_dir is not None:
        write(run, figure(run, pixel, inputs), Path(output_dir))
    return run


def random_weight(n_input: int, n_neuron: int, seed: int) -> xr.DataArray:
    """Draw normally distributed weights under which neurons spike a few times per digit.

    Parameters
    ----------
    n_input, n_neuron : int
        Shape.
    seed : int
        Seed of :func:`numpy.random.default_rng`.

    Returns
    -------
    DataArray, shape (input, neuron)
        Jump of the synaptic current per spike [CADC LSB].
    """
    # A digit has 27 spikes on average, and a jump of the current by w lifts the membrane by w in the end (equal time
    # constants). With these moments a digit lifts it by 110 +- 110 LSB, against 45 LSB from reset to threshold: a few
    # spikes, and one neuron in four none, so that which neurons respond depends on the digit.
    weight = np.random.default_rng(seed).normal(4.0, 20.0, (n_input, n_neuron))
    return xr.DataArray(weight, dims=("input", "neuron"), attrs={"units": "LSB", "long_name": "synaptic weight"})


def _code(pixel: xr.DataArray, integrator: str) -> xr.Dataset:
    """Spikes of the pixels; for Euler at the beginning of the step they come in."""
    spikes = latency_code(pixel, t_max=CODE_END)
    if integrator == "euler":
        # stays sorted within a trial; equal times need no order among the pixels
        spikes["spike_time"] = np.floor(spikes.spike_time / DT) * DT
    return spikes


def _labelled(run: xr.Dataset, membrane: xr.Dataset, label: np.ndarray, n_neuron: int) -> xr.Dataset:
    """Spikes of all digits, their counts and classes, and the membranes of a few."""
    run = run.assign(spike_count=count_spikes(run, n_neuron))
    run = run.assign_coords(
        label=("batch", label, {"long_name": "digit"}),
        neuron=("neuron", np.arange(n_neuron), {"long_name": "index in the population"}),
    )
    # Dims of their own, because these are few of the neurons and few of the digits.
    shown = membrane.rename(neuron="membrane_neuron", batch="membrane_batch")
    shown = shown.assign_coords(membrane_batch=("membrane_batch", np.arange(shown.sizes["membrane_batch"])))
    shown.membrane.attrs["units"] = "LSB"
    return run.merge(shown, combine_attrs="override")


def _check_integer(name: str, value: Any, low: int, high: int | None = None) -> None:
    """Refuse what is not a whole number in low ... high."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | np.integer)
        or value < low
        or (high is not None and value > high)
    ):
        allowed = f"in {low} ... {high}" if high is not None else f">= {low}"
        raise ParameterError(f"{name} must be a whole number {allowed}, got {value!r}")
