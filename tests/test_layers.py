"""The order of the layers: a module imports only from its own layer and those above it in the list."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bss2sim

PACKAGE = Path(bss2sim.__file__).parent

# From the bottom up. `name.*` stands for a package and everything in it.
LAYERS = [
    ["errors", "accessor_registration", "arrays", "options", "threads", "memory", "kept", "plausibility"],
    ["coordinates", "variables", "kernels.*"],
    ["hardware.coordinates", "hardware.registers"],
    ["hardware.*"],
    ["calibration.*"],
    [
        "neuron",
        "synapse",
        "recording.*",
        "chip_arguments",
        "parameter_pair",
        "parameter_values",
        "population",
        "share_chip",
        "trace_values",
    ],
    [
        "simulate",
        "experiment.*",
        "extent",
        "broadcasting",
        "device",
        "device_arrays",
        "device_chunk",
        "device_dlpack",
        "device_euler",
        "device_exact",
        "device_inputs",
        "device_outputs",
        "device_run",
        "device_spikes",
        "euler_coefficients",
        "euler_run",
        "euler_scratch",
        "eventprop_run",
        "exact_run",
        "inputs",
        "label",
        "lazy.*",
        "outputs",
        "parameters",
        "partition",
        "plan",
        "request",
        "scratch_pool",
        "spike_buffers",
        "state",
        "spike_lists",
        "superspike_coefficients",
        "superspike_run",
        "superspike_scratch",
        "superspike_training",
        "weight_lots",
        "weights",
        "worlds",
    ],
    ["alignment.*"],
    ["runs", "spike_selection", "spike_statistics", "trial_selection", "sweeps.*"],
    ["convert.*", "sbi.*"],
    ["torch.*"],
    ["hxtorch.*"],
    [
        "accessor",
        "datasets",
        "pictures_of_calibrations",
        "pictures_of_runs",
        "plot",
        "plot_axes",
        "plot_distributions",
        "plot_residuals",
        "plot_statistics",
        "selections",
    ],
    ["digits", "digits_report", "versions"],
    ["command_line.*"],
    ["__main__"],
]

# Inside one layer these may not see each other: kernels know nothing of labels.
APART = {("kernels", "variables"), ("variables", "kernels")}

KERNEL_IMPORTS = {
    "numpy",
    "numba",
    "llvmlite",
    "math",
    "operator",
    "gc",
    "contextlib",
    "functools",
    "threading",
    "time",
    "copy",
    "importlib",
    "sys",
    "types",
}
# Only names for annotations come from these; they bring no behaviour.
ANNOTATIONS = {"__future__", "typing", "collections"}
OPTIONAL = {
    "dask",
    "distributed",
    "h5netcdf",
    "h5py",
    "matplotlib",
    "neo",
    "netCDF4",
    "networkx",
    "nir",
    "psutil",
    "quantities",
    "sklearn",
    "torch",
    "zarr",
}


TRAINING = {"torch", "hxtorch"}  # packages of this one that need PyTorch


def modules() -> dict[str, Path]:
    """Name within the package -> file, of all modules but bss2sim/__init__.py."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        if parts:
            found[".".join(parts)] = path
    return found


MODULES = modules()


def layer_of(module: str) -> int | None:
    """Index in LAYERS, None for an unknown module."""
    for index, names in enumerate(LAYERS):
        if module in names or f"{module.split('.')[0]}.*" in names:
            return index
    return None


