"""What the gateway reports of itself in its status, and when."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import stillcold_agent
from stillcold_agent.observe.status import _gist
from stillcold_core.contract.messages import MOST_STATUS, Status, decode_status, encode_status
from stillcold_core.contract.report import BusReport, GatewayReport
from stillcold_core.profiles import Profile
from support import Mosquitto, wait_for_async
from support.acker import Acker
from support.agents import RunningAgent
from support.raw_meter import RawMeter, Registers

AT = datetime(2026, 1, 1, tzinfo=UTC)
REPORT = GatewayReport(AT, 2, 1, True, waiting=0, buses=(BusReport("b", 2, 1, True),), counts={"sent_again": 1})
PLANT = """
[observe]
status_interval = 1
[[bus]]
id = "b"
kind = "tcp"
host = "127.0.0.1"
port = {port}
timeout = 0.2
[[device]]
bus = "b"
unit = 1
profile = "eastron-sdm630"
point = "p1"
[[device]]
bus = "b"
unit = 2
profile = "eastron-sdm630"
point = "p2"
"""


def last_report(far: Acker) -> GatewayReport | None:
    return far.statuses[-1].report if far.statuses else None


@pytest.mark.requirement("agent.status.report")
async def test_the_status_reports_what_an_officer_must_know(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile
) -> None:
    """Silent meters, the bus that is lost, the last word when it goes offline."""
    shown = Registers(sdm630, {})
    async with RawMeter(lambda r: shown(r) if r.unit == 1 else None) as far:
        async with RunningAgent(tmp_path, mosquitto, PLANT.format(port=far.port)) as agent:

            def silent(count: int, *, connected: bool) -> bool:
                report = last_report(agent.far)
                return report is not None and report.buses == (BusReport("b", 2, count, connected),)

            await wait_for_async(lambda: silent(1, connected=True), what="a silent meter")
            report = last_report(agent.far)
            assert report is not None
            assert (report.meters, report.silent, report.waiting is None) == (2, 1, False)
            assert abs(report.at - datetime.now(UTC)) < timedelta(minutes=5)
            assert agent.far.statuses[-1].version == stillcold_agent.__version__
            await far.stop()
            await wait_for_async(lambda: silent(2, connected=False), what="a lost bus")
        assert [s.state for s in agent.far.statuses][-1] == "offline"
        assert silent(2, connected=False)


@pytest.mark.requirement("agent.status.change")
def test_a_report_is_told_for_what_has_changed() -> None:
    """Not for a batch on its way or for the time; for all else."""
    replace = msgspec.structs.replace
    sames: list[dict[str, Any]] = [{"at": AT + timedelta(hours=1)}, {"waiting": 3}, {"clock_offset": 0.001}]
    for same in [*sames, {"oldest": AT}]:
        assert _gist(replace(REPORT, **same)) == _gist(REPORT)
    bus = BusReport("b", 2, 1, False)
    others: list[dict[str, Any]] = [{"waiting": 30}, {"waiting": None}, {"synced": False}, {"buses": (bus,)}]
    for other in [*others, {"counts": {}}]:
        assert _gist(replace(REPORT, **other)) != _gist(REPORT)


@pytest.mark.requirement("agent.status.bounded")
def test_a_status_is_never_longer_than_the_wire_allows() -> None:
    """What is long is left out, the longest first; the figures of all buses stay."""
    buses = tuple(BusReport("b" * 60 + str(n), 250, 250, False) for n in range(64))
    few, many = {f"reason_{n}": 7 for n in range(20)}, {"r" * 60 + str(n): 2**53 - 1 for n in range(128)}
    for counts, kept in ((few, few), (many, {})):
        report = msgspec.structs.replace(REPORT, meters=16_000, silent=16_000, buses=buses, counts=counts)
        payload = encode_status(Status("online", "0.1.0", "00" * 8, "2026-01-01T00:00:00+00:00", report=report))
        assert len(payload) <= MOST_STATUS
        told = decode_status(payload).report
        assert told is not None
        assert (told.silent, told.buses, told.counts) == (16_000, (), kept)
    assert decode_status(encode_status(Status("online", report=REPORT))).report == REPORT
