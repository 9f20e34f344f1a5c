"""What an alert's page shows around the event, as curves and as figures."""

import html
import json
import re

import pytest
from sqlalchemy import Engine

from stillcold_core.readings import Absence, Sample
from stillcold_core.registry import Point, Registry
from stillcold_server.registry.ledger import export_registry, import_registry
from stillcold_server.store.database import write
from support.gateway import DEAD, EXPONENTS, SignedGateway, steady
from support.story import START, feed, restart_story
from support.web import Web

INCIDENT = "/alerts/f1:p1:restart.power:20270115T080100.000Z"


@pytest.fixture
def witnessed(web: Web, engine: Engine, gateway: SignedGateway) -> Web:
    """A restart with a meter that was silent before it, and a water meter."""
    with write(engine) as connection:
        known: Registry = export_registry(connection)
        points = (*known.point, Point("w1", "f1", "water", gateway.name))
        import_registry(connection, Registry(known.site, known.line, known.gateway, points))
    mute = dict.fromkeys(DEAD, Absence.TIMEOUT)
    samples = [Sample(s.point, s.time, mute) if 20 <= i < 30 else s for i, s in enumerate(restart_story())]
    feed(engine, gateway, samples)
    gateway.exponents = {**EXPONENTS, "water_volume": -3}
    feed(engine, gateway, steady({"water_volume": 12.345}, start=START + 60, count=3, point="w1"))
    return web


@pytest.mark.requirement("console.evidence")
def test_a_restart_shows_phases_register_and_witnesses_with_what_was_not_read(witnessed: Web) -> None:
    """A register in steps, the limit in the panel of its quantity, causes from the API."""
    viewer = witnessed.browser("inspector")
    said = re.search(r"data-spec='(\{.*?\})'", html.unescape(viewer.get(INCIDENT).text))
    assert said
    panels = json.loads(said[1])["panels"]
    assert [(p["title"], p["steps"]) for p in panels] == [
        ("current", False), ("voltage", False), ("power", False), ("thd", False), ("energy", True),
        ("flow", False), ("volume", False),
    ]  # fmt: skip
    assert {p["title"]: p["limit"] for p in panels if p["limit"]} == {"power": 7500.0}
    query = {"quantity": "active_power", "from": "2027-01-15T08:00:00Z", "to": "2027-01-15T08:04:00Z"}
    absent = viewer.get("/api/v1/points/p1/series", params=query).json()["absent"]
    assert absent == [{"from": "2027-01-15T08:00:20.000Z", "to": "2027-01-15T08:00:30.000Z", "cause": "timeout"}]


@pytest.mark.requirement("console.evidence")
@pytest.mark.parametrize(("language", "silent"), [("zh", "电表未应答"), ("en", "meter did not answer")])
def test_the_same_stands_in_a_table_for_those_who_do_not_see_curves(witnessed: Web, language: str, silent: str) -> None:
    """Every sample where there are few; a silence once, with its cause; never a zero for it."""
    viewer = witnessed.browser("inspector")
    viewer.post("/language", data={"to": language})
    text = html.unescape(viewer.get(f"{INCIDENT}/readings?around=45").text)
    rows_of_meter = text.partition("w1<")[0]
    rows = re.findall(r'scope="row">01-15 (16:\d\d:\d\d)</th>(.*?)</tr>', rows_of_meter)
    by_time = {at: re.sub(r"<[^>]+>", " ", cells).split() for at, cells in rows}
    assert by_time["16:00:19"][:3] == ["0.5", "0.4", "0.6"]
    assert " ".join(by_time["16:00:20"]) == silent
    assert "16:00:25" not in by_time
    assert by_time["16:01:00"] == ["900", "905", "899", "221", "222", "220", "590", "5,009,661"]
    assert text.count("12.35") == 3
    assert viewer.get(f"{INCIDENT}/readings?around=1").status_code == 422
    assert viewer.get("/alerts/nothing/readings").status_code == 404
