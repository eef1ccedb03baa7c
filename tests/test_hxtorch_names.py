"""Every public name of hxtorch leads to something here, with its arguments and defaults, or is refused with a reason."""

import ast
import importlib
import inspect
import re
import sys
from pathlib import Path

import pytest
import torch

import bss2sim.hxtorch as hxsnn

LINES = [
    line
    for line in (Path(__file__).parent / "data" / "hxtorch_names.txt").read_text().splitlines()
    if not line.startswith("#")
]
NAMES = [line for line in LINES if not line.startswith("- ")]
REFUSED = [line.removeprefix("- ") for line in LINES if line.startswith("- ")]
MISSING = object()
# A mixin there, a base with the experiment of its modules here.
DIFFERENT = {"hxtorch.spiking.modules.hx_module.HXHardwareEntityMixin"}


ATTRIBUTES = """
leak reset threshold tau_mem tau_syn i_synin_gm membrane_capacitance refractory_time synapse_dac_bias
holdoff_time e_coba_reversal e_coba_reference size alpha method scale offset cadc_time_shift
shift_cadc_to_first interpolation_mode mask unit_ids execution_instance chip_coordinate descriptor
params_dict has_trainable_params set_trainable_params calib_changed_since_last_run calibration_from_params
params_from_calibration changed_since_last_run reset_changed_since_last_run register_hw_entity
configure_hw_entity post_process forward_func func exec_forward extra_repr
""".split()


@pytest.fixture(scope="module", autouse=True)
def installed():
    hxsnn.install()
    yield
    hxsnn.uninstall()


def find(path):
    """What a dotted path leads to: attributes of the longest module in it."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        found = sys.modules[name]
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(path)


def plain(text):
    """A default as a value; "..." stands for any."""
    return ... if text == "..." else ast.literal_eval(text)


def wanted(text):
    """Arguments of a line: name, default or MISSING, and whether it is for keywords only."""
    keyword, found = False, []
    for part in re.split(r", (?![^(]*\))", text) if text else []:
        if part == "*":
            keyword = True
            continue
        name, _, default = part.partition("=")
        found.append((name, plain(default) if default else MISSING, keyword))
    return found


def differences(path, text):
    """What a signature lacks of that of the reference. More arguments with defaults are no difference."""
    parameters = [p for p in inspect.signature(find(path)).parameters.values() if p.name not in ("self", "ctx")]
    own = {p.name: p for p in parameters}
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    for index, (name, default, keyword) in enumerate(wanted(text)):
        parameter = own.get(name.lstrip("*"))
        if parameter is None:
            yield f"{path} has no {name}"
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            continue  # takes one as well as several
        if not keyword and not name.startswith("*") and not several:
            if parameter.kind is parameter.KEYWORD_ONLY or parameters[index] is not parameter:
                yield f"{path}: {name} is not argument {index}"
        there = MISSING if parameter.default is parameter.empty else parameter.default
        if default is MISSING or (default is ... and there is not MISSING):
            continue
        if there is not default and (type(there) is bool or there != default):
            yield f"{path}: {name} is {there} by default, not {default}"
    names = {name.lstrip("*") for name, *_ in wanted(text)}
    for parameter in parameters:
        required = parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        )
        if parameter.name not in names and required:
            yield f"{path} needs {parameter.name}"


def test_names__lead_somewhere_with_their_arguments():
    assert len(NAMES) > 380
    wrong = []
    for line in NAMES:
        path, bracket, rest = line.partition("(")
        try:
            find(path)
        except (AttributeError, ImportError) as reason:
            wrong.append(f"{path}: {reason}")
            continue
        if bracket and path not in DIFFERENT:
            wrong += differences(path, rest.removesuffix(")"))
    assert not wrong, "\n".join(wrong)


def test_names__the_comparison_finds_differences():
    path = "hxtorch.spiking.functional.linear.linear_exponential_clamp"
    assert list(differences(path, "inputs, weight, bias=None, cap=1.5, start_weight=61.0, quantize=False")) == []
    assert [text.removeprefix(path) for text in differences(path, "weight, inputs, bias=3, *, power=2")] == [
        ": weight is not argument 0", ": inputs is not argument 1", ": bias is None by default, not 3", " has no power",
    ]  # fmt: skip
    assert list(differences(path, "weight=...")) == [
        f"{path}: weight is not argument 0", f"{path}: weight is {MISSING} by default, not Ellipsis", f"{path} needs inputs",
    ]  # fmt: skip


def instances():
    """One of each class whose attributes are refused."""
    experiment = hxsnn.Experiment(mock=True)
    from bss2sim.hxtorch.execution_instance import ExecutionInstances

    return {
        "ExecutionInstances": ExecutionInstances(), "BaseExecutionInstance": hxsnn.ExecutionInstance(),
        "ExecutionInstance": hxsnn.ExecutionInstance(), "HXHardwareEntityMixin": hxsnn.Synapse(1, 1, experiment),
        "Neuron": hxsnn.Neuron(1, experiment), "Synapse": hxsnn.Synapse(1, 1, experiment),
        "SparseSynapse": hxsnn.SparseSynapse(torch.ones(1, 1), experiment), "InputNeuron": hxsnn.InputNeuron(1, experiment),
    }  # fmt: skip


def test_names__of_a_real_chip_are_refused_with_a_reason():
    kept = instances()
    assert len(REFUSED) > 20
    for path in REFUSED:
        owner, _, name = path.rpartition(".")
        kind = owner.rpartition(".")[2]
        with pytest.raises((AttributeError, ImportError)) as caught:
            getattr(kept[kind], name) if kind in kept else find(path)
        message = str(caught.value)
        assert name in message and re.search(r": | it is in modules: ", message), message
        assert not isinstance(caught.value, ModuleNotFoundError), message


def test_names__that_nobody_knows_are_missing_as_ever():
    for path in (
        "hxtorch.spiking.observables.Nothing", "hxtorch.spiking.modules.neuron.Nothing", "hxtorch.spiking.modules.synapse.Nothing",
        "hxtorch.spiking.modules.readout_neuron.Nothing", "hxtorch.spiking.utils.dynamic_range.boundary.Nothing",
    ):  # fmt: skip
        with pytest.raises(AttributeError, match=r"module '.*' has no attribute 'Nothing'"):
            find(path)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("calix.nothing")
    with pytest.raises(AttributeError, match="'ExecutionInstance' object has no attribute 'nothing'"):
        _ = hxsnn.ExecutionInstance().nothing
    with pytest.raises(AttributeError, match="'Synapse' object has no attribute 'nothing'"):
        _ = hxsnn.Synapse(1, 1, hxsnn.Experiment(mock=True)).nothing


def test_names__neurons_have_the_attributes_of_the_reference():
    neurons = hxsnn.IAFNeuron(2, hxsnn.Experiment(mock=True))
    for name in ATTRIBUTES:
        assert hasattr(neurons, name), name


def test_aliases__are_taken_back_with_the_others():
    from bss2sim.hxtorch.alias import AliasError

    hxsnn.uninstall()
    try:
        assert not [name for name in sys.modules if name.partition(".")[0] in ("calix", "dlens_vx_v3", "hxtorch")]
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("pygrenade_vx")
        sys.modules["calix"] = pytest
        with pytest.raises(AliasError, match="another calix is imported already"):
            hxsnn.install()
    finally:
        sys.modules.pop("calix", None)
        hxsnn.install()
