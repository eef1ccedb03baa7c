"""What the ADCs of the emulated chip see of circuits: delays, halves of the chip, the grid; what is refused before a run."""

import numpy as np
import pytest
import xarray as xr

import bss2sim as b2

N, N_INPUT, N_TIME = 4, 6, 40
NEURONS = b2.IAFNeuron(N, refractory_time=2e-6, placement_constraint=[3, 300, 301, 9])
DELAY = b2.ChipConfiguration().synaptic_delay
QUIET = dict.fromkeys(
    ("membrane_noise", "read_noise", "trial_offset", "channel_offset", "channel_gain", "quantisation", "threshold_noise",
     "clock_offset"), 0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def chip():
    return b2.EmulatedChip(seed=7)


@pytest.fixture(scope="module")
def calibration(chip):
    return b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([NEURONS]))


def run(chip, calibration, neurons=NEURONS, spikes=None, weight=None, **options):
    if spikes is None:
        spikes = np.zeros((N_TIME, 1, N_INPUT), bool)
    weight = np.full((N_INPUT, N), 10.0) if weight is None else weight
    return b2.simulate(
        neurons, spikes, synapse=b2.Synapse(weight), dt=1e-6, chip=chip, calibration=calibration, **options
    )


def test_adcs__see_inputs_after_their_delay(chip, calibration):
    spikes = np.zeros((N_TIME, 1, N_INPUT), bool)
    spikes[12, 0, :2] = True
    found = {}
    for factor in (0, 20):
        for neuron in (0, 1):  # one in each half of the chip
            neurons = NEURONS.replace(enable_madc_recording=True, record_neuron_id=neuron)
            effects = QUIET | {"drift": 0, "synaptic_delay": factor}
            found[factor, neuron] = run(chip, calibration, neurons, spikes, effects=effects).isel(batch=0)
    for neuron in (0, 1):
        early, late = found[0, neuron], found[20, neuron]
        fine = (early.madc_value.values - 64) / 3
        assert np.ptp(fine) > 10
        for value, time in (
            ((late.madc_value.values - 64) / 3, late.madc_time.values),
            (late.cadc_value.values[:, neuron] + 128, late.cadc_time.values[neuron]),
        ):
            expected = np.interp(time - 20 * DELAY, early.madc_time.values, fine)
            assert np.abs(value - expected).max() < 0.15  # stamps are cycles of 8 ns
            at_once = np.interp(time, early.madc_time.values, fine)
            assert np.abs(value - at_once).max() > 1


def test_adcs__see_the_end_of_the_free_run(chip):
    registers = b2.calibration.uniform_registers(
        b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([NEURONS])).registers
    )
    effects = QUIET | {"synaptic_delay": 40, "drift": 0.1}  # 12 us of the 16 us of the free run
    found = run(chip, registers, start="drifted", effects=effects).isel(batch=0)
    assert found.spike_time.size == 0
    for neuron, half in enumerate((0, 1, 1, 0)):
        slopes = np.diff(found.cadc_value.values[:, neuron]) / np.diff(found.cadc_time.values[half])
        assert np.ptp(slopes) < 1e-3 * abs(slopes.mean()) > 0  # nowhere does a membrane stand still


def test_spikes__are_later_by_the_delay_of_synapses(chip, calibration):
    spikes = np.zeros((N_TIME, 1, N_INPUT), bool)
    spikes[3] = True
    effects = QUIET | {"drift": 0, "spike_jitter": 0, "spike_resolution": 0}
    weight = np.full((N_INPUT, N), 40.0)
    times = []
    for factor in (0, 10):
        found = run(chip, calibration, NEURONS, spikes, weight, effects=effects | {"synaptic_delay": factor})
        times.append(found.spike_time.values[:N])
    assert np.allclose(times[1] - times[0], 10 * DELAY, rtol=0, atol=1e-15)


def on_grid(found, neuron, mode, shift):
    """Return the rows of the grid by plain code from the raw samples of a trial, NaN after the last one."""
    stamp = found.cadc_time.values[int(found.row[neuron])]
    value = found.cadc_value.values[:, neuron].astype(float)
    rows = np.full(N_TIME, np.nan)
    for k in range(N_TIME):
        time = min(max(k + shift, 0), N_TIME - 1) * 1e-6
        if time <= stamp[-1]:
            nearest = value[stamp.size - 1 - np.argmin(np.abs(stamp - time)[::-1])]
            rows[k] = nearest if mode == "nn" else np.interp(time, stamp, value)
    return rows


