"""Spikes as a list of times, with gradients: what exact populations take and put out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bss2sim.errors import InputError

from .arguments import check_device, check_positive


class Spikes(NamedTuple):
    """Spikes of a batch, a list sorted by trial, then time. Gradients flow through `time`.

    Parameters
    ----------
    time : Tensor, shape (spike,)
        Times [s], float64.
    neuron, batch : Tensor, shape (spike,)
        Neuron and trial of each.
    n_batch, n_neuron : int
        Number of trials, and of neurons.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.torch import Spikes
    >>> none = float("inf")
    >>> spikes = Spikes.from_times(torch.tensor([[3e-6, 1e-6], [none, 2e-6]]))   # (batch, neuron)
    >>> spikes.neuron.tolist(), spikes.batch.tolist()
    ([1, 0, 1], [0, 0, 1])
    >>> spikes.count_spikes().tolist()
    [[1, 1], [0, 1]]
    """

    time: Tensor
    neuron: Tensor
    batch: Tensor
    n_batch: int
    n_neuron: int

    @classmethod
    def from_times(cls, time: Tensor) -> Spikes:
        """Make spikes of a tensor of times.

        Parameters
        ----------
        time : Tensor, shape (batch, neuron) or (spike, batch, neuron)
            Times [s] in any order; infinity: no spike.

        Raises
        ------
        InputError
            If it is no such tensor of floats, or a time is NaN or below 0.

        Examples
        --------
        >>> import torch
        >>> from bss2sim.torch import Spikes
        >>> Spikes.from_times(torch.tensor([[3e-6, 1e-6]])).neuron.tolist()
        [1, 0]
        """
        if not isinstance(time, Tensor) or time.dim() not in (2, 3) or not time.is_floating_point():
            found = f"{time.dtype} {tuple(time.shape)}" if isinstance(time, Tensor) else type(time).__name__
            raise InputError(f"time must be a tensor of floats (batch, neuron) or (spike, batch, neuron); got {found}")
        check_device("time", time)
        if not torch.compiler.is_compiling():  # a compiled function is told by the run
            wrong = time[~(time >= 0)]
            if len(wrong):
                raise InputError(f"time must be at least 0 s, or infinity for no spike; got {wrong[0].item()} s")
        time = time[None] if time.dim() == 2 else time
        n_row, n_batch, n_neuron = time.shape
        rows = time.to(torch.float64).transpose(0, 1).reshape(n_batch, n_row * n_neuron)
        rows, order = rows.sort(dim=1, stable=True)
        there = ~rows.isposinf()
        batch = torch.arange(n_batch)[:, None].expand_as(order)
        return cls(rows[there], (order % max(n_neuron, 1))[there], batch[there], n_batch, n_neuron)

    @classmethod
    def from_grid(cls, spikes: Tensor, dt: float) -> Spikes:
        """Make spikes at k dt of a dense or sparse (COO) tensor that is 1 where there is one.

        Parameters
        ----------
        spikes : Tensor, shape (time, batch, neuron)
            0 and 1.
        dt : float
            Length of a step [s].

        Raises
        ------
        InputError
            If it is no such tensor, holds other numbers, or asks for a gradient.
        ParameterError
            If `dt` is not above 0.

        Examples
        --------
        >>> import torch
        >>> from bss2sim.torch import Spikes
        >>> Spikes.from_grid(torch.eye(3)[:, None], dt=1e-6).time.tolist()
        [0.0, 1e-06, 2e-06]
        """
        if not isinstance(spikes, Tensor) or spikes.dim() != 3:
            found = tuple(spikes.shape) if isinstance(spikes, Tensor) else type(spikes).__name__
            raise InputError(f"spikes must be a tensor (time, batch, neuron); got {found}")
        check_device("spikes", spikes)
        dt = check_positive("dt", dt, " s")
        if spikes.requires_grad:
            raise InputError("spikes on a grid get no gradient; pass spikes.detach()")
        n_batch, n_neuron = spikes.shape[1:]
        dense = spikes.to_dense()
        wrong = dense[(dense != 0) & (dense != 1)]
        if len(wrong):
            raise InputError(f"spikes must be 0 or 1; got {wrong[0].item()}")
        batch, step, neuron = dense.transpose(0, 1).nonzero().unbind(1)
        return cls(step.to(torch.float64) * dt, neuron, batch, n_batch, n_neuron)

    def _place(self) -> Tensor:
        """Index of the trial and neuron of each spike, (spike,)."""
        return self.batch.long() * self.n_neuron + self.neuron

    def first(self, silent: float = float("inf")) -> Tensor:
        """Return the time of the first spike of each neuron [s], (batch, neuron); `silent` [s] where there is none.

        Examples
        --------
        >>> import torch
        >>> from bss2sim.torch import Spikes
        >>> Spikes.from_times(torch.tensor([[[4.0, float("inf")]], [[3.0, float("inf")]]])).first(silent=9.0)
        tensor([[3., 9.]], dtype=torch.float64)
        """
        n = len(self.time)
        first = torch.full((self.n_batch * self.n_neuron,), n)
        first = first.scatter_reduce(0, self._place(), torch.arange(n), "amin")
        return torch.cat([self.time, self.time.new_full((1,), silent)])[first].reshape(self.n_batch, self.n_neuron)

    def padded(self) -> Tensor:
        """Return all times [s], (spike, batch, neuron): entry k is the k-th spike of a neuron, infinity if it has fewer.

        Examples
        --------
        >>> import torch
        >>> from bss2sim.torch import Spikes
        >>> Spikes.from_times(torch.tensor([[[4.0, 1.0]], [[3.0, float("inf")]]])).padded()[:, 0]
        tensor([[3., 1.],
                [4., inf]], dtype=torch.float64)
        """
        place, order = self._place().sort(stable=True)
        rank = torch.arange(len(place)) - torch.searchsorted(place, place)
        rows = int(rank.max()) + 1 if len(rank) else 0
        times = self.time.new_full((rows, self.n_batch * self.n_neuron), float("inf"))
        return times.index_put((rank, place), self.time[order]).reshape(rows, self.n_batch, self.n_neuron)

    def count_spikes(self) -> Tensor:
        """Return the number of spikes of each neuron, (batch, neuron); without gradient.

        Examples
        --------
        >>> import torch
        >>> from bss2sim.torch import Spikes
        >>> Spikes.from_times(torch.tensor([[4.0, 1.0]])).count_spikes()
        tensor([[1, 1]])
        """
        count = torch.bincount(self._place(), minlength=self.n_batch * self.n_neuron)
        return count.reshape(self.n_batch, self.n_neuron)
