"""What is asked of a meter with every reading, and what now and then."""

from pathlib import Path

import pytest

from stillcold_agent.config import Config, Device, TcpBus
from stillcold_agent.meters import Meter, meters_of

PROFILE = """\
model = "own"
title = "A register for each class of interval"
kind = "meter"
source = "made for tests"
function = 3
register = [
    { quantity = "active_power", address = 0, type = "int32", unit = "W", source = "test" },
    { quantity = "active_energy_import", address = 2, type = "uint32", unit = "Wh", source = "test" },
    { quantity = "active_energy_export", address = 4, type = "uint32", unit = "Wh", source = "test", slow = true },
    { quantity = "current_thd_l1", address = 6, type = "uint16", unit = "%", source = "test", slow = true },
    { quantity = "meter_serial", address = 7, type = "uint32", unit = "1", source = "test" },
]
"""


@pytest.fixture(autouse=True)
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.toml").write_text(PROFILE)
    monkeypatch.chdir(tmp_path)


def one(**more: object) -> Meter:
    device = Device("b", 1, "own.toml", "p1", **more)  # type: ignore[arg-type]
    return meters_of(Config("gw-1", bus=(TcpBus("b", "127.0.0.1"),), device=(device,)))[0]


def quantities(meter: Meter) -> tuple[set[str], set[str]]:
    """Read with every reading, and now and then."""
    fast, slow = (
        {r.quantity for read in reads for r, _ in read.registers} for reads in (meter.reads, meter.slow_reads)
    )
    return fast, slow


@pytest.mark.requirement("agent.slow")
def test_identity_and_what_a_profile_calls_slow_have_requests_of_their_own() -> None:
    """Planned apart, so that the others need not ask for them."""
    fast, slow = quantities(one(slow_interval=30))
    assert slow == {"active_energy_export", "current_thd_l1", "meter_serial"}
    assert fast == {"active_power", "active_energy_import"}
    assert one(slow_interval=30).slow_interval == 30


@pytest.mark.requirement("agent.slow.sealed")
def test_registers_of_a_sealed_line_are_read_with_every_reading() -> None:
    """They are evidence of a restart, whatever the profile says of them."""
    fast, slow = quantities(one(sealed=True, rated_power=750e3))
    assert slow == {"current_thd_l1", "meter_serial"}
    assert {"active_energy_export", "active_energy_import"} <= fast


def test_a_meter_of_slow_quantities_alone_is_read_at_its_interval() -> None:
    """A reading has something in it."""
    fast, slow = quantities(one(only=("meter_serial",)))
    assert (fast, slow) == ({"meter_serial"}, set())