@pytest.mark.parametrize(("mode", "shift"), [("linear", 0), ("nn", 0), ("linear", 3), ("nn", -4)])
def test_membrane__is_made_of_the_samples_as_the_neurons_say(chip, calibration, mode, shift):
    spikes = np.random.default_rng(5).random((N_TIME, 2, N_INPUT)) < 0.1
    offset, scale = np.array([-50.0, -40, -30, -20]), np.array([1.0, 2, 3, -4])
    neurons = NEURONS.replace(
        interpolation_mode=mode, cadc_time_shift=shift, trace_scale=scale,
        trace_offset={b2.AtomicNeuronOnDLS(c): o for c, o in zip([301, 9, 3, 300], offset[[2, 3, 0, 1]], strict=True)},
    )  # fmt: skip
    chosen = [3, 1, 0]
    weight = np.full((N_INPUT, N), 30.0)
    for first in (False, True):
        record = b2.Recording("count", membrane=True, neuron=chosen)
        found = run(chip, calibration, neurons.replace(shift_cadc_to_first=first), spikes, weight, record=record)
        assert float(found.cadc_value.std()) > 5
        for batch in range(2):
            trial = found.isel(batch=batch)
            for place, neuron in enumerate(chosen):
                rows = on_grid(trial, place, mode, shift)
                less = rows[0] if first else offset[neuron]
                known = np.isfinite(rows)
                assert known.sum() > 25
                expected = (rows - less) * scale[neuron]
                assert np.abs(trial.membrane.values[:, place] - expected)[known].max() < 1e-3


@pytest.mark.parametrize("dim", ["circuit", "atomic_neuron", "row", "column", "quadrant"])
def test_dims__have_no_names_of_the_chip(chip, calibration, dim):
    spikes = xr.DataArray(np.zeros((N_TIME, 2, N_INPUT), bool), dims=("time", dim, "input"))
    with pytest.raises(b2.InputError, match=f"inputs have a dim '{dim}'"):
        run(chip, calibration, spikes=spikes)
    with pytest.raises(b2.ParameterError, match=f"run has a dim '{dim}'"):
        run(chip, calibration, run=xr.DataArray([0, 1], dims=dim))
    with pytest.raises(b2.ParameterError, match=f"weight has a dim '{dim}'"):
        run(chip, calibration, weight=xr.DataArray(np.zeros((2, N_INPUT, N)), dims=(dim, "input", "neuron")))
    with pytest.raises(b2.ParameterError, match=f"spike_mask has a dim '{dim}'"):
        NEURONS.replace(spike_mask=xr.DataArray(np.ones((2, N), bool), dims=(dim, "neuron")))
    with pytest.raises(b2.ParameterError, match=f"seed has a dim '{dim}'"):
        b2.EmulatedChip(seed=xr.DataArray([0, 1], dims=dim))


@pytest.mark.filterwarnings("ignore")  # circuits that are not used
def test_start_carried__needs_one_chip_for_the_batch(chip):
    chips = b2.EmulatedChip(seed=xr.DataArray([7, 8], dims="batch"))
    assert run(chips, None, spikes=np.zeros((N_TIME, 2, N_INPUT), bool)).sizes["batch"] == 2
    with pytest.raises(b2.ParameterError, match=r"start='carried' .*differ along 'batch': rename that dim"):
        run(chips, None, spikes=np.zeros((N_TIME, 2, N_INPUT), bool), start="carried")


def test_recordings__are_refused_before_the_run(chip, calibration, monkeypatch):
    monkeypatch.setattr("bss2sim.experiment.run.observe", lambda experiment: pytest.fail("it was run"))
    with pytest.raises(b2.ParameterError, match=r"record\.neuron asks for neuron 4; the population has 0 \.\. 3"):
        run(chip, calibration, record=b2.Recording("count", neuron=[0, 4]))
    with pytest.raises(b2.ParameterError, match=r"spikes='first': LINeuron never fires; record with spikes=None"):
        run(chip, calibration, b2.LINeuron(N), record=b2.Recording("first"))
