"""The alarm system's own figures, and the list of all alerts in pages."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, Engine, update

from stillcold_core.detect.findings import Finding, Severity
from stillcold_core.registry import Registry
from stillcold_server.alerts.lifecycle import acknowledge
from stillcold_server.alerts.performance import Alarm, Offender, measure
from stillcold_server.alerts.pipeline import take
from stillcold_server.people.scope import EVERYWHERE
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from support.story import NOW
from support.web import API, Web, get, problem

HOUR, DAY = 3_600_000, 86_400_000
START = NOW - 10 * HOUR


def announce(engine: Engine, kind: str, *times: int, severity: Severity = "warning", line: str = "f1") -> list[str]:
    """Alerts of a kind that were announced at some times (ms), each over a second later but the last."""
    point = {"f1": "p1", "mill": "p2"}[line]
    names = []
    with write(engine) as connection:
        for i, at in enumerate(times):
            over = None if i + 1 == len(times) else at / 1000 + 1
            finding = Finding(kind, severity, "kc-017", line, point, at / 1000, at / 1000, kind, {}, over)
            take(connection, finding, at, _page)
            names.append(finding.id)
    return names


def _page(_connection: Connection, _alert: str, _now: int) -> None:
    """Nobody need be told here."""


def take_up(engine: Engine, alert: str, at: int) -> None:
    with write(engine) as connection:
        acknowledge(connection, alert, actor="王", note="", now=at)


@pytest.mark.requirement("api.performance")
def test_the_figures_are_those_of_the_standards(engine: Engine, plant: Registry) -> None:
    """Ten hours: one alarm that chatters, one restart, one silence that is two days old, one that was never shown."""
    chatter = announce(engine, "tamper.ct", *(START + HOUR + 20_000 * i for i in range(4)))
    (restart,) = announce(engine, "restart.power", START + 5 * HOUR, severity="critical")
    announce(engine, "silence.point", NOW - 2 * DAY, line="mill")
    (hidden,) = announce(engine, "tamper.frozen", START + HOUR, line="mill")
    with write(engine) as connection:
        a = schema.alert.c
        connection.execute(update(schema.alert).where(a.id == hidden).values(announced_at=None, stage="shelve"))
    for alert, after in zip([*chatter[:2], restart], (10, 30, 600), strict=True):
        at = {restart: START + 5 * HOUR, chatter[0]: START + HOUR, chatter[1]: START + HOUR + 20_000}[alert]
        take_up(engine, alert, at + after * 1000)
    with read(engine) as connection:
        found = measure(connection, EVERYWHERE, START, NOW, NOW)
    assert (found.announced, found.per_hour, found.by_severity) == (5, 0.5, {"warning": 4, "critical": 1})
    assert (found.peak, found.standing, found.stale) == (4, 3, 1)
    ct, power = Alarm("f1", "p1", "tamper.ct"), Alarm("f1", "p1", "restart.power")
    assert found.offenders == [Offender(ct, 4), Offender(power, 1)]
    assert found.chattering == [Offender(ct, 3)]  # three of them in a minute
    assert (found.acknowledged_p50, found.acknowledged_p90, found.share_of_top) == (30.0, 600.0, 1.0)


@pytest.mark.requirement("api.performance")
@pytest.mark.requirement("console.performance")
def test_the_figures_stand_beside_what_is_recommended(web: Web) -> None:
    client = web.program("duty_officer")
    plain = get(client, "/alarm-performance")
    assert (plain["acknowledged_p50"], plain["officers"], plain["officers_by"]) == (None, 1, "assumed")
    announce(web.engine, "tamper.ct", *(NOW - HOUR + 1000 * i for i in range(12)))
    answer = get(client, "/alarm-performance", officers=2, **{"from": "2027-01-15T00:00:00Z"})
    marks = {m["name"]: (m["value"], m["recommended"], m["good"]) for m in answer["marks"]}
    assert marks["peak"] == (12, 10, False)
    assert marks["per_officer_hour"] == (pytest.approx(12 / 8.0610 / 2, rel=1e-3), 6, True)
    assert (marks["standing"], marks["chattering"]) == ((1, 10, True), (1, 0, False))
    assert all("18.2" in m["source"] or "EEMUA" in m["source"] for m in answer["marks"])
    for period in ({"from": "2026-01-01T00:00:00Z"}, {"from": "2027-01-16T00:00:00Z"}):
        assert problem(client.get(f"{API}/alarm-performance", params=period)) == (422, "invalid", "from")
    page = web.browser("district_lead").get("/performance").text
    assert page.count('class="bad"') == 3  # peak, chattering, the share of one alarm
    for word in ("连带抑制", "报备活动", "十分钟内最多", "退出运行"):
        assert word in page


def pages(client: httpx.Client, path: str) -> Iterator[list[str]]:
    """Ids of the alerts of each page."""
    following: str | None = path
    while following:
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        yield [a["id"] for a in answer.json()]
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("link", ""))
        following = link[1] if link else None


@pytest.mark.requirement("api.performance.officers")
def test_the_roster_says_how_many_officers_were_on_duty(web: Web) -> None:
    """People of the first level, of the rosters that answer for the districts; nobody twice, and gaps are none."""
    lead = web.program("district_lead", "李")
    for name in ("王", "赵"):
        web.user(name, "duty_officer", "kuancheng")
    shift = {"name": "day", "starts": "08:00", "ends": "20:00", "first": ["王"], "second": ["赵"]}
    roster: dict[str, Any] = {"name": "r", "anchor": "2027-01-01", "shifts": [shift], "continuous": False}
    for name, of in (("all", None), ("kc", "kuancheng")):
        assert lead.put(f"{API}/rosters/{name}", json={**roster, "district": of}).status_code == 200
    day = {"from": "2027-01-14T00:00:00+08:00", "to": "2027-01-15T00:00:00+08:00"}
    client = web.client()
    client.headers["Authorization"] = f"Bearer {web.token('王')}"
    for who in (lead, client):
        found = get(who, "/alarm-performance", **day)
        assert (found["officers"], found["officers_by"]) == (0.5, "roster")
    roster["shifts"].append({"name": "night", "starts": "20:00", "ends": "08:00", "first": ["赵"]})
    assert lead.put(f"{API}/rosters/kc", json={**roster, "district": "kuancheng"}).status_code == 200
    assert get(lead, "/alarm-performance", **day)["officers"] == 1.0
    given = get(lead, "/alarm-performance", officers=3, **day)
    assert (given["officers"], given["officers_by"]) == (3, "given")
    page = web.browser("district_lead", "周")
    left_empty = page.get("/performance?officers=").text  # as the form sends it
    assert '1.00 <span class="hint">按值班表</span>' in left_empty
    for wrong in ("0", "101", "two"):
        assert page.get(f"/performance?officers={wrong}").status_code == 422


@pytest.mark.requirement("api.alert-pages")
def test_alerts_come_in_pages_that_new_ones_do_not_shift_and_by_filters(web: Web) -> None:
    older = announce(web.engine, "tamper.ct", *(NOW - HOUR + 1000 * (i // 2) + i for i in range(7)))
    restart = announce(web.engine, "restart.power", NOW - DAY, severity="critical")
    client = web.program("duty_officer")
    walk = pages(client, f"{API}/alerts?limit=3")
    first = next(walk)
    new = announce(web.engine, "tamper.frozen", NOW, line="mill")
    assert [first, *walk] == [older[:3:-1], older[3:0:-1], [older[0], *restart]]
    for query, expected in {
        "kind=restart": restart, "kind=tamper.frozen": new, "severity=critical": restart, "line=mill": new,
        "flag=shelved": [], "open=false": [], "state=returned&limit=1": [older[5]],
        "to=2027-01-15T00:00:00Z": restart, "site=kc-017&from=2027-01-15T08:00:00Z": new,
    }.items():  # fmt: skip
        assert [a["id"] for a in client.get(f"{API}/alerts?{query}").json()] == expected, query
    assert problem(client.get(f"{API}/alerts?after=nothing")) == (422, "invalid", "after")
    assert problem(client.get(f"{API}/alerts?flag=lost"))[0] == 422


@pytest.mark.requirement("console.history")
def test_a_list_that_is_cut_says_so(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leads to all of them."""
    officer = web.browser("duty_officer")
    announce(web.engine, "tamper.ct", NOW - HOUR)
    monkeypatch.setattr("stillcold_server.console.routes.alerts._MOST", 1)
    assert "仅列最新" not in officer.get("/alerts").text
    announce(web.engine, "tamper.frozen", NOW - HOUR, line="mill")
    assert '仅列最新的 1 条。 <a href="/history">' in officer.get("/alerts").text


