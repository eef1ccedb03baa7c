"""The emulated chip: circuits whose laws differ, what registers make of them, and noisy reads of it."""

from __future__ import annotations

import json
import numbers
from collections.abc import Hashable, Iterable, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np
import xarray as xr

from bss2sim.errors import ParameterError, choose, refuse_unknown_keywords
from bss2sim.hardware.alignment import Alignment
from bss2sim.hardware.chip_configuration import ChipConfiguration
from bss2sim.hardware.circuits import PARAMETERS, draw_parameters, variation_factors
from bss2sim.hardware.measure import read
from bss2sim.hardware.quantities import NEEDED, Quantities
from bss2sim.hardware.registers import check_registers, is_own_dim

MOST_SEED = 2**63 - 1


def whole_numbers(what: str, value: Any, most: int = MOST_SEED) -> xr.DataArray:
    """Turn a number or a DataArray into int64, each of 0 to `most`; ParameterError otherwise."""
    if isinstance(value, xr.DataArray):
        if value.chunks is not None:
            raise ParameterError(f"{what} is chunked (dask); call .compute() on it first")
        wrong = [dim for dim in value.dims if not is_own_dim(dim)]
        if wrong:
            raise ParameterError(
                f"{what} has a dim {wrong[0]!r}; give it dims of your own, e.g. {'chip' if what == 'seed' else what!r}"
            )
        array = value.values
        if array.size == 0:
            raise ParameterError(f"{what} is empty, of shape {array.shape}; give at least one number")
    else:
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise ParameterError(f"{what} must be a whole number of at least 0, or a DataArray of them; got {value!r}")
        if not 0 <= int(value) <= most:
            raise ParameterError(f"{what} must be 0 to {most}; got {value}")
        return xr.DataArray(np.int64(value))
    if array.dtype.kind not in "iu":
        raise ParameterError(f"{what} must be whole numbers; got dtype {array.dtype}")
    bad = (array < 0) | (array > most)
    if bad.any():
        raise ParameterError(f"{what} must be 0 to {most}; got {array[bad][0]}")
    return value.astype(np.int64)


def _names(quantities: Any) -> list[str]:
    """Turn names of quantities into a list of them; a str is one name."""
    try:
        names = [quantities] if isinstance(quantities, str) else list(quantities)
    except TypeError as reason:
        raise ParameterError(f"quantities must be names, e.g. ['leak', 'reset']; got {quantities!r}") from reason
    return [choose("quantity", name, NEEDED) for name in names]


