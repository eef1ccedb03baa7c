"""Transfer laws: monotone, invertible, and as described."""

import naive_hardware as naive
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bss2sim.errors import UnknownKeywordError
from bss2sim.hardware.chip import EmulatedChip
from bss2sim.hardware.clocks import clock_period, is_glitch, refractory_cycles, refractory_durations
from bss2sim.hardware.law import Law
from bss2sim.hardware.registers import REGISTERS
from bss2sim.hardware.transfer import LAWS
from bss2sim.variables import VARIABLES

CONTEXT = {
    "capacitance": st.floats(5, 75),
    "leak_i_bias_code": st.integers(0, 1022),
    "enable_leak_division": st.booleans(),
    "enable_leak_multiplication": st.booleans(),
    "amplitude": st.floats(0, 100),
    "enable_high_resistance": st.booleans(),
    "tau_syn": st.floats(3e-7, 3e-5),
    "synapse_dac": st.floats(0.05, 2),
    "i_bias_gm_code": st.integers(1, 1022),
}
NOMINAL = {name: array.values for name, array in EmulatedChip(variation=0).parameters.data_vars.items()}
ALIKE = {name: value.flat[0] for name, value in NOMINAL.items()}


def parameters_of(seed, neuron):
    """Parameters of one circuit, excitatory input, from the twin."""
    drawn = naive.circuit(seed, neuron, variation=1.5)
    return ALIKE | {name: value[0] if isinstance(value, list) else value for name, value in drawn.items()}


@st.composite
def cases(draw, name):
    """A law with the parameters of some circuit and some context."""
    law = LAWS[name]
    parameters = parameters_of(draw(st.integers(0, 50)), draw(st.integers(0, 511)))
    return law, parameters, {key: draw(CONTEXT[key]) for key in law.context}


every_law = pytest.mark.parametrize("name", LAWS)


def usable(law):
    """Smallest code at which the quantity is finite."""
    return {"tau_mem": 1, "tau_syn": 5}.get(law.quantity, law.lower)


@every_law
@given(data=st.data())
def test_law__inverse_is_exact(name, data):
    law, parameters, context = data.draw(cases(name))
    code = data.draw(st.floats(usable(law), law.upper))
    quantity = law.evaluate(code, parameters, **context)
    assert np.isfinite(quantity)
    np.testing.assert_allclose(law.invert(quantity, parameters, **context), code, rtol=1e-9, atol=1e-8)
    again = law.evaluate(law.invert(quantity, parameters, **context), parameters, **context)
    np.testing.assert_allclose(
        again, quantity, rtol=1e-9, atol=1e-9 * abs(law.evaluate(law.upper, parameters, **context))
    )


@every_law
@given(data=st.data())
def test_law__a_rounded_code_is_within_half_a_code(name, data):
    law, parameters, context = data.draw(cases(name))
    low, high = usable(law) + 0.5, law.upper - 0.5
    quantity = law.evaluate(data.draw(st.floats(low, high)), parameters, **context)
    code = np.rint(law.invert(quantity, parameters, **context))
    steps = law.evaluate(code + np.array([-0.5, 0, 0.5]), parameters, **context)
    # a floating line, or a leak that is off, is beyond every time constant
    lower, upper = np.sort(steps)[[0, -1]]
    assert lower - abs(lower) * 1e-12 <= quantity <= upper + abs(upper) * 1e-12


@every_law
@given(data=st.data())
def test_law__is_monotone_over_all_codes(name, data):
    law, parameters, context = data.draw(cases(name))
    values = law.evaluate(np.arange(law.lower, law.upper + 1), parameters, **context)
    assert not np.isnan(values).any()
    finite = values[np.isfinite(values)]
    assert (np.diff(finite) > 0).all() if law.increasing else (np.diff(finite) < 0).all()
    # where it is not finite it is infinite at the low end, and only there
    assert (values[: values.size - finite.size] == np.inf).all()
    assert np.isinf(values).sum() == (usable(law) if not law.increasing else 0)


@every_law
@given(data=st.data(), quantity=st.floats(allow_nan=False))
def test_law__inverse_of_anything_is_never_nan(name, data, quantity):
    law, parameters, context = data.draw(cases(name))
    extreme = {"tau_syn": [np.inf], "synapse_dac": [0.0], "i_bias_gm_code": [0], "leak_i_bias_code": [0]}
    for key in set(extreme) & set(context):
        context[key] = data.draw(st.sampled_from([context[key], *extreme[key]]))
    for value in (quantity, 0.0, -0.0, 1e-300, 5e-324, 1.7e308, -1.7e308, np.inf, -np.inf):
        assert not np.isnan(law.invert(value, parameters, **context))


