"""Every documented error: its class, and a message that names the thing, the place and the value."""

import numpy as np
import pytest
import strategies
import xarray as xr

import bss2sim as b2

NAN, INF = np.nan, np.inf
TIMES = ["tau_mem", "tau_syn", "refractory_time", "holdoff_time"]
POTENTIALS = ["threshold", "reset"]
ALL_KINDS = [b2.IAFNeuron, b2.LIFNeuron, b2.LINeuron]
SYNAPSE = b2.Synapse(np.ones((3, 2)))


def sparse(n_neuron=3):
    """Make valid sparse spikes of two trials."""
    time = np.array([1, 2, 3, 4, 1, 5]) * 1e-6
    return b2.sparse_spikes(time, [0, 1, 2, 0, 1, 2], [0, 0, 0, 0, 1, 1], n_batch=2, n_neuron=n_neuron, duration=1e-5)


def test_errors__are_also_the_usual_classes():
    """Who catches ValueError, TypeError, OSError or ImportError catches them."""
    for kind, usual in [
        (b2.ParameterError, ValueError), (b2.InputError, ValueError), (b2.UnknownKeywordError, TypeError),
        (b2.FileError, OSError), (b2.MissingDependencyError, ImportError),
    ]:  # fmt: skip
        assert issubclass(kind, usual)
        assert issubclass(kind, b2.Bss2SimError)


# ---------------------------------------------------------------------------------------------------------------------
# parameters


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("name", TIMES + POTENTIALS)
def test_neuron__refuses_values_that_are_not_finite(name, value):
    with pytest.raises(b2.ParameterError, match=name):
        b2.IAFNeuron(3, **{name: value})
    with pytest.raises(b2.ParameterError, match=rf"{name}.*neuron 1"):
        b2.IAFNeuron(3, **{name: np.array([1e-6, value, 1e-6])})
    with pytest.raises(b2.ParameterError, match=rf"{name}.*sweep 1"):
        b2.IAFNeuron(3, **{name: xr.DataArray([1e-6, value], dims="sweep")})


@pytest.mark.parametrize("value", [0.0, -0.0, -1e-6])
@pytest.mark.parametrize("name", ["tau_mem", "tau_syn"])
@pytest.mark.parametrize("kind", ALL_KINDS)
def test_neuron__refuses_time_constants_that_are_not_positive(kind, name, value):
    with pytest.raises(b2.ParameterError, match=rf"{name}.* s"):
        kind(3, **{name: value})
    if name == "tau_syn":
        for pair in ((value, 1e-6), (1e-6, value), (1e-6, np.array([1e-6, 1e-6, value]))):
            with pytest.raises(b2.ParameterError, match=name):
                kind(3, **{name: pair})


@pytest.mark.parametrize("name", ["refractory_time", "holdoff_time"])
def test_neuron__refuses_negative_times(name):
    with pytest.raises(b2.ParameterError, match=rf"{name}.* s"):
        b2.IAFNeuron(3, **{name: -1e-9})


def test_neuron__refuses_holdoff_longer_than_refractory():
    with pytest.raises(b2.ParameterError, match=r"holdoff_time.*refractory_time"):
        b2.IAFNeuron(3, refractory_time=1e-6, holdoff_time=1.1e-6)
    with pytest.raises(b2.ParameterError, match=r"neuron 2"):
        b2.IAFNeuron(3, refractory_time=np.array([2e-6, 2e-6, 1e-6]), holdoff_time=1.5e-6)
    crossed = dict(
        refractory_time=xr.DataArray([1e-6, 3e-6], dims="a"), holdoff_time=xr.DataArray([0.5e-6, 2e-6], dims="b")
    )
    with pytest.raises(b2.ParameterError, match="holdoff_time"):
        b2.LIFNeuron(3, **crossed)
    assert b2.IAFNeuron(3, refractory_time=1e-6, holdoff_time=1e-6).holdoff_time == 1e-6


@pytest.mark.parametrize("size", [0, -1, 2.5, "3", None, True, NAN, [3]])
@pytest.mark.parametrize("kind", ALL_KINDS)
def test_neuron__refuses_sizes_that_count_nothing(kind, size):
    with pytest.raises(b2.ParameterError, match="size"):
        kind(size)


