"""Functionals, encoders and the data set of bss2sim.hxtorch: what is not in the golden data, and what they refuse."""

import numpy as np
import pytest
import torch

import bss2sim.hxtorch as hxsnn
from bss2sim.errors import InputError, ParameterError, UnknownKeywordError
from bss2sim.hxtorch import functional
from bss2sim.hxtorch.transforms import encode

FIRING = {"reset": 0.0, "threshold": 1.0, "tau_syn": 1e-5, "tau_mem": 1e-5, "method": "superspike", "alpha": 50.0}
JUMPS = torch.full((40, 2, 3), 0.2)


def test_superspike__is_a_step_with_the_surrogate():
    distance = torch.tensor([-0.5, 0.0, 1e-9, 0.5, float("nan")], dtype=torch.float64, requires_grad=True)
    spikes = functional.threshold(distance, "superspike", 10.0)
    assert spikes.tolist() == [0, 0, 1, 1, 0] and spikes.dtype == torch.float64
    spikes.backward(torch.full((5,), 3.0, dtype=torch.float64))
    wanted = 3.0 / (10.0 * distance.detach().abs() + 1) ** 2
    torch.testing.assert_close(distance.grad[:4], wanted[:4])
    with pytest.raises(ParameterError, match="method must be one of 'superspike'; got 'eventprop'"):
        functional.threshold(distance, "eventprop", 10.0)


def test_unterjubel__swaps_values_and_leaves_gradients():
    model, measured = torch.ones(3, requires_grad=True), torch.full((3,), 2.0, requires_grad=True)
    out = functional.Unterjubel.apply(model, measured)
    assert torch.equal(out, measured)
    out.sum().backward()
    assert torch.equal(model.grad, torch.ones(3)) and measured.grad is None


@pytest.mark.parametrize(
    "integrate",
    [
        lambda **more: functional.cuba_iaf_integration(JUMPS, **FIRING, **more),
        lambda **more: functional.cuba_refractory_iaf_integration(JUMPS, **FIRING, refractory_time=0.0, **more),
    ],
)
def test_iaf__without_refractory_time_is_the_plain_one(integrate):
    plain = functional.cuba_iaf_integration(JUMPS, **FIRING)
    for found, wanted in zip(integrate(), plain, strict=True):
        assert (found is None and wanted is None) or torch.equal(found, wanted)


def test_lif__measured_spikes_drive_the_reset():
    measured = torch.zeros(40, 2, 3, dtype=torch.uint8)
    measured[5] = 1
    spikes, membrane, _, _ = functional.cuba_lif_integration(JUMPS, leak=0.0, **FIRING, hw_data=(measured,))
    assert torch.equal(spikes, measured.float()) and not membrane[5].any() and membrane[39].min() > 1.0
    short = functional.cuba_refractory_lif_integration(
        JUMPS, leak=0.0, refractory_time=3e-6, **FIRING, hw_data=(measured[:9],)
    )
    assert len(short[0]) == 9 and not short[1][5:9].any()


def test_exponential__is_euler_with_other_factors_and_trains_them():
    factor = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
    values = {name: FIRING[name] for name in ("reset", "threshold", "method", "alpha")}
    found = functional.exp_cuba_lif_integration(JUMPS, leak=0.0, tau_syn_exp=0.8, tau_mem_exp=factor, **values)
    wanted = functional.cuba_lif_integration(JUMPS, leak=0.0, **{**FIRING, "tau_syn": 5e-6, "tau_mem": 1e-5})
    torch.testing.assert_close(found[1], wanted[1])
    found[1].sum().backward()
    assert factor.grad != 0
    for wrong in (1.0, -0.1):
        with pytest.raises(ParameterError, match=r"tau_mem_exp must be exp\(-dt / tau\), from 0 up to but not 1; got"):
            functional.exp_cuba_li_integration(JUMPS, leak=0.0, tau_syn_exp=0.8, tau_mem_exp=wrong)


def test_li__sums_inputs_and_hands_measured_data_on():
    values = {"leak": 0.0, "tau_syn": 1e-5, "tau_mem": 1e-5}
    one = functional.cuba_li_integration((JUMPS, JUMPS, JUMPS), **values)
    torch.testing.assert_close(one[0], functional.cuba_li_integration(3 * JUMPS, **values)[0])
    madc = torch.zeros(2, 5, 2)
    measured = functional.cuba_li_integration(JUMPS, **values, hw_data=(torch.ones(30, 2, 3), madc))
    assert (measured[0] == 1).all() and len(measured[1]) == 30 and measured[2] is madc
    with pytest.raises(InputError, match=r"input must be a tensor \(time, batch, neuron\) or a tuple of them; got 3"):
        functional.cuba_li_integration(3, **values)


