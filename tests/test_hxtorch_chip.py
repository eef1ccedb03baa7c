"""Hardware mode of bss2sim.hxtorch: the emulated chip in the place of the model, with the gradients of the model."""

import numpy as np
import pytest
import torch

import bss2sim as b2
import bss2sim.hxtorch as hxsnn
from bss2sim.errors import InputError, ParameterError
from bss2sim.hxtorch import chip_run

DT, STEPS, BATCH = 1e-6, 40, 3
TRACE = {"trace_offset": -48.0, "trace_scale": 1 / 45}
SPIKES = (torch.rand(STEPS, BATCH, 4, generator=torch.Generator().manual_seed(2)) < 0.1).float()
POTENTIALS = {"reset": hxsnn.MixedHXModelParameter(0.0, 80), "threshold": hxsnn.MixedHXModelParameter(1.0, 125)}


@pytest.fixture(autouse=True)
def chip():
    """A chip whose circuits are alike, so that all can be calibrated, with its noise."""
    found = b2.EmulatedChip(seed=5, variation=0.2)
    hxsnn.init_hardware(found)
    yield found
    hxsnn.release_hardware()


class Network:
    """Two layers and a readout."""

    def __init__(self, **hidden):
        torch.manual_seed(4)
        self.experiment = experiment = hxsnn.Experiment(dt=DT)
        scale = {"transform": lambda weight: 55 * weight}
        self.first = hxsnn.Synapse(4, 6, experiment, **scale)
        self.hidden = hxsnn.IAFNeuron(6, experiment, **POTENTIALS, **TRACE, **hidden)
        self.dropout = hxsnn.BatchDropout(6, 0.5, experiment).eval()
        self.second = hxsnn.Synapse(6, 2, experiment, **scale)
        self.skip = hxsnn.SparseSynapse(torch.ones(4, 2), experiment, **scale)
        self.readout = hxsnn.ReadoutNeuron(2, experiment, leak=hxsnn.MixedHXModelParameter(0.0, 80), **TRACE)
        for synapses, low, high in ((self.first, 0.3, 1.0), (self.second, -0.2, 0.4), (self.skip, 0.0, 0.4)):
            torch.nn.init.uniform_(synapses.weight, low, high)

    def run(self, spikes=SPIKES, steps=STEPS):
        """Outputs of both populations, and information on the run."""
        handle = hxsnn.NeuronHandle(spikes)
        fired = self.hidden(self.first(handle))
        trace = self.readout(self.second(self.dropout(fired)), self.skip(handle))
        return fired, trace, hxsnn.run(self.experiment, steps)


def test_run__is_the_simulation_of_the_placed_populations(chip):
    network = Network(enable_madc_recording=True, record_neuron_id=1)
    fired, trace, info = network.run()
    hidden = b2.IAFNeuron(6, reset=80.0, threshold=125.0, **TRACE, enable_madc_recording=True, record_neuron_id=1)
    hidden, readout = b2.share_chip(hidden, b2.LINeuron(2, leak=80.0, **TRACE))
    calibration = b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([hidden, readout]))
    weight = [
        55 * synapses.weight.detach().numpy().T.astype(float)
        for synapses in (network.first, network.second, network.skip)
    ]
    on_chip = {"chip": chip, "calibration": calibration, "dt": DT}
    step, trial, source = np.nonzero(SPIKES.numpy())
    inputs = b2.sparse_spikes(step * DT, source, trial, n_batch=BATCH, duration=STEPS * DT)
    wanted = b2.simulate(hidden, inputs, synapse=b2.Synapse(weight[0]), **on_chip)
    np.testing.assert_allclose(
        fired.membrane_cadc.detach(), wanted.membrane.transpose("time", "batch", "neuron"), rtol=1e-6
    )
    record = b2.Recording(spikes="dense")
    dense = b2.simulate(hidden, inputs, synapse=b2.Synapse(weight[0]), record=record, **on_chip)
    np.testing.assert_array_equal(fired.spikes.detach(), dense.spikes.transpose("time", "batch", "neuron"))
    assert fired.spikes.any() and fired.spikes.shape == (STEPS, BATCH, 6)
    assert fired.membrane_madc.shape == (2, wanted.sizes["madc_sample"], BATCH)
    # the readout sees the hidden spikes at the times of their stamps, and the inputs
    both = b2.sparse_spikes(
        np.concatenate([wanted.spike_time, step * DT]), np.concatenate([wanted.spike_neuron, source + 6]),
        np.concatenate([wanted.spike_batch, trial]), n_batch=BATCH, duration=STEPS * DT,
    )  # fmt: skip
    wanted = b2.simulate(readout, both, synapse=b2.Synapse(np.concatenate(weight[1:])), **on_chip)
    np.testing.assert_allclose(
        trace.membrane_cadc.detach(), wanted.membrane.transpose("time", "batch", "neuron"), rtol=1e-6
    )
    assert info.time["trial"] == pytest.approx(STEPS * DT) and info.time["chip"] == pytest.approx(STEPS * DT * BATCH)
    assert info.health == {"weight_saturated": 0, "calibration_failed": 0}