@pytest.mark.parametrize(
    "value",
    [np.zeros(2), np.zeros((1, 3)), xr.DataArray(np.ones(4), dims="neuron"), xr.DataArray([1.0], dims="time"), "fast", None,
     [1.0, "a", 2.0], 1j],
)  # fmt: skip
def test_neuron__refuses_wrong_shapes_and_types(value):
    with pytest.raises(b2.ParameterError, match="threshold"):
        b2.IAFNeuron(3, threshold=value)


@pytest.mark.parametrize("pair", [(1e-6,), (1e-6, 1e-6, 1e-6), ()])
def test_neuron__refuses_other_than_two_time_constants(pair):
    with pytest.raises(b2.ParameterError, match="tau_syn"):
        b2.IAFNeuron(3, tau_syn=pair)


def test_neuron__refuses_dims_that_disagree():
    with pytest.raises(b2.ParameterError, match=r"(?s)sweep(?=.*2)(?=.*3)"):
        b2.IAFNeuron(
            3, threshold=xr.DataArray([1.0, 2.0], dims="sweep"), reset=xr.DataArray([1.0, 2.0, 0.0], dims="sweep")
        )


@pytest.mark.parametrize("value", [1, 0, 1.0, "yes", [True, False], np.ones(3)])
def test_neuron__refuses_masks_that_are_not_true_or_false(value):
    with pytest.raises(b2.ParameterError, match="spike_mask"):
        b2.IAFNeuron(3, spike_mask=value)


def test_neuron__is_immutable():
    values = np.array([100.0, 110.0, 120.0])
    neurons = b2.IAFNeuron(3, threshold=values)
    values[:] = 0.0
    np.testing.assert_array_equal(neurons.threshold, [100, 110, 120])
    with pytest.raises(AttributeError):
        neurons.threshold = 3.0
    with pytest.raises(AttributeError):
        neurons.other = 3.0
    with pytest.raises(ValueError, match="read-only"):
        neurons.threshold.values[0] = 3.0
    changed = neurons.replace(threshold=90.0)
    assert changed.threshold == 90.0
    np.testing.assert_array_equal(neurons.threshold, [100, 110, 120])
    with pytest.raises(b2.ParameterError, match="tau_mem"):
        neurons.replace(tau_mem=-1.0)


@pytest.mark.parametrize(
    ("call", "near"),
    [
        (lambda: b2.IAFNeuron(3, treshold=1.0), "threshold"),
        (lambda: b2.LIFNeuron(3, leek=1.0), "leak"),
        (lambda: b2.LINeuron(3, tau_men=1.0), "tau_mem"),
        (lambda: b2.IAFNeuron(3).replace(tau_sym=1.0), "tau_syn"),
        (lambda: b2.Synapse(weights=np.ones((2, 2))), "weight"),
        (lambda: b2.Recording(membran=True), "membrane"),
        (lambda: b2.simulate(b2.IAFNeuron(2), np.zeros((3, 2)), integrater="euler"), "integrator"),
        (lambda: b2.sparse_spikes([1e-6], [0], n_neurons=3), "n_neuron"),
        (lambda: b2.set_options(thread=1), "threads"),
    ],
)
def test_keyword__unknown_ones_get_the_nearest_name(call, near):
    with pytest.raises(b2.UnknownKeywordError, match=near):
        call()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (b2.IAFNeuron, "leak"),
        (b2.LINeuron, "threshold"),
        (b2.LINeuron, "enable_spike_recording"),
        (b2.LINeuron, "spike_mask"),
    ],
)
def test_keyword__arguments_of_another_kind_are_unknown(kind, name):
    """An argument exists only where it acts."""
    with pytest.raises(b2.UnknownKeywordError, match=name):
        kind(3, **{name: 500})
    assert not hasattr(kind(3), name)


