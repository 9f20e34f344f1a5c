"""Control of a running simulation: the API, who may use it, the page."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from stillcold_sim.control import Control, controlled
from stillcold_sim.judging.offline import play
from stillcold_sim.scenario import Fault, Scenario, find_scenario, load_scenario
from stillcold_sim.scenario.fault import ON_TCP
from stillcold_sim.serve import Served, serving

STORY = """
[[meter]]
id = "m"
profile = "eastron-sdm630"
port = "bus"
unit = 1
point = "p"
load = { kind = "steady", power = 12e3 }
running = false
[[meter]]
id = "n"
profile = "waveshare-8di"
port = "bus"
unit = 2
point = "q"
values = { seal_closed = 1, door_closed = 1, breaker_closed = 0 }
"""
Scenarios = Callable[[str], Scenario]


class Console:
    """A client of the API."""

    def __init__(self, served: Served, control: Control, client: httpx.AsyncClient) -> None:
        self.served, self.control, self.client = served, control, client

    async def state(self) -> dict[str, Any]:
        """What is shown now."""
        answer = await self.client.get("/api/state")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def begin(self, what: str, **more: Any) -> str:
        """Begin an event (or, with ``fault=True``, a fault) of meter m."""
        path = "/api/faults" if more.pop("fault", False) else "/api/events"
        answer = await self.client.post(path, json={"meter": "m", "what": what, **more})
        assert answer.status_code == 201, answer.text
        name: str = answer.json()["id"]
        return name

    async def skip(self, seconds: float) -> dict[str, Any]:
        """Move time on, and see."""
        assert (await self.client.post("/api/clock/skip", json={"seconds": seconds})).status_code == 204
        return await self.state()


@asynccontextmanager
async def _console(scenario: Scenario, truth: Path | None = None, host: str = "127.0.0.1") -> AsyncIterator[Console]:
    async with serving(scenario, truth=truth) as served, controlled(served, host, 0) as control:
        url = f"http://127.0.0.1:{urlsplit(control.url).port}"
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            served.clock.pause()
            yield Console(served, control, client)


@pytest.mark.requirement("sim.control.switch")
async def test_a_load_is_switched_by_hand_and_the_truth_says_so(scenario: Scenarios, tmp_path: Path) -> None:
    """It runs, is told to stop, and follows its story again."""
    truth = tmp_path / "truth"
    async with _console(scenario(STORY), truth) as console:
        run = await console.begin("run")
        shown = await console.skip(2)
        assert shown["meters"]["m"]["running"]
        assert shown["meters"]["m"]["values"]["active_power"] == pytest.approx(12e3, rel=0.1)
        assert list(shown["by_hand"]) == [run]
        stop = await console.begin("stop", **{"for": 5})
        assert (await console.skip(2))["meters"]["m"]["values"]["active_power"] == 0
        assert (await console.skip(5))["meters"]["m"]["values"]["active_power"] > 0
        assert (await console.client.delete(f"/api/by-hand/{run}")).status_code == 204
        shown = await console.skip(2)
        assert not shown["meters"]["m"]["running"]
        assert shown["by_hand"] == {}
        assert (await console.client.delete(f"/api/by-hand/{stop}")).status_code == 404
    said = [(r["event"], r["by"]) for r in map(json.loads, truth.read_text().splitlines()) if "by" in r]
    assert said == [("run_begins", run), ("stop_begins", stop), ("stop_ends", stop), ("run_ends", run)]


async def _read(served: Served) -> bytes:
    """Frequency of meter m."""
    reader, writer = await asyncio.open_connection(*served.tcp("bus"))
    writer.write(struct.pack(">HHHBBHH", 1, 0, 6, 1, 4, 0x46, 2))
    try:
        return await asyncio.wait_for(reader.read(100), 60)
    finally:
        writer.close()


@pytest.mark.requirement("sim.control.fault")
async def test_a_fault_begun_by_hand_is_on_the_wire_until_it_is_ended(scenario: Scenarios) -> None:
    """An exception, and a port that refuses."""
    async with _console(scenario(STORY)) as console:
        assert (await _read(console.served))[7] == 4
        fault = await console.begin("exception", fault=True, code=6)
        assert (await _read(console.served))[7:9] == b"\x84\x06"
        assert (await console.state())["meters"]["m"]["values"] == {}
        await console.client.delete(f"/api/by-hand/{fault}")
        assert (await _read(console.served))[7] == 4
        answer = await console.client.post("/api/faults", json={"port": "bus", "what": "refused"})
        with pytest.raises(ConnectionError):
            await _read(console.served)
        assert (await console.state())["meters"]["n"]["faults"] == ["refused"]
        await console.client.delete(f"/api/by-hand/{answer.json()['id']}")
        assert (await _read(console.served))[7] == 4


@pytest.mark.requirement("sim.control.fault")
async def test_every_kind_of_fault_can_be_begun(scenario: Scenarios) -> None:
    """Those of serial frames on a port with serial frames."""
    rtu = STORY.replace("[[meter]]", 'kind = "rtu_over_tcp"\n[[meter]]', 1)
    async with _console(scenario(STORY)) as tcp, _console(scenario(rtu)) as serial:
        faults = (await tcp.client.get("/api/story")).json()["kinds"]["fault"]
        for what in faults:
            asked = {"meter": "m", "what": what}
            answers = [await c.client.post("/api/faults", json=asked) for c in (tcp, serial)]
            assert 201 in {a.status_code for a in answers}, what
        assert set(faults) > ON_TCP


@pytest.mark.requirement("sim.control.evasion")
async def test_evasions_can_be_begun(scenario: Scenarios) -> None:
    """A bypass halves what the meter shows; the story does not know it, the truth does."""
    needed: dict[str, dict[str, Any]] = {
        "ratio_changed": {"ratios": {"ct": 2}}, "rollback": {"energy": 10}, "clock_shifted": {"shift": -60},
    }  # fmt: skip
    async with _console(scenario(STORY)) as console:
        await console.begin("run")
        await console.skip(10)
        half = await console.client.post("/api/evasions", json={"meter": "m", "what": "ct_bypass", "share": 0.5})
        shown = (await console.skip(2))["meters"]["m"]
        assert shown["values"]["active_power"] == pytest.approx(6e3, rel=0.1)
        assert shown["faults"] == ["ct_bypass"]
        await console.client.delete(f"/api/by-hand/{half.json()['id']}")
        assert (await console.skip(2))["meters"]["m"]["values"]["active_power"] == pytest.approx(12e3, rel=0.1)
        for what in (await console.client.get("/api/story")).json()["kinds"]["evasion"]:
            answer = await console.client.post(
                "/api/evasions", json={"meter": "m", "what": what, **needed.get(what, {})}
            )
            assert answer.status_code == 201, answer.text
        again = {"meter": "m", "what": "replayed", "since": 0, "length": 5}
        assert (await console.client.post("/api/evasions", json=again)).status_code == 422
        await console.skip(2)
        assert "genset_begins" in {r["event"] for r in console.served.recent}


@pytest.mark.requirement("sim.control.clock")
async def test_time_is_held_moved_on_and_run_at_another_speed(scenario: Scenarios) -> None:
    """And the power of the last minutes goes with it."""
    async with _console(scenario(STORY)) as console:
        before = (await console.state())["t"]
        await asyncio.sleep(0.05)
        assert (await console.state())["t"] == before
        assert (await console.skip(3600))["t"] == before + 3600
        change = await console.client.patch("/api/clock", json={"speed": 1000, "paused": False})
        assert change.status_code == 204
        await asyncio.wait_for(console.served.reached(before + 3700), 60)
        shown = await console.state()
        assert shown["speed"] == 1000
        assert not shown["paused"]
        assert shown["t"] >= before + 3700
        newest = shown["meters"]["m"]["power"][-1][0]
        later = await console.client.get("/api/state", params={"since": newest})
        assert all(p[0] > newest for p in later.json()["meters"]["m"]["power"])
        said = [(r["event"], r.get("seconds", r.get("speed"))) for r in console.served.recent if "clock" in r["event"]]
        assert said == [("clock_skips", 3600), ("clock_speed", 1000), ("clock_goes_on", None)]


@pytest.mark.requirement("sim.same-seed-same-truth")
async def test_a_clock_that_is_held_and_moved_on_gives_the_same_truth(tmp_path: Path) -> None:
    """As the same story without a wire, to the last digit."""
    demo = load_scenario(find_scenario("demo"))
    async with _console(demo, tmp_path / "by-hand") as console:
        for seconds in (0.4, 7, 13.5, 1):
            await console.skip(seconds)
        end = console.served.clock.now()
    play(demo, tmp_path / "m", tmp_path / "run", interval=1.0, duration=60)
    by_hand, run = (_played(tmp_path / name, end) for name in ("by-hand", "run"))
    assert by_hand == run
    assert len(by_hand) > 22 * 6


def _played(truth: Path, end: float) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in truth.read_text(encoding="utf-8").splitlines()]
    return [
        {k: v for k, v in line.items() if k not in {"time", "interval"}}
        for line in lines
        if line["t"] <= end and "clock" not in line.get("event", "")
    ]


@pytest.mark.requirement("sim.control.checked")
@pytest.mark.parametrize(
    ("path", "asked", "said"),
    [
        ("events", {"meter": "x", "what": "run"}, "meter: must be the id of a meter"),
        ("events", {"meter": "m", "what": "dance"}, "Invalid enum value 'dance'"),
        ("events", {"meter": "m", "what": "run", "speed": 1}, "unknown field `speed`"),
        ("events", {"meter": "n", "what": "run"}, "n has no load"),
        ("events", {"meter": "m", "what": "set", "values": {"seal_closed": 0}}, "has no seal_closed"),
        ("events", {"meter": "m", "what": "run", "for": 5, "every": 60}, "comes once"),
        ("evasions", {"meter": "n", "what": "genset"}, "n has no load"),
        ("evasions", {"meter": "m", "what": "rollback", "energy": 1, "for": 5}, "set back at once"),
        ("faults", {"what": "silence"}, "exactly one of meter and port"),
        ("faults", {"meter": "m", "what": "exception", "code": 0}, "code"),
    ],
)
async def test_what_does_not_fit_is_refused_and_said(
    scenario: Scenarios, path: str, asked: dict[str, Any], said: str
) -> None:
    """As a scenario file would be."""
    async with _console(scenario(STORY)) as console:
        answer = await console.client.post(f"/api/{path}", json=asked)
        assert answer.status_code == 422
        assert said in answer.json()["detail"]
        assert (await console.state())["by_hand"] == {}


async def test_a_number_that_is_none_can_be_shown(scenario: Scenarios) -> None:
    """It is nothing for whoever reads it, and breaks neither the state nor the truth."""
    async with _console(scenario(STORY)) as console:
        hostile = b'{"meter": "m", "what": "set", "values": {"frequency": NaN}, "for": 1e999}'
        console.client.headers["Content-Type"] = "application/json"
        answer = await console.client.post("/api/events", content=hostile)
        assert answer.status_code == 201
        shown = await console.skip(2)
        assert "frequency" not in shown["meters"]["m"]["values"]
        assert shown["by_hand"][answer.json()["id"]]["values"] == {"frequency": None}
        for skip in ("NaN", "1e999", "-1", '"x"'):
            answer = await console.client.post("/api/clock/skip", content=f'{{"seconds": {skip}}}')
            assert answer.status_code == 422
            assert answer.json()["detail"].startswith("seconds: Input should be")


async def test_more_than_a_thousand_things_at_once_are_refused(scenario: Scenarios) -> None:
    """Until some are over."""
    async with _console(scenario(STORY)) as console:
        for _ in range(999):
            await console.served.present()
            console.served.plant.begin(_silence(console.served.clock.now()))
        last = await console.begin("run")
        answer = await console.client.post("/api/events", json={"meter": "m", "what": "run"})
        assert answer.status_code == 409
        await console.client.delete(f"/api/by-hand/{last}")
        await console.begin("run")


def _silence(at: float) -> Fault:
    return Fault(at=at, what="silence", meter="n")


@pytest.mark.requirement("sim.control.guard")
async def test_a_foreign_page_gets_nothing(scenario: Scenarios) -> None:
    """Neither by a name that is made to point here nor by a request from elsewhere."""
    async with _console(scenario(STORY)) as console:
        assert console.control.token == ""
        foreign = {"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}
        for headers in (*foreign, {"Origin": "null"}):
            assert (await console.client.get("/api/state", headers=headers)).status_code == 403
        assert (await console.client.get("/", headers={"Host": "evil.example"})).status_code == 403
        assert (await console.client.get("/", headers={"Host": "localhost:1"})).status_code == 200
        # What a form of another page can send without asking first.
        form = {"Content-Type": "text/plain"}
        answer = await console.client.post("/api/events", content=b'{"meter": "m", "what": "run"}', headers=form)
        assert answer.status_code == 422


@pytest.mark.requirement("sim.control.guard")
async def test_beyond_loopback_the_api_needs_the_token(scenario: Scenarios) -> None:
    """Which is in the link, and new each time."""
    async with _console(scenario(STORY), host="0.0.0.0") as console:
        assert console.control.link.endswith(f"#token={console.control.token}")
        assert len(console.control.token) >= 32
        assert (await console.client.get("/")).status_code == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            assert (await console.client.get("/api/state", headers=headers)).status_code == 401
        console.client.headers["Authorization"] = f"Bearer {console.control.token}"
        await console.state()


@pytest.mark.requirement("sim.control.guard")
async def test_the_page_loads_nothing_from_elsewhere(scenario: Scenarios) -> None:
    """By its own policy, which allows no inline script either."""
    async with _console(scenario(STORY)) as console:
        page = await console.client.get("/")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "://" not in page.text
        for name in ("control.js", "words.js", "draw.js", "detail.js", "ask.js", "control.css", "icon.svg"):
            assert (await console.client.get(f"/static/{name}")).status_code == 200
