"""Runs on the emulated chip: the model when everything is off, the same bits however it is cut, and what is refused."""

import dataclasses
import threading
import time
import warnings

import numpy as np
import pytest
import xarray as xr

import bss2sim as b2
from bss2sim.experiment import observe
from bss2sim.experiment.effects import EFFECTS

N, N_INPUT, N_BATCH, N_TIME = 12, 20, 3, 60
RNG = np.random.default_rng(11)
SPIKES = RNG.random((N_TIME, N_BATCH, N_INPUT)) < 0.06
CODE = np.rint(RNG.normal(6, 25, (N_INPUT, N)).clip(-63, 63))
NEURONS = b2.IAFNeuron(N, refractory_time=2e-6, holdoff_time=0.5e-6, placement_constraint=[*range(7), *range(256, 261)])


@pytest.fixture(scope="module")
def chip():
    return b2.EmulatedChip(seed=7)


@pytest.fixture(scope="module")
def calibration(chip):
    return b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([NEURONS]))


def run(neurons=NEURONS, spikes=SPIKES, **options):
    options.setdefault("synapse", b2.Synapse(CODE))
    return b2.simulate(neurons, spikes, dt=1e-6, **options)


def assert_same(one, other):
    """Every variable has the same bits."""
    assert set(one.data_vars) == set(other.data_vars)
    for name in one.data_vars:
        xr.testing.assert_equal(one[name].reset_coords(drop=True), other[name].reset_coords(drop=True))


@pytest.mark.parametrize("leaks", [False, True])
def test_nothing_on__is_the_model(leaks):
    kind = b2.LIFNeuron if leaks else b2.IAFNeuron
    neurons = kind(N, refractory_time=2e-6, holdoff_time=0.5e-6, tau_syn=(8e-6, 12e-6))
    chip = b2.EmulatedChip(seed=1, variation=0)
    calibration = b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([neurons]))
    record = b2.Recording("sparse", membrane=True)
    found = run(neurons, chip=chip, calibration=calibration, effects=0, record=record)
    truth = calibration.achieved.isel(atomic_neuron=slice(0, N)).rename(atomic_neuron="neuron").drop_vars("neuron")
    values = {name: truth[name].values for name in ("threshold", "reset", "refractory_time", "holdoff_time", "tau_mem")}
    tau = [truth.tau_syn.values[k] for k in (0, 1)]
    if leaks:
        values["leak"] = truth.leak.values
    # a step S of an IAF membrane per unit is a jump S tau_mem / tau_syn of the current
    jump = [truth.synaptic_strength.values[k] * values["tau_mem"] / tau[k] for k in (0, 1)]
    weight = np.where(CODE > 0, CODE * jump[0], CODE * jump[1])
    times = np.unique(found.cadc_time.values[0, 0])
    model = b2.simulate(
        kind(N, tau_syn=tuple(tau), **values), SPIKES, synapse=b2.Synapse(weight), dt=1e-6,
        record=b2.Recording("sparse", membrane=True, sample_time=times[times < N_TIME * 1e-6]),
    )  # fmt: skip
    assert model.spike_time.size > 40
    assert np.array_equal(found.spike_neuron, model.spike_neuron)
    assert np.abs(found.spike_time.values - model.spike_time.values).max() < 1e-15
    n = model.sizes["sample_time"]
    difference = found.cadc_value.values[0, :n] + 128 - model.membrane.values[0]
    assert found.cadc_value.dtype == np.float64 and np.abs(difference).max() < 1e-9


def test_noise_and_variation__stay_near_the_model(chip, calibration):
    neurons = NEURONS.replace(trace_offset=-128.0)
    found = run(neurons, chip=chip, calibration=calibration)
    weight = b2.Synapse(CODE * 0.82)
    model = run(synapse=weight, record=b2.Recording("sparse", membrane=True))
    assert found.membrane.dims == model.membrane.dims and found.membrane.shape == model.membrane.shape
    assert found.membrane.dtype == np.float32 and found.cadc_value.dtype == np.int16
    assert found.attrs["n_neuron"] == NEURONS.size
    assert 0.7 < found.spike_time.size / model.spike_time.size < 1.3
    assert float(abs(found.membrane - model.membrane).median()) < 12
    cycles = found.spike_time.values / 8e-9
    assert np.abs(cycles - np.rint(cycles)).max() < 1e-6


