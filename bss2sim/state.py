"""The state of a population between two runs: a labelled Dataset outside, arrays (trial, neuron) inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from .broadcasting import Trials
from .errors import InputError
from .kernels.codes import CLAMPED, FREE, HOLDOFF
from .variables import SYNAPTIC_INPUTS, create_dataset


@dataclass
class State:
    """Arrays of the state; every one (row, neuron) unless said otherwise.

    Attributes
    ----------
    membrane, current, inhibitory : array
        Membrane and synaptic currents; `inhibitory` is None without a pair of time constants.
    asymptote : array or None
        What the current leads to, of exact neurons without leak and with one current (``kernels.exact``).
    busy : array or None
        Refractory steps left (Euler).
    phase, transition : array or None
        Phase and its end [s] (exact).
    time : array (row,)
        Time of membrane and currents [s].
    row : array (trial,)
        Row of each trial: its parameter row at the start, itself later.
    begin : float
        Time from which the next run continues [s].
    step : int
        The same in steps of dt; -1 if it is not on the grid.
    """

    membrane: np.ndarray
    current: np.ndarray
    inhibitory: np.ndarray | None
    asymptote: np.ndarray | None
    busy: np.ndarray | None
    phase: np.ndarray | None
    transition: np.ndarray | None
    time: np.ndarray
    row: np.ndarray
    begin: float = 0.0
    step: int = 0

    def arrays(self) -> list[np.ndarray | None]:
        """Arrays (row, neuron) in the order of the exact kernels; of Euler steps the last two are one."""
        last = [self.phase, self.transition] if self.busy is None else [self.busy]
        third = self.inhibitory if self.asymptote is None else self.asymptote
        return [self.membrane, self.current, third, *last]

    def starting(self, row: np.ndarray) -> State:
        """Return the state with other rows for the trials, the arrays shared: runs read where they start, never write."""
        return State(
            self.membrane, self.current, self.inhibitory, self.asymptote, self.busy, self.phase, self.transition,
            self.time, row, self.begin, self.step,
        )  # fmt: skip

    def successor(self, n_trial: int) -> State:
        """Return a state of the same kind to be written, one row for each trial."""

        def like(array: np.ndarray | None) -> Any:
            return None if array is None else np.empty((n_trial, *array.shape[1:]), array.dtype)

        return State(
            like(self.membrane), like(self.current), like(self.inhibitory), like(self.asymptote), like(self.busy), like(self.phase),
            like(self.transition), like(self.time), np.arange(n_trial),
        )  # fmt: skip


def fresh_state(
    integrator: str,
    pair: bool,
    leaks: bool,
    start: np.ndarray,
    threshold: np.ndarray | None,
    dtype: Any,
) -> State:
    """State at time 0, a trial for each row: v = `start` (row, neuron), no current; above threshold about to fire."""
    shape = start.shape
    exact, fires = integrator == "exact", threshold is not None
    phase = transition = None
    if exact and fires:
        # "end of a refractory period at time 0": a neuron above threshold fires at that instant
        phase = np.where(start > threshold, HOLDOFF, FREE).astype(np.int8)
        transition = np.where(phase == HOLDOFF, 0.0, np.inf)
    return State(
        membrane=start.astype(dtype),
        current=np.zeros(shape, dtype),
        inhibitory=np.zeros(shape, dtype) if pair else None,
        asymptote=start.astype(dtype) if exact and not pair and not leaks else None,
        busy=np.zeros(shape, np.int32) if fires and not exact else None,
        phase=phase,
        transition=transition,
        time=np.zeros(shape[0]),
        row=np.arange(shape[0]),
    )


def _names(single: bool, fires: bool, exact: bool) -> list[str]:
    """Variables of a state."""
    names = ["state_membrane", "state_current", "state_time"]
    if single:
        names.append("state_asymptote")
    if fires:
        names += ["state_phase", "state_transition_time"] if exact else ["state_refractory_step"]
    return names


def write_state(state: State, trials: Trials, integrator: str, dt: float, attrs: dict[str, Any]) -> xr.Dataset:
    """Label a state."""
    size = state.membrane.shape[1]
    shape, dims = trials.shape, trials.dims

    def neurons(array: np.ndarray) -> tuple[tuple[Any, ...], np.ndarray]:
        return (*dims, "neuron"), array.reshape(*shape, size)

    coords: dict[Any, Any] = {**trials.labels, "neuron": np.arange(size)}
    variables = {"state_membrane": neurons(state.membrane), "state_time": (dims, state.time.reshape(shape))}
    if state.asymptote is not None:
        variables["state_asymptote"] = neurons(state.asymptote)
    if state.inhibitory is None:
        variables["state_current"] = neurons(state.current)
    else:
        both = np.stack([state.current, state.inhibitory], axis=1).reshape(*shape, 2, size)
        variables["state_current"] = ((*dims, "synaptic_input", "neuron"), both)
        coords["synaptic_input"] = list(SYNAPTIC_INPUTS)
    if state.phase is not None and state.transition is not None:
        variables["state_phase"] = neurons(state.phase)
        variables["state_transition_time"] = neurons(state.transition)
    if state.busy is not None:
        variables["state_refractory_step"] = neurons(state.busy)
    provenance = {"integrator": integrator, "dt": dt, "begin": state.begin, "step": state.step}
    return create_dataset(variables, coords, {**attrs, **provenance})


def read_start(state: Any, integrator: str, dt: float) -> tuple[float, int]:
    """Return the time [s] and step at which a run continues; (0, 0) without a state."""
    if state is None:
        return 0.0, 0
    if not isinstance(state, xr.Dataset) or "state_membrane" not in state:
        raise InputError(
            "state must be the Dataset that simulate(..., return_state=True) returned with the result; "
            f"got {type(state).__name__}"
        )
    for name, want in (("integrator", integrator), ("dt", dt)):
        if state.attrs.get(name) != want:
            raise InputError(
                f"state comes from a run with {name}={state.attrs.get(name)!r}; this run has {name}={want!r}"
            )
    try:
        begin, step = float(state.attrs["begin"]), int(state.attrs["step"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("state needs the attributes `begin` [s] and `step` it was returned with") from error
    if not (np.isfinite(begin) and begin >= 0):
        raise InputError(f"the attribute `begin` of state must be finite and at least 0 s; it is {begin}")
    return begin, step


def read_state(
    state: xr.Dataset, trials: Trials, size: int, integrator: str, pair: bool, fires: bool, leaks: bool, dtype: Any
) -> State:
    """Check a labelled state against the run that continues it, and copy its arrays.

    Raises
    ------
    InputError
        If a variable is missing, or its dims, sizes, dtype or values do not fit.
    """
    exact = integrator == "exact"
    arrays: dict[str, np.ndarray] = {}
    single = exact and not pair and not leaks
    for name in _names(single, fires, exact):
        if name not in state:
            raise InputError(f"state has no variable {name!r}: it comes from another kind of neuron or integrator")
        dims: tuple[Any, ...] = trials.dims
        sizes: tuple[int, ...] = trials.shape
        if name == "state_current" and pair:
            dims, sizes = (*dims, "synaptic_input", "neuron"), (*sizes, 2, size)
        elif name != "state_time":
            dims, sizes = (*dims, "neuron"), (*sizes, size)
        variable = state[name].variable
        if set(variable.dims) != set(dims) or variable.transpose(*dims).shape != sizes:
            raise InputError(
                f"{name} has dims {dict(variable.sizes)}; this run needs {dict(zip(dims, sizes, strict=True))}"
            )
        arrays[name] = variable.transpose(*dims).values
        allow_infinite = name == "state_transition_time"
        if arrays[name].dtype.kind not in "iuf" or np.isnan(arrays[name]).any() or (
            not allow_infinite and not np.isfinite(arrays[name]).all()
        ):  # fmt: skip
            raise InputError(f"{name} must hold finite numbers")
    if arrays["state_membrane"].dtype != dtype:
        found = arrays["state_membrane"].dtype
        raise InputError(f"state has dtype {found}; this run has {np.dtype(dtype)}. Give simulate() dtype='{found}'")
    n_trial = trials.size

    def rows(array: np.ndarray, to: Any) -> np.ndarray:
        return np.array(array.reshape(n_trial, size), dtype=to, order="C")

    current = arrays["state_current"].reshape(n_trial, -1, size)
    phase = arrays.get("state_phase")
    busy = arrays.get("state_refractory_step")
    if phase is not None and not np.isin(phase, (FREE, CLAMPED, HOLDOFF)).all():
        raise InputError("state_phase must be 0 (free), 1 (clamped) or 2 (holdoff)")
    if busy is not None:
        limit = np.iinfo(np.int32).max
        wrong = busy[(busy < 0) | (busy > limit) | (busy != np.rint(busy))]
        if wrong.size:
            raise InputError(
                f"state_refractory_step must be whole numbers of steps in 0 .. {limit}; got {wrong[0]}. Pass the state "
                "as a run returned it"
            )
    begin = float(state.attrs["begin"])
    time = arrays["state_time"].reshape(n_trial).astype(np.float64)
    if (time > begin).any():
        raise InputError(f"state_time must be at most the attribute `begin` = {begin} s; it is {time.max()} s")
    return State(
        membrane=rows(arrays["state_membrane"], dtype),
        asymptote=rows(arrays["state_asymptote"], dtype) if single else None,
        current=rows(current[:, 0], dtype),
        inhibitory=rows(current[:, 1], dtype) if pair else None,
        busy=None if busy is None else rows(busy, np.int32),
        phase=None if phase is None else rows(phase, np.int8),
        transition=None if phase is None else rows(arrays["state_transition_time"], np.float64),
        time=np.array(time),
        row=np.arange(n_trial),
        begin=begin,
        step=int(state.attrs["step"]),
    )