def test_hw_data__refuses():
    with pytest.raises(InputError, match=r"hw_data must be a tuple \(spikes, cadc, madc\), .*; got Tensor"):
        functional.cuba_iaf_integration(JUMPS, **FIRING, hw_data=JUMPS)
    with pytest.raises(InputError, match=r"hw_data must have at most 2 entries \(cadc, madc\); got 3"):
        functional.cuba_li_integration(JUMPS, leak=0.0, tau_syn=1e-5, tau_mem=1e-5, hw_data=(None,) * 3)
    with pytest.raises(UnknownKeywordError, match="has no argument 'tau_men'; did you mean 'tau_mem'"):
        functional.cuba_iaf_integration(JUMPS, **FIRING, tau_men=1.0)


def test_encoders__round_to_bins_and_leave_late_spikes_out():
    times = torch.tensor([0.0, 7e-6, 18e-6, 19.5e-6, 20e-6, float("inf")])
    dense = encode.SpikeTimesToDense(1e-6, 20)(times)
    assert dense.shape == (20, 6)
    assert dense.argmax(0)[:4].tolist() == [0, 7, 18, 19] and dense.sum(0).tolist() == [1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: encode.SpikeTimesToDense(0.0), "bin_width must be finite and above 0; got 0.0"),
        (lambda: encode.SpikeTimesToSparseTensor(1.0, 0), "size must be a whole number of at least 1; got 0"),
        (lambda: encode.PixelsToSpikeTimes(tau=-1), "tau must be finite and above 0; got -1.0"),
        (lambda: encode.PixelsToSpikeTimes(epsilon=0), "epsilon must be finite and above 0"),
        (lambda: encode.CoordinatesToSpikes(0, 0, 1e-6), "seq_length must be a whole number of at least 1"),
        (lambda: encode.CoordinatesToSpikes(9, 0, 9e-6), "t_late is 9e-06 s, step 9 .* one of the 9 steps"),
        (lambda: encode.CoordinatesToSpikes(9, -1e-6, 1e-6), "t_early is -1e-06 s, step -1"),
        (lambda: encode.CoordinatesToSpikes(9, 0, 1e-6, t_bias=1e-4), "t_bias is 0.0001 s, step 100"),
        (lambda: encode.CoordinatesToSpikes(9, 5e-6, 1e-6), "t_early is 5e-06 s and must not be after t_late, 1e-06 s"),
        (
            lambda: hxsnn.datasets.YinYangDataset(r_small=0.25),
            "less than half of r_big, so that dots fit; got 0.25 and 0.5",
        ),
        (lambda: hxsnn.datasets.YinYangDataset(size=0), "size must be a whole number of at least 1; got 0"),
    ],
)
def test_transforms__refuse(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


def test_encoders__refuse_data():
    with pytest.raises(InputError, match="times of spikes must be at least 0; use inf"):
        encode.SpikeTimesToDense(1e-6)(torch.tensor([-1e-6]))
    with pytest.raises(InputError, match="times of spikes must be at least 0"):
        encode.SpikeTimesToDense(1e-6)(torch.tensor([float("nan")]))
    with pytest.raises(InputError, match="coordinates must be from 0 to 1; scale them first"):
        encode.CoordinatesToSpikes(9, 0, 1e-6)(torch.tensor([[1.5]]))


def test_yin_yang__anchor_and_transform():
    """The first sample and the classes of 5000 points, as the authors of the data set publish them."""
    dataset = hxsnn.datasets.YinYangDataset(size=5000, seed=42)
    np.testing.assert_allclose(dataset[0][0], [0.680308, 0.450499, 0.319692, 0.549501], atol=5e-7)
    assert np.bincount([label for _, label in dataset]).tolist() == [1681, 1702, 1617]
    doubled = hxsnn.datasets.YinYangDataset(size=3, transform=lambda sample: 2 * sample)
    assert torch.equal(doubled[1][0], 2 * hxsnn.datasets.YinYangDataset(size=3)[1][0])
    assert len(doubled) == 3 and dataset.get_sample(goal=2)[2] == 2 and dataset.get_sample()[2] in (0, 1, 2)
    with pytest.raises(IndexError):
        doubled[3]
