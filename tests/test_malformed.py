"""Thrown at public functions: out come documented errors or right answers; no crash, no hang, no silent change."""

import subprocess
import sys
import warnings

import naive
import numpy as np
import pytest
import strategies
import xarray as xr
from comparison import spike_lists
from hypothesis import given, settings
from hypothesis import strategies as st

import bss2sim as b2

SIZE = 3
KINDS = {
    b2.IAFNeuron: dict(fires=True),
    b2.LIFNeuron: dict(fires=True, leaks=True),
    b2.LINeuron: dict(fires=False, leaks=True),
}
NAMES = {
    b2.IAFNeuron: ["reset", "threshold", "tau_mem", "tau_syn", "refractory_time", "holdoff_time", "spike_mask"],
    b2.LIFNeuron: ["reset", "threshold", "tau_mem", "tau_syn", "refractory_time", "holdoff_time", "spike_mask", "leak"],
    b2.LINeuron: ["leak", "tau_mem", "tau_syn"],
}
SYNAPSE = b2.Synapse(np.ones((4, SIZE)))
# many cheap calls: most stop at a check
many = settings(max_examples=150)


def attempt(call):
    """Call; return the result, or None after a documented error. Anything else is a failure."""
    try:
        return call()
    except b2.Bss2SimError as error:
        assert len(str(error)) > 10, "the message must say what is wrong"
        return None


def assert_kept(given_value, kept, name):
    """Demand that a parameter says what was given, not something repaired."""
    if isinstance(given_value, tuple):
        assert len(kept) == len(given_value)
        for a, b in zip(given_value, kept, strict=True):
            assert_kept(a, b, name)
        return
    assert not isinstance(given_value, np.ma.MaskedArray) or not np.ma.is_masked(given_value), (
        f"{name}: a mask was dropped"
    )
    np.testing.assert_array_equal(np.asarray(kept), np.asarray(given_value, np.asarray(kept).dtype), err_msg=name)


@many
@given(data=st.data())
def test_neurons__odd_values(data):
    kind = data.draw(st.sampled_from(list(KINDS)))
    arguments = data.draw(strategies.parameters(SIZE, **KINDS[kind]))
    name = data.draw(st.sampled_from(["size", *NAMES[kind]]))
    value = data.draw(strategies.odd_values)
    arguments[name] = value
    size = arguments.pop("size", SIZE)
    neurons = attempt(lambda: kind(size, **arguments))
    if neurons is not None:
        assert neurons.size == size
        for key, given_value in arguments.items():
            assert_kept(given_value, getattr(neurons, key), key)


@many
@given(data=st.data())
def test_neurons__valid_ones_are_accepted_and_kept(data):
    """The other side: what is in range must not be refused."""
    kind = data.draw(st.sampled_from(list(KINDS)))
    arguments = data.draw(strategies.parameters(SIZE, **KINDS[kind]))
    neurons = kind(SIZE, **arguments)
    for name, value in arguments.items():
        assert_kept(value, getattr(neurons, name), name)
    assert neurons.replace() == neurons
    assert neurons.replace(tau_mem=3e-6).tau_mem == 3e-6


@many
@given(weight=strategies.odd_values)
def test_synapse__odd_values(weight):
    synapse = attempt(lambda: b2.Synapse(weight))
    if synapse is not None:
        assert np.asarray(synapse.weight).shape[-2:] == np.shape(weight)[-2:]


@many
@given(name=st.sampled_from(["spikes", "membrane", "current", "neuron", "sample_time"]), value=strategies.odd_values)
def test_recording__odd_values(name, value):
    arguments = {"membrane": True} | {name: value}
    record = attempt(lambda: b2.Recording(**arguments))
    if record is not None and value is not None:
        np.testing.assert_array_equal(np.asarray(getattr(record, name)), np.asarray(value))


@many
@given(
    name=st.sampled_from(["time", "neuron", "batch", "n_batch", "n_neuron", "duration"]), value=strategies.odd_values
)
def test_sparse_spikes__odd_values(name, value):
    arguments = dict(
        time=[1e-6, 2e-6, 3e-6], neuron=[0, 1, 2], batch=[0, 0, 1], n_batch=2, n_neuron=3, duration=1e-5
    ) | {name: value}
    found = attempt(lambda: b2.sparse_spikes(**arguments))
    if found is not None:
        assert found.row_size.sum() == found.sizes["spike"] == np.size(arguments["time"])
        assert np.isfinite(found.spike_time.values).all()


