"""Variables of readouts in the registry."""

import numpy as np
import pytest

from bss2sim.variables import check_variable, create_dataset

SAMPLES = ("batch", "cadc_sample", "neuron")


def test_readouts__leave_through_the_door():
    neurons = np.array([0, 300])
    data = create_dataset(
        {
            "cadc_value": (SAMPLES, np.zeros((1, 3, 2), np.int16)),
            "cadc_time": (("batch", "hemisphere", "cadc_sample"), np.zeros((1, 2, 3))),
            "madc_value": (("batch", "madc_sample"), np.zeros((1, 4), np.uint16)),
            "madc_time": (("batch", "madc_sample"), np.zeros((1, 4))),
            "membrane": (("batch", "time", "neuron"), np.zeros((1, 5, 2), np.float32)),
        },
        {"hemisphere": np.arange(2)},
        {},
    ).assign_coords(atomic_neuron=("neuron", neurons), row=("neuron", neurons // 256))
    assert data.hemisphere.attrs["long_name"] == "half of the chip: 0 top, 1 bottom"
    assert data.cadc_time.attrs["units"] == "s" and data.cadc_value.attrs["units"] == "LSB"
    for name in ("atomic_neuron", "row"):
        check_variable(name, data[name].dims, data[name].dtype)


@pytest.mark.parametrize(("name", "integer"), [("cadc_value", "int16"), ("madc_value", "uint16")])
def test_readouts__are_whole_or_float64(name, integer):
    dims = SAMPLES if name == "cadc_value" else ("madc_sample",)
    for dtype in (integer, "float64"):
        check_variable(name, dims, np.dtype(dtype))
    with pytest.raises(TypeError, match=rf"{name} has dtype float32; registered is {integer}\|float64"):
        check_variable(name, dims, np.dtype("float32"))


@pytest.mark.parametrize("name", ["atomic_neuron", "row", "column", "quadrant"])
def test_places__lie_on_circuits_or_neurons(name):
    for dim in ("atomic_neuron", "neuron"):
        check_variable(name, (dim,), np.dtype("int64"))
    with pytest.raises(TypeError, match=f"{name} has dims"):
        check_variable(name, ("time",), np.dtype("int64"))


def test_readouts__new_dims_are_no_trial_dims():
    for dim in ("hemisphere", "cadc_sample", "madc_sample"):
        with pytest.raises(TypeError, match="spike_count has dims"):
            check_variable("spike_count", (dim, "neuron"), np.dtype("int64"))
