"""Rows of the synapse array, the drivers that serve them and the buses that serve the drivers."""

from __future__ import annotations

from .coordinates import Numbers, whole_in_range

N_SYNAPSE_ROW = 256
N_SYNAPSE_DRIVER = 128
N_PADI_BUS = 4
N_HEMISPHERE = 2


def row_to_driver(synapse_row: Numbers) -> tuple[Numbers, Numbers]:
    """Return (synapse driver, 1 if it is the driver's top row else 0) of rows. Source: HC-s:synapse.cpp:17-27.

    Raises ParameterError outside of 0 .. 255.

    >>> row_to_driver(47)
    (23, 1)
    """
    synapse_row = whole_in_range("synapse row", synapse_row, N_SYNAPSE_ROW)
    return synapse_row // 2, synapse_row % 2


def driver_to_row(driver: Numbers, top: Numbers) -> Numbers:
    """Return the top (1) or bottom (0) synapse row of drivers. Source: HC-s:synapse_driver.cpp:41.

    Raises ParameterError outside of drivers 0 .. 127.

    >>> driver_to_row(23, [1, 0])
    array([47, 46])
    """
    return 2 * whole_in_range("synapse driver", driver, N_SYNAPSE_DRIVER) + whole_in_range("top", top, 2)


def driver_to_padi(driver: Numbers) -> tuple[Numbers, Numbers]:
    """Return (PADI bus, index on the bus) of drivers. Source: HC-s:synapse_driver.cpp:30-38.

    Raises ParameterError outside of 0 .. 127.

    >>> driver_to_padi(47)
    (3, 11)
    """
    driver = whole_in_range("synapse driver", driver, N_SYNAPSE_DRIVER)
    return driver % N_PADI_BUS, driver // N_PADI_BUS


def padi_to_driver(bus: Numbers, index: Numbers) -> Numbers:
    """Return the drivers at places of PADI buses. Source: HC-s:synapse_driver.cpp:30-38.

    Raises ParameterError outside of buses 0 .. 3 and indices 0 .. 31.

    >>> padi_to_driver(3, 11)
    47
    """
    index = whole_in_range("index on the PADI bus", index, N_SYNAPSE_DRIVER // N_PADI_BUS)
    return N_PADI_BUS * index + whole_in_range("PADI bus", bus, N_PADI_BUS)


def driver_to_capmem_block(driver: Numbers, hemisphere: Numbers) -> Numbers:
    """Return the CapMem block with the cells of a driver's short-term plasticity. Source: HC-s:synapse_driver.cpp:59.

    Raises ParameterError outside of drivers 0 .. 127 and hemispheres 0, 1.

    >>> driver_to_capmem_block(23, 1)
    3
    """
    hemisphere = whole_in_range("hemisphere", hemisphere, N_HEMISPHERE)
    return 2 * hemisphere + whole_in_range("synapse driver", driver, N_SYNAPSE_DRIVER) % 2