def labelled(spikes=SPIKES):
    return xr.DataArray(spikes, {"batch": np.arange(spikes.shape[1])}, dims=("time", "batch", "input"))


def test_bits__do_not_depend_on_the_split_of_the_batch(chip, calibration):
    neurons = NEURONS.replace(enable_madc_recording=True, record_neuron_id=8)
    options = {
        "chip": chip,
        "calibration": calibration,
        "start": "drifted",
        "record": b2.Recording("dense", membrane=True),
    }
    whole = run(neurons, labelled(), **options)
    for batch in ([0], [1, 2], [2, 0]):
        part = run(neurons, labelled().isel(batch=batch), **options)
        assert_same(part, whole.isel(batch=batch))
    plain = run(neurons, SPIKES, **options)
    assert_same(plain, whole.drop_vars("batch"))


def test_bits__do_not_depend_on_threads(chip, calibration):
    spikes = np.tile(SPIKES, (1, 40, 1))
    one, two = (run(spikes=spikes, chip=chip, calibration=calibration, threads=k) for k in (1, 2))
    assert_same(one, two)


def halves_alike():
    return NEURONS.replace(placement_constraint=[*range(6), *range(256, 262)])


@pytest.mark.parametrize("start", ["reset", "carried"])
def test_bits__halves_side_by_side_are_those_one_after_the_other(chip, start, monkeypatch):
    sides = []
    decide = observe._side_by_side
    monkeypatch.setattr(observe, "_side_by_side", lambda *a: sides.append(decide(*a)) or sides[-1])
    spikes = np.tile(SPIKES, (1, 60, 1))
    registers = b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([halves_alike()])).registers
    runs = [
        run(halves_alike(), spikes=spikes, chip=chip, calibration=registers, start=start, threads=k)
        for k in (1, 3, 4, 2)
    ]
    assert sides == [1, 1, 1, 2]
    for other in runs[1:]:
        assert_same(runs[0], other)


def test_halves_side_by_side__the_first_error_is_told(chip, monkeypatch):
    def fail(e, part, half, *rest):
        if half == 0:
            time.sleep(0.05)
        raise b2.ParameterError(f"half {half}")

    monkeypatch.setattr(observe, "_run_part", fail)
    with pytest.raises(b2.ParameterError, match="half 0"):
        run(halves_alike(), spikes=np.tile(SPIKES, (1, 60, 1)), chip=chip, threads=2)


def test_halves_side_by_side__an_interrupt_ends_both(chip, monkeypatch):
    steps = []

    def long(self, chunk, *rest):
        for k in range(1000):
            if threading.current_thread() is threading.main_thread():
                while not steps:  # the other half is under way
                    time.sleep(0.001)
                raise KeyboardInterrupt
            steps.append(k)
            time.sleep(0.001)
            yield chunk, None

    monkeypatch.setattr(observe._Part, "run", long)
    with pytest.raises(KeyboardInterrupt):
        run(halves_alike(), spikes=np.tile(SPIKES, (1, 60, 1)), chip=chip, threads=2,
            record=b2.Recording(None, membrane=True))  # fmt: skip
    assert 0 < len(steps) < 1000


@pytest.mark.parametrize("start", ["reset", "carried"])
def test_bits__do_not_depend_on_the_order_of_neurons_and_dims(chip, calibration, start):
    options = {"chip": chip, "calibration": calibration, "start": start}
    order = [0, 7, 1, 8, 2, 9, 3, 10, 4, 11, 5, 6]  # the hemispheres take turns
    mixed = NEURONS.replace(placement_constraint=[NEURONS.placement_constraint[k] for k in order])
    spikes = xr.DataArray(np.stack([SPIKES, SPIKES[::-1]]), dims=("stimulus", "time", "batch", "input"))
    whole = run(spikes=spikes.transpose("time", "batch", "stimulus", "input"), **options)
    found = run(
        mixed, spikes.transpose("time", "stimulus", "batch", "input"), synapse=b2.Synapse(CODE[:, order]), **options
    )
    for name in ("cadc_value", "membrane"):
        expected = whole[name].isel(neuron=order).transpose(*found[name].dims)
        assert np.array_equal(found[name], expected, equal_nan=True)
    assert found.spike_time.size == whole.spike_time.size > 0