@pytest.mark.parametrize("reset", [125.0, 126.0])
@pytest.mark.parametrize("kind", [b2.IAFNeuron, b2.LIFNeuron])
def test_simulate__refuses_endless_firing(kind, reset):
    """refractory_time 0 and reset >= threshold: infinitely many spikes at once. Only the exact integrator minds."""
    neurons = kind(2, refractory_time=0.0, reset=np.array([80.0, reset]))
    with pytest.raises(b2.ParameterError, match=r"refractory_time.*(neuron 1|reset)"):
        b2.simulate(neurons, np.zeros((3, 2)))
    b2.simulate(neurons, np.zeros((3, 2)), integrator="euler")


# ---------------------------------------------------------------------------------------------------------------------
# weights and recordings


@pytest.mark.parametrize("value", [NAN, INF])
def test_synapse__refuses_weights_that_are_not_finite(value):
    weight = np.ones((3, 2))
    weight[2, 1] = value
    forms = [weight, xr.DataArray(weight, dims=("input", "neuron")), weight.astype(np.float32)]
    scipy_sparse = pytest.importorskip("scipy.sparse")
    forms.append(scipy_sparse.csr_array(weight))
    for form in forms:
        with pytest.raises(b2.ParameterError, match="weight"):
            b2.Synapse(form)


@pytest.mark.parametrize(
    "weight",
    [np.ones(3), np.ones((1, 2, 3)), np.ones((0, 2)), xr.DataArray(np.ones((2, 2)), dims=("input", "cell")),
     xr.DataArray(np.ones((2, 2)), dims=("time", "neuron")), "abc", None, 1.0, np.array([["a", "b"]])],
)  # fmt: skip
def test_synapse__refuses_wrong_shapes(weight):
    with pytest.raises(b2.ParameterError, match="weight"):
        b2.Synapse(weight)


def test_simulate__refuses_more_neurons_than_weights():
    with pytest.raises(b2.ParameterError, match=r"(?s)weight.*2.*3"):
        b2.simulate(b2.IAFNeuron(3), np.zeros((5, 3)), synapse=SYNAPSE)
    with pytest.raises(b2.ParameterError, match=r"(?s)weight.*2.*1"):
        b2.simulate(b2.IAFNeuron(1), np.zeros((5, 3)), synapse=SYNAPSE)


@pytest.mark.parametrize(
    "settings",
    [dict(spikes="all"), dict(spikes=1), dict(spikes=True), dict(membrane="yes"), dict(membrane=1), dict(current=None),
     dict(neuron=[-1]), dict(neuron=[0.5]), dict(neuron="0"), dict(neuron=[0, 0]),
     dict(membrane=True, sample_time=[2e-6, 1e-6]), dict(membrane=True, sample_time=[1e-6, 1e-6]),
     dict(membrane=True, sample_time=[-1e-6]), dict(membrane=True, sample_time=[NAN]), dict(membrane=True, sample_time=[INF]),
     dict(membrane=True, sample_time="now"), dict(membrane=True, sample_time=[[1e-6]])],
)  # fmt: skip
def test_recording__refuses_what_cannot_be_recorded(settings):
    with pytest.raises(b2.ParameterError, match="|".join(settings)):
        b2.Recording(**settings)


def test_simulate__refuses_to_record_neurons_that_do_not_exist():
    with pytest.raises(b2.ParameterError, match=r"neuron.*5"):
        b2.simulate(b2.IAFNeuron(3), np.zeros((4, 3)), record=b2.Recording("count", neuron=[0, 5]))


@pytest.mark.parametrize("spikes", ["sparse", "dense", "count", "first"])
def test_simulate__refuses_spikes_of_neurons_without_threshold(spikes):
    with pytest.raises(b2.ParameterError, match=r"LINeuron|spikes"):
        b2.simulate(b2.LINeuron(3), np.zeros((4, 3)), record=b2.Recording(spikes))


# ---------------------------------------------------------------------------------------------------------------------
# simulate


@pytest.mark.parametrize(
    "settings",
    [dict(dt=0.0), dict(dt=-1e-6), dict(dt=NAN), dict(dt=INF), dict(dt="1us"), dict(dt=None), dict(dt=True), dict(dt=[1e-6]),
     dict(integrator="rk4"), dict(integrator=None), dict(dtype="float16"), dict(dtype=int), dict(dtype="fast"),
     dict(dtype="float32"), dict(duration=1e-5), dict(threads=0), dict(threads=-1), dict(threads=1.5), dict(threads="two"),
     dict(record="sparse"), dict(record={}), dict(synapse=np.ones((2, 2))), dict(return_state="no")],
)  # fmt: skip
def test_simulate__refuses_settings_out_of_range(settings):
    """dtype float32 and duration are refused where they do not apply: exact integrator, dense inputs."""
    with pytest.raises(b2.ParameterError, match=next(iter(settings))):
        b2.simulate(b2.IAFNeuron(2), np.zeros((4, 2)), **settings)