def test_run__gradients_are_those_of_the_model_with_measured_data():
    network = Network()
    fired, trace, _ = network.run()
    trace.membrane_cadc.sum().backward()
    found = {name: getattr(network, name).weight.grad for name in ("first", "second", "skip")}
    assert all(gradient.abs().sum() > 0 for gradient in found.values())
    from bss2sim.hxtorch import functional

    weight = network.first.weight.detach().clone().requires_grad_()
    spikes, *_ = functional.cuba_refractory_iaf_integration(
        functional.linear(SPIKES, weight), reset=0.0, threshold=1.0, tau_mem=1e-5, tau_syn=1e-5, refractory_time=1e-6,
        method="superspike", alpha=50.0, hw_data=(fired.spikes.detach(), fired.membrane_cadc.detach(), None),
    )  # fmt: skip
    second = network.second.weight.detach().clone().requires_grad_()
    membrane, *_ = functional.cuba_li_integration(
        functional.linear(spikes, second), leak=0.0, tau_mem=1e-5, tau_syn=1e-5,
        hw_data=(trace.membrane_cadc.detach(),),
    )  # fmt: skip
    membrane.sum().backward()
    torch.testing.assert_close(found["first"], weight.grad)
    torch.testing.assert_close(found["second"], second.grad)


def test_runs__have_noise_of_their_own_and_can_be_repeated():
    network, again = Network(), Network()
    runs = [network.run()[0].membrane_cadc for _ in range(2)]
    repeated = [again.run()[0].membrane_cadc for _ in range(2)]
    assert not torch.equal(*runs) and all(map(torch.equal, runs, repeated))
    assert network.experiment.n_trial_before == 2 * BATCH and not network.experiment.modules.changed_since_last_run()
    assert len(network.experiment.last_run_chip_configs) == 2


def test_calibration__is_made_again_when_a_value_on_the_chip_changes(monkeypatch):
    network, programmed = Network(), []

    def note(*args, run, **kwargs):
        programmed.append(run)
        return b2.simulate(*args, run=run, **kwargs)

    monkeypatch.setattr(chip_run, "simulate", note)
    instance = network.experiment.default_execution_instance
    network.run()
    first = instance.calib
    network.run()
    assert instance.calib is first
    network.hidden.threshold.model_value = 1.5
    network.run()
    assert instance.calib is first, "the chip does not see it"
    network.hidden.threshold.hardware_value = 110
    try:
        network.run()
    finally:
        network.hidden.threshold.model_value, network.hidden.threshold.hardware_value = 1.0, 125
    assert instance.calib is not first
    assert programmed == [0] * 6 + [1] * 2, (
        "of two populations each: noise of writing the codes is new when they are written"
    )
    codes = [c.registers.threshold_v_threshold_code.values[0] for c in (first, instance.calib)]
    assert codes[1] < codes[0]


