"""Settings of the test suite."""

import functools

import pytest
from hypothesis import HealthCheck, settings

# Derandomized: the default suite gives the same answer every time. `--hypothesis-profile=thorough` looks further.
settings.register_profile(
    "default", deadline=None, derandomize=True, max_examples=20, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

collect_ignore_glob = ["data/*"]  # a script there imports hxtorch


# Some tests of numbers take any: neurons that cannot rest, times of seconds. What others warn of, a user would be warned of.
ODD_NUMBERS = ("ignore:reset[.a-z]* must be below threshold", "ignore:.*; times are in seconds")
WITH_ODD_NUMBERS = {
    f"test_{name}.py"
    for name in (
        "adjoint", "alignment_refusals", "chip_arguments", "convert_nir", "cuda", "determinism", "errors", "exact_times",
        "golden", "kept", "malformed", "parameter_pair", "population", "recording", "sbi", "timing", "torch_exact",
        "torch_exact_arguments", "torch_exact_modules", "torch_modules",
    )
}  # fmt: skip


def pytest_collection_modifyitems(items):
    """Let these tests use odd numbers; all other warnings are errors."""
    for item in items:
        if item.path.name in WITH_ODD_NUMBERS:
            for what in ODD_NUMBERS:
                item.add_marker(pytest.mark.filterwarnings(what))


def pytest_addoption(parser):
    """Let the tests of the engine run on a GPU."""
    parser.addoption("--device", choices=["cpu", "cuda"], default="cpu", help="where b2.simulate runs the model")
    parser.addoption(
        "--long-sweeps", action="store_true", help="kill a sweep twenty times; run one on processes of a cluster"
    )


def pytest_configure(config):
    """Give runs of the model the device; they go on without the arguments that it does not take."""
    if config.getoption("--device") == "cpu":
        return
    import bss2sim
    from bss2sim.options import check_threads

    simulate = bss2sim.simulate

    @functools.wraps(simulate)
    def on_device(*args, **kwargs):
        if "device" not in kwargs:
            if kwargs.get("chip") is None:
                check_threads(kwargs.pop("threads", None))
            kwargs["device"] = config.getoption("--device")
        return simulate(*args, **kwargs)

    bss2sim.simulate = on_device
