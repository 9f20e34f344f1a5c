"""thingsboard-gateway (PyPI), which nobody here wrote, reads meters and publishes what they show."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from stillcold_core.profiles import Profile, Register, load_profile
from stillcold_core.profiles.model import Ratios
from stillcold_sim.testing import MeterMaker, RunningPlant, modbus_meter, modbus_plant
from support import Mosquitto, Process, wait_for
from support.strangers import require_stranger

__all__ = ["modbus_meter", "modbus_plant"]
_TYPES = {"uint16": "16uint", "int16": "16int", "uint32": "32uint", "int32": "32int", "float32": "32float"}
PROFILES = ["eastron-sdm630", "acrel-adw300", "chint-dtsu666", "janitza-umg96"]


_BROKER = """\
listener {port} 127.0.0.1
allow_anonymous true
acl_file {folder}/acl
"""
_TOKEN = "gateway"
_ACL = f"""\
topic readwrite #
user {_TOKEN}
topic write v1/#
topic read v1/devices/me/rpc/response/+
"""
"""Without it the gateway would hear its own requests, which ThingsBoard never sends back."""


class Platform:
    """Stands where ThingsBoard would: it answers the gateway's first question and takes what it publishes."""

    def __init__(self, port: int) -> None:
        self.telemetry: dict[str, dict[str, float]] = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        topics = [("v1/gateway/telemetry", 1), ("v1/devices/me/rpc/request/+", 1)]
        self._client.on_connect = lambda client, *_: client.subscribe(topics)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        if "/rpc/request/" in message.topic:
            limits = {"maxPayloadSize": 65536, "maxInflightMessages": 100, "rateLimits": {}}
            client.publish(message.topic.replace("request", "response"), json.dumps(limits), 1)
            return
        for device, rows in json.loads(message.payload).items():
            for row in rows:
                self.telemetry.setdefault(device, {}).update(row["values"])

    def wait_for(self, device: str, keys: set[str]) -> None:
        """Wait until all of these values of a device have come."""
        wait_for(lambda: self.telemetry.get(device, {}).keys() >= keys, what=f"{device} in telemetry")

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker as ThingsBoard's is."""
    broker = Mosquitto(tmp_path / "broker", _BROKER)
    (tmp_path / "broker" / "acl").write_text(_ACL)
    with broker:
        yield broker


@pytest.fixture
def platform(broker: Mosquitto) -> Iterator[Platform]:
    """A stand-in for ThingsBoard."""
    platform = Platform(broker.port)
    yield platform
    platform.close()


@pytest.mark.slow
@pytest.mark.requirement("sim.wire.thingsboard-gateway")
def test_thingsboard_gateway_reads_what_meters_show(
    modbus_meter: MeterMaker, platform: Platform, broker: Mosquitto, tmp_path: Path
) -> None:
    """Four models at the same time, every register of a type that it knows."""
    plants = {name: modbus_meter(name, unit=4 + i) for i, name in enumerate(PROFILES)}
    slaves = [_slave(name, 4 + i, plants[name]) for i, name in enumerate(PROFILES)]
    program = require_stranger("thingsboard-gateway==3.8.5", "pyserial==3.5", "pyserial-asyncio==0.6")
    config = _configure(tmp_path / "gateway", Path(program), broker.port, slaves)
    command = ["env", f"--chdir={config}", program]
    environment = {**os.environ, "TB_GW_CONFIG_DIR": str(config)}
    with Process(command, tmp_path / "gateway.log", environment=environment):
        for name, plant in plants.items():
            expected = _expected(load_profile(name), plant)
            platform.wait_for(name, set(expected))
            for quantity, (value, factor, step) in expected.items():
                got = platform.telemetry[name][quantity] * factor
                assert got == pytest.approx(value, abs=0.51 * step), (name, quantity)


def _known(profile: Profile) -> list[Register]:
    return [r for r in profile.register if r.type in _TYPES and r.transform is None and not r.slow]


def _expected(profile: Profile, plant: RunningPlant) -> dict[str, tuple[float, float, float]]:
    """Value, the factor that a register's number must be multiplied with, and the smallest step."""
    values = plant.values()
    return {
        r.quantity: (value, r.factor(Ratios()), 10.0**r.exponent)
        for r in _known(profile)
        if isinstance(value := values[r.quantity], float)
    }


def _slave(name: str, unit: int, plant: RunningPlant) -> dict[str, Any]:
    profile, (host, port) = load_profile(name), plant.address()
    return {
        "host": host, "port": port, "type": "tcp", "method": "socket", "unitId": unit, "deviceName": name,
        "deviceType": "default", "timeout": 5, "byteOrder": profile.byte_order.upper(),
        "wordOrder": profile.word_order.upper(), "retries": 1, "pollPeriod": 1000, "connectAttemptTimeMs": 1000,
        "connectAttemptCount": 5, "waitAfterFailedAttemptsMs": 1000, "attributes": [], "attributeUpdates": [],
        "rpc": [],
        "timeseries": [
            {
                "tag": r.quantity, "type": _TYPES[r.type], "functionCode": profile.function_of(r),
                "objectsCount": r.words, "address": profile.wire_address(r),
            }
            for r in _known(profile)
        ],
    }  # fmt: skip


def _configure(folder: Path, program: Path, port: int, slaves: list[dict[str, Any]]) -> Path:
    """A folder of configuration, from what the package ships."""
    (shipped,) = program.parents[1].glob("lib/python3*/site-packages/thingsboard_gateway/config")
    folder.mkdir()
    shutil.copy(shipped / "logs.json", folder)
    general = json.loads((shipped / "tb_gateway.json").read_text())
    general["thingsboard"] |= {
        "host": "127.0.0.1", "port": port, "remoteConfiguration": False, "statistics": {"enable": False},
        "security": {"type": "accessToken", "accessToken": _TOKEN},
    }  # fmt: skip
    general["connectors"] = [{"type": "modbus", "name": "meters", "configuration": "meters.json"}]
    (folder / "tb_gateway.json").write_text(json.dumps(general))
    (folder / "meters.json").write_text(json.dumps({"master": {"slaves": slaves}}))
    (folder / "logs").mkdir()
    return folder