@pytest.mark.filterwarnings("ignore:calibration failed")  # of circuits that are not used
def test_bits__do_not_depend_on_the_chips_run_together():
    seeds = xr.DataArray([5, 7, 9], dims="chip")
    chips = b2.EmulatedChip(seed=seeds)
    target = b2.NeuronCalibTarget.from_populations([NEURONS])
    record = b2.Recording("count", membrane=True)
    together = run(chip=chips, calibration=b2.calibrate(chips, target), record=record)
    assert dict(together.membrane.sizes) == {"batch": N_BATCH, "chip": 3, "time": N_TIME, "neuron": N}
    for k in range(3):
        chip = b2.EmulatedChip(seed=int(seeds[k]))
        alone = run(chip=chip, calibration=b2.calibrate(chip, target), record=record)
        assert_same(alone, together.isel(chip=k))


def test_runs__have_other_noise_and_the_same_again(chip, calibration):
    options = {"chip": chip, "calibration": calibration}
    first, again, other = (run(run=k, **options) for k in (3, 3, 4))
    assert_same(first, again)
    assert not first.cadc_value.equals(other.cadc_value)
    both = run(run=xr.DataArray([4, 3], dims="repetition"), record=b2.Recording("count", membrane=True), **options)
    assert (both.cadc_value.isel(repetition=1).values == first.cadc_value.values).all()


@pytest.mark.parametrize("start", ["reset", "drifted"])
def test_sparse_inputs__are_the_dense_ones(chip, calibration, start):
    time, batch, source = np.nonzero(SPIKES)
    sparse = b2.sparse_spikes(time * 1e-6, source, batch, n_batch=N_BATCH, duration=N_TIME * 1e-6)
    options = {"chip": chip, "calibration": calibration, "effects": {"membrane_limits": 0}, "start": start}
    one, two = run(spikes=sparse, **options), run(**options)
    assert np.array_equal(one.spike_neuron, two.spike_neuron)
    assert np.abs(one.spike_time.values - two.spike_time.values).max() < 9e-9  # a rounding may step over a cycle
    assert np.mean(one.cadc_value.values != two.cadc_value.values) < 1e-3


@pytest.mark.parametrize("name", EFFECTS)
def test_effects__each_has_one(chip, name):
    """A factor that changes nothing would be a promise not kept."""
    registers = b2.calibration.uniform_registers(
        b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([NEURONS])).registers
    )
    weight = CODE.copy()
    weight[:, 3] = -63  # to the lower end of the membrane
    options = {"chip": chip, "calibration": registers, "synapse": b2.Synapse(weight)}
    on, off = (run(effects={name: factor}, **options) for factor in (1, 0))
    assert any(on[key].shape != off[key].shape or not on[key].equals(off[key]) for key in on.data_vars)


def test_start_drifted__begins_later_on_the_way_of_the_drift(chip):
    registers = b2.calibration.uniform_registers(
        b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([NEURONS])).registers
    )
    options = {"spikes": np.zeros_like(SPIKES), "chip": chip, "calibration": registers}
    options["effects"] = dict.fromkeys(
        (
            "membrane_noise",
            "read_noise",
            "trial_offset",
            "quantisation",
            "sample_jitter",
            "clock_offset",
            "threshold_noise",
        ),
        0,
    )
    runs = [run(start=start, **options) for start in ("reset", "drifted")]
    still, moved = (found.cadc_value.isel(batch=0) for found in runs)
    fired = set(runs[0].spike_neuron.values.tolist())
    slope = (still.isel(cadc_sample=-1) - still.isel(cadc_sample=0)).values / (still.sizes["cadc_sample"] - 1) / 1.85e-6
    inside = (np.abs(still + 128 - 127.5) < 90).all("cadc_sample").values & (np.abs(slope) > 1e4)
    expected = still.isel(cadc_sample=0).values + slope * 16e-6
    free = inside & (expected + 128 < 110) & [n not in fired for n in range(N)]
    assert free.sum() >= 3
    assert np.abs(moved.isel(cadc_sample=0).values - expected)[free].max() < 0.1


