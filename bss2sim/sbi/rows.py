"""Simulate rows of parameters in one call, and find the rows that cannot be simulated."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from ..arrays import as_array
from ..calibration.calibrate import calibrate
from ..calibration.target import NeuronCalibTarget
from ..errors import InputError, ParameterError, warn, without_warnings
from ..neuron import Population
from ..plausibility import told
from ..recording import Recording
from ..simulate import simulate
from .parameters import DRAW, GAIN, scaled
from .summaries import Misfit, Summary, summarise


@dataclass
class Rows:
    """What simulates rows of parameters, all arguments checked."""

    neurons: Population
    inputs: Any
    parameters: list[str]
    summary: Summary
    record: Recording | None
    settings: dict[str, Any]
    calibration: Any
    seed: int
    batch_size: int | None
    width: int = field(default=-1, init=False)
    told: set[str] = field(default_factory=set, init=False)  # parameters whose odd values were warned of

    def try_once(self) -> None:
        """Simulate the neurons as they are, so that what is wrong with other arguments is an error, not a row of NaN."""
        dims = self.inputs.dims if isinstance(self.inputs, xr.DataArray | xr.Dataset) else ()
        if DRAW in dims:
            raise InputError(f"inputs have a dim {DRAW!r}, which is that of the rows of theta; rename it")
        usual = [1.0 if name == GAIN else getattr(self.neurons, name) for name in self.parameters]
        with without_warnings(), told():  # of rows that nobody asked for
            try:
                self.width = self._run(np.array([usual]), np.zeros(1, np.int64)).shape[1]
            except Misfit as reason:
                raise InputError(str(reason)) from reason.__cause__

    def __call__(self, theta: Any) -> Any:
        """Simulate all rows."""
        tensor = hasattr(theta, "detach") and hasattr(theta, "new_tensor")  # PyTorch need not be imported for that
        if isinstance(theta, xr.DataArray) or hasattr(theta, "columns"):
            raise ParameterError(
                f"theta must be numbers without labels, its columns in the order {', '.join(self.parameters)}; put them into this "
                f"order and give .to_numpy(), not a {type(theta).__name__}"
            )
        if tensor:
            # NumPy has no bfloat16
            values = (theta.double() if theta.is_floating_point() else theta).detach().cpu().numpy()
        else:
            values = as_array("theta", theta, "an array (n, d)", ParameterError)
        if values.ndim != 2 or values.shape[1] != len(self.parameters) or values.dtype.kind not in "iuf":
            raise ParameterError(
                f"theta must be numbers (n, {len(self.parameters)}), the columns {', '.join(self.parameters)}; got shape "
                f"{values.shape}, dtype {values.dtype}"
            )
        values = values.astype(np.float64) + 0.0  # -0.0 is 0.0
        numbers = self._numbers(values)
        found = np.full((len(values), self.width), np.nan, np.float32)
        failed: dict[int, str] = {}
        finite = np.isfinite(values).all(axis=1)
        failed.update((int(row), "its parameters are not finite") for row in np.flatnonzero(~finite))
        good = np.flatnonzero(finite)
        size = self.batch_size or max(good.size, 1)
        for begin in range(0, good.size, size):
            self._attempt(values, numbers, good[begin : begin + size], found, failed)
        if failed:
            first = min(failed)
            warn(
                f"{len(failed)} of {len(values)} rows are NaN, as they cannot be simulated; row {first}: {failed[first]}"
            )
        return theta.float().new_tensor(found) if tensor else found

    def _numbers(self, values: np.ndarray) -> np.ndarray:
        """Return the number of the run of each row, int64: of its parameters, not of its place."""
        seen: dict[bytes, int] = {}
        numbers = np.empty(len(values), np.int64)
        for row, entry in enumerate(np.ascontiguousarray(values, "<f8")):
            text = entry.tobytes()
            seen[text] = seen.get(text, -1) + 1
            key = np.array([self.seed, seen[text]], "<i8").tobytes()
            numbers[row] = int.from_bytes(hashlib.blake2b(text, digest_size=4, key=key).digest(), "little")
        return numbers

    def _attempt(
        self, values: np.ndarray, numbers: np.ndarray, rows: np.ndarray, found: np.ndarray, failed: dict[int, str]
    ) -> None:
        """Simulate rows in one call; if that is refused, halves of them, down to the rows that are to blame."""
        try:
            found[rows] = self._run(values[rows], numbers[rows], rows, failed)
        except Misfit as reason:
            raise InputError(str(reason)) from reason.__cause__
        except (ParameterError, InputError) as reason:
            if rows.size == 1:
                failed[int(rows[0])] = str(reason)
                return
            half = rows.size // 2
            self._attempt(values, numbers, rows[:half], found, failed)
            self._attempt(values, numbers, rows[half:], found, failed)

    @cached_property
    def _same_calibration(self) -> Any:
        """The calibration of rows that differ in the gain alone."""
        return self._calibrate(self.neurons)

    def _calibrate(self, neurons: Population) -> Any:
        """Calibrate the chip to what neurons ask for."""
        with without_warnings():  # of circuits that fail; rows that use them are NaN
            return calibrate(self.settings["chip"], NeuronCalibTarget.from_populations([neurons]))

    def _run(
        self,
        values: np.ndarray,
        numbers: np.ndarray,
        rows: np.ndarray | None = None,
        failed: dict[int, str] | None = None,
    ) -> np.ndarray:
        """Return the summaries of rows, NaN where the calibration failed; an error if a row cannot be simulated."""
        columns = {
            name: xr.DataArray(np.array(column), dims=DRAW)
            for name, column in zip(self.parameters, values.T, strict=True)
        }
        settings = dict(self.settings, record=self.record)
        if GAIN in columns:
            settings["synapse"] = scaled(settings["synapse"], columns.pop(GAIN))
        with told(self.told):
            neurons = self.neurons.replace(**columns)
        reached = np.ones(len(values), bool)
        if "chip" in settings:
            settings["run"] = xr.DataArray(numbers, dims=DRAW)
            settings["calibration"] = self.calibration
            if self.calibration is None:
                made = self._calibrate(neurons) if columns else self._same_calibration
                somas = [neuron.active.enum for neuron in neurons.place()]
                success = made.success.isel(atomic_neuron=somas)
                reached = success.all([dim for dim in success.dims if dim != DRAW]).values & reached
                settings["calibration"] = made.registers
        with told(self.told):
            result = simulate(neurons, self.inputs, **settings)
        found = summarise(self.summary, result, len(values))
        if self.width not in (-1, found.shape[1]):
            raise Misfit(
                f"summary returned {found.shape[1]} numbers a row, {self.width} before; their number must not change"
            )
        if not reached.all():
            found[~reached] = np.nan
            if failed is not None and rows is not None:
                failed.update((int(row), "the calibration does not reach its parameters") for row in rows[~reached])
        return found
