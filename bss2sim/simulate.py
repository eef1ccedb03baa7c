"""The one verb: check, pick the kernels, label the result."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any

import numpy as np
import xarray as xr

from . import __version__
from .arrays import as_seconds, is_chunked
from .broadcasting import Trials, labels_of
from .device import check_device, choose_device, is_on_gpu
from .errors import ParameterError, choose, refuse_unknown_keywords
from .extent import extent
from .inputs import SNAP, Drive, read_inputs
from .kernels.collector import paused
from .label import label_result, wanted_outputs
from .neuron import Population
from .options import get_options, thread_count
from .outputs import Outputs, make_outputs
from .parameters import add_sweeps, read_parameters
from .plan import Plan
from .plausibility import warn_of_long_step
from .recording import Recording
from .request import check_dtype, check_record, on_grid
from .state import fresh_state, read_start, read_state, write_state
from .synapse import Synapse
from .weights import flat_weights, packed_weights
from .worlds import refuse_chip_only, refuse_model_only


@refuse_unknown_keywords
def simulate(
    neurons: Population,
    inputs: Any,
    *,
    dt: float = 1e-6,
    synapse: Synapse | None = None,
    record: Recording | None = None,
    integrator: str = "exact",
    dtype: Any = None,
    duration: float | None = None,
    state: xr.Dataset | None = None,
    return_state: bool = False,
    out: xr.Dataset | dict[str, Any] | None = None,
    threads: int | None = None,
    device: str | None = None,
    chip: Any = None,
    calibration: Any = None,
    run: Any = 0,
    effects: Any = 1.0,
    start: str = "reset",
) -> Any:
    """Simulate a population and return its observables.

    Parameters
    ----------
    neurons : IAFNeuron, LIFNeuron or LINeuron
        What to simulate. Parameters broadcast by dimension name.
    inputs : array, DataArray or Dataset
        Without `synapse`: jumps of the synaptic current [unit of the membrane], array (time, batch, neuron) or
        (time, neuron), or a DataArray with dims time and neuron and any others. With `synapse`: spikes on the grid,
        (time, batch, input), where a number other than 1 scales the weights; or sparse spikes at any times, the
        Dataset that a run records or :func:`sparse_spikes` makes. An input of row k arrives at k dt. With
        ``device="cuda"`` also an array on the GPU, with a ``__cuda_array_interface__`` or ``__dlpack__``. A chip
        takes spikes only, dense ones as whole numbers.
    dt : float
        Grid spacing in hardware time [s], above 0.
    synapse : Synapse, optional
        Weights (input, neuron) that turn spikes into jumps.
    record : Recording, optional
        What to record. Default: sparse spikes; of an LINeuron, which never fires, the membrane.
    integrator : {"exact", "euler"}
        "exact": closed form, continuous spike times, float64. "euler": the steps of the reference.
    dtype : {"float32", "float64"}, optional
        Of Euler steps. Default: that of inputs and weights, float64 if they are whole numbers.
    duration : float, optional
        Length of a run with sparse spikes [s]; spikes after its end are not part of it. Default: up to where the
        spikes' own attributes `start_time` and `duration` reach. Other inputs last as long as they have rows.
    state : Dataset, optional
        State that an earlier run returned: this run continues it at its end. A run cut in pieces has the same bits.
    return_state : bool
        Return (result, state).
    out : Dataset or dict, optional
        An earlier result of the same shape, whose arrays are overwritten. It saves fresh memory, which costs more
        than the kernel, for results above 128 MiB; the memory of smaller ones is used again once they are dropped.
        With ``device="cuda"`` also a dict of arrays on the GPU by variable, which are written there and are no part of the result.
    threads : int, optional
        Threads to spread trials and neurons over, default from :class:`set_options`. No bit depends on it. Not with
        ``device="cuda"``, but for the readout of a chip.
    device : {"cpu", "cuda", "auto"}, optional
        Default from :class:`set_options`, "cpu" unless set. "cuda": an NVIDIA GPU, for large batches; needs an extra of the
        package, see ``docs/cuda``. "auto": the one that is reckoned to be faster, if there is a GPU; the attribute
        `device_choice` of the result says why. Of a chip, circuits run on the GPU with "cuda" alone, and are read on the
        processor.
    chip : EmulatedChip, optional
        Run on this chip, or on these chips, instead of the model. `synapse` is needed then; `integrator`, `dtype`,
        `state`, `return_state` and `out` are of the model only.
    calibration : Calibration or Dataset of registers, optional
        What the chip is configured with; parameters of the neurons do not change it any more. Default: the chip is
        calibrated to what the neurons ask for, which takes longer than most runs.
    run : int or DataArray of int
        Number of the run on the chip: another run has other noise. With dims of your own: several runs; entries of
        dims that are not numbered so, other than those of ``batch``, share their noise.
    effects : float or dict of str to float
        Factor of all effects that distinguish the chip from the model, or of single ones by name, see
        ``docs/experiment``: 1 as the chip's configuration says, 0 off.
    start : {"reset", "drifted", "carried"}
        At the start of a trial on the chip: membranes at their reset potential (leak potential with a leak); or
        drifted freely from it for 16 us; or, as on the chip, from where they ended in the batch entry before.

    Returns
    -------
    Dataset
        Of dask arrays, not computed yet, if parameters, weights, inputs, seeds of chips or runs are chunked
        (``docs/sweeps``). Recorded variables with dims (batch and sweep dims, time, neuron), see :class:`Recording`.
        Row k is at time k dt: in "exact" the membrane at that time, the current just after the jump of the row, and the spikes of
        [k dt, (k + 1) dt); in "euler" the state after step k of the reference, whose spikes are at k dt. Of a chip:
        spikes with time stamps of 8 ns, ``cadc_value`` (-128 to 127) at ``cadc_time`` and ``madc_value`` at
        ``madc_time`` if the neurons enable them, ``membrane``, the CADC's samples on the grid as the reference converts
        them (80 LSB are -48 unless trace_offset=-128), and ``weight_saturated``.

    Raises
    ------
    ParameterError
        If an argument is out of range, or refractory_time is 0 with reset >= threshold in the exact integrator.
    InputError
        If the inputs, the state or `out` do not fit, or hold numbers that are not finite.
    UnknownKeywordError
        If an argument does not exist.
    DeviceError
        If there is no GPU to use, or its memory is too small.
    MissingDependencyError
        If the compiler for GPUs is not installed.

    Warns
    -----
    UserWarning
        If `dt` or `duration` is so long that it was meant in another unit. On a chip: if weights saturate, circuits of the
        population could not be calibrated, the calibration was made for another chip, the buffer of the CADC is too small for
        the run, or the input spikes were recorded on circuits that the population has, too.

    Examples
    --------
    >>> import numpy as np
    >>> import bss2sim as b2
    >>> spikes = np.zeros((100, 1, 4), dtype=bool)      # (time, batch, input)
    >>> spikes[10] = True
    >>> neurons = b2.IAFNeuron(2, threshold=125.0, reset=80.0, tau_mem=10e-6, tau_syn=10e-6)
    >>> run = b2.simulate(neurons, spikes, synapse=b2.Synapse(np.full((4, 2), 20.0)), dt=1e-6)
    >>> run.spike_neuron.values.tolist()
    [0, 1]
    >>> (run.spike_time.values * 1e6).round(3).tolist()  # 10 us + 10 us * ln(80/35)
    [18.267, 18.267]

    The same on a chip, where a weight of 1 lifts a membrane by 0.76 LSB:

    >>> chip = b2.EmulatedChip(seed=7)
    >>> run = b2.simulate(neurons, spikes, synapse=b2.Synapse(np.full((4, 2), 20.0), transform=1.3), chip=chip)
    >>> run.cadc_value.dims, run.cadc_value.dtype
    (('batch', 'cadc_sample', 'neuron'), dtype('int16'))
    """
    if is_chunked(neurons, inputs, synapse, chip, run):
        return _simulate_lazily(**locals())
    if not isinstance(neurons, Population):
        raise ParameterError(f"neurons must be an IAFNeuron, LIFNeuron or LINeuron; got {type(neurons).__name__}")
    if synapse is not None and not isinstance(synapse, Synapse):
        raise ParameterError(f"synapse must be a Synapse(weight); got {type(synapse).__name__}")
    if synapse is not None and synapse.n_neuron != neurons.size:
        raise ParameterError(
            f"weight has {synapse.n_neuron} neurons; the population has {neurons.size}"
            + ("; weight is (input, neuron), pass its transpose" if synapse.n_input == neurons.size else "")
        )
    if get_options()["cache"]:
        from .kernels import jit

        jit.enable_cache()
    if chip is not None:
        from .experiment.run import run_on_chip

        refuse_model_only(integrator=(integrator, "exact"), dtype=(dtype, None), state=(state, None),
                          return_state=(return_state, False), out=(out, None))  # fmt: skip
        return run_on_chip(neurons, inputs, dt=dt, synapse=synapse, record=record, chip=chip, calibration=calibration,
                           run=run, effects=effects, start=start, duration=duration, threads=threads,
                           device=device)  # fmt: skip
    refuse_chip_only(calibration=(calibration, None), run=(run, 0), effects=(effects, 1.0), start=(start, "reset"))
    device = check_device(device, threads)
    on_gpu = is_on_gpu(inputs)
    if on_gpu:
        from .device_inputs import take_device_array

        inputs = take_device_array(inputs, device)
    record = check_record(record, neurons)
    integrator = choose("integrator", integrator, ("exact", "euler"))
    dt = as_seconds("dt", dt)
    warn_of_long_step(dt)
    if not isinstance(return_state, bool | np.bool_):
        raise ParameterError(f"return_state must be True or False; got {return_state!r}")
    begin, step = read_start(state, integrator, dt)
    f = check_dtype(dtype, integrator, inputs, synapse)
    jump_dtypes = (f,) if integrator == "euler" else (np.dtype(np.float32), np.dtype(np.float64))
    if on_gpu:
        from .device_inputs import read_device_array

        drive = read_device_array(inputs, synapse, neurons.size, jump_dtypes)
    else:
        drive = read_inputs(inputs, synapse, neurons.size, dt, begin, jump_dtypes)
    trials = _collect_trials(drive, synapse, neurons)
    n_time, finish = extent(drive, duration, dt, begin, step, integrator)
    if isinstance(out, dict) and device != "cuda":
        raise ParameterError("out=dict(name=array) writes to arrays on a GPU; it needs device='cuda'")
    moved = _bytes_moved(neurons, record, drive, trials, n_time, f) if device == "auto" and not on_gpu else 0
    work = trials.size * neurons.size * n_time
    device, where = choose_device(device, on_gpu, integrator, work, moved, threads)
    plan = _make_plan(
        neurons, record, drive, trials, synapse, state=state, integrator=integrator, dt=dt, f=f, n_time=n_time,
        begin=begin, finish=finish, out=out, threads=threads, keeps_state=bool(return_state),
        packs=device == "cpu",
    )  # fmt: skip
    _runner(integrator, device)(plan)
    name = "float32" if f.itemsize == 4 else "float64"  # as str(f), which takes longer than checking the arguments
    provenance = {"bss2sim_version": __version__, "integrator": integrator, "dt": dt, "dtype": name, **where}
    length = float(f"{finish - begin:.15g}")  # 0.0001 rather than 9.999999999999999e-05
    span = {"start_time": begin, "duration": length, "n_neuron": neurons.size}
    result = label_result(plan, begin, step, {**provenance, **span})
    if not return_state:
        return result
    after, end_step = plan.after, step + n_time
    after.begin = finish
    after.step = end_step if step >= 0 and abs(end_step * dt - finish) <= SNAP * dt else -1
    if drive.kind != "sparse" or integrator == "euler":
        after.time[:] = finish
    return result, write_state(after, trials, integrator, dt, {"bss2sim_version": __version__})


def _simulate_lazily(**arguments: Any) -> xr.Dataset:
    """Load what takes chunked arguments."""
    from .lazy.simulate import simulate_lazily

    return simulate_lazily(**arguments)


@cache
def _runner(integrator: str, device: str) -> Callable[[Plan], None]:
    """Load the integrator, and Numba with it."""
    with paused():
        if device == "cuda" and integrator == "euler":
            from .device_euler import run_euler_on_device as run
        elif device == "cuda":
            from .device_exact import run_exact_on_device as run
        elif integrator == "euler":
            from .euler_run import run_euler as run
        else:
            from .exact_run import run_exact as run
    return run


def _collect_trials(drive: Drive, synapse: Synapse | None, neurons: Population) -> Trials:
    """Trial dims of the run: those of the inputs, then of the weights, then of the parameters."""
    trials = Trials()
    trials.add("inputs", drive.sizes, drive.labels)
    if synapse is not None and isinstance(synapse._weight, xr.DataArray):
        lead = synapse._weight.dims[:-2]
        if lead:
            trials.add("weight", {dim: synapse._weight.sizes[dim] for dim in lead}, labels_of(synapse._weight, lead))
    add_sweeps(trials, neurons)
    return trials


def _bytes_moved(neurons: Population, record: Recording, drive: Drive, trials: Trials, n_time: int, f: np.dtype) -> int:
    """Bytes of inputs and recordings that a GPU would be sent and send, without sparse spikes; of two currents one."""
    arrays = (drive.flat, drive.time, drive.source)
    wanted = wanted_outputs(record, neurons, trials, False, n_time, record.selected(neurons.size), f)
    return sum(array.nbytes for array in arrays if array is not None) + sum(
        math.prod(shape) * np.dtype(dtype).itemsize for _, shape, dtype in wanted.values()
    )


def _make_plan(
    neurons: Population, record: Recording, drive: Drive, trials: Trials, synapse: Synapse | None, *, state: Any,
    integrator: str, dt: float, f: np.dtype, n_time: int, begin: float, finish: float, out: Any, threads: Any,
    keeps_state: bool, packs: bool,
) -> Plan:  # fmt: skip
    """Lay out everything the kernels need."""
    parameters, parameter_row, kept = read_parameters(neurons, trials)
    pair = "tau_inh" in parameters
    if state is None:
        start, threshold = parameters["leak" if neurons.leaks else "reset"], parameters.get("threshold")
        first = kept.get(
            ("fresh", integrator, f.char), lambda: fresh_state(integrator, pair, neurons.leaks, start, threshold, f)
        ).starting(parameter_row)
    else:
        first = read_state(state, trials, neurons.size, integrator, pair, neurons.fires, neurons.leaks, f)
    packed = packed_weights(synapse, f) if integrator == "euler" and packs else None
    if packed is None:
        drive.clean()  # else the kernel takes whatever is not 0 for 1
    weight, column, pointer = flat_weights(synapse if packed is None else None, f)
    lead: tuple[Hashable, ...] = ()
    if synapse is not None and isinstance(synapse._weight, xr.DataArray):
        lead = synapse._weight.dims[:-2]
    selected = record.selected(neurons.size)
    wanted = wanted_outputs(record, neurons, trials, pair, n_time, selected, f)
    read = [array for array in (drive.flat, drive.time, weight, packed) if array is not None]
    return Plan(
        neurons=neurons, record=on_grid(record, integrator, begin, finish), drive=drive,
        trials=trials, state=first, outputs=_outputs(wanted, out, read, drive), dt=dt, dtype=f,
        threads=thread_count(threads), finish=finish, n_time=n_time, n_input=synapse.n_input if synapse else 0,
        parameters=parameters, parameter_row=parameter_row, kept=kept, input_row=drive.rows(trials),
        packed=packed, weight=weight, weight_row=trials.rows(lead), column=column, pointer=pointer, selected=selected,
        after=first.successor(trials.size if keeps_state else 0), keeps_state=keeps_state,
    )  # fmt: skip


def _outputs(wanted: Any, out: Any, read: list[np.ndarray], drive: Drive) -> Outputs:
    """Take the memory of the results: fresh, or what the caller gave, on the processor or on a GPU."""
    if drive.on_device is not None:
        read = [array for array in read if array is not drive.flat]
    if not isinstance(out, dict):
        return make_outputs(wanted, out, read)
    from .device_outputs import take_device_outputs

    on_device, streams = take_device_outputs(wanted, out, drive.on_device)
    outputs = make_outputs({name: wanted[name] for name in wanted if name not in on_device}, None, read)
    outputs.on_device, outputs.streams = on_device, streams
    return outputs