@pytest.mark.parametrize("neurons", [3, "IAF", None, b2.Synapse(np.ones((2, 2))), b2.IAFNeuron])
def test_simulate__refuses_other_things_than_neurons(neurons):
    with pytest.raises(b2.ParameterError, match="neurons"):
        b2.simulate(neurons, np.zeros((4, 2)))


@pytest.mark.parametrize(
    "inputs",
    [np.zeros(4), np.zeros((4, 3)), np.zeros((4, 1, 3)), np.zeros((1, 1, 4, 2)), np.zeros((0, 2)), np.array([["a", "b"]]), None,
     "spikes", [[1.0, 2.0], [3.0]], np.zeros((4, 2), complex), np.zeros((4, 2), "datetime64[s]"),
     xr.DataArray(np.zeros((4, 2)), dims=("time", "cell")), xr.DataArray(np.zeros((4, 2)), dims=("step", "neuron")),
     xr.DataArray(np.zeros((4, 2)), dims=("time", "input")), xr.DataArray(np.zeros((4, 3, 2)), dims=("time", "spike", "neuron")),
     xr.Dataset()],
)  # fmt: skip
@pytest.mark.parametrize("integrator", ["exact", "euler"])
def test_simulate__refuses_inputs_of_wrong_shape_or_type(inputs, integrator):
    with pytest.raises(b2.InputError):
        b2.simulate(b2.IAFNeuron(2), inputs, integrator=integrator)


def test_simulate__refuses_a_tuple_that_may_be_spikes():
    with pytest.raises(b2.InputError, match=r"inputs is a tuple, .* sparse_spikes\(time, neuron, duration=...\)"):
        b2.simulate(b2.IAFNeuron(2), ([1e-6, 2e-6], [0, 0]), synapse=b2.Synapse(np.ones((1, 2))))


def test_simulate__message_for_spikes_without_synapse_names_it():
    with pytest.raises(b2.InputError, match=r"inputs have 1 entries .* need synapse=Synapse\(weight\)"):
        b2.simulate(b2.IAFNeuron(3), np.zeros((4, 1)))
    with pytest.raises(b2.InputError, match=r"(?i)synapse"):
        b2.simulate(b2.IAFNeuron(3), sparse())
    with pytest.raises(b2.InputError, match=r"(?i)synapse"):
        b2.simulate(b2.IAFNeuron(3), xr.DataArray(np.zeros((4, 3)), dims=("time", "input")))


@pytest.mark.parametrize("tau_syn", [10e-6, (10e-6, 5e-6)])
@pytest.mark.parametrize("neuron", [0, 37])
def test_simulate__names_the_neuron_whose_current_grows_too_large(neuron, tau_syn):
    weight = np.zeros((2, 40), np.float32)
    weight[:, neuron] = -3e38
    weight[:, 38] = 3e38  # named only if no neuron before it is too large
    spikes = np.zeros((5, 3, 2), bool)
    spikes[1, 1] = True
    spikes[0, 2] = True
    neurons = b2.IAFNeuron(40, tau_syn=tau_syn)
    with pytest.raises(b2.InputError, match=f"batch 1, neuron {neuron} is no longer finite in float32: .* too large"):
        b2.simulate(neurons, spikes, synapse=b2.Synapse(weight), integrator="euler")