def type_checking_lines(tree: ast.Module) -> set[int]:
    """Lines under `if TYPE_CHECKING:`, which never run."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for statement in node.body:
                lines.update(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    return lines


def imports(module: str, *, at_import_only: bool = False) -> Iterator[str]:
    """Absolute dotted names a module imports, those inside functions too unless `at_import_only`."""
    path = MODULES[module]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    ignored = type_checking_lines(tree)
    if at_import_only:
        for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]:
            ignored.update(range(function.lineno, (function.end_lineno or function.lineno) + 1))
    package = ["bss2sim", *module.split(".")]
    if path.name != "__init__.py":
        package.pop()
    for node in ast.walk(tree):
        if getattr(node, "lineno", None) in ignored:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            # Each name: it may be a module of the package rather than something in one.
            yield from (f"{source}.{alias.name}" for alias in node.names)


def internal(module: str, **options: bool) -> Iterator[str]:
    """Modules of the package that a module imports, by their name within the package."""
    for name in imports(module, **options):
        top, *rest = name.split(".")
        if top != "bss2sim" or not rest or rest == ["__version__"]:
            continue
        # `from bss2sim import simulate` takes the function, which the lazy package loads from its home.
        target = ".".join(rest)
        while target and target not in MODULES:
            target = target.rpartition(".")[0]
        target = target or bss2sim._HOME.get(rest[0], "")
        assert target, f"bss2sim.{module} imports {name}, which does not exist"
        yield target


def test_every_module_has_a_layer() -> None:
    unknown = [module for module in MODULES if layer_of(module) is None]
    assert not unknown, f"put {unknown} into a layer of tests/test_layers.py"


@pytest.mark.parametrize("module", MODULES)
def test_imports_come_from_layers_above(module: str) -> None:
    own = layer_of(module)
    assert own is not None
    for target in internal(module):
        layer = layer_of(target)
        assert layer is not None and layer <= own, f"bss2sim.{module} must not import bss2sim.{target}"
        assert (module.split(".")[0], target.split(".")[0]) not in APART


@pytest.mark.parametrize("module", [name for name in MODULES if name.split(".")[0] == "kernels"])
def test_kernels_import_only_arrays_and_compilers(module: str) -> None:
    for name in imports(module):
        top = name.split(".")[0]
        allowed = top in KERNEL_IMPORTS | ANNOTATIONS or name.startswith("bss2sim.kernels.")
        assert allowed, f"bss2sim.{module} imports {name}"


@pytest.mark.parametrize("module", [name for name in MODULES if name.split(".")[0] != "kernels"])
def test_numba_stays_in_kernels(module: str) -> None:
    compilers = {name.split(".")[0] for name in imports(module)} & {"numba", "llvmlite"}
    assert not compilers, f"bss2sim.{module} imports {compilers}; compile in bss2sim.kernels"


@pytest.mark.parametrize("module", MODULES)
def test_one_file_imports_cuda(module: str) -> None:
    if module != "kernels.cuda":
        assert not [name for name in imports(module) if name.startswith(("numba.cuda", "numba_cuda"))]


@pytest.mark.parametrize("module", MODULES)
def test_optional_packages_are_imported_inside_functions(module: str) -> None:
    optional = {name.split(".")[0] for name in imports(module, at_import_only=True)} & OPTIONAL
    if module.split(".")[0] in TRAINING:  # what these packages are for; nothing else imports them
        optional -= {"torch", "networkx"}
    assert not optional, f"bss2sim.{module} imports {optional} at its top; the package must work without"


@pytest.mark.parametrize("module", [name for name in MODULES if name.split(".")[0] not in TRAINING])
def test_torch_is_imported_in_its_packages_alone(module: str) -> None:
    assert not TRAINING & {name.split(".")[0] for name in imports(module)}
    assert not TRAINING & {name.split(".")[0] for name in internal(module)}


def test_there_is_no_cycle() -> None:
    """Modules of one layer may import each other, but not in a circle."""
    # A package's __init__ and its files see each other by design; only circles between files count.
    files = [module for module, path in MODULES.items() if path.name != "__init__.py"]
    edges = {module: set(internal(module, at_import_only=True)) - {module} for module in files}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"imports in a circle: {' -> '.join([*trail, module])}"
        if module not in done:
            for target in edges.get(module, ()):
                visit(target, (*trail, module))
            done.add(module)

    for module in edges:
        visit(module, ())