def test_start_carried__goes_on_where_the_batch_entry_before_ended(chip, calibration):
    quiet = dict.fromkeys(
        ("membrane_noise", "read_noise", "trial_offset", "quantisation", "drift", "sample_jitter"), 0.0
    )
    options = {"chip": chip, "calibration": calibration, "effects": quiet}
    spikes = np.zeros((N_TIME, 3, N_INPUT), bool)
    spikes[0, 0, :2] = True
    carried = run(spikes=spikes, start="carried", **options).cadc_value.values
    reset = run(spikes=spikes, start="reset", **options).cadc_value.values
    assert np.abs(carried[0] - reset[0]).max() < 1e-9
    assert np.abs(carried[1] - carried[0, -1]).max() < 0.3  # the rest of the current, 55 us after the input
    assert np.abs(carried[2] - carried[1, -1]).max() < 1e-3  # nothing leaks, nothing comes in
    assert np.abs(reset[2] - reset[1]).max() < 1e-9
    assert np.abs(carried[0, -1] - carried[0, 0]).max() > 5


def test_recordings__tell_the_same(chip, calibration):
    options = {"chip": chip, "calibration": calibration}
    sparse, dense, count, first = (
        run(record=b2.Recording(kind, membrane=False), **options) for kind in ("sparse", "dense", "count", "first")
    )
    assert "membrane" not in sparse and "cadc_value" in sparse
    place = (sparse.spike_batch.values, sparse.spike_neuron.values)
    counted = np.zeros((N_BATCH, N), int)
    np.add.at(counted, place, 1)
    assert np.array_equal(count.spike_count, counted)
    earliest = np.full((N_BATCH, N), np.inf)
    np.minimum.at(earliest, place, sparse.spike_time.values)
    assert np.array_equal(first.first_spike.fillna(np.inf), earliest)
    bins = np.zeros((N_BATCH, N_TIME + 1, N), np.uint8)
    bins[place[0], np.floor(sparse.spike_time.values / 1e-6 + 0.5).astype(int), place[1]] = 1
    assert np.array_equal(dense.spikes, bins[:, :N_TIME])
    few = run(record=b2.Recording("dense", membrane=False, neuron=[9, 2]), **options)
    assert np.array_equal(few.spikes, dense.spikes.sel(neuron=[9, 2]))
    some = run(record=b2.Recording("count", membrane=True, neuron=[9, 2]), **options)
    assert some.neuron.values.tolist() == [9, 2] and some.atomic_neuron.values.tolist() == [258, 2]
    assert np.array_equal(some.cadc_value, run(**options).cadc_value.sel(neuron=[9, 2]))
    assert np.array_equal(some.spike_count, count.spike_count.sel(neuron=[9, 2]))


def test_madc__records_the_membrane_of_one_neuron(chip, calibration):
    neurons = NEURONS.replace(enable_madc_recording=True, record_neuron_id=9)
    quiet = dict.fromkeys(
        (
            "membrane_noise",
            "read_noise",
            "trial_offset",
            "quantisation",
            "channel_offset",
            "channel_gain",
            "clock_offset",
        ),
        0,
    )
    found = run(neurons, chip=chip, calibration=calibration, effects=quiet)
    assert 0 < found.sizes["madc_sample"] - N_TIME * 1e-6 * 500e6 / 17 + 1 < 2
    for batch in range(N_BATCH):
        fine = (found.madc_value.values[batch] - 64) / 3
        cadc = found.cadc_value.values[batch, :, 9] + 128
        at = np.interp(found.cadc_time.values[batch, 1], found.madc_time.values[batch], fine)
        assert np.quantile(np.abs(at - cadc), 0.8) < 0.2


def test_observables__that_are_off_are_not_there(chip, calibration):
    options = {"chip": chip, "calibration": calibration}
    blind = NEURONS.replace(enable_cadc_recording=False)
    found = run(blind, **options)
    assert "cadc_value" not in found and "membrane" not in found and "spike_time" in found
    mute = NEURONS.replace(enable_spike_recording=False)
    assert "spike_time" not in run(mute, **options)
    with pytest.raises(b2.ParameterError, match=r"membrane=True needs the CADC.*enable_cadc_recording=True"):
        run(blind, record=b2.Recording("sparse", membrane=True), **options)
    with pytest.raises(b2.ParameterError, match=r"spikes='count': the neurons send no spikes"):
        run(mute, record=b2.Recording("count"), **options)
    masked = run(NEURONS.replace(spike_mask=np.arange(N) == 4), **options)
    assert set(masked.spike_neuron.values.tolist()) == {4}
    assert masked.cadc_value.equals(run(**options).cadc_value)


