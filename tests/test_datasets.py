"""The digits, and the latency code."""

import sys

import numpy as np
import pytest
import xarray as xr

import bss2sim as b2
from bss2sim.datasets import digits, latency_code


def test_digits__are_those_of_scikit_learn():
    data = digits()
    assert dict(data.sizes) == {"sample": 1797, "pixel": 64}
    assert data.pixel.dtype == np.float64
    assert float(data.pixel.min()) == 0.0 and float(data.pixel.max()) == 1.0
    # 17 grey levels
    np.testing.assert_array_equal(np.unique(data.pixel), np.arange(17) / 16)
    np.testing.assert_array_equal(np.bincount(data.label), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    assert data.pixel.attrs["long_name"]


def test_digits__without_scikit_learn_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(b2.MissingDependencyError, match=r"bss2sim\[demo\]"):
        digits()


def test_latency_code__follows_the_formula():
    tau, threshold = 8e-6, 0.2
    pixel = np.array([[0.0, 0.2, 0.25, 1.0], [0.5, 0.1, 0.9, 0.21]])
    spikes = latency_code(pixel, tau=tau, threshold=threshold, t_max=1e-3)
    expected = {
        (row, column): tau * np.log(x / (x - threshold)) for (row, column), x in np.ndenumerate(pixel) if x > threshold
    }
    got = dict(
        zip(
            zip(spikes.spike_batch.values.tolist(), spikes.spike_neuron.values.tolist(), strict=True),
            spikes.spike_time.values,
            strict=True,
        )
    )
    assert got.keys() == expected.keys()
    for place, time in expected.items():
        # the difference x - threshold of the plain formula loses digits where x is close to it
        assert got[place] == pytest.approx(time, rel=1e-13)
    np.testing.assert_array_equal(spikes.row_size, [2, 3])
    assert spikes.row_size.dims == ("batch",)


def test_latency_code__is_the_time_at_which_a_leaky_integrator_crosses():
    # du/dt = (x - u) / tau from u = 0; u(t) = x (1 - exp(-t / tau))
    x, tau, threshold = 0.7, 20e-6, 0.2
    (time,) = latency_code([x], tau=tau, threshold=threshold).spike_time.values
    assert x * -np.expm1(-time / tau) == pytest.approx(threshold, rel=1e-14)


def test_latency_code__brighter_pixels_spike_earlier_and_all_within_the_run():
    data = digits()
    spikes = latency_code(data.pixel, t_max=20e-6)
    assert spikes.attrs["duration"] == 20e-6
    assert spikes.sizes["batch"] == 1797
    time, neuron, batch = (spikes[name].values for name in ("spike_time", "spike_neuron", "spike_batch"))
    assert time.min() >= 0 and time.max() < 20e-6
    brightness = data.pixel.values[batch, neuron]
    assert brightness.min() > 0.2
    order = np.argsort(brightness)
    assert (np.diff(time[order]) <= 0).all()
    # sorted within each digit
    assert (np.diff(batch) >= 0).all()
    assert (np.diff(time)[np.diff(batch) == 0] >= 0).all()


def test_latency_code__spikes_at_the_end_and_later_are_left_out():
    full = latency_code([[1.0, 0.5, 0.3]], t_max=1.0)
    late = float(full.spike_time.max())
    assert latency_code([[1.0, 0.5, 0.3]], t_max=late).sizes["spike"] == 2
    assert latency_code([[1.0, 0.5, 0.3]], t_max=np.nextafter(late, 1)).sizes["spike"] == 3


def test_latency_code__one_image_has_no_batch():
    spikes = latency_code(xr.DataArray([0.1, 0.9], dims="pixel"))
    assert "batch" not in spikes.dims
    np.testing.assert_array_equal(spikes.spike_neuron, [1])


def test_latency_code__dark_images_are_silent():
    spikes = latency_code(np.zeros((3, 4)))
    assert spikes.sizes["spike"] == 0
    np.testing.assert_array_equal(spikes.row_size, [0, 0, 0])


@pytest.mark.parametrize("name", ["tau", "threshold", "t_max"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf, "fast", None, [1.0]])
def test_latency_code__refuses_parameters(name, value):
    with pytest.raises(b2.ParameterError, match=name):
        latency_code([[0.5]], **{name: value})


@pytest.mark.parametrize(
    "pixel", [0.5, np.zeros((2, 2, 2)), [[np.nan]], [[0.1, np.inf]], "abc", [[1.0], [1.0, 2.0]], None]
)
def test_latency_code__refuses_pixels(pixel):
    with pytest.raises(b2.InputError, match="pixel"):
        latency_code(pixel)


def test_latency_code__suggests_the_right_keyword():
    with pytest.raises(b2.UnknownKeywordError, match="threshold"):
        latency_code([[0.5]], treshold=0.1)