def test_calibration__from_a_file_is_used_as_it_is(tmp_path, chip):
    calibration = b2.calibrate(chip, b2.NeuronCalibTarget(threshold=100, reset=80))
    calibration.to_netcdf(tmp_path / "calibration.nc")
    network = Network()
    instance = network.experiment.default_execution_instance
    instance.calibrate()
    loaded = instance.load_calib(tmp_path / "calibration.nc")
    with_file = network.run()[0].spikes
    assert instance.calib is loaded and loaded.registers.equals(calibration.registers)
    without = Network().run()[0].spikes
    assert with_file.sum() > without.sum() > 0, "the threshold of the file is lower"
    instance.calibrate()
    assert instance.calib is not loaded and network.run()[0].spikes.sum() < with_file.sum()


@pytest.mark.parametrize(("steps", "rows"), [(STEPS - 10, STEPS - 10), (STEPS + 10, STEPS)])
def test_runtime__outputs_have_the_steps_that_inputs_and_recordings_share(steps, rows):
    fired, trace, info = Network().run(steps=steps)
    assert len(fired.spikes) == len(fired.membrane_cadc) == len(fired.current) == len(trace.membrane_cadc) == rows
    assert info.time["trial"] == pytest.approx(steps * DT)


def test_calibration__may_be_given_without_a_file(chip):
    calibration = b2.calibrate(chip, b2.NeuronCalibTarget(threshold=125, reset=80))
    uniform = b2.calibration.uniform_registers(calibration.registers)
    found = []
    for given in (calibration, calibration.registers, uniform):
        network = Network()
        instance = network.experiment.default_execution_instance
        assert instance.load_calib(given) is given and instance.chip is not None
        fired, _, info = network.run()
        found.append(fired.membrane_cadc)
        assert info.health["calibration_failed"] == 0
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])
    instance = hxsnn.ExecutionInstance()
    message = "calib_path must be the path of a calibration, a Calibration or a Dataset of registers; got 3"
    with pytest.raises(ParameterError, match=message):
        instance.load_calib(3)
    with pytest.raises(ParameterError, match="register"):
        instance.load_calib(uniform.drop_vars("threshold_v_threshold_code"))
    assert instance.calib is None and not instance.calib_is_given


def test_calibrate__gives_up_a_loaded_calibration(tmp_path, chip):
    b2.calibrate(chip, b2.NeuronCalibTarget(threshold=100, reset=80)).to_netcdf(tmp_path / "calibration.nc")
    network = Network()
    instance = network.experiment.default_execution_instance
    network.run()
    own, loaded = instance.calib, instance.load_calib(tmp_path / "calibration.nc")
    instance.calibrate()
    assert instance.calib is not loaded and instance.calib.registers.equals(own.registers)
    assert instance.n_calibrated == 2, "the codes of the file were on the chip; its own are written again"
    instance.calibrate()
    network.run()
    assert instance.n_calibrated == 2, "nothing has changed"


def test_calibrate__takes_the_populations_that_are_connected_or_ran_last(chip):
    instance = hxsnn.ExecutionInstance()
    experiment = hxsnn.Experiment(dt=DT)
    experiment.default_execution_instance = instance
    for _ in range(3):  # a cell of a notebook that ran three times: 600 neurons, more than there are circuits
        synapses = hxsnn.Synapse(4, 200, experiment, transform=lambda weight: 55 * weight)
        neurons = hxsnn.IAFNeuron(200, experiment, tau_mem=6e-6)
    neurons(synapses(hxsnn.NeuronHandle(SPIKES)))
    instance.calibrate()
    made = instance.calib
    hxsnn.run(experiment, STEPS)
    assert instance.calib is made, "the run needs what calibrate() made"
    neurons.tau_mem.hardware_value = 8e-6
    instance.calibrate()
    tau_mem = instance.calib.achieved.tau_mem
    assert instance.n_calibrated == 2
    np.testing.assert_allclose(tau_mem[:200], 8e-6, rtol=0.05)


def test_calibrate__takes_all_that_were_made_if_none_was_connected():
    network = Network()
    instance = network.experiment.default_execution_instance
    instance.calibrate()
    made = instance.calib
    network.run()
    assert instance.calib is made