def test_readout_neurons__never_fire(chip):
    neurons = b2.LINeuron(N)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = run(neurons, chip=chip)
    assert "spike_time" not in found and "membrane" in found
    assert float(found.cadc_value.max()) + 128 > 125  # where another kind would have fired


def test_saturated_weights__are_masked_and_told(chip, calibration):
    weight = CODE.copy()
    weight[3, 5], weight[0, 0] = 80, -63.4
    with pytest.warns(UserWarning, match=r"1 of 240 weights saturate .* the largest is 80 LSB \(input 3, neuron 5\)"):
        found = run(synapse=b2.Synapse(weight), chip=chip, calibration=calibration)
    assert int(found.weight_saturated.sum()) == 1 and bool(found.weight_saturated[3, 5])
    scaled = run(synapse=b2.Synapse(CODE / 100, transform=100), chip=chip, calibration=calibration)
    assert_same(scaled, run(chip=chip, calibration=calibration))


def test_weights__that_are_all_rounded_to_0_are_told(chip, calibration):
    with pytest.warns(
        UserWarning, match=r"all weights are rounded to 0: .*the largest is 0\.4 LSB.*transform=50"
    ) as caught:
        run(synapse=b2.Synapse(np.full((N_INPUT, N), 0.4)), chip=chip, calibration=calibration)
    assert caught[0].filename == __file__  # the line that called the package


def test_labels_of_the_batch__that_are_the_same_are_told(chip, calibration):
    spikes = xr.DataArray(SPIKES[:, [0, 0]], {"batch": [-5, -5]}, dims=("time", "batch", "input"))
    with pytest.warns(UserWarning, match="same label more than once"):
        found = run(spikes=spikes, chip=chip, calibration=calibration)
    assert_same(found.isel(batch=0), found.isel(batch=1))


@pytest.mark.parametrize("start", ["reset", "carried"])
def test_empty_batch__gives_an_empty_result(chip, calibration, start):
    neurons = NEURONS.replace(enable_madc_recording=True, record_neuron_id=1)
    found = run(neurons, SPIKES[:, :0], chip=chip, calibration=calibration, start=start)
    assert found.sizes["batch"] == 0 and found.sizes["spike"] == 0 and found.membrane.shape == (0, N_TIME, N)
    assert found.attrs["madc_neuron"] == 1


def test_larger_neurons__take_more_inputs(chip):
    spikes = np.zeros((N_TIME, 1, 200), bool)
    spikes[5, 0, 150] = True
    synapse = b2.Synapse(np.full((200, 3), 40.0))
    with pytest.raises(b2.ParameterError, match=r"has 1 circuit for 128 inputs.*SingleCompartmentNeuron\(2\)"):
        b2.simulate(b2.IAFNeuron(3), spikes, synapse=synapse, chip=chip)
    neurons = b2.IAFNeuron(3, neuron_structure=b2.SingleCompartmentNeuron(2))
    found = b2.simulate(neurons, spikes, synapse=synapse, chip=chip)
    step = found.cadc_value.isel(batch=0, cadc_sample=-1) - found.cadc_value.isel(batch=0, cadc_sample=0)
    assert (step > 10).all()
    assert found.atomic_neuron.values.tolist() == [0, 1, 2]


def test_layers__chain_by_their_spikes(chip):
    hidden, out = b2.share_chip(b2.IAFNeuron(N), b2.LIFNeuron(4, tau_mem=20e-6))
    calibration = b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([hidden, out]))
    first = run(hidden, chip=chip, calibration=calibration)
    second = run(out, first, synapse=b2.Synapse(np.full((N, 4), 30.0)), chip=chip, calibration=calibration)
    assert second.sizes["batch"] == N_BATCH and second.spike_time.size > 0
    assert not set(first.atomic_neuron.values.tolist()) & set(second.atomic_neuron.values.tolist())


