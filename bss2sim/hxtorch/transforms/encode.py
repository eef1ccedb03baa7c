"""Encoders: from pixels and coordinates to times of spikes, and from those to tensors of spikes."""

from __future__ import annotations

import torch
from torch import Tensor

from bss2sim.arrays import as_whole
from bss2sim.errors import InputError, ParameterError
from bss2sim.torch.arguments import check_positive

_SNAP = 1e-6  # quotients this near to a whole number are that number: 18e-6 / 1e-6 is 18


class PixelsToSpikeTimes(torch.nn.Module):
    """Time of the first spike of a leaky neuron that a pixel charges: ``tau log(x / (x - threshold))``.

    Parameters
    ----------
    tau : float
        Membrane time constant [any unit of time, that of the result].
    threshold : float
        Pixels up to it never fire.
    t_max : float
        Latest time, also of pixels that never fire [unit of tau].
    epsilon : float
        Least distance of a pixel to the threshold that is computed with.

    Raises
    ------
    ParameterError
        If a number is not above 0.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.transforms.encode import PixelsToSpikeTimes
    >>> PixelsToSpikeTimes(tau=8e-6, t_max=25e-6)(torch.tensor([0.0, 1.0]))
    tensor([2.5000e-05, 1.7851e-06])
    """

    def __init__(self, tau: float = 20, threshold: float = 0.2, t_max: float = 1.0, epsilon: float = 1e-7) -> None:
        super().__init__()
        self._tau, self._threshold = check_positive("tau", tau), check_positive("threshold", threshold)
        self._t_max, self._epsilon = check_positive("t_max", t_max), check_positive("epsilon", epsilon)

    def forward(self, pic: Tensor) -> Tensor:
        """Return the times of pixels, in their shape."""
        charged = pic.clamp(min=self._threshold + self._epsilon)
        time = self._tau * torch.log(charged / (charged - self._threshold))
        return torch.where(pic < self._threshold, self._t_max, time.clamp(max=self._t_max))


def _bins(spikes: Tensor, bin_width: float, size: int) -> tuple[Tensor, Tensor]:
    """Return the bin of each time, and which times are within the bins."""
    if bool((spikes < 0).any()) or bool(spikes.isnan().any()):
        raise InputError("times of spikes must be at least 0; use inf, or any time after the last bin, for no spike")
    ratio = spikes / bin_width
    nearest = ratio.round()
    ratio = torch.where((ratio - nearest).abs() <= _SNAP * nearest.clamp(min=1), nearest, ratio)
    inside = ratio < size
    return torch.where(inside, ratio, 0).long(), inside


class SpikeTimesToSparseTensor(torch.nn.Module):
    """Sparse tensor of spikes with time as its first dim.

    Parameters
    ----------
    bin_width : float
        Length of a bin [unit of the times].
    size : int
        Number of bins. Later spikes are left out.

    Raises
    ------
    ParameterError
        If the width is not above 0, or the size not a whole number of at least 1.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.transforms.encode import SpikeTimesToSparseTensor
    >>> spikes = SpikeTimesToSparseTensor(1e-6, size=10)(torch.tensor([[2.5e-6, 40e-6]]))
    >>> spikes.shape, spikes.coalesce().indices().T
    (torch.Size([10, 1, 2]), tensor([[2, 0, 0]]))
    """

    def __init__(self, bin_width: float, size: int = 100) -> None:
        super().__init__()
        self._bin_width, self._size = check_positive("bin_width", bin_width), as_whole("size", size)

    def forward(self, spikes: Tensor) -> Tensor:
        """Return (bin, ...) for times of the shape (...), int64.

        Raises
        ------
        InputError
            If a time is negative or NaN.
        """
        index, inside = _bins(spikes, self._bin_width, self._size)
        where = inside.nonzero().T
        entries = torch.cat([index[inside][None], where])
        ones = torch.ones(entries.shape[1], dtype=torch.int64)
        return torch.sparse_coo_tensor(entries, ones, (self._size, *spikes.shape), check_invariants=False)


class SpikeTimesToDense(SpikeTimesToSparseTensor):
    """Dense tensor of spikes with time as its first dim.

    Parameters
    ----------
    bin_width : float
        Length of a bin [unit of the times].
    size : int
        Number of bins. Later spikes are left out.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.transforms.encode import SpikeTimesToDense
    >>> SpikeTimesToDense(1e-6, size=4)(torch.tensor([2.5e-6]))[:, 0]
    tensor([0, 0, 1, 0])
    """

    def forward(self, spikes: Tensor) -> Tensor:
        """Return (bin, ...) for times of the shape (...), int64.

        Raises
        ------
        InputError
            If a time is negative or NaN.
        """
        return super().forward(spikes).to_dense()


class CoordinatesToSpikes(torch.nn.Module):
    """One spike of each coordinate, the later the higher it is, and one of a bias at a fixed time.

    Parameters
    ----------
    seq_length : int
        Number of steps.
    t_early, t_late : float
        Times of the coordinates 0 and 1 [s].
    dt : float
        Length of a step [s].
    t_bias : float, optional
        Time of the spike of one more input [s]. None: no such input.

    Raises
    ------
    ParameterError
        If a time is not within the steps, or t_early is after t_late.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.transforms.encode import CoordinatesToSpikes
    >>> encode = CoordinatesToSpikes(seq_length=40, t_early=2e-6, t_late=26e-6, t_bias=18e-6)
    >>> encode(torch.tensor([[0.0, 1.0]])).argmax(0)
    tensor([[ 2, 26, 18]])
    """

    def __init__(
        self, seq_length: int, t_early: float, t_late: float, dt: float = 1e-6, t_bias: float | None = None
    ) -> None:
        super().__init__()
        self._seq_length, self._dt = as_whole("seq_length", seq_length), check_positive("dt", dt, " s")
        for name, time in (("t_early", t_early), ("t_late", t_late), ("t_bias", t_bias)):
            if time is not None and not 0 <= round(time / dt) < seq_length:
                raise ParameterError(
                    f"{name} is {time} s, step {round(time / dt)} of dt = {dt} s; it must be one of the {seq_length} steps of "
                    "seq_length"
                )
        if t_early > t_late:
            raise ParameterError(f"t_early is {t_early} s and must not be after t_late, {t_late} s")
        self._t_early, self._t_late = t_early, t_late
        self._bias = None if t_bias is None else round(t_bias / dt)

    def forward(self, coordinate_values: Tensor) -> Tensor:
        """Return float32 (time, batch, input) for coordinates (batch, input) from 0 to 1; the input of the bias is last.

        Raises
        ------
        InputError
            If a coordinate is not within 0 and 1.
        """
        if not bool(((coordinate_values >= 0) & (coordinate_values <= 1)).all()):
            raise InputError("coordinates must be from 0 to 1; scale them first")
        time = self._t_early + coordinate_values * (self._t_late - self._t_early)
        step = (time / self._dt).round().long()
        if self._bias is not None:
            step = torch.cat([step, torch.full_like(step[:, :1], self._bias)], 1)
        spikes = torch.zeros((self._seq_length, *step.shape), dtype=torch.float32)
        return spikes.scatter_(0, step[None], 1.0)