def test_dropout__silences_neurons_on_the_chip():
    network = Network()
    network.dropout.train()
    torch.manual_seed(1)
    fired, _, _ = network.run()
    mask = network.dropout.mask
    assert 0 < mask.sum() < 6
    assert not fired.spikes[..., mask == 0].any() and fired.spikes[..., mask == 1].any()


@pytest.mark.filterwarnings("ignore:.*calibration failed for 2 of")
@pytest.mark.filterwarnings("ignore:2 of 12 weights saturate")
def test_health__counts_neurons_that_could_not_be_calibrated_and_weights_that_do_not_fit():
    hxsnn.init_hardware(b2.EmulatedChip(seed=0))
    experiment = hxsnn.Experiment(dt=DT)
    synapses = hxsnn.Synapse(4, 3, experiment, transform=lambda weight: 55 * weight)
    neurons = hxsnn.IAFNeuron(3, experiment, **POTENTIALS, placement_constraint=[35, 36, 268])
    with torch.no_grad():
        synapses.weight.fill_(1.0)[0, :2] = torch.tensor([1.2, -3.0])
    neurons(synapses(hxsnn.NeuronHandle(SPIKES)))
    assert hxsnn.run(experiment, STEPS).health == {"weight_saturated": 2, "calibration_failed": 2}


def test_dropouts__that_disagree_are_no_chip():
    for mock in (True, False):
        experiment = hxsnn.Experiment(mock=mock)
        hidden, *dropouts = hxsnn.IAFNeuron(6, experiment), *(hxsnn.BatchDropout(6, p, experiment) for p in (0.0, 1.0))
        fired = hidden(hxsnn.Synapse(4, 6, experiment)(hxsnn.NeuronHandle(SPIKES)))
        for dropout in dropouts:
            dropout(fired)
        if mock:
            hxsnn.run(experiment, STEPS)
            continue
        with pytest.raises(
            InputError, match=r"IAFNeuron\(size=6\) has two dropouts behind it; on a chip .* one dropout for both"
        ):
            hxsnn.run(experiment, STEPS)


def test_loopback__returns_the_input_spikes():
    instance = hxsnn.ExecutionInstance(input_loopback=True)
    experiment = hxsnn.Experiment(dt=DT)
    inputs = hxsnn.InputNeuron(4, experiment, instance)
    synapses = hxsnn.Synapse(4, 2, experiment, instance, transform=lambda weight: 55 * weight)
    neurons = hxsnn.IAFNeuron(2, experiment, execution_instance=instance)
    spikes = inputs(hxsnn.NeuronHandle(SPIKES))
    neurons(synapses(spikes))
    hxsnn.run(experiment, STEPS)
    assert torch.equal(spikes.spikes, SPIKES)


def test_recordings__that_are_off_leave_the_model():
    network = Network(enable_spike_recording=False, enable_cadc_recording=False)
    fired, trace, _ = network.run(steps=30)
    assert fired.spikes.shape == (STEPS, BATCH, 6), "the model, as long as its input"
    assert trace.membrane_cadc.shape == (30, BATCH, 2)