def test_layers__on_the_same_circuits_are_warned_of(chip):
    first = run(NEURONS.replace(placement_constraint=list(range(N))), chip=chip)
    second = NEURONS.replace(placement_constraint=[N - 1, *range(100, 99 + N)])
    synapse = b2.Synapse(np.full((N, N), 30.0))
    message = (
        rf"^the input spikes were recorded on circuit {N - 1} of this chip, on which these neurons are placed, too; .* Place "
        r"both with share_chip\(\) before they run; if the chip is configured anew between the two, nothing is wrong$"
    )
    with pytest.warns(UserWarning, match=message) as found:
        run(second, first, synapse=synapse, chip=chip)
    assert len(found) == 1
    with pytest.warns(UserWarning, match=r"recorded on circuits 0, 1, 2, 3 and \d+ more of this chip"):
        run(NEURONS, first.bss2.isel(batch=[0]), synapse=synapse, chip=chip)
    swept = b2.Synapse(xr.DataArray(np.full((2, N, N), 30.0), dims=("set", "input", "neuron")).chunk(set=1))
    with pytest.warns(UserWarning, match=message) as found:
        lazy = run(second, first, synapse=swept, chip=chip, record=b2.Recording("count"))
        one = lazy.isel(set=0).compute(scheduler="synchronous")
    assert [warning.filename for warning in found] == [__file__], "of lazy runs, once"
    with pytest.warns(UserWarning, match=message):
        eager = run(second, first, synapse=synapse, chip=chip, record=b2.Recording("count"))
    np.testing.assert_array_equal(one.spike_count, eager.spike_count)
    run(second, first, synapse=synapse, chip=b2.EmulatedChip(seed=8))  # another chip
    other = first.assign_attrs(chip_configuration="{}")
    run(second, other, synapse=synapse, chip=chip)
    run(second, first.drop_vars("atomic_neuron"), synapse=synapse, chip=chip)


@pytest.mark.filterwarnings("ignore:calibration failed")  # of circuits that are not used
def test_calibration__of_another_chip_or_with_failures_is_told(chip, calibration):
    with pytest.warns(UserWarning, match="made for the chip of seed 7, this is the chip of seed 8"):
        run(chip=b2.EmulatedChip(seed=8), calibration=calibration)
    several = b2.EmulatedChip(seed=xr.DataArray([7, 8], dims="chip"))
    with pytest.warns(UserWarning, match="made for the chip of seed 7"):
        run(chip=several, calibration=calibration)
    pair = b2.calibrate(several, b2.NeuronCalibTarget.from_populations([NEURONS]))
    with pytest.warns(UserWarning, match="made for the chip of seed 7, 8, this is the chip of seed 7:"):
        run(chip=chip, calibration=pair)
    unknown = dataclasses.replace(calibration, attrs={"calibration_id": "of another program"})
    assert_same(run(chip=chip, calibration=unknown), run(chip=chip, calibration=calibration))
    turned = b2.EmulatedChip(seed=xr.DataArray([8, 7], dims="chip"))
    with pytest.warns(UserWarning, match="made for the chip of seed 7, 8, this is the chip of seed 8, 7"):
        run(chip=turned, calibration=pair)
    renamed = b2.EmulatedChip(seed=xr.DataArray([7, 8], dims="seed"))
    with pytest.warns(
        UserWarning, match="dim 'seed' and the calibration has 'chip': every chip runs with the calibration of every"
    ):
        run(chip=renamed, calibration=pair)
    impossible = NEURONS.replace(tau_syn=0.31e-6)
    with pytest.warns(
        UserWarning, match=r"the calibration failed for \d+ of 12 circuits .* \(atomic_neuron \d+.*placement_"
    ):
        run(impossible, chip=chip)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chip": 7}, r"chip must be an EmulatedChip.*got 7"),
        ({"chip": b2.EmulatedChip}, r"chip must be an EmulatedChip"),
        ({"integrator": "euler"}, r"integrator='euler' does not go with chip=: .*always solved exactly"),
        ({"dtype": "float32"}, r"dtype='float32' does not go with chip="),
        ({"return_state": True}, r"return_state=True does not go with chip=.*start='carried'"),
        ({"synapse": None}, r"give synapse=Synapse\(weight\)"),
        ({"calibration": 3}, r"calibration must be what calibrate\(\) returns.*got int"),
        ({"calibration": "chip7.nc"}, r"got str; read a file with load_calibration\(path\)"),
        ({"calibration": xr.Dataset()}, r"a Dataset of registers.*of this Dataset: "),
        ({"effects": {"drift": 1e6}}, r"effects of drift must be a number of 0 to 100"),
        ({"run": -1}, r"run must be 0 to 4294967295"),
        ({"run": 1.5}, r"run must be a whole number"),
        ({"run": True}, r"run must be a whole number"),
        (
            {"run": xr.DataArray([1], dims="batch")},
            r"run has a dim 'batch', whose entries draw numbers of their own anyway",
        ),
        ({"run": xr.DataArray([1], dims="time")}, r"run has a dim 'time'; give it dims of your own, e.g. 'run'"),
        ({"effects": -1}, r"effects must be a number of 0 to 100"),
        ({"effects": {"drifts": 1}}, r"no effect 'drifts'; did you mean 'drift'"),
        ({"start": "rest"}, r"start must be one of 'reset', 'drifted', 'carried'; got 'rest'; did you mean 'reset'"),
        ({"record": b2.Recording(None, current=True)}, r"cannot record its synaptic currents"),
        ({"record": b2.Recording(membrane=True, sample_time=[1e-6])}, r"when its ADCs do"),
        ({"record": 1}, r"record must be a Recording"),
    ],
)
def test_arguments__are_refused(chip, calibration, options, message):
    with pytest.raises(b2.ParameterError, match=message):
        run(**{"chip": chip, "calibration": calibration, **options})