@pytest.mark.parametrize("value", [NAN, INF])
@pytest.mark.parametrize("integrator", ["exact", "euler"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_simulate__refuses_graded_spikes_that_are_not_finite(value, integrator, dtype):
    """Also where the weight is zero."""
    spikes = np.zeros((6, 2, 3), dtype)
    spikes[5, 1, 2] = value
    with pytest.raises(b2.InputError, match=r"(?i)finite|nan|inf"):
        b2.simulate(b2.IAFNeuron(2), spikes, synapse=b2.Synapse(np.zeros((3, 2))), integrator=integrator)


def test_simulate__message_says_where_the_bad_number_is():
    jump = np.zeros((6, 2, 3))
    jump[4, 1, 2] = NAN
    with pytest.raises(b2.InputError, match=r"(?s)time.*4.*|4.*1.*2|row 4"):
        b2.simulate(b2.IAFNeuron(3), jump)


def test_simulate__refuses_a_time_coordinate_that_is_not_its_grid():
    jump = xr.DataArray(np.zeros((4, 2)), dims=("time", "neuron"), coords={"time": np.arange(4) * 2e-6})
    with pytest.raises(b2.InputError, match=r"time.*dt"):
        b2.simulate(b2.IAFNeuron(2), jump, dt=1e-6)
    b2.simulate(b2.IAFNeuron(2), jump, dt=2e-6)


# ---------------------------------------------------------------------------------------------------------------------
# sparse spikes


@pytest.mark.parametrize("how", sorted(strategies.SPARSE_SPOILERS))
@pytest.mark.parametrize("integrator", ["exact", "euler"])
def test_simulate__refuses_spoiled_sparse_spikes(how, integrator):
    b2.simulate(b2.IAFNeuron(2), sparse(), synapse=SYNAPSE, integrator=integrator)
    with pytest.raises(b2.InputError):
        b2.simulate(b2.IAFNeuron(2), strategies.SPARSE_SPOILERS[how](sparse()), synapse=SYNAPSE, integrator=integrator)


@pytest.mark.parametrize(
    "arguments",
    [
        dict(time=[-1e-6], neuron=[0]), dict(time=[NAN], neuron=[0]), dict(time=[INF], neuron=[0]), dict(time=[1e-6], neuron=[-1]),
        dict(time=[1e-6], neuron=[3], n_neuron=3), dict(time=[1e-6, 2e-6], neuron=[0]), dict(time=[1e-6], neuron=[0.5]),
        dict(time=["a"], neuron=[0]), dict(time=[1e-6], neuron=[0], batch=[-1]), dict(time=[1e-6], neuron=[0],
        batch=[2], n_batch=2),
        dict(time=[1e-6], neuron=[0], batch=[0, 1]), dict(time=[[1e-6]], neuron=[[0]]), dict(time=1e-6, neuron=0),
        dict(time=None, neuron=[0]), dict(time=[1e-6], neuron=[0], duration=-1.0), dict(time=[1e-6], neuron=[0], duration=NAN),
        dict(time=[1e-6], neuron=[0], n_neuron=0), dict(time=[1e-6], neuron=[0], batch=[0], n_batch=0),
        dict(time=[1e-6], neuron=[0], n_neuron="3"), dict(time=[1e-6], neuron=[2**40]),
        dict(time=[1e-6], neuron=[2**40], n_neuron=2**41),
    ],
)  # fmt: skip
def test_sparse_spikes__refuses_what_are_no_spikes(arguments):
    with pytest.raises((b2.InputError, b2.ParameterError)):
        b2.sparse_spikes(**arguments)


@pytest.mark.parametrize("duration", [0.0, -1e-6, NAN, INF, "long", True])
def test_simulate__refuses_durations_that_are_none(duration):
    with pytest.raises(b2.ParameterError, match="duration"):
        b2.simulate(b2.IAFNeuron(2), sparse(), synapse=SYNAPSE, duration=duration)


def test_simulate__needs_a_duration_for_sparse_spikes():
    with pytest.raises(b2.ParameterError, match="duration"):
        b2.simulate(b2.IAFNeuron(2), b2.sparse_spikes([1e-6], [0]), synapse=SYNAPSE)


def test_simulate__euler_refuses_a_duration_off_the_grid():
    with pytest.raises(b2.ParameterError, match="duration"):
        b2.simulate(b2.IAFNeuron(2), sparse(), synapse=SYNAPSE, duration=4.5e-6, integrator="euler")


# ---------------------------------------------------------------------------------------------------------------------
# states and reused memory


def state_of(neurons, inputs=None, **settings):
    """Return a state after a short run."""
    return b2.simulate(neurons, np.full((5, 2, 3), 30.0) if inputs is None else inputs, return_state=True, **settings)[
        1
    ]


@pytest.mark.parametrize(
    ("neurons", "inputs", "settings"),
    [
        (b2.IAFNeuron(3), np.zeros((5, 2, 3)), dict(integrator="euler")),
        (b2.IAFNeuron(3), np.zeros((5, 2, 3)), dict(dt=2e-6)),
        (b2.IAFNeuron(3), np.zeros((5, 4, 3)), dict()),
        (b2.IAFNeuron(3), np.zeros((5, 3)), dict()),
        (b2.IAFNeuron(4), np.zeros((5, 2, 4)), dict()),
        (b2.IAFNeuron(3, tau_syn=(1e-6, 2e-6)), np.zeros((5, 2, 3)), dict()),
    ],
    ids=["integrator", "dt", "batch", "no_batch", "size", "pair"],
)
def test_simulate__refuses_a_state_of_another_run(neurons, inputs, settings):
    with pytest.raises(b2.InputError):
        b2.simulate(neurons, inputs, state=state_of(b2.IAFNeuron(3)), **settings)


def spoiled_states():
    """List ways to spoil a state."""

    def put(name, value):
        def spoil(state):
            state = state.copy(deep=True)
            state[name].values[0, 1] = value
            return state

        return spoil

    return {
        "nan_membrane": put("state_membrane", NAN),
        "inf_current": put("state_current", INF),
        "phase": put("state_phase", 7),
        "nan_transition": put("state_transition_time", NAN),
        "no_membrane": lambda state: state.drop_vars("state_membrane"),
        "no_current": lambda state: state.drop_vars("state_current"),
        "no_attributes": lambda state: state.drop_attrs(),
        "text": lambda state: state.assign(state_membrane=state.state_membrane.astype(str)),
        "dict": lambda state: {"state_membrane": 3},
        "number": lambda state: 3,
    }


@pytest.mark.parametrize("how", sorted(spoiled_states()))
def test_simulate__refuses_a_spoiled_state(how):
    neurons = b2.IAFNeuron(3)
    spoiled = spoiled_states()[how](state_of(neurons))
    with pytest.raises(b2.InputError, match="state"):
        b2.simulate(neurons, np.zeros((5, 2, 3)), state=spoiled)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (1.5, r"state_refractory_step must be whole numbers of steps in 0 \.\. 2147483647; got 1\.5"),
        (2**33, r"in 0 \.\. 2147483647; got 8589934592"),  # 0, if its lower bits alone were kept
        (-1, r"in 0 \.\. 2147483647; got -1"),
        (
            2**31 - 3,
            r"state_refractory_step is 2147483645 steps; in a run of 5 steps fewer than 2147483642 are possible",
        ),
    ],
)
def test_euler__refuses_refractory_steps_that_it_cannot_count(steps, message):
    neurons, jumps = b2.IAFNeuron(3), np.zeros((5, 2, 3))
    _, state = b2.simulate(neurons, jumps, integrator="euler", return_state=True)
    counter = np.array([[0, 0, 0], [0, steps, 0]], dtype=np.float64 if isinstance(steps, float) else np.int64)
    spoiled = state.assign(state_refractory_step=(state.state_refractory_step.dims, counter))
    with pytest.raises(b2.InputError, match=message):
        b2.simulate(neurons, jumps, state=spoiled, integrator="euler")


