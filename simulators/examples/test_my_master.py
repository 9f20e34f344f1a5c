"""A Modbus master and its tests; the master knows nothing of the simulators."""

import struct
from collections.abc import Iterator

import pytest
from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

from stillcold_sim.testing import MeterMaker, PlantMaker, RunningPlant

pytest_plugins = ["stillcold_sim.testing"]
POWER = 0x34  # total active power of an SDM630, float32, W


class Master:
    """Reads the power of one meter."""

    def __init__(self, host: str, port: int, unit: int) -> None:
        self._client = ModbusTcpClient(host, port=port, timeout=0.5, retries=0)
        self._unit = unit

    def power(self) -> float | None:
        """W, or None where the meter gives no number."""
        try:
            if not self._client.connect():
                return None
            answer = self._client.read_input_registers(POWER, count=2, device_id=self._unit)
        except ModbusException:
            self._client.close()
            return None
        if answer.isError() or len(answer.registers) != 2:
            return None
        value: float = struct.unpack(">f", struct.pack(">2H", *answer.registers))[0]
        return value if abs(value) < 1e9 else None

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


@pytest.fixture
def meter(modbus_meter: MeterMaker) -> RunningPlant:
    """A meter on a free TCP port; its time stands still."""
    return modbus_meter("eastron-sdm630", unit=3, power=40e3)


@pytest.fixture
def master(meter: RunningPlant) -> Iterator[Master]:
    """The master under test, pointed at the meter."""
    master = Master(*meter.address(), unit=3)
    yield master
    master.close()


def test_it_reads_what_the_meter_shows(meter: RunningPlant, master: Master) -> None:
    """As far as the registers resolve it."""
    assert master.power() == meter.values()["active_power"]
    with meter.showing({"active_power": -1234.0}):
        assert master.power() == -1234.0


@pytest.mark.parametrize("what", ["silence", "exception", "nan", "truncated", "wrong_unit", "wrong_transaction"])
def test_a_bad_answer_is_never_a_number(meter: RunningPlant, master: Master, what: str) -> None:
    """And the next good one is read again."""
    with meter.fault(what):
        assert master.power() is None
    assert master.power() == meter.values()["active_power"]


def test_it_connects_again(meter: RunningPlant, master: Master) -> None:
    """After the port broke off the connection and refused new ones."""
    with meter.fault("refused", port="bus"):
        assert master.power() is None
    assert master.power() is not None


def test_it_follows_a_whole_story(modbus_plant: PlantMaker) -> None:
    """Two hours in a second: a sealed line that restarts at night."""
    plant = modbus_plant("night-restart")
    master = Master(*plant.address(), unit=1)
    seen = []
    for _ in range(12):
        plant.skip(600)
        seen.append((master.power() or 0.0) > 100e3)
    master.close()
    assert seen[:5] == [False] * 5
    assert any(seen[5:])
