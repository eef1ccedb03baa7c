"""Settings of the test suite."""

from hypothesis import HealthCheck, settings

# Derandomized: the default suite gives the same answer every time. `--hypothesis-profile=thorough` looks further.
settings.register_profile(
    "default", deadline=None, derandomize=True, max_examples=20, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

collect_ignore_glob = ["data/*"]  # a script there imports hxtorch
