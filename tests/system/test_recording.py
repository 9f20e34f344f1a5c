"""A recording of a real melting furnace, played as a sealed line through the whole of Stillcold."""

import csv
import gzip
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from stillcold_core.profiles import load_profile
from stillcold_server.store import schema
from support import Mosquitto, WebhookReceiver, wait_for
from support.house import House

RECORDING = Path(__file__).parents[3] / "shared" / "data" / "induction_furnace_2024-10.csv.gz"
pytestmark = pytest.mark.skipif(not RECORDING.exists(), reason=f"the recording is not here: {RECORDING.name}")
QUIET_ROWS = 60
PLAYED = 60 + 30
REGISTRY = """
[[site]]
id = "site"
name = "熔炼车间"

[[line]]
id = "furnace"
site = "site"
name = "450 kW 中频炉"
state = "sealed"
rated_power = 450000
nominal_voltage = 277
sealed_at = "2024-01-01T00:00:00Z"
measures = ["sealed"]

[[point]]
id = "furnace-p1"
line = "furnace"
role = "feeder"
"""
SCENARIO = """
name = "recording"
registry = "registry-of-the-story.toml"

[[port]]
id = "bus"

[[meter]]
id = "m"
profile = "eastron-sdm630"
port = "bus"
unit = 1
point = "furnace-p1"

[meter.values]
{zeros}

[meter.replay]
file = "{file}"
first_row = {first}
rows = {rows}
interval = 60

[meter.replay.columns]
voltage_l12 = "VoltageL1"
voltage_l23 = "VoltageL2"
voltage_l31 = "VoltageL3"
current_l1 = "CurrentL1"
current_l2 = "CurrentL2"
current_l3 = "CurrentL3"
active_power = {{ column = "kW", unit = "kW" }}
active_energy_import = {{ column = "kWh", unit = "kWh" }}
reactive_power = {{ column = "kVar", unit = "kvar" }}
apparent_power = {{ column = "kVA", unit = "kVA" }}
power_factor = "PF"
frequency = "Hz"
voltage_thd_l1 = "THDVoltageL1"
voltage_thd_l2 = "THDVoltageL2"
voltage_thd_l3 = "THDVoltageL3"
current_thd_l1 = "THDCurrentL1"
current_thd_l2 = "THDCurrentL2"
current_thd_l3 = "THDCurrentL3"
"""
PLAYED_QUANTITIES = 18


def first_melt() -> int:
    """Row of the first melt that comes after an hour of quiet."""
    quiet = 0
    with gzip.open(RECORDING, "rt") as file:
        for i, row in enumerate(csv.DictReader(file)):
            power = float(row["kW"] or "nan")
            if power > 4.5 and quiet >= QUIET_ROWS:
                return i
            quiet = quiet + 1 if power == 0 else 0
    raise AssertionError("the recording has no such melt")


@pytest.fixture
def house(tmp_path: Path, mosquitto_tls: Mosquitto, webhook: WebhookReceiver) -> Iterator[House]:
    (tmp_path / "registry-of-the-story.toml").write_text(REGISTRY)
    missing = [
        r.quantity
        for r in load_profile("eastron-sdm630").register
        if r.quantity in {"voltage_l1", "voltage_l2", "voltage_l3", "current_n", "active_energy_export"}
        or r.quantity.startswith("active_power_l")
    ]
    zeros = "\n".join(f"{q} = {277 if q.startswith('voltage') else 0}" for q in missing)
    text = SCENARIO.format(file=RECORDING, first=first_melt() - QUIET_ROWS, rows=PLAYED, zeros=zeros)
    (tmp_path / "recording.toml").write_text(text)
    path = str(tmp_path / "recording.toml")
    with House(tmp_path, path, broker=mosquitto_tls, hook=webhook.url, speed=60) as house:
        yield house


@pytest.mark.slow
@pytest.mark.requirement("system.recording")
def test_the_first_melt_after_a_quiet_hour_raises_one_incident(house: House, webhook: WebhookReceiver) -> None:
    house.start_server()
    house.start_meters()
    wait_for(lambda: len(house.console.alerts()) >= 3, seconds=120, what="the alerts of the melt")
    webhook.wait_for(1)
    alerts = house.console.alerts()
    assert {a["kind"] for a in alerts} == {"restart.power", "restart.current", "restart.energy"}
    assert len({a["incident"] for a in alerts}) == 1
    assert len(house.rows(select(schema.incident))) == 1
    assert house.console.lines() == {"furnace": "live"}
    melt = house.started + QUIET_ROWS  # one row a second
    for alert in alerts:
        delay = datetime.fromisoformat(alert["detected"]).timestamp() - melt
        print(f"{alert['kind']}: {delay:.1f} samples after the first of the melt")
        assert 0 <= delay <= 20, f"{alert['kind']} took {delay:.0f} samples"
    assert house.stop() == [0, 0, 0]
