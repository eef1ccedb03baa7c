"""Make a simulator from what is simulated and what of it is returned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..arrays import as_whole
from ..errors import ParameterError, refuse_unknown_keywords
from ..hardware.chip import whole_numbers
from ..neuron import Population
from ..recording import Recording
from ..synapse import Synapse
from .parameters import check_parameters
from .rows import Rows
from .summaries import Summary, check_summary

__all__ = ["simulator"]


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
    work = Rows(
        neurons, inputs, check_parameters(neurons, parameters, synapse, chip, calibration), *check_summary(summary, record),
        settings, calibration=calibration, seed=int(whole_numbers("seed", 0 if seed is None else seed)),
        batch_size=None if batch_size is None else as_whole("batch_size", batch_size),
    )  # fmt: skip
    work.try_once()

    def simulate_rows(theta: Any) -> Any:
        """Return the summaries (n, k), float32, of parameters (n, d)."""
        return work(theta)

    return simulate_rows
