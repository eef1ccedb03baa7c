"""The names of hxtorch, the command that runs scripts with them, and the small parts beside the modules."""

import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import bss2sim as b2
import bss2sim.hxtorch as hxsnn
from bss2sim.errors import ParameterError
from bss2sim.hxtorch import halco, logger
from bss2sim.hxtorch.__main__ import main
from bss2sim.hxtorch.alias import AliasError

SCRIPT = Path(__file__).parent / "data" / "hxtorch_script.py"


@pytest.fixture
def installed():
    hxsnn.install()
    yield
    hxsnn.uninstall()


DEEP = """
hxtorch hxtorch.logger hxtorch.snn hxtorch.spiking hxtorch.snn.modules hxtorch.spiking.modules.neuron
hxtorch.spiking.modules.iaf_neuron hxtorch.spiking.modules.synapse hxtorch.spiking.modules.types
hxtorch.spiking.modules.hx_module hxtorch.spiking.modules.hx_module_wrapper hxtorch.spiking.handle
hxtorch.spiking.parameter hxtorch.spiking.experiment hxtorch.spiking.execution_instance hxtorch.spiking.run
hxtorch.spiking.functional hxtorch.spiking.functional.iaf hxtorch.spiking.functional.threshold
hxtorch.snn.transforms.encode hxtorch.snn.transforms.decode hxtorch.snn.transforms.weight_transforms
hxtorch.spiking.datasets.yinyang hxtorch.spiking.morphology hxtorch.spiking.backend.module_manager
dlens_vx_v3.halco
""".split()


@pytest.mark.parametrize("name", DEEP)
def test_install__deep_paths_lead_to_the_same_modules(name, installed):
    import importlib

    module = importlib.import_module(name)
    if name.startswith(("hxtorch.spiking.", "hxtorch.snn.")):
        own = "bss2sim.hxtorch." + name.split(".", 2)[2]
        assert module is importlib.import_module(own)


def test_install__functions_are_not_hidden_by_their_modules(installed):
    import hxtorch
    import hxtorch.snn as snn
    import hxtorch.spiking.functional.threshold
    import hxtorch.spiking.run
    from hxtorch.spiking.modules import IAFNeuron

    assert snn is hxtorch.spiking is hxsnn and IAFNeuron is hxsnn.IAFNeuron
    assert callable(snn.run) and callable(hxtorch.spiking.functional.threshold)
    assert hxtorch.init_hardware() is hxtorch.release_hardware() is None
    assert hxtorch.get_unique_identifier() == "bss2sim:0" and hxtorch.logger is logger


def test_install__twice_and_taken_back():
    hxsnn.install()
    first = sys.modules["hxtorch"]
    hxsnn.install()
    assert sys.modules["hxtorch"] is first
    hxsnn.uninstall()
    hxsnn.uninstall()
    assert not [name for name in sys.modules if name.split(".")[0] in ("hxtorch", "dlens_vx_v3")]
    with pytest.raises(ImportError):
        import hxtorch  # noqa: F401  # that it is gone is what is tested


def test_install__never_replaces_another_hxtorch(monkeypatch):
    monkeypatch.setitem(sys.modules, "hxtorch", pytest)
    with pytest.raises(
        AliasError, match=r"another hxtorch is imported already, from .*; call bss2sim\.hxtorch\.install\(\) before"
    ):
        hxsnn.install()
    hxsnn.uninstall()
    assert sys.modules["hxtorch"] is pytest


def test_command__runs_an_unmodified_script(capsys):
    """Within this process, whose kernels are compiled already."""
    try:
        assert main([str(SCRIPT), "--epochs", "2", "--samples", "300", "--hidden", "12"]) == 0
    finally:
        hxsnn.uninstall()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"leaky={leaky} epoch {k}" for leaky in (True, False) for k in range(2)
    ]
    loss = [float(line.split("loss ")[1].split(",")[0]) for line in lines]
    assert loss[1] < loss[0] and loss[3] < loss[2], "it learns"


def test_command__in_a_process_of_its_own():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "bss2sim.hxtorch", str(SCRIPT), "--epochs", "0"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_command__runs_a_script_as_python_does(tmp_path, capsys, monkeypatch):
    (tmp_path / "beside.py").write_text("VALUE = 7\n")
    script = tmp_path / "script.py"
    script.write_text("import sys, beside, hxtorch.snn\nprint(__name__, sys.argv[1:], beside.VALUE)\n")
    before = sys.argv, sys.path[:]
    try:
        assert main([str(script), "--epochs", "3"]) == 0
        assert capsys.readouterr().out == "__main__ ['--epochs', '3'] 7\n"
        monkeypatch.chdir(tmp_path)
        assert main(["-m", "script", "x"]) == 0
        assert capsys.readouterr().out == "__main__ ['x'] 7\n"
    finally:
        hxsnn.uninstall()
        sys.modules.pop("beside", None)
    assert (sys.argv, sys.path) == before


def test_command__says_how_it_is_used(capsys):
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: python -m bss2sim.hxtorch script.py")
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("usage")
    assert main(["nothing.py"]) == 2
    assert capsys.readouterr().err.startswith("there is no file 'nothing.py'\nusage")
    assert main(["-m"]) == 2
    assert capsys.readouterr().err.startswith("the name of a module after -m")


MISSING = 'bss2sim.hxtorch needs {}: python -m pip install "bss2sim[torch]", in a checkout ".[torch]"'


