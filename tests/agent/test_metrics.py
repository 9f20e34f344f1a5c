"""What a running agent shows at /metrics and /health, and what clients of it cannot do."""

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

import stillcold_agent
from stillcold_agent.counts import REASONS
from stillcold_agent.observe.exposition import Family, render
from stillcold_agent.observe.http import MOST_CLIENTS, MOST_HEAD
from stillcold_core.profiles import Profile
from support import Mosquitto, free_port, wait_for_async
from support.agents import RunningAgent
from support.raw_meter import RawMeter, Registers
from support.waiting import LONG

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "agent-metrics.md").read_text(encoding="utf-8")
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Samples = dict[tuple[str, ...], float]
NAME = "stillcold_agent_"
T = TypeVar("T")


def plant(listen: int, meters: int) -> str:
    """Two meters of which the second is silent, asked often, and pages at ``listen``."""
    head = f'[observe]\nlisten = "127.0.0.1:{listen}"\n[batch]\nquiet = 0.3\nchange = 0.2\n'
    bus = f'[[bus]]\nid = "b"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {meters}\ntimeout = 0.1\n'
    device = '[[device]]\nbus = "b"\nprofile = "eastron-sdm630"\ninterval = 0.1\nonly = ["voltage_l1"]\n'
    return head + bus + "".join(device + f'unit = {u}\npoint = "p{u}"\n' for u in (1, 2))


def first_answers(profile: Profile) -> RawMeter:
    shown = Registers(profile, {"voltage_l1": 230.0})
    return RawMeter(lambda r: shown(r) if r.unit == 1 else None)


def samples_of(text: str) -> Samples:
    """By name (without the common beginning) and the values of the labels, in their order."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name.removeprefix(NAME), *sample.labels.values()] = sample.value
    return found


class Pages:
    """A client of the pages."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def get(self, path: str) -> httpx.Response:
        """A page, once somebody listens."""
        for _ in range(int(LONG / 0.05)):
            try:
                async with httpx.AsyncClient(timeout=LONG) as client:
                    return await client.get(f"http://127.0.0.1:{self.port}{path}")
            except httpx.TransportError:
                await asyncio.sleep(0.05)
        raise TimeoutError(path)

    async def samples(self, condition: Callable[[Samples], object]) -> Samples:
        """The metrics, once they are as expected."""

        def found(answer: httpx.Response) -> Samples | None:
            samples = samples_of(answer.text)
            return samples if condition(samples) else None

        return await self._until(found, "/metrics")

    async def health(self, ok: bool) -> dict[str, Any]:
        """The health, once it is as expected."""
        answer = await self._until(lambda a: a if a.json()["ok"] is ok else None, "/health")
        assert answer.status_code == (200 if ok else 503)
        found: dict[str, Any] = answer.json()
        return found

    async def _until(self, found: Callable[[httpx.Response], T | None], path: str) -> T:
        """What ``found`` makes of a page, once that is something."""
        for _ in range(int(LONG / 0.2)):
            if result := found(await self.get(path)):
                return result
            await asyncio.sleep(0.2)
        raise TimeoutError(path)


@pytest.fixture
def pages() -> Pages:
    return Pages(free_port())


@pytest.mark.requirement("agent.metrics.figures")
async def test_the_metrics_say_what_happens(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile, pages: Pages
) -> None:
    """A meter that answers, one that does not, batches that are acknowledged."""
    async with first_answers(sdm630) as far, RunningAgent(tmp_path, mosquitto, plant(pages.port, far.port)):
        found = await pages.samples(
            lambda s: s["meter_breaker_open", "b", "2", "p2"] and ("acknowledgement_lag_seconds",) in s
        )
        asked = len(far.requests)
    assert found["build_info", stillcold_agent.__version__] == 1
    assert 2 < found["bus_requests_total", "b"] <= asked
    assert 1 <= found["bus_timeouts_total", "b"] < found["bus_requests_total", "b"]
    assert (found["bus_exceptions_total", "b"], found["bus_bad_replies_total", "b"]) == (0, 0)
    assert (found["bus_connected", "b"], found["bus_stuck", "b"], found["bus_breakers_open", "b"]) == (1, 0, 1)
    assert (found["meter_up", "b", "1", "p1"], found["meter_up", "b", "2", "p2"]) == (1, 0)
    assert ("meter_answered_timestamp_seconds", "b", "1", "p1") in found
    assert ("meter_answered_timestamp_seconds", "b", "2", "p2") not in found  # never: that is not 1970
    assert found["uplink_connected",] == found["journal_up",] == 1
    assert 0 < found["uplink_batches_total",] < found["uplink_bytes_total",]
    assert 0 <= found["acknowledgement_lag_seconds",] < LONG
    assert found["resident_memory_bytes",] > 1e7
    assert {key[1] for key in found if key[0] == "troubles_total"} == set(REASONS)


@pytest.mark.requirement("agent.metrics.documented")
async def test_the_page_and_the_exposition_name_the_same_metrics(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile, pages: Pages
) -> None:
    """With their types, both ways."""
    async with first_answers(sdm630) as far, RunningAgent(tmp_path, mosquitto, plant(pages.port, far.port)):
        answer = await pages.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    shown = dict(re.findall(r"^# TYPE (\S+) (\S+)$", answer.text, re.MULTILINE))
    assert shown == dict(re.findall(rf"^\| `({NAME}\w+)` \| (\w+) \|", PAGE, re.MULTILINE))
    for name, kind in shown.items():
        assert (kind == "counter") == name.endswith("_total"), name