@many
@given(
    name=st.sampled_from(
        [
            "neurons",
            "inputs",
            "dt",
            "synapse",
            "record",
            "integrator",
            "dtype",
            "duration",
            "state",
            "return_state",
            "out",
            "threads",
        ]
    ),
    value=strategies.odd_values,
    sparse=st.booleans(),
    integrator=st.sampled_from(["exact", "euler"]),
)
def test_simulate__odd_values(name, value, sparse, integrator):
    """One argument is odd; whatever runs must be a Dataset with finite numbers."""
    arguments = dict(neurons=b2.IAFNeuron(SIZE), inputs=np.full((4, SIZE), 10.0), integrator=integrator)
    if sparse:
        arguments |= dict(inputs=b2.sparse_spikes([1e-6], [0], n_neuron=4), synapse=SYNAPSE, duration=4e-6)
    arguments[name] = value
    result = attempt(lambda: b2.simulate(arguments.pop("neurons"), arguments.pop("inputs"), **arguments))
    if result is not None:
        run = result[0] if isinstance(result, tuple) else result
        assert isinstance(run, xr.Dataset)
        assert np.isfinite(run.spike_time.values).all()


@many
@given(spoiled=strategies.spoiled(strategies.jumps(SIZE)), integrator=st.sampled_from(["exact", "euler"]))
def test_simulate__spoiled_inputs_are_refused(spoiled, integrator):
    how, inputs = spoiled
    if how == "uneven_time" and inputs.sizes["time"] < 1:
        return
    with pytest.raises(b2.InputError):
        b2.simulate(b2.IAFNeuron(SIZE), inputs, integrator=integrator)


@given(
    jump=strategies.jumps(SIZE), parameters=strategies.parameters(SIZE), integrator=st.sampled_from(["exact", "euler"])
)
def test_simulate__valid_inputs_are_simulated(jump, parameters, integrator):
    """Random populations, thresholds anywhere: right by the twins, to a tolerance for every condition."""
    single = [
        {k: (tuple(v) if isinstance(v, tuple) else float(np.broadcast_to(v, SIZE)[n])) for k, v in parameters.items()}
        for n in range(SIZE)
    ]
    defaults = dict(reset=80.0, threshold=125.0, tau_mem=1e-5, tau_syn=1e-5, refractory_time=1e-6, holdoff_time=0.0)
    run = b2.simulate(b2.IAFNeuron(SIZE, **parameters), jump, integrator=integrator)
    n_time, n_batch, _ = jump.shape
    lists = spike_lists(run)
    if integrator == "euler":
        spikes, _, _ = naive.euler(jump, 1e-6, **(defaults | parameters))
        assert sorted((b, t, n) for (b, n), times in lists.items() for t in times) == naive.to_sparse(spikes, 1e-6)
        return
    duration = n_time * 1e-6
    events = [[naive.grid_events(jump[:, b, n], 1e-6) for n in range(SIZE)] for b in range(n_batch)]
    for b in range(n_batch):
        for n in range(SIZE):
            trace = naive.exact(events[b][n], duration=duration, **(defaults | single[n]))
            # whether a spike at the very end is inside is decided by the last bit
            found = [t for t in lists.get((b, n), []) if t < duration - 1e-12]
            expected = [t for t in trace.spike_time if t < duration - 1e-12]
            assert len(found) == len(expected)
            for time, exact, uncertainty in zip(found, expected, trace.uncertainty, strict=False):
                assert abs(float(time - exact)) <= max(1e-15, 1e-14 * uncertainty)


@given(
    how=st.sampled_from(sorted(strategies.SPARSE_SPOILERS)),
    n_spike=st.integers(3, 20),
    n_batch=st.integers(1, 3),
    seed=st.integers(0, 100),
)
def test_simulate__spoiled_sparse_spikes_are_refused(how, n_spike, n_batch, seed):
    rng = np.random.default_rng(seed)
    batch = np.concatenate([[0, 0], rng.integers(0, n_batch, n_spike - 2)])
    spikes = b2.sparse_spikes(
        rng.permutation(np.arange(1, n_spike + 1)) * 1e-6,
        rng.integers(0, 4, n_spike),
        batch,
        n_batch=n_batch,
        n_neuron=4,
        duration=3e-5,
    )
    with pytest.raises(b2.InputError):
        b2.simulate(b2.IAFNeuron(SIZE), strategies.SPARSE_SPOILERS[how](spikes), synapse=SYNAPSE)


# ---------------------------------------------------------------------------------------------------------------------
# what would take for ever, or all memory: in a process of its own, so that a hang is a failure and not the end