def test_import__says_what_is_missing():
    code = (
        "import sys; sys.modules['networkx'] = None\ntry:\n import bss2sim.hxtorch\nexcept ImportError as e: print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == MISSING.format("networkx")
    code = "import sys; sys.modules['torch'] = None\ntry:\n import bss2sim.torch\nexcept ImportError as e: print(e)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == MISSING.format("PyTorch").replace("hxtorch", "torch")


@pytest.mark.parametrize("command", [["-m", "bss2sim.hxtorch", "script.py"], ["-mbss2sim.hxtorch"]])
def test_command__without_pytorch_says_so_in_one_line(tmp_path, command):
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('hidden', name='torch')\n")
    path = os.pathsep.join([str(tmp_path), str(Path(b2.__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": path}
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", MISSING.format("torch") + "\n")


def test_halco__coordinates_are_those_of_the_package():
    row, column = halco.NeuronRowOnDLS(1), halco.NeuronColumnOnDLS(37)
    places = [
        halco.AtomicNeuronOnDLS(293), halco.AtomicNeuronOnDLS(row, column), halco.AtomicNeuronOnDLS(column, row),
        halco.AtomicNeuronOnDLS(halco.EnumRanged_512_(293)), halco.AtomicNeuronOnDLS(column=37, row=1),
        halco.AtomicNeuronOnDLS(halco.AtomicNeuronOnDLS(293)),
    ]  # fmt: skip
    assert all(place == b2.AtomicNeuronOnDLS(293) and hash(place) == hash(places[0]) for place in places)
    assert (places[0].toNeuronRowOnDLS(), places[0].toNeuronColumnOnDLS()) == (row, column)
    assert int(places[0].toEnum()) == 293 and repr(row) == "NeuronRowOnDLS(1)" and row.toEnum() == 1
    assert halco.AtomicNeuronOnDLS.size == halco.NeuronConfigOnDLS.size == 512
    assert halco.SynapticInputOnNeuron.size == halco.CommonNeuronBackendConfigOnDLS.size == 2
    assert halco.EnumRanged_256_.size == 256 and halco.NeuronRowOnDLS.top == 0 and halco.NeuronRowOnDLS.bottom == 1
    assert len(list(halco.iter_all(halco.AtomicNeuronOnDLS))) == 512


def test_halco__neurons_are_those_of_the_package():
    shape = hxsnn.morphology.SingleCompartmentNeuron(3)
    assert shape == b2.SingleCompartmentNeuron(3) and pickle.loads(pickle.dumps(shape)) == shape
    assert isinstance(pickle.loads(pickle.dumps(shape)), hxsnn.morphology.SingleCompartmentNeuron)
    neuron = halco.LogicalNeuronOnDLS(shape.compartments, halco.AtomicNeuronOnDLS(10))
    assert neuron == shape.place(10) == b2.LogicalNeuronOnDLS([10, 266, 11])
    assert neuron.get_placed_compartments() == {halco.CompartmentOnLogicalNeuron(): neuron.get_atomic_neurons()}
    assert shape.logical_neuron == shape.place(0)
    wide = hxsnn.morphology.SingleCompartmentNeuron(2, True)
    assert wide.expand_horizontally and wide.place(3) == b2.LogicalNeuronOnDLS([3, 4])


def test_halco__refuses():
    with pytest.raises(ParameterError, match="NeuronRowOnDLS must be a whole number from 0 to 1; got 2"):
        halco.NeuronRowOnDLS(2)
    with pytest.raises(ParameterError, match=r"takes a NeuronRowOnDLS and a NeuronColumnOnDLS; got \(1, 2\)"):
        halco.AtomicNeuronOnDLS(1, 2)
    with pytest.raises(ParameterError, match="takes one number, or a row and a column"):
        halco.AtomicNeuronOnDLS(1, 2, 3)
    with pytest.raises(ParameterError, match="a neuron has one compartment here; got 0"):
        halco.LogicalNeuronCompartments({})
    with pytest.raises(ParameterError, match="row must be a whole number from 0 to 1"):
        halco.LogicalNeuronOnDLS({0: [0, 256]}, halco.AtomicNeuronOnDLS(300))


def test_logger__writes_what_matters(caplog):
    log = logger.get("bss2sim.test")
    logger.set_loglevel(log, logger.LogLevel.DEBUG)
    log.TRACE("too small")
    for name in ("DEBUG", "INFO", "WARN", "ERROR", "FATAL"):
        getattr(log, name)(name, {"value": 3})
    assert [record.getMessage() for record in caplog.records] == [
        f"{name} {{'value': 3}}" for name in ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")
    ]
    assert [record.levelno for record in caplog.records] == [10, 20, 30, 40, 50]
    assert caplog.records[0].funcName == "test_logger__writes_what_matters"
    logger.set_loglevel(log, logger.LogLevel.OFF)
    log.FATAL("too small")
    assert len(caplog.records) == 5


def test_logger__level_of_all(monkeypatch):
    root = logging.getLogger()
    before = root.level
    try:
        logger.default_config(level=logger.LogLevel.ERROR)
        assert root.level == logging.ERROR
    finally:
        root.setLevel(before)
    with pytest.raises(ParameterError, match=r"level must be one of LogLevel\.ALL, .*; got 3"):
        logger.default_config(level=3)
    with pytest.raises(ParameterError, match=r"logger must be one of bss2sim\.hxtorch\.logger\.get; got 'x'"):
        logger.set_loglevel("x", logger.LogLevel.INFO)