def test_simulate__refuses_a_state_of_another_dtype():
    neurons, jumps = b2.IAFNeuron(3), np.zeros((5, 2, 3))
    _, state = b2.simulate(neurons, jumps, integrator="euler", return_state=True)
    message = "state has dtype float64; this run has float32. Give simulate\\(\\) dtype='float64'"
    with pytest.raises(b2.InputError, match=message):
        b2.simulate(neurons, jumps.astype(np.float32), state=state, integrator="euler")
    b2.simulate(neurons, jumps.astype(np.float32), state=state, integrator="euler", dtype="float64")


def test_simulate__refuses_events_before_the_state():
    """They would have to act in the past: not dropped silently."""
    neurons = b2.IAFNeuron(2)
    _, state = b2.simulate(neurons, sparse(), synapse=SYNAPSE, duration=4.5e-6, return_state=True)
    late = b2.sparse_spikes([4e-6, 6e-6], [0, 1], n_batch=2, batch=[0, 0], n_neuron=3, duration=1e-5)
    settings = dict(synapse=SYNAPSE, state=state, record=b2.Recording(membrane=True, current=True))
    try:
        run = b2.simulate(neurons, late, **settings)
    except b2.InputError:
        return
    # or taken as acted upon already, so that every piece can be given the list of all events: then it must not act twice
    without = b2.sparse_spikes([6e-6], [1], n_batch=2, batch=[0], n_neuron=3, duration=1e-5)
    np.testing.assert_array_equal(run.current, b2.simulate(neurons, without, **settings).current)


