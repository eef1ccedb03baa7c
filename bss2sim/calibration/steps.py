"""Calibrate by searching: the steps of the reference's calibration, in its order, on reads of the chip."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import xarray as xr

from bss2sim.hardware.draws import uniform
from bss2sim.hardware.quantities import NEEDED
from bss2sim.hardware.registers import HIGHEST_CAPMEM_CODE, REGISTERS

from .inversion import (
    HIGH_RESISTANCE_CODE,
    OFFSET_DIVISION_CODE,
    OFFSET_SHORTEST,
    RESET_DIVISION_CODE,
    RESET_MULTIPLICATION_CODE,
    wanted_strength,
)
from .search import NOISE_INCREMENT, SearchResult, binary_search
from .wanted import Failures, Wanted

__all__ = ["search_target"]

FIRST_RUN = 2**32  # reads of calibrations are numbered apart from a user's own
RUNS_PER_SEED = 2**20  # and those of one calibration apart from those of another seed
RUNS_PER_STEP = 32  # and those of one step apart: the reads after a search do not depend on how long others search
FIRST_STREAM = 2001  # of the noise on the first codes of each search; below are those of the chip

# A read of the best code that is further off than this did not converge: about five times the noise of reads.
TOLERANCE = {"leak": 5.0, "reset": 5.0, "threshold": 5.0, "reference_mismatch": 1e5}  # [unit of the quantity]
RELATIVE_TOLERANCE = 0.2

# A potential must move with its code, or the membrane or the CADC is at an end of its range and the read says nothing of the
# code. Laws have about 0.3 LSB a code, reads a noise of about 1 LSB: PROBE codes away the read differs by 8 LSB at least.
POTENTIALS = ("leak", "reset", "threshold")
PROBE = 32  # codes to either side
LEAST_CHANGE = 3.0  # [CADC LSB]


class Measurable(Protocol):
    """What can be searched: a chip that is only read."""

    @property
    def seed(self) -> Any:
        """Numbers that tell chips apart."""

    def measure(self, quantity: str, registers: xr.Dataset, *, run: Any = 0) -> xr.DataArray:
        """Return one read of a quantity."""


class _Bench:
    """A chip under calibration: the codes written last, and a counter of its reads."""

    def __init__(self, chip: Measurable, wanted: Wanted, failures: Failures, seed: int) -> None:
        self.codes = wanted.default_codes()
        self.aims: dict[str, np.ndarray] = {}
        self._chip, self._wanted, self._failures, self._seed = chip, wanted, failures, seed
        self._run = FIRST_RUN + seed * RUNS_PER_SEED
        self._step = 0

    def read(self, quantity: str, **trial: Any) -> np.ndarray:
        """Read a quantity with the codes written last, some of them changed for this read."""
        dims = self._wanted.dims
        registers = {}
        for name in NEEDED[quantity]:
            code = np.broadcast_to(trial[name], self.codes[name].shape) if name in trial else self.codes[name]
            registers[name] = ((*dims, *REGISTERS[name].dims), code)
        self._run += 1
        read = self._chip.measure(quantity, xr.Dataset(registers), run=self._run)
        return read.transpose(*dims, ...).values

    def noise(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return whole numbers -5 .. 5 that depend on the seeds of chip and calibration and on the step alone."""
        self._step += 1
        seeds = np.asarray(self._chip.seed)
        size = int(np.prod(shape))
        draws = [uniform(int(seed), FIRST_STREAM + self._step, self._seed, size) for seed in seeds.flat]
        numbers = np.floor((2 * NOISE_INCREMENT + 1) * np.array(draws)).astype(np.int64) - NOISE_INCREMENT
        own_dims = (1,) * (len(self._wanted.shape) - seeds.ndim)
        return numbers.reshape(seeds.shape + own_dims + shape)

    def around(self, code: int, shape: tuple[int, ...]) -> np.ndarray:
        """Return codes near one, as they are written to try it."""
        return np.clip(code + self.noise(shape), 0, HIGHEST_CAPMEM_CODE)

    def search(self, quantity: str, register: str, aim: np.ndarray, *, inverted: bool = False, noisy: bool = True,
               upper: Any = HIGHEST_CAPMEM_CODE, part: Any = ...) -> SearchResult:  # fmt: skip
        """Search the codes of a register, or of a `part` of it, and write them."""
        codes = self.codes[register]
        lead = len(self._wanted.shape)
        aim = np.broadcast_to(aim, codes[part].shape)

        def measure(code: np.ndarray) -> np.ndarray:
            codes[part] = code
            return self.read(quantity)[part]

        noise = self.noise(codes[part].shape[lead:]) if noisy else None
        found = binary_search(measure, aim, 0, upper, inverted=inverted, start_noise=noise)
        self._run += -self._run % RUNS_PER_STEP
        codes[part] = found.code
        return found

    def follows(self, quantity: str, register: str, value: np.ndarray) -> np.ndarray:
        """Return where the read differs from `value`, as it should, a good way to either side of the code written last."""
        good = np.ones(value.shape, bool)
        for step in (-PROBE, PROBE):
            trial = self.codes[register] + step
            inside = (trial >= 0) & (trial <= HIGHEST_CAPMEM_CODE)
            read = self.read(quantity, **{register: np.clip(trial, 0, HIGHEST_CAPMEM_CODE)})
            good &= ((read - value) * np.sign(step) >= LEAST_CHANGE) | ~inside
        self._run += -self._run % RUNS_PER_STEP
        return good

    def judge(self, quantity: str, register: str, found: SearchResult, aim: np.ndarray, name: str = "") -> None:
        """Note the circuits whose search ended at a bound, did not converge, or whose potential does not move."""
        name = name or quantity
        at_bound = ~found.within
        self._failures.add(name, at_bound, f"{register} at a bound of its range")
        with np.errstate(invalid="ignore"):
            far = np.abs(found.value - aim) > TOLERANCE.get(quantity, RELATIVE_TOLERANCE * np.abs(aim))
        self._failures.add(name, far & ~at_bound, f"read further from the target than noise, at every {register} tried")
        if quantity in POTENTIALS:
            stuck = ~self.follows(quantity, register, found.value) & ~at_bound & ~far
            self._failures.add(
                name, stuck, f"the read does not follow {register}: the potential is at an end of what can be read"
            )


