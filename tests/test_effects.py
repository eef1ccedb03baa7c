"""Effects of the chip by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bss2sim.errors import ParameterError
from bss2sim.experiment.effects import EFFECTS, SWITCHES, effect_factors


def test_effects__one_number_is_for_all():
    assert effect_factors(1) == dict.fromkeys(EFFECTS, 1.0)
    assert effect_factors(0) == dict.fromkeys(EFFECTS, 0.0)
    assert effect_factors({}) == effect_factors(1.0)


@given(st.dictionaries(st.sampled_from(EFFECTS), st.floats(0, 100)))
def test_effects__a_mapping_sets_single_ones(given):
    factors = effect_factors(given)
    assert tuple(factors) == EFFECTS
    for name, factor in factors.items():
        wanted = given.get(name, 1.0)
        assert factor == (float(wanted != 0) if name in SWITCHES else wanted)


def test_effects__switches_are_on_or_off():
    factors = effect_factors(np.float32(0.5))
    assert {factors[name] for name in SWITCHES} == {1.0}
    assert {factors[name] for name in set(EFFECTS) - set(SWITCHES)} == {0.5}
    assert set(SWITCHES) < set(EFFECTS)


@pytest.mark.parametrize("value", [-1, 101, np.nan, np.inf, True, None, "1", [1], 1j])
def test_effects__refuses_what_is_no_factor(value):
    with pytest.raises(ParameterError, match="effects must be a number of 0 to 100: 0 is off, 1 as configured; got "):
        effect_factors(value)
    with pytest.raises(ParameterError, match="effects of drift must be a number of 0 to 100"):
        effect_factors({"drift": value})


def test_effects__unknown_name_is_suggested():
    with pytest.raises(ParameterError, match="effects has no effect 'drft'; did you mean 'drift'"):
        effect_factors({"drft": 0})
    with pytest.raises(ParameterError, match="effects has no effect 3; known: synapse_gain"):
        effect_factors({3: 0})