def test_hardware_mode__refuses():
    network = Network()
    with pytest.raises(
        ValueError, match=r"Requested runtime invalid\. It must be a whole number of steps of dt = 1e-06 s; got None"
    ):
        network.run(steps=None)
    with pytest.raises(InputError, match=r"a chip takes whole spikes: inputs must be 0, 1, 2"):
        network.run(SPIKES * 0.5)
    experiment = network.experiment
    network.hidden(hxsnn.SynapseHandle(torch.zeros(STEPS, BATCH, 6)))
    with pytest.raises(
        InputError, match=r"IAFNeuron\(size=6\): on a chip neurons take the output of Synapse or SparseSynapse alone"
    ):
        hxsnn.run(experiment, STEPS)
    network.hidden(network.first(hxsnn.NeuronHandle()))
    with pytest.raises(
        InputError, match=r"Synapse\(in_features=4\): on a chip the input must be a NeuronHandle with spikes"
    ):
        hxsnn.run(experiment, STEPS)
    network.hidden(network.first(hxsnn.NeuronHandle(SPIKES[..., :3])))
    with pytest.raises(InputError, match=r"Synapse\(in_features=4\): spikes have 3 inputs"):
        hxsnn.run(experiment, STEPS)

    class Copy(hxsnn.HXBaseExperimentModule):
        output_type = hxsnn.NeuronHandle

        def forward_func(self, input):
            return input.spikes

    copy = Copy(experiment)
    network.hidden(network.first(copy(hxsnn.NeuronHandle(SPIKES))))
    with pytest.raises(
        InputError, match=r"Synapse\(in_features=4\) takes the output of Copy\(\), which is not on the chip"
    ):
        hxsnn.run(experiment, STEPS)
    network.readout(
        network.skip(hxsnn.NeuronHandle(SPIKES)),
        network.second(network.hidden(network.first(hxsnn.NeuronHandle(SPIKES[:, :2])))),
    )
    with pytest.raises(InputError, match=r"ReadoutNeuron\(size=2\): inputs have 3, 2 trials; give all the same"):
        hxsnn.run(experiment, STEPS)
    loop = hxsnn.Synapse(6, 6, experiment)
    network.hidden(loop(network.hidden._output_handle))
    with pytest.raises(InputError, match=r"modules feed each other in a circle: .*; put them into an HXModuleWrapper"):
        hxsnn.run(experiment, STEPS)
    network.first.transform = lambda weight: weight[:1]
    with pytest.raises(ParameterError, match=r"transform must return weights \(6, 4\); it returned the shape \(1, 4\)"):
        network.run()


@pytest.mark.parametrize(("in_dram", "period", "least"), [(False, "1.85", 3), (True, "6", 7)])
def test_run__shorter_than_a_period_of_the_cadc(in_dram, period, least):
    network = Network(enable_cadc_recording_placement_in_dram=in_dram)
    network.readout.enable_cadc_recording_placement_in_dram = in_dram
    spikes = torch.zeros(STEPS, 30, 4)
    steps = 1 if not in_dram else 3
    with pytest.raises(
        InputError,
        match=rf"IAFNeuron\(size=6\): the CADC took no sample in \d+ of 30 trials of {steps} steps of 1 us, as it takes one in "
        rf"about {period} us; give run\(\) at least {least} steps, or the population enable_cadc_recording=False",
    ):
        network.run(spikes, steps)
    fired, trace, _ = network.run(spikes, least)
    assert fired.membrane_cadc.isfinite().all() and trace.membrane_cadc.shape == (least, 30, 2)
    network.hidden.enable_cadc_recording = network.readout.enable_cadc_recording = False
    network.run(spikes, 1)


def test_connection__is_a_chip_of_this_process(chip):
    assert hxsnn.get_unique_identifier() == "bss2sim:5"
    with pytest.raises(ParameterError, match=r"chip must be an EmulatedChip, e\.g\. EmulatedChip\(seed=0\); got 3"):
        hxsnn.init_hardware(3)
    with pytest.raises(
        ParameterError, match="start must be one of 'reset', 'drifted', 'carried'; got 'rest'; did you mean 'reset'"
    ):
        hxsnn.init_hardware(start="rest")
    hxsnn.release_hardware()
    assert hxsnn.get_unique_identifier() == "bss2sim:0"


def test_dropout__acts_in_the_run_that_draws_it():
    network = Network()
    network.dropout = hxsnn.BatchDropout(6, 1.0, network.experiment)
    assert network.run()[0].spikes.sum() == 0
    fired = network.hidden(network.first(hxsnn.NeuronHandle(SPIKES)))
    hxsnn.run(network.experiment, STEPS)
    assert (fired.spikes.sum((0, 1)) > 0).all()
    network.hidden.mask = torch.tensor([1.0, 0, 0, 0, 0, 0])
    fired = network.hidden(network.first(hxsnn.NeuronHandle(SPIKES)))
    hxsnn.run(network.experiment, STEPS)
    assert network.hidden.mask.tolist() == [1, 0, 0, 0, 0, 0]
