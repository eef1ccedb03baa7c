"""Settings of the test suite."""

import functools

from hypothesis import HealthCheck, settings

# Derandomized: the default suite gives the same answer every time. `--hypothesis-profile=thorough` looks further.
settings.register_profile(
    "default", deadline=None, derandomize=True, max_examples=20, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

collect_ignore_glob = ["data/*"]  # a script there imports hxtorch


def pytest_addoption(parser):
    """Let the tests of the engine run on a GPU."""
    parser.addoption("--device", choices=["cpu", "cuda"], default="cpu", help="where b2.simulate runs the model")


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
