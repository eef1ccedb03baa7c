"""How long a run is."""

import warnings

import pytest

from bss2sim.errors import InputError, ParameterError
from bss2sim.extent import extent
from bss2sim.inputs import Drive

US = 1e-6


def dense(n_time):
    return Drive("dense", {}, {}, n_time=n_time)


def sparse(**attrs):
    return Drive("sparse", {}, {}, attrs=attrs)


@pytest.mark.parametrize(
    ("drive", "duration", "begin", "step", "expected"),
    [
        (dense(7), None, 0.0, 0, (7, 7 * US)),
        (dense(7), None, 3 * US, 3, (7, 10 * US)),
        (sparse(), 5 * US, 0.0, 0, (5, 5 * US)),
        (sparse(), 4.5 * US, 0.0, 0, (5, 4.5 * US)),
        (sparse(), (5 + 1e-9) * US, 0.0, 0, (5, 5 * US)),  # a quotient of times is whole to 1e-6
        (sparse(duration=6 * US), None, 0.0, 0, (6, 6 * US)),
        (sparse(duration=6 * US, start_time=2 * US), None, 3 * US, 3, (5, 8 * US)),
        (sparse(), 2 * US, 2.5 * US, -1, (2, 4.5 * US)),
    ],
)
def test_extent__is_rows_and_the_end(drive, duration, begin, step, expected):
    n_time, finish = extent(drive, duration, US, begin, step, "exact")
    assert n_time == expected[0] and finish == pytest.approx(expected[1], abs=1e-18)


@pytest.mark.parametrize(
    ("drive", "duration", "options", "error", "message"),
    [
        (dense(7), US, {}, ParameterError, r"duration is only for sparse spikes; these inputs have 7 rows of dt = 1e-06 s"),
        (dense(7), None, {"step": -1}, InputError, r"this state lies between grid steps; only a run with sparse inputs"),
        (sparse(), None, {}, ParameterError, r"sparse spikes without an attribute `duration` need duration=, the length"),
        (
            sparse(duration=2 * US), None, {"begin": 2 * US}, ParameterError,
            r"the spikes reach to 2e-06 s, the state is already at 2e-06 s; give duration= \[s\]",
        ),
        (sparse(), -US, {}, ParameterError, r"duration must be finite and above 0 s; got -1e-06 s"),
        (sparse(duration="long"), None, {}, ParameterError, r"the attribute `duration` of the spikes must be a number of sec"),
        (sparse(), 1e10, {}, ParameterError, r"duration is 1e\+16 steps of dt = 1e-06 s, more than 1e\+15; give a larger dt="),
        (
            sparse(), 2.5e-6, {"integrator": "euler"}, ParameterError,
            r"integrator 'euler' needs a duration of whole steps of dt = 1e-06 s; got 2\.5e-06 s",
        ),
    ],
)  # fmt: skip
def test_extent__refuses(drive, duration, options, error, message):
    with pytest.raises(error, match=message):
        extent(drive, duration, US, **{"begin": 0.0, "step": 0, "integrator": "exact", **options})


def test_extent__of_seconds_is_warned_of():
    with pytest.warns(UserWarning, match=r"^duration is 50 s, .* times are in seconds: for 50 us give duration=50e-6$"):
        assert extent(sparse(), 50.0, US, 0.0, 0, "exact")[1] == 50.0
    with pytest.raises(ParameterError, match="duration must be a number of seconds above 0; got the text '1e-5'"):
        extent(sparse(), "1e-5", US, 0.0, 0, "exact")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extent(sparse(duration=50.0), None, US, 0.0, 0, "exact")  # what the spikes say