@every_law
@given(data=st.data(), further=st.floats(1.001, 3))
def test_law__inverse_leaves_the_range_on_the_right_side(name, data, further):
    law, parameters, context = data.draw(cases(name))
    ends = law.evaluate(np.array([usable(law), law.upper]), parameters, **context)
    span = abs(ends[1] - ends[0])
    assume(np.isfinite(span))
    beyond_upper = ends[1] + (further - 1) * span if law.increasing else ends[1] / further
    beyond_lower = ends[0] - (further - 1) * span if law.increasing else ends[0] * further
    assert law.invert(beyond_upper, parameters, **context) > law.upper
    assert law.invert(beyond_lower, parameters, **context) < usable(law)


@every_law
def test_law__broadcasts_over_chips_and_circuits(name):
    law = LAWS[name]
    parameters = {key: NOMINAL[key] for key in law.parameters}
    own = VARIABLES[name].dims[1:]
    context = {key: 1 if key.startswith("enable") else 7 for key in law.context}
    shape = tuple({"atomic_neuron": 512, "synaptic_input": 2, "capmem_block": 4}[dim] for dim in own)
    code = np.full((3, *shape), 30)
    quantity = law.evaluate(code, parameters, **context)
    assert quantity.shape == code.shape and quantity.dtype == np.float64
    assert law.invert(quantity, parameters, **context).shape == code.shape


@every_law
def test_law__knows_its_register(name):
    law = LAWS[name]
    assert isinstance(law, Law) and law.quantity == name
    register = REGISTERS[law.code]
    assert (law.lower, law.upper) == (register.lower, register.upper)
    assert register.dims == VARIABLES[name].dims[1:]
    assert set(law.parameters) <= set(VARIABLES)
    assert repr(law) == f"<law of {name}: {law.code} 0 to {law.upper}>"


@every_law
@pytest.mark.parametrize("method", ["evaluate", "invert"])
def test_law__refuses_a_context_it_does_not_depend_on(name, method):
    with pytest.raises(UnknownKeywordError, match=f"the law of {name} has no argument 'temperature'"):
        getattr(LAWS[name], method)(1, ALIKE, temperature=300)


def test_law__suggests_the_context():
    with pytest.raises(UnknownKeywordError, match="did you mean 'enable_leak_division'"):
        LAWS["tau_mem"].evaluate(300, ALIKE, capacitance=69, enable_leak_divison=True)


def test_laws__come_after_their_context():
    order = list(LAWS)
    for name, law in LAWS.items():
        assert all(order.index(key) < order.index(name) for key in law.context if key in LAWS)
        assert all(
            order.index(other) < order.index(name)
            for key in law.context
            for other in LAWS
            if LAWS[other].code == key and other != "tau_mem"
        )


# ---------------------------------------------------------------------------------------------------------------------
# anchors of the typical laws


@pytest.mark.parametrize(("name", "code", "potential"), [("reset", 599, 70), ("threshold", 385, 125)])
def test_potential__typical_codes(name, code, potential):
    assert LAWS[name].evaluate(code, ALIKE) == pytest.approx(potential)


def test_leak__typical_code_and_weak_dependence_on_the_bias():
    assert LAWS["leak"].evaluate(613, ALIKE, leak_i_bias_code=300) == pytest.approx(80)
    assert LAWS["leak"].evaluate(613, ALIKE, leak_i_bias_code=1022) == pytest.approx(80)
    circuit = ALIKE | {"leak_bias_slope": 0.002}
    shift = LAWS["leak"].evaluate(613, circuit, leak_i_bias_code=1000)
    assert shift - LAWS["leak"].evaluate(613, circuit, leak_i_bias_code=300) == pytest.approx(1.4)


@pytest.mark.parametrize(
    ("code", "division", "multiplication", "tau_mem"),
    [
        (295, False, False, 10e-6),
        (1017, True, False, 23.5e-6),
        (395, True, False, 60e-6),
        (375, False, True, 1e-6),
        (745, False, True, 0.5e-6),
        (295, True, True, 10e-6),
    ],
)
def test_tau_mem__anchors(code, division, multiplication, tau_mem):
    found = LAWS["tau_mem"].evaluate(
        code, ALIKE, capacitance=69, enable_leak_division=division, enable_leak_multiplication=multiplication
    )
    assert found == pytest.approx(tau_mem, rel=0.03)


def test_tau_mem__is_infinite_without_leak():
    assert LAWS["tau_mem"].evaluate(0, ALIKE, capacitance=69) == np.inf
    assert LAWS["tau_mem"].invert(np.inf, ALIKE, capacitance=69) <= 0


def test_tau_mem__large_steps_begin_slowly():
    law = LAWS["tau_mem"]
    small, large = (law.evaluate(300, ALIKE, capacitance=69, amplitude=amplitude) for amplitude in (0.0, 120.0))
    assert large / small == pytest.approx(1 / np.tanh(1))


@pytest.mark.parametrize(
    ("code", "high_resistance", "tau_syn"),
    [(60, False, 10e-6), (1017, False, 0.59e-6), (1022, True, 5.87e-6), (200, True, 30e-6), (4, False, np.inf), (0, True, np.inf)],
)  # fmt: skip
def test_tau_syn__anchors(code, high_resistance, tau_syn):
    found = LAWS["tau_syn"].evaluate(code, ALIKE, enable_high_resistance=high_resistance)
    assert found == pytest.approx(tau_syn, rel=1e-3)