class EmulatedChip:
    """A chip whose 512 circuits follow the same laws with parameters of their own.

    Parameters
    ----------
    seed : int or DataArray of int, optional
        Which chip, or which chips: a DataArray has dims of your own, e.g. ``chip``. The same seed is the same chip on every
        machine and whatever is drawn with it.
    variation : float or mapping of str to float, optional
        Factor of the differences between circuits: 0 for circuits that are all alike, 1 for those of a real chip. A mapping sets it
        for single laws; the others keep 1. Laws: leak, reset, threshold, capacitance, tau_mem, tau_syn, synaptic_strength,
        synapse_dac, reference_mismatch.
    configuration : ChipConfiguration, optional
        Typical laws, spreads and noise.

    Attributes
    ----------
    configuration : ChipConfiguration
        The numbers.

    Raises
    ------
    ParameterError
        If a seed is no whole number of at least 0, there is none, or its dims have names that the package uses; a variation is
        negative or of a law that does not exist. Of :attr:`parameters`, if they overflow with that variation or configuration.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> from bss2sim.hardware.chip import EmulatedChip
    >>> from bss2sim.hardware.neuron_block import default_registers
    >>> registers = default_registers()
    >>> registers["threshold_v_threshold_code"][:] = 385
    >>> float(EmulatedChip(seed=7, variation=0).achieved(registers)["threshold"][0])
    125.0
    >>> f"{float(EmulatedChip(seed=7).achieved(registers)['threshold'].std()):.1f}"
    '3.3'
    """

    _seeds: xr.DataArray
    _factors: dict[str, float]
    configuration: ChipConfiguration

    @refuse_unknown_keywords
    def __init__(
        self,
        seed: int | xr.DataArray = 0,
        *,
        variation: float | Mapping[str, float] = 1.0,
        configuration: ChipConfiguration | None = None,
    ) -> None:
        seeds = whole_numbers("seed", seed).copy()
        seeds.values.setflags(write=False)
        if configuration is not None and not isinstance(configuration, ChipConfiguration):
            raise ParameterError(f"configuration must be a ChipConfiguration; got {type(configuration).__name__}")
        object.__setattr__(self, "_seeds", seeds)
        object.__setattr__(self, "_factors", variation_factors(variation))
        object.__setattr__(self, "configuration", configuration or ChipConfiguration())

    @property
    def seed(self) -> int | xr.DataArray:
        """Seed, or seeds of several chips."""
        return self._seeds.item() if self._seeds.ndim == 0 else self._seeds.copy(deep=False)

    @property
    def variation(self) -> dict[str, float]:
        """Factor of the spreads of each law."""
        return dict(self._factors)

    @property
    def sizes(self) -> dict[Hashable, int]:
        """Number of chips along each dim of the seed; empty of a single chip."""
        return dict(self._seeds.sizes)

    @property
    def provenance(self) -> dict[str, Any]:
        """What makes this chip, as attributes of a file: seeds, and as JSON the variation and the numbers of the configuration."""
        seeds = self._seeds.values
        return {"chip_seed": int(seeds) if seeds.ndim == 0 else seeds.ravel(), **self._texts}

    @cached_property
    def _texts(self) -> dict[str, str]:
        """Variation and configuration as JSON."""
        return {
            "chip_variation": json.dumps(self._factors),
            "chip_configuration": json.dumps({row["name"]: row["value"] for row in self.configuration.describe()}),
        }

    @cached_property
    def _parameters(self) -> xr.Dataset:
        """Parameters of the laws; drawn when they are asked for, read-only."""
        drawn = draw_parameters(self._seeds.values, self._factors, self.configuration)
        alignment = Alignment()
        alignment.add("seed", self._seeds)
        parameters = alignment.dataset({name: drawn[name] for name in PARAMETERS}, self.provenance)
        for parameter in parameters.data_vars.values():
            parameter.values.setflags(write=False)
        return parameters

    @property
    def parameters(self) -> xr.Dataset:
        """Parameters of the laws of every circuit, by the names that laws read; read-only numbers."""
        return self._parameters.copy(deep=False)

    def _align(
        self, registers: xr.Dataset, names: Iterable[str], run: xr.DataArray | None = None
    ) -> tuple[Alignment, dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Check some registers; return the leading dims, their codes and the parameters."""
        names = list(dict.fromkeys(names))
        if isinstance(registers, xr.Dataset):
            registers = registers[[name for name in names if name in registers]]
        registers = check_registers(registers, names=names)
        alignment = Alignment()
        alignment.add("seed", self._seeds)
        for name in names:
            alignment.add(name, registers[name])
        if run is not None:
            alignment.add("run", run)
        codes = {name: alignment.values(registers[name]) for name in names}
        return alignment, codes, {str(k): alignment.values(v) for k, v in self._parameters.data_vars.items()}

    @refuse_unknown_keywords
    def achieved(self, registers: xr.Dataset, *, quantities: Iterable[str] | None = None) -> xr.Dataset:
        """Return what registers make of the circuits: the truth, without noise.

        Parameters
        ----------
        registers : Dataset
            Registers, see :func:`~bss2sim.hardware.neuron_block.default_registers`. Dims that they share with the seed go together;
            further dims of your own are swept.
        quantities : str or iterable of str, optional
            Which quantities; only the registers they depend on need be there. All if None: leak, reset, threshold [CADC LSB],
            tau_mem, tau_syn [s], synaptic_strength [CADC LSB per weight LSB], synapse_dac, capacitance [LSB], reference_mismatch,
            drift [CADC LSB/s], refractory_time, holdoff_time [s].

        Returns
        -------
        Dataset
            Quantities by name, dims (those of the seed, swept ones, atomic_neuron), synaptic ones with synaptic_input before it,
            synapse_dac with capmem_block in its place. tau_mem is infinite without leak, tau_syn where the synaptic line floats.

        Raises
        ------
        ParameterError
            If a register is missing or out of range, a quantity does not exist, or dims of one name disagree.
        UnknownKeywordError
            If an argument does not exist.

        Examples
        --------
        >>> from bss2sim.hardware.chip import EmulatedChip
        >>> from bss2sim.hardware.neuron_block import default_registers
        >>> EmulatedChip(seed=7).achieved(default_registers(), quantities=["tau_mem"])["tau_mem"].values[:2]
        array([inf, inf])
        """
        wanted = list(NEEDED) if quantities is None else _names(quantities)
        alignment, codes, parameters = self._align(registers, [name for each in wanted for name in NEEDED[each]])
        truth = Quantities(codes, parameters)
        return alignment.dataset({name: getattr(truth, name) for name in wanted}, self.provenance)

    @refuse_unknown_keywords
    def measure(self, quantity: str, registers: xr.Dataset, *, run: int | xr.DataArray = 0) -> xr.DataArray:
        """Read a quantity as the calibration of a real chip would: with the noise of writing its code and of reading it.

        leak and reset are one read of both CADC channels of the circuit, averaged; the threshold is the highest of many reads while
        the neuron fires, a little below the truth; time constants, strengths and the capacitance are fits with a relative error;
        refractory_time and holdoff_time are exact. Potentials are clipped to the range of the membrane.

        Parameters
        ----------
        quantity : str
            Name as in :meth:`achieved`.
        registers : Dataset
            Registers that it depends on.
        run : int or DataArray of int, optional
            Number of the read: another run has other noise, the same run the same. A DataArray numbers chips or swept registers by
            dims of one name, which are new dims of the result otherwise.

        Returns
        -------
        DataArray
            The read [unit of the quantity], dims as in :meth:`achieved` and those of `run`. It depends on seed, quantity, run and
            registers alone.

        Raises
        ------
        ParameterError
            If the quantity does not exist, a register is missing or out of range, or run is no whole number of at least 0.
        UnknownKeywordError
            If an argument does not exist.

        Examples
        --------
        >>> from bss2sim.hardware.chip import EmulatedChip
        >>> from bss2sim.hardware.neuron_block import default_registers
        >>> registers = default_registers()
        >>> registers["reset_v_reset_code"][:] = 599
        >>> chip = EmulatedChip(seed=7)
        >>> error = chip.measure("reset", registers) - chip.achieved(registers)["reset"]
        >>> f"{float(error.std()):.1f}"
        '0.9'
        """
        choose("quantity", quantity, NEEDED)
        runs = whole_numbers("run", run)
        alignment, codes, parameters = self._align(registers, NEEDED[quantity], runs)
        seeds, numbers_of_runs = alignment.values(self._seeds), alignment.values(runs)
        values = read(quantity, codes, parameters, self.configuration, seeds, numbers_of_runs)
        return alignment.dataset({quantity: values}, self.provenance)[quantity]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("EmulatedChip is immutable; make a new one")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EmulatedChip):
            return NotImplemented
        return (
            self._factors == other._factors
            and self.configuration == other.configuration
            and self._seeds.identical(other._seeds)
        )

    def __hash__(self) -> int:
        seeds = self._seeds
        return hash((seeds.dims, seeds.shape, seeds.values.tobytes(), *self._factors.values(), self.configuration))

    def __repr__(self) -> str:
        seed = (
            self._seeds.item()
            if self._seeds.ndim == 0
            else f"<{', '.join(f'{d}: {n}' for d, n in self.sizes.items())}>"
        )
        alike = len(set(self._factors.values())) == 1
        variation = next(iter(self._factors.values())) if alike else self._factors
        changed = "" if self.configuration == ChipConfiguration() else ", configuration=..."
        return f"EmulatedChip(seed={seed}, variation={variation}{changed})"

    def __reduce__(self) -> Any:
        return partial(EmulatedChip, variation=self.variation, configuration=self.configuration), (self.seed,)