@pytest.mark.parametrize("out", [3, "run", xr.Dataset(), np.zeros((2, 5, 3))])
def test_simulate__refuses_out_that_is_no_earlier_result(out):
    with pytest.raises(b2.InputError, match="out"):
        b2.simulate(b2.IAFNeuron(3), np.zeros((5, 2, 3)), record=b2.Recording(membrane=True), out=out)


def test_simulate__refuses_out_of_another_shape():
    neurons, record = b2.IAFNeuron(3), b2.Recording(membrane=True)
    earlier = b2.simulate(neurons, np.zeros((6, 2, 3)), record=record)
    with pytest.raises(b2.InputError, match="out"):
        b2.simulate(neurons, np.zeros((5, 2, 3)), record=record, out=earlier)
    with pytest.raises(b2.InputError, match="out"):
        b2.simulate(neurons, np.zeros((6, 2, 3), np.float32), record=record, out=earlier, integrator="euler")
    with pytest.raises(b2.InputError, match="out"):
        b2.simulate(neurons, np.zeros((6, 2, 3)), record=b2.Recording(membrane=True, current=True), out=earlier)


def test_simulate__refuses_to_overwrite_its_own_inputs():
    neurons, record = b2.IAFNeuron(3), b2.Recording(membrane=True)
    earlier = b2.simulate(neurons, np.full((6, 2, 3), 20.0), record=record)
    with pytest.raises(b2.InputError, match="out"):
        b2.simulate(neurons, earlier.membrane, record=record, out=earlier)


def test_options__refuse_values_out_of_range():
    before = b2.get_options()
    wrong = [dict(threads=0), dict(threads="all"), dict(threads=True), dict(cache=1), dict(cache="yes")]
    for settings in [*wrong, dict(device="gpu")]:
        with pytest.raises(b2.ParameterError, match=next(iter(settings))):
            b2.set_options(**settings)
    assert b2.get_options() == before
    with pytest.raises(b2.ParameterError, match="did you mean 'cuda'"):
        b2.set_options(threads=1, device="cud")
    assert b2.get_options() == before  # nothing, if one value is wrong
    with b2.set_options(threads=1):
        assert b2.get_options()["threads"] == 1
    assert b2.get_options() == before


def test_options__device_is_that_of_runs_that_are_not_told(monkeypatch):
    from bss2sim import device

    neurons, jumps = b2.IAFNeuron(3), np.zeros((6, 2, 3))
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    with b2.set_options(device="auto"):
        run = b2.simulate(neurons, jumps)
        assert run.attrs["device_choice"].startswith("36 neuron-steps: about ")
        assert "device_choice" not in b2.simulate(neurons, jumps, device="cpu").attrs
    with b2.set_options(device="cuda"):
        with pytest.raises(b2.MissingDependencyError, match="device='cuda' needs the package numba-cuda"):
            b2.simulate(neurons, jumps)
        setting = dict(synapse=b2.Synapse(np.ones((2, 3))), chip=b2.EmulatedChip(seed=7), record=b2.Recording("count"))
        with pytest.raises(b2.MissingDependencyError, match="device='cuda' needs the package numba-cuda"):
            b2.simulate(neurons, np.zeros((6, 2, 2)), **setting)
        assert b2.simulate(neurons, np.zeros((6, 2, 2)), device="cpu", **setting).attrs["device"] == "cpu"
    assert b2.simulate(neurons, jumps).attrs["device"] == "cpu"


