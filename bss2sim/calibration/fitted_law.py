"""Laws that are tables of measured values: one row a code, between which they are interpolated."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bss2sim.hardware.law import Law, Parameters
from bss2sim.hardware.transfer import LAWS

MIRROR_RATIO = 8.0  # division and multiplication of a conductance; HA:v3/neuron.h:322-332
# Samples beyond are not used: CADC reliable range, CX:constants.py:14-15 [CADC LSB]
RELIABLE = (30.0, 210.0)


@dataclass(frozen=True)
class Shape:
    """How the samples of a quantity become a rising curve that is nearly straight.

    Attributes
    ----------
    reciprocal : bool
        The curve is 1 / quantity over the code: time constants.
    saturating : bool
        It is -1 / quantity over -1 / code: strengths.
    potential : bool
        Samples beyond the reliable range of the CADC do not count.
    switch : str
        Switch that a sweep may have as a further dim.
    bias : str
        Another code that a sweep may have as a further dim.
    """

    reciprocal: bool = False
    saturating: bool = False
    potential: bool = False
    switch: str = ""
    bias: str = ""

    def place(self, code: np.ndarray) -> np.ndarray:
        """Return where on the curve a code is."""
        return -1 / code if self.saturating else np.asarray(code, np.float64)

    def code(self, place: np.ndarray) -> np.ndarray:
        """Return the code that is there; infinite beyond all codes."""
        if not self.saturating:
            return place
        return np.where(place >= 0, np.inf, -1 / np.where(place == 0, np.nan, place))

    def height(self, quantity: np.ndarray) -> np.ndarray:
        """Return the height of the curve of a quantity."""
        if self.reciprocal or self.saturating:
            good = np.isfinite(quantity) & (quantity > 0)
            reciprocal = 1 / np.where(good, quantity, np.nan)
            return -reciprocal if self.saturating else reciprocal
        if self.potential:
            return np.where((quantity >= RELIABLE[0]) & (quantity <= RELIABLE[1]), quantity, np.nan)
        return quantity

    def quantity(self, height: np.ndarray) -> np.ndarray:
        """Return the quantity of a height."""
        if self.saturating:
            return -1 / height
        return 1 / height if self.reciprocal else height


SHAPES: dict[str, Shape] = {
    "leak": Shape(potential=True, bias="leak_i_bias_code"),
    "reset": Shape(potential=True),
    "threshold": Shape(potential=True),
    "tau_mem": Shape(reciprocal=True),
    "tau_syn": Shape(reciprocal=True, switch="enable_high_resistance"),
    "synapse_dac": Shape(),
    "synaptic_strength": Shape(saturating=True),
    "reference_mismatch": Shape(),
}


@dataclass(frozen=True, repr=False)
class FittedLaw(Law):
    """A law that is a table: parameter ``<quantity>_table`` (chips..., [switch or bias], code, own dims), rising.

    Between the codes of the sweep the curve of :class:`Shape` is straight; the range of the law is that of the sweep.

    Attributes
    ----------
    quantity : str
        Name of the quantity.
    codes : array of int (n,)
        Codes of the sweep, rising.
    own_dims : tuple
        Dims after that of the code.
    switched : bool
        Whether the table has both states of its switch before the code.
    biases : array of int, optional
        Codes of the bias before that of the law, rising; None if the table has none.
    """

    quantity: str  # type: ignore[misc]  # of this object rather than of its class
    codes: np.ndarray
    own_dims: tuple[Hashable, ...]
    switched: bool = False
    biases: np.ndarray | None = None
    code: str = field(init=False)  # type: ignore[misc]
    increasing: bool = field(init=False)  # type: ignore[misc]

    def __post_init__(self) -> None:
        object.__setattr__(self, "code", LAWS[self.quantity].code)
        object.__setattr__(self, "increasing", LAWS[self.quantity].increasing)

    @property
    def shape(self) -> Shape:
        """How the table is read."""
        return SHAPES[self.quantity]

    @property
    def lower(self) -> int:
        """Smallest code of the sweep."""
        return int(self.codes[0])

    @property
    def upper(self) -> int:
        """Largest code of the sweep."""
        return int(self.codes[-1])

    def _table(self, parameters: Parameters, context: dict[str, Any]) -> np.ndarray:
        """Table (..., code, own dims) in the state that the context asks for."""
        table = np.asarray(parameters[f"{self.quantity}_table"])
        axis = -2 - len(self.own_dims)
        if self.switched:
            # each circuit may be in another state
            off, on = np.moveaxis(table, axis, 0)
            state = np.asarray(context.get(self.shape.switch, False))
            return np.where(np.expand_dims(state, state.ndim - len(self.own_dims)) if state.ndim else state, on, off)
        if self.biases is None:
            return table
        bias = np.asarray(context.get(self.shape.bias, self.biases[0]), np.float64)
        position = np.interp(bias, self.biases, np.arange(len(self.biases)))
        low = np.clip(np.floor(position).astype(np.int64), 0, max(len(self.biases) - 2, 0))
        rows = np.moveaxis(table, axis, 0)
        share = position - low
        if share.ndim:
            place = share.ndim - len(self.own_dims)
            low, share = np.expand_dims(low, place), np.expand_dims(share, place)
        below = np.select([low == k for k in range(len(rows))], list(rows))
        above = np.select([low == k - 1 for k in range(1, len(rows))], list(rows[1:]), default=rows[-1])
        return np.asarray(below + share * (above - below))

    def _factor(self, context: dict[str, Any]) -> np.ndarray:
        """Height in a state of the chip that was not swept to the height of the sweep."""
        if self.quantity == "tau_mem":
            division = np.where(context.get("enable_leak_division", False), 1 / MIRROR_RATIO, 1.0)
            return division * np.where(context.get("enable_leak_multiplication", False), MIRROR_RATIO, 1.0)
        if self.quantity == "tau_syn" and not self.switched:
            return np.where(context.get("enable_high_resistance", False), 0.0, 1.0)  # never slow: not known to be
        return np.asarray(1.0)

    def _piece(self, index: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, ...]:
        """Places and heights of both ends of a piece of the curve."""
        axis = -1 - len(self.own_dims)
        lead = np.broadcast_shapes(index.shape, np.delete(np.array(table.shape), axis % table.ndim).tolist())
        whole = lead[: len(lead) - len(self.own_dims)] + (1,) + lead[len(lead) - len(self.own_dims) :]
        at = np.broadcast_to(np.expand_dims(np.broadcast_to(index, lead), axis % len(whole)), whole)
        rows = np.broadcast_to(table, whole[: axis % len(whole)] + (len(self.codes),) + whole[axis % len(whole) + 1 :])
        places = self.shape.place(self.codes)
        heights = [np.take_along_axis(rows, at + k, axis).squeeze(axis) for k in (0, 1)]
        index = at.squeeze(axis)
        return places[index], places[index + 1], *heights

    def evaluate(self, code: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the quantity that a code makes; beyond the sweep that of its nearest code."""
        code = np.clip(np.asarray(code, np.float64), self.lower, self.upper)
        index = np.clip(np.searchsorted(self.codes, code, side="right") - 1, 0, len(self.codes) - 2)
        left, right, low, high = self._piece(index, self._table(parameters, context))
        height = low + (high - low) * (self.shape.place(code) - left) / (right - left)
        with np.errstate(divide="ignore"):
            return np.asarray(self.shape.quantity(height * self._factor(context)))

    def invert(self, quantity: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the code that makes a quantity; beyond the sweep that of the outermost pieces, made longer."""
        height = np.where(np.asarray(quantity) == quantity, quantity, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            height = 1 / height if self.shape.reciprocal else -1 / height if self.shape.saturating else height
            height = np.asarray(height / self._factor(context))
            table = self._table(parameters, context)
            axis = -1 - len(self.own_dims)
            wide = np.expand_dims(height, axis % (height.ndim + 1)) if height.ndim >= len(self.own_dims) else height
            index = np.clip((table <= wide).sum(axis=axis) - 1, 0, len(self.codes) - 2)
            left, right, low, high = self._piece(index, table)
            share = (height - low) / (high - low)
            # a piece that is level: any of it will do, or none
            share = np.where(np.isnan(share), 0.5, share)
            return np.asarray(self.shape.code(left + share * (right - left)))

    def __repr__(self) -> str:
        return f"<fitted law of {self.quantity}: {self.code} {self.lower} to {self.upper}>"