def test_synaptic_strength__anchors():
    law, context = LAWS["synaptic_strength"], {"capacitance": 69.0, "tau_syn": 10e-6, "synapse_dac": 1.0}
    assert law.evaluate(500, ALIKE, **context) == pytest.approx(0.82)
    assert law.evaluate(500, ALIKE, **(context | {"tau_syn": 5e-6})) == pytest.approx(0.41)
    assert law.evaluate(500, ALIKE, **(context | {"capacitance": 138.0})) == pytest.approx(0.41)
    assert law.evaluate(500, ALIKE, **(context | {"synapse_dac": 0.5})) == pytest.approx(0.41)
    assert law.evaluate(1000, ALIKE, **context) == pytest.approx(0.82 * 1000 / (1 + 1000 / 1500) / 375)
    assert law.evaluate(0, ALIKE, **(context | {"tau_syn": np.inf})) == 0
    assert law.evaluate(500, ALIKE, **(context | {"tau_syn": np.inf, "synapse_dac": 0.0})) == 0
    assert law.evaluate(500, ALIKE, **(context | {"tau_syn": np.inf})) == np.inf


def test_synaptic_strength__out_of_reach_is_infinite():
    law, context = LAWS["synaptic_strength"], {"capacitance": 69.0, "tau_syn": 10e-6}
    limit = 0.82 * 1500 / 375  # as the code goes to infinity
    assert law.invert(limit * 0.999, ALIKE, **context) > law.upper
    assert law.invert(limit * 1.001, ALIKE, **context) == np.inf
    assert law.invert(1.0, ALIKE, **context, synapse_dac=0.0) == np.inf
    assert law.invert(0.0, ALIKE, **context, synapse_dac=0.0) == 0
    for tau_syn in (10e-6, np.inf):
        for synapse_dac in (0.0, 1.0):
            extreme = {"capacitance": 69.0, "tau_syn": tau_syn, "synapse_dac": synapse_dac}
            assert law.invert(np.inf, ALIKE, **extreme) == np.inf
            assert law.invert(-np.inf, ALIKE, **extreme) == -1500, "the limit of ever lower strengths"


def test_reference_mismatch__is_nothing_at_the_optimum():
    law, context = LAWS["reference_mismatch"], {"capacitance": 69.0, "i_bias_gm_code": 500}
    assert law.evaluate(310, ALIKE, **context) == 0
    assert law.evaluate(311, ALIKE, **context) == pytest.approx(14e3)
    assert law.evaluate(0, ALIKE, capacitance=69.0, i_bias_gm_code=0) == 0
    assert law.invert(0.0, ALIKE, capacitance=69.0, i_bias_gm_code=0) == pytest.approx(310)
    assert law.invert(1.0, ALIKE, capacitance=69.0, i_bias_gm_code=0) == np.inf


# ---------------------------------------------------------------------------------------------------------------------
# clocks


@pytest.mark.parametrize(
    ("counter", "reset_holdoff", "scale", "total", "holdoff"),
    [
        (32, 15, 3, 2.048e-6, 0.064e-6), (32, 15, 2, 1.024e-6, 0.032e-6), (47, 15, 2, 1.504e-6, 0.032e-6),
        (40, 15, 4, 5.120e-6, 0.128e-6), (79, 15, 4, 10.112e-6, 0.128e-6), (251, 15, 4, 32.128e-6, 0.128e-6),
        (6, 15, 0, 0.048e-6, 0.008e-6), (20, 8, 5, 5.120e-6, 3.840e-6), (8, 12, 4, 1.024e-6, 0.896e-6),
        (79, 4, 4, 10.112e-6, 2.944e-6), (138, 15, 1, 2.208e-6, 0.016e-6), (8, 8, 5, 2.048e-6, 0.0),
    ],
)  # fmt: skip
def test_refractory_durations__worked_examples(counter, reset_holdoff, scale, total, holdoff):
    found = refractory_durations(counter, reset_holdoff, scale)
    np.testing.assert_allclose(found, (total, holdoff), rtol=1e-12)
    assert bool(is_glitch(counter, reset_holdoff)) == (holdoff == 0)


def test_refractory_cycles__all_codes():
    counter, reset_holdoff = np.meshgrid(np.arange(256), np.arange(16), indexing="ij")
    total, holdoff = refractory_cycles(counter, reset_holdoff)
    glitch = is_glitch(counter, reset_holdoff)
    assert (total == counter).all()
    assert (holdoff[~glitch] == (31 - 2 * reset_holdoff)[~glitch]).all()
    assert (holdoff[glitch] == 0).all()
    assert (holdoff <= total).all()


def test_clock_period__all_scales():
    period = clock_period(np.arange(16))
    assert period[0] == 8e-9 and period[15] == pytest.approx(262.144e-6)
    assert (period[1:] == 2 * period[:-1]).all()