@pytest.mark.requirement("agent.metrics.documented")
def test_every_reason_is_documented() -> None:
    """And no other; that the code counts under no other is seen by mypy."""
    _, _, reasons = PAGE.partition("### Reasons")
    assert re.findall(r"^\| `([a-z_]+)` \|", reasons, re.MULTILINE) == sorted(REASONS)


@pytest.mark.requirement("agent.health")
async def test_health_fails_while_the_broker_is_away(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile, pages: Pages
) -> None:
    """And is well again when it is back; a silent meter alone is no reason."""
    async with first_answers(sdm630) as far, RunningAgent(tmp_path, mosquitto, plant(pages.port, far.port)):
        assert (await pages.health(True))["uplink"]["connected"]
        mosquitto.stop()
        ill = await pages.health(False)
        assert (ill["uplink"]["ok"], ill["buses"]["b"]["ok"], ill["journal"]["ok"]) == (False, True, True)
        mosquitto.start()
        await pages.health(True)


@pytest.mark.requirement("agent.health")
async def test_health_fails_while_a_bus_is_not_connected(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile, pages: Pages
) -> None:
    """The bus is named."""
    async with first_answers(sdm630) as far, RunningAgent(tmp_path, mosquitto, plant(pages.port, far.port)):
        await pages.health(True)
        await far.stop()
        assert (await pages.health(False))["buses"]["b"]["connected"] is False


@pytest.mark.requirement("agent.health")
async def test_health_fails_for_a_while_after_the_disk_refused_something(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile, pages: Pages
) -> None:
    """What was read before it can still be read; that is not enough."""
    async with first_answers(sdm630) as far, RunningAgent(tmp_path, mosquitto, plant(pages.port, far.port)) as agent:
        await pages.health(True)
        agent.counts.add("journal_error")
        journal = (await pages.health(False))["journal"]
        assert journal["ok"] is False
        assert journal["batches"] is not None


async def connected(port: int, said: bytes = b"") -> Connection:
    """A connection on which no more is said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    return reader, writer


async def turned_away(connection: Connection) -> None:
    """Wait until the far end gives the connection up."""
    reader, writer = connection
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.slow
@pytest.mark.requirement("agent.metrics.hostile")
async def test_clients_that_hang_flood_or_babble_do_not_stop_the_reading(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile, pages: Pages
) -> None:
    """Those beyond the limit are turned away, the others have to leave after a while."""
    async with first_answers(sdm630) as far, RunningAgent(tmp_path, mosquitto, plant(pages.port, far.port)):
        await pages.get("/metrics")
        hanging = [await connected(pages.port, b"GET /metrics HTTP/1.1\r\n") for _ in range(MOST_CLIENTS)]
        for _ in range(20):
            await turned_away(await connected(pages.port))
        before = len(far.requests)
        for connection in hanging:
            await turned_away(connection)
        assert len(far.requests) > before
        await turned_away(await connected(pages.port, b"x" * 2 * MOST_HEAD))
        found = await pages.samples(lambda s: turned(s) >= MOST_CLIENTS + 20 + 1)
        # The page that was read first may still have taken a place.
        assert found["troubles_total", "http_refused"] >= 20 - 1
        assert found["troubles_total", "reading_skipped"] < 20


def turned(found: Samples) -> float:
    """Clients turned away in all."""
    return found["troubles_total", "http_refused"] + found["troubles_total", "http_bad_request"]


async def test_other_paths_and_methods_are_refused(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile, pages: Pages
) -> None:
    """The pages are there to be read."""
    async with first_answers(sdm630) as far, RunningAgent(tmp_path, mosquitto, plant(pages.port, far.port)):
        assert (await pages.get("/")).status_code == 404
        async with httpx.AsyncClient() as client:
            assert (await client.post(f"http://127.0.0.1:{pages.port}/metrics")).status_code == 405


@pytest.mark.requirement("agent.metrics.taken")
async def test_an_address_that_is_taken_keeps_no_meter_from_being_read(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said; so is an address that others than this machine reach."""
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = plant(port, 0).replace("127.0.0.1", "0.0.0.0", 1)
        async with first_answers(sdm630) as far:
            config = config.replace("port = 0", f"port = {far.port}")
            async with RunningAgent(tmp_path, mosquitto, config):
                await wait_for_async(lambda: "cannot listen" in caplog.text and len(far.requests) > 5)
    assert f"metrics are shown to whoever reaches 0.0.0.0 port {port}" in caplog.text


def test_the_text_format_escapes_what_a_name_may_not_hold() -> None:
    """As another program reads it."""
    odd = 'a "quoted" \\ back\nslash'
    family: Family[None] = Family("f", "gauge", "Odd.", lambda _: [({"point": odd}, 0.1), ({"point": "b"}, None)])
    (parsed,) = text_string_to_metric_families(render([family], None).decode())
    assert [(s.labels, s.value) for s in parsed.samples] == [({"point": odd}, 0.1)]
