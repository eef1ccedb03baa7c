"""The Euler integrator against the reference's results, and bit for bit against the naive twin."""

import json
from pathlib import Path

import naive
import numpy as np
import pytest
import xarray as xr
from comparison import by_time, spike_lists

import bss2sim as b2

DATA = Path(__file__).parent / "data"
DTYPE = {"f32": np.float32, "f64": np.float64}
#: of the largest absolute value, from the README of the data
TOLERANCE = {"f32": 2e-5, "f64": 1e-11}
EVERYTHING = dict(spikes="dense", membrane=True, current=True)


def cases(*names):
    """List the cases of golden files that are run with Euler steps."""
    found = []
    for name in names:
        with np.load(DATA / f"{name}.npz") as arrays:
            for entry in json.loads(str(arrays["index"])):
                if f"{entry['case']}/input" in arrays.files and "exp" not in entry["case"]:
                    found.append(pytest.param(name, entry, id=f"{name}-{entry['case']}"))
    return found


def load(name, entry):
    """Return the arrays of a case."""
    with np.load(DATA / f"{name}.npz") as arrays:
        return {key.split("/")[1]: arrays[key] for key in arrays.files if key.startswith(entry["case"] + "/")}


def population(model, size, parameters):
    """Build a population from the reference's parameters: 0-dim is a number, the rest is per neuron."""
    kind = {"iaf": b2.IAFNeuron, "lif": b2.LIFNeuron, "li": b2.LINeuron}[model]
    wanted = {"tau_mem", "tau_syn"}
    wanted |= {"leak"} if model != "iaf" else set()
    wanted |= {"reset", "threshold", "refractory_time", "holdoff_time"} if model != "li" else set()
    given = {} if model == "li" else {"refractory_time": 0.0}
    for key, value in parameters.items():
        if key in wanted:
            value = np.asarray(value)
            given[key] = float(value) if value.ndim == 0 else np.broadcast_to(value, (size,))
    return kind(size, **given)


@pytest.mark.parametrize(("name", "entry"), cases("iaf_forward", "iaf_refractory", "li_lif"))
def test_euler__agrees_with_reference(name, entry):
    """Spikes equal, traces within the data's tolerance; to the bit where the reference was given plain numbers.

    Arrays differ in the last bit of dt/tau: the reference inverts tensors but divides numbers; bss2sim always divides,
    so that a sweep equals the loop of single runs.
    """
    data = load(name, entry)
    model = entry.get("model", "iaf").split("_")[0].rstrip("2")
    neurons = population(
        model, entry.get("N", data["input"].shape[2]), {k[2:]: v for k, v in data.items() if k[:2] == "p_"}
    )
    jump = data["input"] + data.get("input2", np.zeros((), data["input"].dtype))
    record = b2.Recording(**{**EVERYTHING, "spikes": "dense" if model != "li" else None})
    run = b2.simulate(neurons, jump, dt=entry["dt"], integrator="euler", record=record)
    assert run.membrane.dtype == run.current.dtype == DTYPE[entry["dtype"]]
    for variable in ("membrane", "current"):
        if entry["params"] == "scalar":
            np.testing.assert_array_equal(by_time(run[variable]), data[variable])
        else:
            atol = TOLERANCE[entry["dtype"]] * np.abs(data[variable]).max()
            np.testing.assert_allclose(by_time(run[variable]), data[variable], rtol=0, atol=atol)
    if model != "li":
        np.testing.assert_array_equal(by_time(run.spikes), data["spikes"])
        assert data["spikes"].sum() == entry.get("n_spikes", data["spikes"].sum())


@pytest.mark.parametrize(("name", "entry"), cases("edge_cases"))
def test_euler__edge_cases_of_reference(name, entry):
    data = load(name, entry)
    parameters = {key: entry[key] for key in ("reset", "threshold", "tau_mem", "tau_syn")}
    neurons = b2.IAFNeuron(data["input"].shape[2], refractory_time=entry["refractory_time"] or 0.0, **parameters)
    settings = dict(dt=entry["dt"], integrator="euler", record=b2.Recording(**EVERYTHING))
    if not np.isfinite(data["input"]).all():
        with pytest.raises(b2.InputError, match=r"(?i)finite|nan|inf"):
            b2.simulate(neurons, data["input"], **settings)
        return
    run = b2.simulate(neurons, data["input"], **settings)
    np.testing.assert_array_equal(by_time(run.spikes), data["spikes"])
    # powers of two: no rounding but in `large`
    np.testing.assert_allclose(by_time(run.membrane), data["membrane"], rtol=1e-12)
    np.testing.assert_allclose(by_time(run.current), data["current"], rtol=1e-12)


