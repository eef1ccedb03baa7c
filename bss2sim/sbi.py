"""Simulators for simulation-based inference: rows of parameters in, rows of summaries out.

What they return goes into the package ``sbi`` as it is, and into any sampler of one's own; see ``docs/inference``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from .arrays import as_array, as_whole
from .calibration.calibrate import calibrate
from .calibration.target import NeuronCalibTarget
from .errors import InputError, ParameterError, choose, refuse_unknown_keywords, suggestion, warn, without_warnings
from .hardware.chip import whole_numbers
from .neuron import Population
from .recording import Recording
from .simulate import simulate
from .synapse import Synapse

__all__ = ["simulator"]

DRAW = "draw"  # the dim of the rows
GAIN = "gain"
# What is recorded for a summary that has a name.
SUMMARIES = {
    "spike_count": Recording("count"),
    "first_spike": Recording("first"),
    "membrane": Recording(None, membrane=True),
    "cadc_value": Recording(None),
    "madc_value": Recording(None),
}
Summary = str | Callable[[xr.Dataset], Any]


@refuse_unknown_keywords
def simulator(
    neurons: Population,
    inputs: Any,
    parameters: Sequence[str],
    *,
    summary: Summary = "spike_count",
    record: Recording | None = None,
    synapse: Synapse | None = None,
    dt: float = 1e-6,
    integrator: str = "exact",
    duration: float | None = None,
    threads: int | None = None,
    device: str | None = None,
    chip: Any = None,
    calibration: Any = None,
    effects: Any = 1.0,
    start: str = "reset",
    seed: int | None = None,
    batch_size: int | None = None,
) -> Callable[[Any], Any]:
    """Make a function from parameters to summaries of runs, as simulation-based inference needs it.

    Parameters
    ----------
    neurons : IAFNeuron, LIFNeuron or LINeuron
        What is simulated; it has what is not among `parameters`.
    inputs : array, DataArray or Dataset
        As of :func:`bss2sim.simulate`, the same for all rows.
    parameters : sequence of str
        What the columns of theta are: names of parameters of the neurons (``"threshold"``, ``"tau_syn"`` ...), each one
        number for all neurons, in their units; ``"gain"`` is a factor on the weights of `synapse`.
    summary : str or function
        What is returned of a run. "spike_count"; "first_spike" [s], the end of the run where there is none; "membrane";
        "cadc_value" or "madc_value" of a chip: all trials, times and neurons in a row. Or a function of the Dataset of all
        rows, whose dim ``draw`` they are, that returns an array (draw,), (draw, k) or a DataArray with dim draw.
    record : Recording, optional
        What is recorded. Default: what the named summary needs; with a function that of simulate.
    synapse : Synapse, optional
        Weights (input, neuron) [unit of the membrane].
    dt : float
        Grid spacing [s].
    integrator : {"exact", "euler"}
        As of :func:`bss2sim.simulate`, and so are the next three.
    duration : float, optional
        Length of a run with sparse spikes [s].
    threads : int, optional
        Threads to spread rows over.
    device : {"cpu", "cuda", "auto"}, optional
        Where it runs; default from :class:`set_options`.
    chip : EmulatedChip, optional
        Run on this chip.
    calibration : Calibration or Dataset of registers, optional
        What the chip is configured with; only ``"gain"`` has an effect then. Default: each row is calibrated to its
        parameters, in which these become whole codes.
    effects : float or dict of str to float
        Factors of what distinguishes the chip from the model.
    start : {"reset", "drifted", "carried"}
        How a trial begins on a chip.
    seed : int, optional
        Of the noise on a chip, default 0. Each row has noise of its own, drawn by the seed and its parameters, and a second row
        with the same ones in a call other noise: the same bits however rows are split over calls, and in whichever order.
    batch_size : int, optional
        Rows that are simulated at a time, to bound the memory. Default: all at once.

    Returns
    -------
    function
        From theta (n, d) to summaries (n, k), float32. A NumPy array gives a NumPy array, a tensor of PyTorch a tensor on the
        same device; what has labels is refused, as columns are taken by their order. A row whose parameters cannot be
        simulated, or reached by the calibration, is NaN, with a warning.

    Raises
    ------
    ParameterError
        If a parameter or summary does not exist, a parameter is not one number in `neurons` or would have no effect, or an
        argument of simulate is out of range. Of the function: if theta has another shape, or labels.
    InputError
        If the inputs do not fit, a dim of one's own is called ``draw``, or the summary is no array (draw, k) of numbers.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> import bss2sim as b2
    >>> spikes = b2.sparse_spikes([5e-6, 10e-6, 15e-6], [0, 0, 0], n_neuron=1, duration=50e-6)
    >>> neurons = b2.IAFNeuron(1, threshold=125.0, reset=80.0, refractory_time=2e-6)
    >>> run = b2.sbi.simulator(neurons, spikes, ["threshold", "gain"], synapse=b2.Synapse([[40.0]]))
    >>> run(np.array([[125.0, 1.0], [100.0, 1.0], [100.0, 2.0]]))
    array([[2.],
           [4.],
           [7.]], dtype=float32)
    """
    settings = {
        "dt": dt, "synapse": synapse, "integrator": integrator, "duration": duration, "threads": threads, "device": device,
    }  # fmt: skip
    if chip is not None:
        settings |= {"chip": chip, "effects": effects, "start": start}
    else:
        # simulate says what acts on a chip only
        settings |= {"calibration": calibration, "effects": effects, "start": start}
        if seed is not None:
            raise ParameterError("seed is of the noise on a chip; the model has none. Give chip=, or leave seed out")
    work = _Simulator(
        neurons, inputs, _check_parameters(neurons, parameters, synapse, chip, calibration), *_check_summary(summary, record),
        settings, calibration=calibration, seed=int(whole_numbers("seed", 0 if seed is None else seed)),
        batch_size=None if batch_size is None else as_whole("batch_size", batch_size),
    )  # fmt: skip
    work.try_once()

    def simulate_rows(theta: Any) -> Any:
        """Return the summaries (n, k), float32, of parameters (n, d)."""
        return work(theta)

    return simulate_rows


def _check_parameters(neurons: Any, parameters: Any, synapse: Any, chip: Any, calibration: Any) -> list[str]:
    """Return the names of the parameters, each of which can be set and makes a difference."""
    if not isinstance(neurons, Population):
        raise ParameterError(f"neurons must be an IAFNeuron, LIFNeuron or LINeuron; got {type(neurons).__name__}")
    known = [*(name for name in neurons._names if name != "spike_mask"), GAIN]
    if isinstance(parameters, str) or not isinstance(parameters, Sequence) or not parameters:
        raise ParameterError(f"parameters must be a list of names, e.g. ['threshold', 'gain']; got {parameters!r}")
    for name in parameters:
        if name not in known:
            raise ParameterError(f"there is no parameter {name!r} to set{suggestion(str(name), known)}")
        if list(parameters).count(name) > 1:
            raise ParameterError(f"parameters has {name!r} more than once")
        if name == GAIN:
            if not isinstance(synapse, Synapse):
                raise ParameterError("'gain' is a factor on weights; give synapse=Synapse(weight)")
        elif chip is not None and calibration is not None:
            raise ParameterError(
                f"calibration= says what the chip is configured with, so {name!r} would have no effect; leave calibration out, and "
                "each row is calibrated"
            )
        elif isinstance(getattr(neurons, name), bool) or not isinstance(getattr(neurons, name), float):
            raise ParameterError(
                f"{name!r} is set to one number for all neurons; give the neurons one number of it, too"
            )
    for what, dims in (
        ("neurons", {dim for _, values in neurons._values() for dim in values.dims}),
        ("synapse", getattr(getattr(synapse, "_weight", None), "dims", ())),
    ):
        if DRAW in dims:
            raise InputError(f"{what} has a dim {DRAW!r}, which is that of the rows of theta; rename it")
    return list(parameters)


def _check_summary(summary: Any, record: Any) -> tuple[Summary, Recording | None]:
    """Return the summary and what is recorded for it."""
    if callable(summary):
        return summary, record
    name = choose("summary", summary, SUMMARIES) if isinstance(summary, str) else None
    if name is None:
        raise ParameterError(
            f"summary must be a function of a Dataset, or one of {', '.join(SUMMARIES)}; got {summary!r}"
        )
    return name, SUMMARIES[name] if record is None else record


@dataclass
class _Simulator:
    """What a simulator needs, checked."""

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

    def try_once(self) -> None:
        """Simulate the neurons as they are, so that what is wrong with other arguments is an error, not a row of NaN."""
        dims = self.inputs.dims if isinstance(self.inputs, xr.DataArray | xr.Dataset) else ()
        if DRAW in dims:
            raise InputError(f"inputs have a dim {DRAW!r}, which is that of the rows of theta; rename it")
        usual = [1.0 if name == GAIN else getattr(self.neurons, name) for name in self.parameters]
        with without_warnings():  # of rows that nobody asked for
            try:
                self.width = self._run(np.array([usual]), np.zeros(1, np.int64)).shape[1]
            except _Misfit as reason:
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
        except _Misfit as reason:
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
            settings["synapse"] = _scaled(settings["synapse"], columns.pop(GAIN))
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
        found = self._summarise(simulate(neurons, self.inputs, **settings), len(values))
        if not reached.all():
            found[~reached] = np.nan
            if failed is not None and rows is not None:
                failed.update((int(row), "the calibration does not reach its parameters") for row in rows[~reached])
        return found

    def _summarise(self, run: xr.Dataset, n_draw: int) -> np.ndarray:
        """Return the summaries (draw, k), float32."""
        if isinstance(self.summary, str):
            if self.summary not in run:
                raise _Misfit(
                    f"the run has no {self.summary}, only {', '.join(map(str, run.data_vars)) or 'nothing'}: record it, and enable "
                    "it in the neurons; CADC and MADC are of a chip"
                )
            made: Any = run[self.summary]
            if self.summary == "first_spike":
                made = made.fillna(run.attrs["start_time"] + run.attrs["duration"])
        else:
            made = self.summary(run)
        if isinstance(made, xr.DataArray):
            if DRAW not in made.dims:
                raise _Misfit(f"summary must keep the dim {DRAW!r}; it returned dims {made.dims}")
            made = made.transpose(DRAW, ...).values
        else:
            made = as_array("what summary returns", made, "an array (draw, k)", InputError)
        if made.ndim < 1 or len(made) != n_draw or made.dtype.kind not in "biuf":
            raise _Misfit(
                f"summary must return numbers (draw, k), of {n_draw} rows here; it returned shape {made.shape}, dtype {made.dtype}"
            )
        made = made.reshape(n_draw, -1).astype(np.float32)
        if self.width not in (-1, made.shape[1]):
            raise _Misfit(
                f"summary returned {made.shape[1]} numbers a row, {self.width} before; their number must not change"
            )
        return made


class _Misfit(InputError):
    """A summary that does not fit, which is no fault of a row."""


def _scaled(synapse: Synapse, gain: xr.DataArray) -> Synapse:
    """Return synapses with weights of every row."""
    weight = synapse._weight
    dense = weight if isinstance(weight, xr.DataArray) else xr.DataArray(weight.toarray(), dims=("input", "neuron"))
    return Synapse((gain * dense).astype(dense.dtype), transform=synapse.transform)