def test_inputs__must_be_whole_spikes(chip, calibration):
    with pytest.raises(b2.InputError, match=r"inputs must be 0, 1, 2 .*got .*0\.5"):
        run(spikes=SPIKES * 0.5, chip=chip, calibration=calibration)
    twice = run(spikes=SPIKES.astype(int) * 2, chip=chip, calibration=calibration)
    assert twice.spike_time.size > run(chip=chip, calibration=calibration).spike_time.size


@pytest.mark.parametrize("name", ["calibration", "run", "effects", "start"])
def test_arguments_of_chips__need_a_chip(name, calibration):
    value = {"calibration": calibration, "run": 1, "effects": 0, "start": "carried"}[name]
    with pytest.raises(b2.ParameterError, match=f"{name} acts on a chip only; give chip="):
        run(**{name: value})


def test_endless_firing__is_told_with_its_place(chip, calibration):
    registers = calibration.registers.copy(deep=True)
    registers["threshold_v_threshold_code"][258] = 0  # neuron 9: below its reset, with no refractory time
    registers["refractory_time_code"][258] = 0
    with pytest.raises(b2.InputError, match=r"^batch [012], neuron 9 fires endlessly.*refractory_time above 0"):
        run(chip=chip, calibration=registers, effects={"reset_time_constant": 0, "threshold_noise": 0})


def test_fitted_chips__cannot_be_run():
    class Measured:
        parameters = xr.Dataset()

    with pytest.raises(b2.ParameterError, match=r"chip is a Measured, which knows the laws .*run an EmulatedChip"):
        run(chip=Measured())


def test_result__goes_through_a_file(tmp_path, chip, calibration):
    found = run(NEURONS.replace(enable_madc_recording=True, record_neuron_id=0), chip=chip, calibration=calibration)
    found.to_netcdf(tmp_path / "run.nc")
    again = xr.load_dataset(tmp_path / "run.nc")
    assert_same(again, found)
    assert again.attrs["calibration_id"] == calibration.attrs["calibration_id"] and again.attrs["chip_seed"] == 7
    assert found.cadc_value.attrs["units"] == "LSB" or "long_name" in found.cadc_value.attrs


def test_calibration__refuses_a_sweep_of_the_neurons_that_it_has_not(chip, calibration):
    level = xr.DataArray([100.0, 120.0], dims="level")
    swept = NEURONS.replace(threshold=level)
    with pytest.raises(b2.ParameterError, match="threshold has the dim 'level', which the calibration has not"):
        run(swept, chip=chip, calibration=calibration)
    pair = NEURONS.replace(threshold=b2.Parameter(model=level, hardware=125.0))  # the chip's value has no dim
    assert "level" not in run(pair, chip=chip, calibration=calibration).sizes
