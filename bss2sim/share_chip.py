"""Several populations on one chip: where each is, and whether what they ask of the whole chip fits together."""

from __future__ import annotations

from .calibration.populations import same_on_chip
from .chip_arguments import OF_CHIP
from .errors import ParameterError
from .parameter_values import short
from .population import Population


def _check_chip_values(populations: tuple[Population, ...], names: list[str]) -> None:
    """Refuse different values of what the chip has only one of."""
    for name in OF_CHIP:
        first = populations[0].hardware_value(name)
        for population, who in zip(populations[1:], names[1:], strict=True):
            value = population.hardware_value(name)
            if not same_on_chip(name, first, value):
                raise ParameterError(
                    f"{name} is one of the whole chip: {names[0]} asks for {short(first)}, {who} for {short(value)}; give all "
                    "the same value"
                )


def _check_recordings(populations: tuple[Population, ...], names: list[str]) -> None:
    """Refuse CADC samples in two memories, and a second neuron of the MADC."""
    memory: dict[bool, str] = {}
    for population, who in zip(populations, names, strict=True):
        if population.enable_cadc_recording:
            memory.setdefault(population.enable_cadc_recording_placement_in_dram, who)
    if len(memory) > 1:
        raise ParameterError(
            f"the chip keeps all CADC samples in one memory: {memory[True]} asks for DRAM, {memory[False]} for SRAM; set "
            "enable_cadc_recording_placement_in_dram alike, or enable_cadc_recording=False for one of them"
        )
    sampled = [who for population, who in zip(populations, names, strict=True) if population.enable_madc_recording]
    if len(sampled) > 1:
        raise ParameterError(
            f"the MADC samples one neuron of the chip, but {' and '.join(sampled)} ask for it; set "
            "enable_madc_recording=False for all but one"
        )


def share_chip(*populations: Population) -> tuple[Population, ...]:
    """Place populations on one chip, so that no circuit is in two of them.

    Populations with a `placement_constraint` keep their place; the others then take the first free circuits, in the order
    given. A calibration for all of them is made from what comes back, with
    :meth:`bss2sim.NeuronCalibTarget.from_populations`.

    Parameters
    ----------
    *populations : IAFNeuron, LIFNeuron or LINeuron
        What shares the chip.

    Returns
    -------
    tuple of populations
        Copies in the order given, each with its `placement_constraint`.

    Raises
    ------
    ParameterError
        If two of them want one circuit, there is no room, they differ in `i_synin_gm` or `synapse_dac_bias`, keep CADC
        samples in different memories, or more than one records with the MADC. The message names them by their number, as
        given, from 0.

    Examples
    --------
    >>> import bss2sim as b2
    >>> hidden, readout = b2.share_chip(b2.IAFNeuron(120), b2.LINeuron(3))
    >>> readout.placement_constraint[0]
    LogicalNeuronOnDLS([120])
    >>> target = b2.NeuronCalibTarget.from_populations([hidden, readout])
    """
    from .hardware.shared_placement import place_together

    for index, population in enumerate(populations):
        if not isinstance(population, Population):
            raise ParameterError(
                f"share_chip takes IAFNeuron, LIFNeuron and LINeuron, one argument for each; got {type(population).__name__} "
                f"as population {index}"
            )
    if not populations:
        return ()
    names = [f"population {index} ({type(one).__name__})" for index, one in enumerate(populations)]
    _check_chip_values(populations, names)
    _check_recordings(populations, names)
    placed = place_together(populations, names)
    return tuple(
        population.replace(placement_constraint=where) for population, where in zip(populations, placed, strict=True)
    )