@pytest.mark.parametrize("time", [3e3, 1e20, 1e300])
def test_euler__refuses_more_refractory_steps_than_it_counts(time):
    neurons = b2.IAFNeuron(2, refractory_time=time)
    with pytest.raises(b2.ParameterError, match=r"refractory_time is .* steps of dt = 1e-06 s; fewer than 2147483637"):
        b2.simulate(neurons, np.zeros((10, 1, 2)), dt=1e-6, integrator="euler")


def test_without_warnings__is_of_one_thread():
    from threading import Thread

    from bss2sim.errors import warn, without_warnings

    def heard():
        with pytest.warns(UserWarning, match="heard"):
            warn("heard")

    with without_warnings():
        warn("kept back")
        other = Thread(target=lambda: found.append(_is_silent()))
        found = []
        other.start()
        other.join()
    assert found == [False]
    heard()
    with pytest.raises(ValueError, match="on the way"), without_warnings():
        raise ValueError("on the way")
    heard()


def _is_silent():
    from bss2sim import errors

    return errors._silent.get()


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda: b2.IAFNeuron(n_neuron=3), "size"),
        (lambda: b2.LIFNeuron(n_neurons=3), "size"),
        (lambda: b2.sparse_spikes([1e-6], [0], size=3), "n_neuron"),
        (lambda: b2.runs.count_spikes(b2.sparse_spikes([1e-6], [0]), size=3), "n_neuron"),
        (lambda: b2.IAFNeuron(3, tau_ref=1e-6), "refractory_time"),
        (lambda: b2.LIFNeuron(3, t_ref=1e-6), "refractory_time"),
        (lambda: b2.IAFNeuron(3, v_th=1.0), "threshold"),
        (lambda: b2.IAFNeuron(3, v_threshold=1.0), "threshold"),
        (lambda: b2.simulate(b2.IAFNeuron(3), np.zeros((5, 3)), weight=np.ones((3, 3))), "synapse"),
        (lambda: b2.simulate(b2.IAFNeuron(3), np.zeros((5, 3)), weights=np.ones((3, 3))), "synapse"),
        (lambda: b2.Synapse(weights=np.ones((3, 3))), "weight"),
    ],
)
def test_unknown_keywords__of_other_packages(call, wanted):
    with pytest.raises(b2.UnknownKeywordError, match=rf"; did you mean '{wanted}'\?$"):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: b2.Recording(neuron=[4, 1, 4]), r"neuron must hold each index once; 4 is there 2 times"),
        (lambda: b2.Recording(neuron=3), r"neuron must be a sequence of one or more whole numbers; got .*; give \[3\]"),
        (
            lambda: b2.Recording(neuron=[True, False]),
            r"dtype bool; for those that are True pass np\.flatnonzero\(neuron\)",
        ),
        (
            lambda: b2.Recording(neuron=np.ones(3, bool)),
            r"dtype bool; for those that are True pass np\.flatnonzero\(neuron\)",
        ),
        (lambda: b2.Recording(membrane=True, sample_time=[1e-6, NAN]), r"sample_time must be finite .* 0 s; got nan s"),
        (lambda: b2.Recording(membrane=True, sample_time=[-1e-6]), r"sample_time must be finite .* 0 s; got -1e-06 s"),
        (
            lambda: b2.IAFNeuron(3, tau_syn=[1e-6, 2e-6]),
            r"tau_syn has 2 entries .* has 3 neurons\. Time constants of excit.* are a tuple: tau_syn=\(1e-06, 2e-06\)",
        ),
        (lambda: b2.IAFNeuron(3, spike_mask=[0, 1, 1]), r"got dtype int64: pass np\.asarray\(spike_mask, dtype=bool\)"),
        (
            lambda: b2.simulate(b2.IAFNeuron(3), np.zeros((2, 3, 10))),
            r"inputs have 10 entries along neuron; .*; axes are \(time, batch, neuron\), got the shape \(2, 3, 10\)",
        ),
    ],
)
def test_messages__say_what_was_got_and_what_to_do(call, message):
    with pytest.raises(b2.Bss2SimError, match=message):
        call()