@pytest.mark.parametrize("integrator", ["euler", "exact"])
@pytest.mark.parametrize("where", ["first", "middle", "last"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_simulate__refuses_input_that_is_not_finite(value, where, integrator, dtype):
    """Wherever it hides, also where nothing is recorded, the neuron is clamped, or it comes too late to act."""
    jump = np.zeros((9, 3, 5), dtype)
    jump[{"first": (0, 0, 0), "middle": (4, 1, 3), "last": (8, 2, 4)}[where]] = value
    neurons = b2.IAFNeuron(5, reset=200.0, refractory_time=1e-3)
    for record in (b2.Recording(), b2.Recording(spikes="count")):
        with pytest.raises(b2.InputError, match=r"(?i)finite|nan|inf"):
            b2.simulate(neurons, jump, integrator=integrator, record=record)


# ---------------------------------------------------------------------------------------------------------------------
# refractory steps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_refractory_steps__nominal_for_every_row_of_table(dtype):
    """Neurons reset above threshold fire every K + 1 steps; the reference is wrong in 18 % (f64) of the rows."""
    with np.load(DATA / "edge_cases.npz") as arrays:
        table = arrays["refractory_rounding/table"]
    assert len(table) == 186
    for dt in np.unique(table[:, 0]):
        rows = table[table[:, 0] == dt]
        steps = rows[:, 1].astype(int)
        neurons = b2.IAFNeuron(len(rows), reset=2.0, threshold=1.0, refractory_time=rows[:, 2])
        n_time = 2 * int(steps.max()) + 4
        run = b2.simulate(
            neurons, np.zeros((n_time, len(rows)), dtype), dt=dt, integrator="euler", record=b2.Recording("dense")
        )
        expected = np.arange(n_time)[:, None] % (steps + 1) == 0
        np.testing.assert_array_equal(run.spikes.values, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_refractory_steps__fractions_round_up(dtype):
    with np.load(DATA / "edge_cases.npz") as arrays:
        table = arrays["refractory_fractional/table"]
    steps = np.ceil(table[:, 0]).astype(int)
    np.testing.assert_array_equal(steps, table[:, 2])
    neurons = b2.IAFNeuron(len(table), reset=2.0, threshold=1.0, refractory_time=table[:, 1])
    run = b2.simulate(neurons, np.zeros((40, len(table)), dtype), integrator="euler", record=b2.Recording("dense"))
    np.testing.assert_array_equal(run.spikes.values, np.arange(40)[:, None] % (steps + 1) == 0)


# ---------------------------------------------------------------------------------------------------------------------
# bit equality with the naive twin


def random_parameters(rng, model, size, pair, holdoff, per_neuron):
    """Draw parameters of the usual size; refractory times on and off the grid."""

    def draw(low, high):
        return rng.uniform(low, high, size) if per_neuron else float(rng.uniform(low, high))

    tau_syn = (draw(3e-6, 12e-6), draw(3e-6, 12e-6)) if pair else draw(3e-6, 12e-6)
    parameters = dict(tau_mem=draw(5e-6, 15e-6), tau_syn=tau_syn)
    if model != "iaf":
        parameters["leak"] = draw(60, 100)
    if model != "li":
        parameters |= dict(threshold=draw(110, 130), reset=draw(70, 90))
        steps = rng.integers(0, 9, size if per_neuron else ())
        fraction = rng.choice([0.0, 0.3], size if per_neuron else ())
        refractory = (steps + fraction) * 1e-6
        hold = np.minimum(refractory, rng.integers(0, 6, np.shape(steps)) * 1e-6)
        parameters["refractory_time"] = refractory if per_neuron else float(refractory)
        parameters["holdoff_time"] = (hold if per_neuron else float(hold)) if holdoff else 0.0
    return parameters


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pair", [False, True], ids=["one_tau", "two_tau"])
@pytest.mark.parametrize(
    ("model", "holdoff"),
    [("iaf", False), ("iaf", True), ("lif", False), ("lif", True), ("li", False)],
    ids=["iaf-clamp", "iaf-holdoff", "lif-clamp", "lif-holdoff", "li"],
)
@pytest.mark.parametrize("per_neuron", [False, True], ids=["numbers", "arrays"])
# 1: a single neuron, 37: a tail in every vector width, 600: more than one block of 512
@pytest.mark.parametrize("size", [1, 37, 600])
def test_euler__same_bits_as_naive(size, per_neuron, model, pair, holdoff, dtype):
    rng = np.random.default_rng([size, per_neuron, pair, holdoff, len(model), dtype().itemsize])
    parameters = random_parameters(rng, model, size, pair, holdoff, per_neuron)
    n_time = 60 if size < 600 else 25
    jump = ((rng.random((n_time, 2, size)) < 0.3) * rng.normal(25, 60, (n_time, 2, size))).astype(dtype)
    spikes, membrane, current = naive.euler(jump, 1e-6, model=model, dtype=dtype, **parameters)
    record = b2.Recording(**{**EVERYTHING, "spikes": "dense" if model != "li" else None})
    neurons = {"iaf": b2.IAFNeuron, "lif": b2.LIFNeuron, "li": b2.LINeuron}[model](size, **parameters)
    run = b2.simulate(neurons, jump, integrator="euler", record=record)
    np.testing.assert_array_equal(by_time(run.membrane), membrane)
    np.testing.assert_array_equal(by_time(run.current), current)
    if model != "li":
        assert spikes.sum() > (0 if size == 1 else 50)
        np.testing.assert_array_equal(by_time(run.spikes), spikes)


@pytest.mark.parametrize(
    ("spikes", "membrane"), [("sparse", False), ("dense", True), ("count", False), ("first", False), (None, True)]
)
def test_euler__recording_does_not_change_bits(spikes, membrane):
    """Kernels that record less are other kernels: each against the twin."""
    rng = np.random.default_rng(7)
    parameters = random_parameters(rng, "iaf", 70, False, True, True)
    jump = ((rng.random((80, 3, 70)) < 0.3) * rng.normal(25, 60, (80, 3, 70))).astype(np.float32)
    expected, trace, _ = naive.euler(jump, 1e-6, dtype=np.float32, **parameters)
    run = b2.simulate(
        b2.IAFNeuron(70, **parameters), jump, integrator="euler", record=b2.Recording(spikes, membrane=membrane)
    )
    if membrane:
        np.testing.assert_array_equal(by_time(run.membrane), trace)
    if spikes == "sparse":
        found = sorted((b, t, n) for (b, n), times in spike_lists(run).items() for t in times)
        assert found == [(b, t, n) for b, t, n in naive.to_sparse(expected, 1e-6)]
    elif spikes == "dense":
        np.testing.assert_array_equal(by_time(run.spikes), expected)
    elif spikes == "count":
        np.testing.assert_array_equal(by_time(run.spike_count), expected.sum(axis=0))
    elif spikes == "first":
        first = np.where(expected.any(axis=0), np.argmax(expected, axis=0) * 1e-6, np.nan)
        np.testing.assert_array_equal(by_time(run.first_spike), first)
    else:
        assert not {"spike_time", "spikes", "spike_count", "first_spike"} & set(run.variables)


@pytest.mark.parametrize(
    ("kind", "pair"),
    [("uint8", False), ("bool", True), ("uint8", True), ("float32", True), ("sparse", True), ("csr", True)],
)
def test_euler__through_synapse(kind, pair):
    """Whole-number weights add without rounding: every way in gives the twin's bits; signs of one bin do not cancel."""
    rng = np.random.default_rng(11)
    n_time, n_batch, n_input, size = 50, 2, 20, 45
    weight = np.where(rng.random((n_input, size)) < 0.7, rng.integers(-40, 60, (n_input, size)), 0).astype(np.float32)
    spikes = (rng.random((n_time, n_batch, n_input)) < 0.15).astype(np.uint8)
    if kind in ("uint8", "float32"):
        spikes *= rng.integers(1, 4, spikes.shape, dtype=np.uint8)
    positive = np.einsum("tbk,kn->tbn", spikes, np.maximum(weight, 0))
    negative = np.einsum("tbk,kn->tbn", spikes, np.minimum(weight, 0))
    parameters = dict(tau_mem=9e-6, tau_syn=(6e-6, 4e-6) if pair else 6e-6, refractory_time=2e-6, holdoff_time=1e-6)
    jump = (positive, negative) if pair else positive + negative
    expected, membrane, current = naive.euler(jump, 1e-6, dtype=np.float32, threshold=125.0, reset=80.0, **parameters)
    assert expected.sum() > 20
    inputs = {"bool": spikes.astype(bool), "float32": spikes.astype(np.float32)}.get(kind, spikes)
    synapse = b2.Synapse(weight)
    if kind == "sparse":
        events = [(b, t, k) for b, t, k in naive.to_sparse(spikes, 1e-6)]
        inputs = b2.sparse_spikes(
            [t for _, t, _ in events], [k for _, _, k in events], [b for b, _, _ in events],
            n_batch=n_batch, n_neuron=n_input, duration=n_time * 1e-6,
        )  # fmt: skip
    elif kind == "csr":
        sparse = pytest.importorskip("scipy.sparse")
        synapse = b2.Synapse(sparse.csr_array(weight))
    run = b2.simulate(
        b2.IAFNeuron(size, **parameters), inputs, synapse=synapse, integrator="euler", dtype="float32",
        record=b2.Recording(**EVERYTHING),
    )  # fmt: skip
    assert run.membrane.dtype == np.float32
    np.testing.assert_array_equal(by_time(run.current), current)
    np.testing.assert_array_equal(by_time(run.membrane), membrane)
    np.testing.assert_array_equal(by_time(run.spikes), expected)


def test_euler__graded_spikes_change_the_sign_of_the_synapse():
    """A spike of grade -1 through a positive weight is a negative jump: it goes to the inhibitory current."""
    neurons = b2.IAFNeuron(1, tau_mem=10e-6, tau_syn=(5e-6, 2e-6))
    record = b2.Recording(**EVERYTHING)
    run = b2.simulate(
        neurons, np.array([[-1.0]]), synapse=b2.Synapse(np.array([[30.0]])), integrator="euler", record=record
    )
    np.testing.assert_array_equal(run.current.values, [[[0.0], [-30.0]]])


def test_euler__events_off_the_grid_are_refused():
    """Nothing is moved silently."""
    neurons, synapse = b2.IAFNeuron(1), b2.Synapse(np.ones((1, 1)))
    events = b2.sparse_spikes([2.5e-6], [0], n_neuron=1, duration=10e-6)
    with pytest.raises(b2.InputError, match=r"(?i)grid|exact"):
        b2.simulate(neurons, events, synapse=synapse, integrator="euler")
    on_grid = b2.sparse_spikes([2e-6], [0], n_neuron=1, duration=10e-6)
    assert b2.simulate(neurons, on_grid, synapse=synapse, integrator="euler").sizes["spike"] == 0


@pytest.mark.parametrize(
    ("given", "dtype", "expected"),
    [(np.float32, None, np.float32), (np.float64, None, np.float64), (np.float32, "float64", np.float64),
     (np.float64, "float32", np.float32), (np.float64, np.float32, np.float32)],
)  # fmt: skip
def test_euler__dtype_is_that_of_the_input_unless_asked(given, dtype, expected):
    jump = np.full((4, 2), 3.1, given)
    run = b2.simulate(b2.IAFNeuron(2), jump, integrator="euler", dtype=dtype, record=b2.Recording(**EVERYTHING))
    assert run.membrane.dtype == expected
    twin = naive.euler(jump[:, None], 1e-6, threshold=125.0, reset=80.0, tau_mem=1e-5, tau_syn=1e-5, refractory_time=1e-6,
                       dtype=expected)  # fmt: skip
    np.testing.assert_array_equal(run.membrane.values, twin[1][:, 0])


def test_euler__labelled_inputs_in_any_order_and_layout():
    """Dims are found by name; strided and reversed memory is read correctly."""
    rng = np.random.default_rng(13)
    jump = rng.normal(10, 40, (30, 4, 9))
    neurons = b2.IAFNeuron(9)
    expected = b2.simulate(neurons, jump, integrator="euler", record=b2.Recording(**EVERYTHING))
    labelled = xr.DataArray(jump, dims=("time", "batch", "neuron"))
    for inputs in (
        labelled,
        labelled.transpose("neuron", "batch", "time"),
        labelled.transpose("batch", "time", "neuron").copy(),
        xr.DataArray(np.repeat(jump, 2, axis=2)[:, :, ::2], dims=("time", "batch", "neuron")),
        labelled[::-1].copy()[::-1],
        np.asfortranarray(jump),
    ):
        run = b2.simulate(neurons, inputs, integrator="euler", record=b2.Recording(**EVERYTHING))
        for name in ("membrane", "current", "spikes"):
            assert run[name].dims == ("batch", "time", "neuron")
            np.testing.assert_array_equal(run[name].values, expected[name].values)
