"""Simulators for simulation-based inference: rows in, rows out, whatever the batch."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bss2sim as b2
from bss2sim.sbi import simulator

SPIKES = b2.sparse_spikes(np.arange(5e-6, 45e-6, 10e-6), np.zeros(4, int), n_neuron=1, duration=50e-6)
NEURON = b2.IAFNeuron(1, refractory_time=2e-6)
SYNAPSE = b2.Synapse([[40.0]])
MODEL = {"neurons": NEURON, "inputs": SPIKES, "synapse": SYNAPSE}
CHIP = {**MODEL, "chip": b2.EmulatedChip(seed=3)}
NAMES = ["threshold", "tau_syn", "gain"]
DRAWN = xr.DataArray(np.ones((2, 1, 1)), dims=("draw", "input", "neuron"))


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([rng.uniform(100, 130, n), rng.uniform(4e-6, 12e-6, n), rng.uniform(0.5, 1.5, n)], axis=1)


def make(setting, parameters=NAMES, **more):
    setting = {**setting, **more}
    return simulator(setting.pop("neurons"), setting.pop("inputs"), parameters, **setting)


@pytest.mark.parametrize(
    ("summary", "record", "read"),
    [
        ("spike_count", b2.Recording("count"), lambda run: run.spike_count),
        ("first_spike", b2.Recording("first"), lambda run: run.first_spike.fillna(50e-6)),
        ("membrane", b2.Recording(None, membrane=True), lambda run: run.membrane),
    ],
)
def test_rows__are_runs_of_one_neuron_each(summary, record, read):
    theta = rows(12)
    theta[3, 2] = 0.01  # never fires
    found = make(MODEL, summary=summary)(theta)
    assert found.dtype == np.float32
    for row, (threshold, tau_syn, gain) in zip(found, theta, strict=True):
        run = b2.simulate(
            NEURON.replace(threshold=threshold, tau_syn=tau_syn),
            SPIKES,
            synapse=b2.Synapse([[40.0 * gain]]),
            record=record,
        )
        np.testing.assert_array_equal(row, read(run).values.ravel().astype(np.float32))
    assert np.unique(found, axis=0).shape[0] > 3


@pytest.mark.parametrize("setting", [MODEL, CHIP], ids=["model", "chip"])
def test_rows__have_the_same_bits_however_they_are_split(setting):
    names, summary = ["threshold", "gain"], "membrane" if setting is MODEL else "cadc_value"
    theta = rows(7)[:, [0, 2]]
    run = make(setting, names, summary=summary)
    whole = run(theta)
    np.testing.assert_array_equal(np.concatenate([run(theta[:2]), run(theta[2:3]), run(theta[3:])]), whole)
    np.testing.assert_array_equal(run(theta[::-1])[::-1], whole)
    np.testing.assert_array_equal(make(setting, names, summary=summary, batch_size=3, threads=1)(theta), whole)
    assert run(theta[:0]).shape == (0, whole.shape[1])


def test_rows__are_simulated_so_many_at_a_time():
    sizes = []

    def summary(run):
        sizes.append(run.sizes["draw"])
        return run.row_size

    make(MODEL, summary=summary, batch_size=3)(rows(7))
    assert sizes == [1, 3, 3, 1]  # the first one is the trial of the arguments


def test_arguments_of_simulate__have_an_effect():
    more = {"dt": 5e-7, "integrator": "euler", "duration": 80e-6}
    theta = rows(2)
    found = make(MODEL, summary="membrane", **more)(theta)
    for row, (threshold, tau_syn, gain) in zip(found, theta, strict=True):
        neuron = NEURON.replace(threshold=threshold, tau_syn=tau_syn)
        record = b2.Recording(None, membrane=True)
        run = b2.simulate(neuron, SPIKES, synapse=b2.Synapse([[40.0 * gain]]), record=record, **more)
        np.testing.assert_array_equal(row, run.membrane.values.ravel().astype(np.float32))
    usual, drifted = (
        make(CHIP, ["gain"], summary="cadc_value", start=start)(np.ones((1, 1))) for start in ("reset", "drifted")
    )
    assert (usual != drifted).any()


@pytest.mark.filterwarnings("ignore:calibration failed for")  # circuits that are not used
def test_record__and_calibration_have_an_effect():
    record = b2.Recording(None, membrane=True, sample_time=[10e-6, 20e-6])
    assert make(MODEL, summary="membrane", record=record)(rows(2)).shape == (2, 2)
    lower = b2.calibrate(CHIP["chip"], b2.NeuronCalibTarget.from_populations([NEURON.replace(threshold=100.0)]))
    usual, low = (
        make(CHIP, ["gain"], summary="cadc_value", **more)(np.ones((1, 1))) for more in ({}, {"calibration": lower})
    )
    assert (usual != low).any()


def test_chip__the_sign_of_zero_makes_no_other_noise():
    run = make(CHIP, ["gain"], summary="cadc_value")
    np.testing.assert_array_equal(run(np.array([[0.0]])), run(np.array([[-0.0]])))


def test_chip__rows_have_noise_of_their_own_and_of_the_seed():
    run = make(CHIP, ["gain"], summary="cadc_value")
    one = np.array([[1.0], [1.0], [0.9]])
    found = run(one)
    assert found.shape[0] == 3 and found.shape[1] > 20
    assert (found[0] != found[1]).any()
    np.testing.assert_array_equal(run(one), found)
    assert (make(CHIP, ["gain"], summary="cadc_value", seed=1)(one) != found).any(axis=1).all()


@pytest.mark.filterwarnings("ignore:calibration failed for 1 of 512")  # a circuit that is not used
def test_chip__each_row_is_calibrated_to_its_parameters():
    found = make(CHIP, ["threshold"], summary="cadc_value", effects=0.0)(np.array([[100.0], [120.0]]))
    assert found.max(axis=1) + 128 == pytest.approx([100.0, 120.0], abs=8) and found[1].max() > found[0].max() + 5
    calibration = b2.calibrate(CHIP["chip"], b2.NeuronCalibTarget.from_populations([NEURON]))
    given = make(CHIP, ["gain"], summary="cadc_value", calibration=calibration)(np.ones((2, 1)))
    np.testing.assert_array_equal(make(CHIP, ["gain"], summary="cadc_value")(np.ones((2, 1))), given)


def test_summary__is_a_function_of_the_runs():
    def both(run):
        return xr.concat(
            [run.membrane.max(["time", "neuron"]), run.membrane.mean(["time", "neuron"])], "what"
        ).transpose()

    record = b2.Recording(None, membrane=True)
    theta = rows(4)
    found = make(MODEL, summary=both, record=record)(theta)
    traces = make(MODEL, summary="membrane")(theta)
    np.testing.assert_allclose(found, np.stack([traces.max(axis=1), traces.mean(axis=1)], axis=1), rtol=1e-5)
    flat = make(MODEL, summary=lambda run: run.membrane.values.max(axis=(1, 2)), record=record)(theta)
    np.testing.assert_array_equal(flat, found[:, :1])
    sparse = make(MODEL, summary=lambda run: run.row_size)(theta)
    np.testing.assert_array_equal(sparse, make(MODEL)(theta))


def test_weights__of_scipy_and_of_sweeps_of_ones_own():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    theta = rows(3)
    wanted = make(MODEL)(theta)
    np.testing.assert_array_equal(make(MODEL, synapse=b2.Synapse(scipy_sparse.csr_array([[40.0]])))(theta), wanted)
    two = b2.Synapse(xr.DataArray([[[40.0]], [[80.0]]], dims=("dose", "input", "neuron")))
    found = make(MODEL, synapse=two)(theta)
    np.testing.assert_array_equal(found[:, :1], wanted)
    assert found.shape == (3, 2)


@pytest.mark.parametrize(
    ("setting", "names", "bad", "reason"),
    [
        (MODEL, NAMES, {1: [-5.0, -1e-6, 1.0]}, "row 1: tau_syn must be finite and above 0 s"),
        (MODEL, NAMES, {0: [100.0, 5e-6, np.nan], 3: [np.inf, 5e-6, 1.0]}, "row 0: its parameters are not finite"),
        (MODEL, ["threshold", "refractory_time"], {2: [70.0, 0.0]}, "row 2: .*refractory_time"),
        (CHIP, ["threshold", "gain"], {1: [1000.0, 1.0]}, "row 1: threshold must be 0 to 255 LSB"),
        (CHIP, ["threshold", "gain"], {2: [250.0, 1.0]}, "row 2: the calibration does not reach its parameters"),
        (CHIP, ["tau_syn"], {2: [1e-3], 3: [1e-9]}, "row 2: "),
    ],
)
def test_failures__are_rows_of_nan_and_a_warning(setting, names, bad, reason):
    usual = {"threshold": 110.0, "tau_syn": 6e-6, "gain": 1.0, "refractory_time": 1e-6}
    theta = np.array([[usual[name] for name in names]] * 5)
    run = make(setting, names)
    good = run(theta)
    for row, values in bad.items():
        theta[row] = values
    with pytest.warns(UserWarning, match=f"{len(bad)} of 5 rows are NaN, as they cannot be simulated; {reason}"):
        found = run(theta)
    rest = [row for row in range(5) if row not in bad]
    assert np.isnan(found[list(bad)]).all()
    if setting is MODEL:
        np.testing.assert_array_equal(found[rest], good[rest])
    else:
        assert np.isfinite(found[rest]).all()


def test_failures__that_are_no_fault_of_a_row_are_errors():
    with pytest.raises(b2.InputError, match=r"spike_neuron must be in 0 \.\. 0"):
        make(MODEL, inputs=SPIKES.assign(spike_neuron=SPIKES.spike_neuron + 1))
    with pytest.raises(ZeroDivisionError):
        make(MODEL, summary=lambda run: 1 / 0)
    run = make(MODEL, summary=lambda run: run.row_size if run.sizes["draw"] < 2 else run.row_size.values[:1])
    with pytest.raises(b2.InputError, match=r"numbers \(draw, k\), of 3 rows here; it returned shape \(1,\)"):
        run(rows(3))
    run = make(MODEL, summary=lambda run: np.ones((run.sizes["draw"], run.sizes["draw"])))
    with pytest.raises(b2.InputError, match="summary returned 3 numbers a row, 1 before"):
        run(rows(3))


def test_tensors__in_and_out():
    torch = pytest.importorskip("torch")
    theta, run = rows(4).astype(np.float32), make(MODEL, summary="membrane")
    for tensor in (torch.from_numpy(theta), torch.from_numpy(theta).double().requires_grad_()):
        found = run(tensor)
        assert isinstance(found, torch.Tensor) and found.dtype == torch.float32 and not found.requires_grad
        np.testing.assert_array_equal(found.numpy(), run(theta))
    np.testing.assert_array_equal(
        run(torch.from_numpy(theta).bfloat16()), run(torch.from_numpy(theta).bfloat16().float())
    )
    whole = make(MODEL, ["threshold"])(torch.tensor([[100], [120]]))
    assert whole.dtype == torch.float32 and whole.shape == (2, 1)


def test_sbi__takes_the_simulator():
    pytest.importorskip("sbi")
    import torch
    from sbi.inference import simulate_for_sbi
    from sbi.utils import BoxUniform

    prior = BoxUniform(torch.tensor([100.0, 0.5]), torch.tensor([130.0, 1.5]))
    run = make(MODEL, ["threshold", "gain"], summary="membrane")
    theta, x = simulate_for_sbi(run, prior, num_simulations=20, simulation_batch_size=7)
    np.testing.assert_array_equal(x.numpy(), run(theta).numpy())


@pytest.mark.parametrize(
    ("names", "more", "error", "message"),
    [
        ("threshold", {}, b2.ParameterError, r"parameters must be a list of names.*; got 'threshold'"),
        ([], {}, b2.ParameterError, r"parameters must be a list of names.*; got \[\]"),
        (["treshold"], {}, b2.ParameterError, "no parameter 'treshold' to set; did you mean 'threshold'"),
        (["spike_mask"], {}, b2.ParameterError, "no parameter 'spike_mask' to set"),
        (["leak"], {}, b2.ParameterError, "no parameter 'leak' to set"),
        ([3], {}, b2.ParameterError, "no parameter 3 to set"),
        (["gain", "gain"], {}, b2.ParameterError, "parameters has 'gain' more than once"),
        (["gain"], {"synapse": None}, b2.ParameterError, "'gain' is a factor on weights; give synapse="),
        (["tau_syn"], {"neurons": NEURON.replace(tau_syn=(1e-6, 2e-6))}, b2.ParameterError, "'tau_syn' is set to one number"),
        (["tau_syn"], {"neurons": NEURON.replace(tau_syn=[1e-6])}, b2.ParameterError, "'tau_syn' is set to one number"),
        (["reset"], {"neurons": NEURON.replace(reset=b2.Parameter(model=1.0, hardware=80.0))}, b2.ParameterError, "one number"),
        (NAMES, {"neurons": 3}, b2.ParameterError, "neurons must be an IAFNeuron.*; got int"),
        (NAMES, {"neurons": NEURON.replace(reset=xr.DataArray([80.0], dims="draw"))}, b2.InputError, "neurons has a dim 'draw'"),
        (NAMES, {"synapse": b2.Synapse(DRAWN)}, b2.InputError, "synapse has a dim 'draw'"),
        (NAMES, {"inputs": SPIKES.expand_dims("draw")}, b2.InputError, "inputs have a dim 'draw'"),
        (NAMES, {"summary": "spike_counts"}, b2.ParameterError, "summary must be one of .*; did you mean 'spike_count'"),
        (NAMES, {"summary": 3}, b2.ParameterError, "summary must be a function of a Dataset, or one of spike_count.*; got 3"),
        (NAMES, {"summary": "cadc_value"}, b2.InputError, "the run has no cadc_value, only"),
        (NAMES, {"summary": "membrane", "record": b2.Recording("count")}, b2.InputError, "no membrane, only spike_count"),
        (NAMES, {"summary": lambda run: run.row_size.sum()}, b2.InputError, r"must keep the dim 'draw'; it returned dims \(\)"),
        (NAMES, {"summary": lambda run: ["a"]}, b2.InputError, r"must return numbers \(draw, k\), of 1 rows here; .* dtype <U1"),
        (NAMES, {"summary": lambda run: 1.0}, b2.InputError, r"must return numbers .* shape \(\)"),
        (NAMES, {"seed": 3}, b2.ParameterError, "seed is of the noise on a chip; the model has none"),
        (NAMES, {"effects": 0.0}, b2.ParameterError, "effects acts on a chip only"),
        (NAMES, {"batch_size": 0}, b2.ParameterError, "batch_size must be a whole number of at least 1"),
        (NAMES, {"sumary": "membrane"}, b2.UnknownKeywordError, "did you mean 'summary'"),
        (["gain"], {"chip": CHIP["chip"], "seed": -1}, b2.ParameterError, "seed must be 0 to"),
        (["threshold"], {"chip": CHIP["chip"], "calibration": 3}, b2.ParameterError, "'threshold' would have no effect; leave cal"),
        (["gain"], {"chip": 3}, b2.ParameterError, "chip must be an EmulatedChip"),
    ],
)  # fmt: skip
def test_simulator__refuses(names, more, error, message):
    with pytest.raises(error, match=message):
        make(MODEL, names, **more)


def test_theta__has_a_row_each_and_a_column_for_each_name():
    run = make(MODEL)
    for theta in (rows(4)[:, :2], rows(4)[0], rows(4).astype(str), [[1.0], [1.0, 2.0]], rows(4).astype(complex), None):
        with pytest.raises(b2.ParameterError, match="theta must be"):
            run(theta)
    for labelled in (
        xr.DataArray(rows(4), dims=("draw", "name")),
        pd.DataFrame(rows(4), columns=["gain", "tau_syn", "threshold"]),
    ):
        with pytest.raises(b2.ParameterError, match=r"without labels, .* order threshold, tau_syn, gain; .*to_numpy"):
            run(labelled)
    with pytest.raises(
        b2.ParameterError, match=r"numbers \(n, 3\), the columns threshold, tau_syn, gain; got shape \(4, 2\)"
    ):
        run(rows(4)[:, :2])
