"""Registers: ranges, power-on values, and what a Dataset of them may not be."""

import numpy as np
import pytest
import xarray as xr

from bss2sim.errors import ParameterError
from bss2sim.hardware.neuron_block import default_registers
from bss2sim.hardware.registers import REGISTERS, check_registers
from bss2sim.variables import VARIABLES

CAPMEM = [
    "leak_v_leak_code", "leak_i_bias_code", "reset_v_reset_code", "reset_i_bias_code", "threshold_v_threshold_code",
    "i_bias_tau_code", "i_bias_gm_code", "i_shift_reference_code", "synapse_dac_bias_code",
]  # fmt: skip
OTHERS = {
    "membrane_capacitance_code": (63, 0), "refractory_time_code": (255, 0), "reset_holdoff_code": (15, 15),
    "input_clock_code": (1, 0), "clock_scale_slow_code": (15, 0), "clock_scale_fast_code": (15, 0),
    "readout_source_code": (3, 0), "analog_output_code": (2, 0),
}  # fmt: skip


def test_registers__ranges_and_defaults():
    stated = dict.fromkeys(CAPMEM, (1022, 0)) | OTHERS
    for name, (upper, default) in stated.items():
        register = REGISTERS[name]
        assert (register.lower, register.upper, register.default, register.switch) == (0, upper, default, False)
    switches = set(REGISTERS) - set(stated)
    assert len(switches) == 11
    for name in switches:
        assert name.startswith("enable_")
        assert REGISTERS[name].switch and REGISTERS[name].default is False


def test_registers__are_registered_variables_with_a_source():
    for name, register in REGISTERS.items():
        assert register.name == name
        assert ("...", *register.dims) == VARIABLES[name].dims
        assert VARIABLES[name].dtype == ("bool" if register.switch else "int64")
        assert ":" in register.source


@pytest.mark.parametrize("name", REGISTERS)
def test_check_registers__accepts_the_range_and_nothing_beyond(name):
    register = REGISTERS[name]
    if register.switch:
        return
    for value in (register.lower, register.upper):
        registers = default_registers()
        registers[name][...] = value
        check_registers(registers)
    for value in (register.lower - 1, register.upper + 1):
        registers = default_registers()
        registers[name].values.flat[-1] = value
        place = {"atomic_neuron": "atomic_neuron 511", "capmem_block": "capmem_block 3"}
        with pytest.raises(ParameterError) as error:
            check_registers(registers)
        message = str(error.value)
        assert name in message and f"0 to {register.upper}" in message and str(value) in message
        if register.dims:
            assert place[register.dims[-1]] in message


def test_check_registers__names_chip_and_input():
    registers = default_registers({"chip": 3})
    registers["i_bias_tau_code"][2, 1, 17] = 1023
    with pytest.raises(ParameterError, match="chip 2, synaptic_input inhibitory, atomic_neuron 17 has 1023"):
        check_registers(registers)


def test_check_registers__chip_wide_value_has_no_place():
    registers = default_registers()
    registers["clock_scale_fast_code"][...] = 16
    with pytest.raises(ParameterError, match="must be 0 to 15; it has 16"):
        check_registers(registers)


def test_check_registers__makes_integers_int64():
    registers = default_registers()
    registers["leak_v_leak_code"] = registers["leak_v_leak_code"].astype(np.uint16)
    checked = check_registers(registers)
    assert checked["leak_v_leak_code"].dtype == np.int64
    assert registers["leak_v_leak_code"].dtype == np.uint16


@pytest.mark.parametrize(
    ("name", "dtype", "message"),
    [
        ("leak_v_leak_code", float, "must be integers; got dtype float64; round it"),
        ("leak_v_leak_code", bool, "must be integers; got dtype bool"),
        ("enable_threshold", int, "must be True or False; got dtype int64"),
    ],
)
def test_check_registers__refuses_other_numbers(name, dtype, message):
    registers = default_registers()
    registers[name] = registers[name].astype(dtype)
    with pytest.raises(ParameterError, match=f"{name} {message}"):
        check_registers(registers)


def test_check_registers__refuses_what_is_no_dataset():
    with pytest.raises(ParameterError, match=r"must be a Dataset, as default_registers\(\) makes it; got dict"):
        check_registers({})


def test_check_registers__suggests_a_name():
    registers = default_registers().rename(leak_v_leak_code="leak_v_code")
    with pytest.raises(ParameterError, match="no register 'leak_v_code'; did you mean 'leak_v_leak_code'"):
        check_registers(registers)


def test_check_registers__names_what_is_missing():
    registers = default_registers().drop_vars(["leak_v_leak_code", "enable_pause"])
    with pytest.raises(ParameterError, match="lack leak_v_leak_code, enable_pause; begin with default_registers"):
        check_registers(registers)
    check_registers(registers, names=["reset_v_reset_code"])


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.transpose("atomic_neuron", "synaptic_input"),
        lambda a: a.isel(synaptic_input=0, drop=True),
        lambda a: a.expand_dims(neuron=2),
        lambda a: a.expand_dims(capmem_block=4),
        lambda a: a.expand_dims(threshold_offset=2),
        lambda a: a.expand_dims(success=2),
        lambda a: a.drop_vars("row").expand_dims(row=2),
        lambda a: a.expand_dims({3: 2}),
        lambda a: a.expand_dims(chip=2).transpose("synaptic_input", "chip", "atomic_neuron"),
    ],
)
def test_check_registers__refuses_other_dims(change):
    registers = default_registers()
    registers["i_bias_tau_code"] = change(registers["i_bias_tau_code"])
    with pytest.raises(
        ParameterError, match=r"i_bias_tau_code has dims .*must have \('synaptic_input', 'atomic_neuron'\)"
    ):
        check_registers(registers)


def test_check_registers__refuses_part_of_a_chip():
    registers = default_registers().isel(atomic_neuron=slice(0, 100))
    with pytest.raises(ParameterError, match="100 entries along atomic_neuron; a chip has 512"):
        check_registers(registers)


@pytest.mark.parametrize("dim", ["atomic_neuron", "synaptic_input", "capmem_block"])
def test_check_registers__refuses_circuits_in_another_order(dim):
    registers = default_registers()
    registers = registers.isel({dim: slice(None, None, -1)})
    with pytest.raises(ParameterError, match=f"other labels along {dim}"):
        check_registers(registers)


def test_check_registers__needs_no_labels():
    registers = default_registers()
    bare = xr.Dataset({name: (array.dims, array.values) for name, array in registers.data_vars.items()})
    xr.testing.assert_equal(check_registers(bare), bare)


def test_check_registers__refuses_chunks():
    pytest.importorskip("dask")
    registers = default_registers()
    registers["leak_v_leak_code"] = registers["leak_v_leak_code"].chunk()
    with pytest.raises(ParameterError, match="leak_v_leak_code is chunked"):
        check_registers(registers)