FLOODS = {
    # a current that fires more often than memory holds spikes
    "drive_without_refractory": "b2.simulate(b2.IAFNeuron(1, refractory_time=0.), np.full((3, 1), 1e300))",
    "sparse_drive": "b2.simulate(b2.IAFNeuron(1, refractory_time=0.), b2.sparse_spikes([0.], [0], duration=1e-5), "
    "synapse=b2.Synapse(np.full((1, 1), 1e300)))",
    "largest_float": "b2.simulate(b2.IAFNeuron(1, refractory_time=0.), np.full((3, 1), 1.7e308))",
    # a refractory period below the resolution of the time
    "tiny_refractory": "b2.simulate(b2.IAFNeuron(1, reset=200., refractory_time=1e-300), np.zeros((3, 1)))",
    "tiny_refractory_sparse": "b2.simulate(b2.IAFNeuron(1, reset=200., refractory_time=1e-300), "
    "b2.sparse_spikes([0.], [0], duration=1e-5), synapse=b2.Synapse(np.ones((1, 1))))",
    "tiny_refractory_count": "b2.simulate(b2.IAFNeuron(1, reset=200., refractory_time=1e-300), np.zeros((3, 1)), "
    "record=b2.Recording('count'))",
    "tiny_refractory_unrecorded": "b2.simulate(b2.IAFNeuron(1, reset=200., refractory_time=1e-30), np.zeros((3, 1)), "
    "record=b2.Recording(None, membrane=True))",
    "tiny_time_constant": "b2.simulate(b2.IAFNeuron(1, tau_mem=5e-324, refractory_time=0.), np.full((3, 1), 1.))",
    "leak_above_threshold": "b2.simulate(b2.LIFNeuron(1, leak=1e300, refractory_time=0.), np.zeros((3, 1)))",
    # more rows of time than any memory
    "rows": "b2.simulate(b2.IAFNeuron(1), b2.sparse_spikes([0.], [0], duration=1e9), "
    "synapse=b2.Synapse(np.ones((1, 1))), record=b2.Recording(membrane=True))",
    "duration_without_rows": "b2.simulate(b2.IAFNeuron(1), b2.sparse_spikes([0.], [0], duration=1e300), "
    "synapse=b2.Synapse(np.ones((1, 1))))",
    "huge_refractory_steps": "b2.simulate(b2.IAFNeuron(1, reset=200., refractory_time=1e300), np.zeros((3, 1)), "
    "integrator='euler')",
    "overflow_euler": "b2.simulate(b2.IAFNeuron(1, tau_mem=1e-300), np.full((3, 1), 1e300), integrator='euler')",
}


FLOOD_SCRIPT = """
import resource, sys, numpy as np, bss2sim as b2
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
for line in sys.stdin:
    what, _, call = line.strip().partition(" ")
    print(what, end=" ", flush=True)
    try:
        run = eval(call)
    except b2.Bss2SimError as error:
        print("refused:", str(error).replace(chr(10), " "), flush=True)
    else:
        print("ran" if all(np.isfinite(v).all() for v in run.data_vars.values()) else "not finite", flush=True)
"""


def test_simulate__floods_end():
    """Within 2 minutes for all and 8 GB: a documented error, or a result with finite numbers."""
    pytest.importorskip("resource")
    lines = "\n".join(f"{what} {call}" for what, call in FLOODS.items())
    # a case that hangs is the last one printed
    done = subprocess.run(
        [sys.executable, "-c", FLOOD_SCRIPT], input=lines, capture_output=True, text=True, timeout=120, check=False
    )
    answers = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert set(answers) == set(FLOODS)
    assert {what for what, answer in answers.items() if not answer.startswith(("refused", "ran"))} == set()


def test_simulate__inputs_are_never_changed():
    """Arrays and Datasets given are as before, whatever ran."""
    rng = np.random.default_rng(1)
    jump = rng.normal(30, 60, (20, 2, SIZE))
    spikes = b2.sparse_spikes(rng.uniform(0, 1e-5, 20), rng.integers(0, 4, 20), n_neuron=4, duration=2e-5)
    weight = rng.normal(20, 30, (4, SIZE))
    synapse = b2.Synapse(weight)
    copies = jump.copy(), spikes.copy(deep=True), weight.copy()
    for integrator in ("exact", "euler"):
        b2.simulate(b2.IAFNeuron(SIZE), jump, integrator=integrator)
    b2.simulate(b2.IAFNeuron(SIZE), spikes, synapse=synapse)
    np.testing.assert_array_equal(jump, copies[0])
    xr.testing.assert_identical(spikes, copies[1])
    np.testing.assert_array_equal(weight, copies[2])


def test_simulate__read_only_and_foreign_inputs():
    """Memory that cannot be written, another byte order, lists: the same numbers."""
    jump = np.random.default_rng(2).normal(30, 60, (20, 2, SIZE))
    expected = b2.simulate(b2.IAFNeuron(SIZE), jump).spike_time.values
    frozen = jump.copy()
    frozen.setflags(write=False)
    for inputs in (frozen, jump.astype(">f8"), jump.tolist(), np.asfortranarray(jump), jump[::-1][::-1]):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_array_equal(b2.simulate(b2.IAFNeuron(SIZE), inputs).spike_time.values, expected)