def search_target(
    chip: Measurable, wanted: Wanted, failures: Failures, *, rule: str = "default", seed: int = 0
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Search the codes of every register by noisy binary searches of reads, in the order of the reference.

    Synaptic time constants (high resistance decided first); synapse DACs; thresholds; transconductances; references; leak;
    membrane time constants (division decided first); reset; leak again, which changed with its bias. Both inputs are
    searched together where the reference does one after the other: they do not meet on the emulated chip. Settings that the
    reference makes only to be able to read (levels of the leak, currents, events) are part of the emulated read. The
    reference's second pass over threshold, reset and leak is left out: it mends crosstalk, which is not emulated.
    Source: CX:spiking/neuron.py:257-387.

    Parameters
    ----------
    chip : Measurable
        Read only: nothing but `measure` and the numbers of `seed`, for the noise on first codes.
    wanted : Wanted
        What to reach.
    failures : Failures
        Gets the circuits whose code ended at a bound, or whose read stayed far from the target or does not follow the code.
    rule : {"default", "calix"}
        How division and multiplication of the leak are chosen, see :func:`bss2sim.calibration.inversion.choose_mirror`.
    seed : int
        Which reads, and which noise on the first codes. The runs of the reads are counted from 2^32 + 2^20 * seed.

    Returns
    -------
    codes, aims : dicts of arrays
        As of :func:`bss2sim.calibration.inversion.invert_target`.
    """
    bench = _Bench(chip, wanted, failures, seed)
    codes, aims = bench.codes, bench.aims
    codes["membrane_capacitance_code"] = np.array(wanted["membrane_capacitance"])
    codes["i_bias_gm_code"] = np.array(wanted["i_synin_gm"])
    circuits, inputs = codes["leak_v_leak_code"].shape[-1:], codes["i_bias_tau_code"].shape[-2:]

    def simple(quantity: str, register: str, aim: np.ndarray, **settings: Any) -> None:
        found = bench.search(quantity, register, aim, **settings)
        bench.judge(quantity, register, found, aim)
        aims[quantity] = aim

    trial = bench.read(
        "tau_syn", enable_high_resistance=True, i_bias_tau_code=bench.around(HIGH_RESISTANCE_CODE, inputs)
    )
    codes["enable_high_resistance"] = trial <= wanted["tau_syn"]
    simple("tau_syn", "i_bias_tau_code", wanted["tau_syn"], inverted=True)

    codes["synapse_dac_bias_code"][...] = wanted["synapse_dac_bias"][..., np.newaxis]
    aims["synapse_dac"] = bench.read("synapse_dac").min(axis=-1, keepdims=True)
    bench.search("synapse_dac", "synapse_dac_bias_code", aims["synapse_dac"], noisy=False)

    simple("threshold", "threshold_v_threshold_code", wanted["threshold"])

    if wanted.synin_mode != "uncalibrated":
        aims["synaptic_strength"] = wanted_strength(wanted, bench.read("synaptic_strength"))
        for k in range(2):
            part = (..., k, slice(None))
            # the reference's range: CX:spiking/neuron.py:257-387
            upper = np.minimum((1.8 * wanted["i_synin_gm"][part]).astype(np.int64) + 100, HIGHEST_CAPMEM_CODE)
            aim = aims["synaptic_strength"][part]
            found = bench.search("synaptic_strength", "i_bias_gm_code", aim, upper=upper, part=part)
            name = ("excitatory synaptic_strength", "inhibitory synaptic_strength")[k]
            bench.judge("synaptic_strength", "i_bias_gm_code", found, aim, name)

    simple("reference_mismatch", "i_shift_reference_code", np.zeros(1))
    codes["leak_i_bias_code"][...] = 200  # CX:hagen/neuron_helpers.py:612-664
    bench.search("leak", "leak_v_leak_code", wanted["leak"])

    def tau(code: int, **mirror: bool) -> np.ndarray:
        return bench.read("tau_mem", leak_i_bias_code=bench.around(code, circuits), **mirror)

    tau_mem = wanted["tau_mem"]
    divided = tau(OFFSET_DIVISION_CODE, enable_leak_division=True) < tau_mem
    if rule == "default":
        multiplied = ~divided & ~(tau(OFFSET_DIVISION_CODE) < tau_mem)
    else:
        slow = tau_mem.min(axis=-1, keepdims=True) >= OFFSET_SHORTEST
        divided = np.where(slow, divided, tau(RESET_DIVISION_CODE) < tau_mem)
        multiplied = ~slow & ~divided & (tau(RESET_MULTIPLICATION_CODE) > tau_mem)
    codes["enable_leak_division"], codes["enable_leak_multiplication"] = divided, multiplied
    simple("tau_mem", "leak_i_bias_code", tau_mem, inverted=True)

    simple("reset", "reset_v_reset_code", wanted["reset"])
    simple("leak", "leak_v_leak_code", wanted["leak"])
    return codes, aims