@pytest.mark.requirement("console.history")
def test_every_alert_is_found_in_the_history(web: Web) -> None:
    announce(web.engine, "tamper.ct", *(NOW - HOUR + 1000 * i for i in range(51)))
    announce(web.engine, "silence.point", NOW - DAY, line="mill")
    browser = web.browser("duty_officer")
    first = browser.get("/history?kind=&severity=&flag=&line=&days=30").text
    assert (first.count("<tr><td>"), "电表静默" in first) == (50, False)
    (older,) = re.findall(r'href="(/history\?[^"]+)"', first)
    assert browser.get(older.replace("&amp;", "&")).text.count("<tr><td>") == 2
    assert browser.get("/history?kind=silence&flag=none").text.count("<tr><td>") == 1
    assert browser.get("/history?after=nothing").status_code == 422


@pytest.mark.requirement("console.performance")
def test_a_line_is_taken_out_and_put_back_without_scripts(web: Web) -> None:
    browser = web.browser("district_lead")
    given = {"line": "mill", "point": "", "reason": "换表", "days": "2"}
    assert browser.post("/out-of-service", data=given).status_code == 303
    page = browser.get("/performance").text
    assert "换表" in page
    (action,) = re.findall(r'action="(/out-of-service/\d+/end)"', page)
    assert browser.post(action, data={"note": ""}).status_code == 303
    assert "换表" not in browser.get("/performance").text
