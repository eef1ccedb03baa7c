"""What the verbs of alignment refuse, and how they say it."""

import warnings

import pytest
import xarray as xr

import bss2sim as b2

REST = b2.Parameter(model=0.0, hardware=80)
THRESHOLD = b2.Parameter(model=1.0, hardware=125)
LIF = b2.LIFNeuron(3, leak=REST, reset=REST, threshold=THRESHOLD)
IAF = b2.IAFNeuron(3, reset=REST, threshold=THRESHOLD)
CHIP = b2.EmulatedChip(seed=7)
VERBS = (b2.alignment.trace_scaling, b2.alignment.weight_scaling, b2.alignment.dynamic_range)


def registers_of(neurons: object) -> xr.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # circuits that no neuron is on may fail
        return b2.calibrate(CHIP, b2.NeuronCalibTarget.from_populations(neurons)).registers


@pytest.mark.parametrize("verb", VERBS[:2])
def test_neurons__need_a_threshold(verb: object) -> None:
    with pytest.raises(b2.ParameterError, match="IAFNeuron or LIFNeuron, whose threshold is measured; an LINeuron has"):
        verb(b2.LINeuron(3), chip=CHIP)
    with pytest.raises(b2.ParameterError, match="neurons must be an IAFNeuron or LIFNeuron; got int"):
        verb(3, chip=CHIP)


def test_neurons__of_dynamic_range_are_a_population() -> None:
    with pytest.raises(b2.ParameterError, match="neurons must be an IAFNeuron, LIFNeuron or LINeuron; got str"):
        b2.alignment.dynamic_range("LIF", chip=CHIP)


@pytest.mark.parametrize("verb", VERBS[:2])
def test_threshold_of_the_model__is_above_its_rest(verb: object) -> None:
    wrong = b2.Parameter(model=-0.5, hardware=125)
    with pytest.raises(b2.ParameterError, match=r"must be above its leak, .*; threshold - leak is -0\.5"):
        verb(LIF.replace(threshold=wrong), chip=CHIP)
    with pytest.raises(b2.ParameterError, match=r"must be above its reset, .*; threshold - reset is -0\.5"):
        verb(IAF.replace(threshold=wrong), chip=CHIP)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("n_trial", [0, 1.5, True, "many"])
def test_n_trial__is_a_whole_number(verb: object, n_trial: object) -> None:
    with pytest.raises(b2.ParameterError, match="n_trial must be a whole number of at least 1"):
        verb(LIF, chip=CHIP, n_trial=n_trial)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([0.5], "weight must be a sequence of whole numbers from -63 to 63, not all 0"),
        (3, "weight must be a sequence of whole numbers from -63 to 63, not all 0"),
        ([0], r"not all 0; got \[0\]"),
        ([], "weight must be a sequence"),
        ([64, 1], "weight must be from -63 to 63, what a synapse holds; got 64"),
        ([-(2**63), 1], "what a synapse holds; got -9223372036854775808"),
        ([5, 5], "weight must hold each weight once; raise n_trial for more trials"),
    ],
)
def test_weight__is_one_of_a_synapse(weight: object, message: str) -> None:
    with pytest.raises(b2.ParameterError, match=message):
        b2.alignment.weight_scaling(LIF, chip=CHIP, weight=weight)


@pytest.mark.parametrize("verb", VERBS)
def test_batch__is_the_dim_of_the_trials(verb: object) -> None:
    registers = registers_of(LIF)
    message = "has a dim 'batch', which the trials of a measurement take; rename it, e.g. to 'setting'"
    code = registers["leak_v_leak_code"].expand_dims(batch=2)
    with pytest.raises(b2.ParameterError, match=f"leak_v_leak_code of the calibration {message}"):
        verb(LIF, chip=CHIP, calibration=registers.assign(leak_v_leak_code=code))
    swept = b2.Parameter(model=xr.DataArray([1e-5, 2e-5], dims="batch"), hardware=1e-5)
    with pytest.raises(b2.ParameterError, match=f"tau_mem {message}"):
        verb(LIF.replace(tau_mem=swept), chip=CHIP, calibration=registers)
    chips = b2.EmulatedChip(seed=xr.DataArray([0, 1], dims="batch"))
    with pytest.raises(b2.ParameterError, match=f"seed of the chip {message}"):
        verb(LIF, chip=chips, calibration=registers)


@pytest.mark.parametrize("verb", VERBS)
def test_chip_and_keywords__are_checked(verb: object) -> None:
    with pytest.raises(b2.ParameterError, match="chip must be an EmulatedChip"):
        verb(LIF, chip=None)
    with pytest.raises(b2.ParameterError, match="calibration must be what calibrate"):
        verb(LIF, chip=CHIP, calibration=3)
    with pytest.raises(b2.UnknownKeywordError, match="has no argument 'trials'; did you mean 'n_trial'"):
        verb(LIF, chip=CHIP, trials=3)
