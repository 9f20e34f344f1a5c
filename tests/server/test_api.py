"""The REST API over a real server and a real database."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from stillcold_core.readings import Absence
from stillcold_server.api.read.lines import is_silent
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from support.gateway import DEAD, SignedGateway, steady
from support.story import NOW, START, feed
from support.web import Web

API = "/api/v1"
POWER = "f1:p1:restart.power:20270115T080100.000Z"
CURRENT = "f1:p1:restart.current:20270115T080100.000Z"


def get(client: httpx.Client, path: str, **query: Any) -> Any:
    """The JSON of an answer that must be good."""
    answer = client.get(API + path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def problem(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Status, word and field of a refusal, in the form that every refusal has."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "field"}
    assert body["status"] == answer.status_code
    return answer.status_code, body["type"].removeprefix("urn:stillcold:problem:"), body["field"]


def test_the_ledger_is_shown(restarted: Web) -> None:
    """Sites, lines by site, points, gateways with their newest sample."""
    client = restarted.program("viewer")
    assert get(client, "/sites") == [
        {"id": "kc-017", "name": "宽城铸造", "address": "宽城区 1 号", "longitude": 125.3, "latitude": 43.9}
    ]
    assert [n["id"] for n in get(client, "/lines", site="kc-017")] == ["f1", "mill"]
    assert get(client, "/lines", site="kc-018") == []
    newest = "2027-01-15T08:03:39.000Z"
    assert get(client, "/points", line="f1") == [
        {"id": "p1", "line": "f1", "role": "feeder", "gateway": "gw-1", "sampled_at": newest}
    ]
    (gateway,) = get(client, "/gateways")
    assert (gateway["id"], gateway["sampled_at"], gateway["points"]) == ("gw-1", newest, ["p1", "p2"])


@pytest.mark.requirement("api.condition-and-coverage")
def test_a_line_shows_condition_coverage_and_its_newest_values(restarted: Web) -> None:
    """A line that was never measured is unknown and has no coverage."""
    client = restarted.program("viewer")
    line = get(client, "/lines/f1")
    assert (line["condition"], line["state"], line["coverage"]) == ("dead", "sealed", 1.0)
    assert (line["live_s"], line["unknown_s"], line["open_alerts"]) == (pytest.approx(40), 0, 3)
    assert line["latest"] == {"at": "2027-01-15T08:03:39.000Z", "voltage": 0.0, "current": 0.6, "power": 0.0}
    never = get(client, "/lines/mill")
    assert (never["condition"], never["coverage"], never["sampled_at"], never["latest"]) == (
        "unknown",
        None,
        None,
        None,
    )


@pytest.mark.requirement("api.silence-is-unknown")
def test_a_line_that_falls_silent_is_unknown_since_its_last_sample_and_loses_coverage(restarted: Web) -> None:
    """Dead is never shown of a line that nobody measures now; the silence counts while it lasts."""
    client = restarted.program("viewer")
    sampled_at = 1_800_000_219_000
    restarted.clock.now = sampled_at + 15_000
    assert get(client, "/lines/f1")["condition"] == "dead"
    restarted.clock.now = sampled_at + 219_000
    line = get(client, "/lines/f1")
    assert (line["condition"], line["since"], line["unknown_s"]) == ("unknown", "2027-01-15T08:03:39.000Z", 219.0)
    assert line["coverage"] == pytest.approx(0.5)


def test_silence_depends_on_the_usual_interval() -> None:
    """Three intervals, and never less than 15 s."""
    assert not is_silent(0, 900.0, 2_700_000)
    assert is_silent(0, 900.0, 2_700_001)


@pytest.mark.requirement("api.series")
def test_a_series_gives_values_as_read_with_gaps_as_null(restarted: Web, gateway: SignedGateway) -> None:
    """A quantity that the meter does not have is null throughout."""
    odd = {**DEAD, "current_l1": Absence.TIMEOUT}
    feed(restarted.engine, gateway, steady(odd, start=START + 220, count=2))
    client = restarted.program("viewer")
    series = get(
        client,
        "/points/p1/series",
        quantity=["current_l1", "frequency"],
        **{"from": "2027-01-15T16:03:39+08:00", "to": "2027-01-15T08:04:00Z"},
    )
    assert series["times"] == [f"2027-01-15T08:03:{s}.000Z" for s in (39, 40, 41)]
    assert series["resolution"] == 0
    current = {"unit": "A", "values": [0.5, None, None], "low": None, "high": None}
    assert series["columns"] == {"current_l1": current, "frequency": {**current, "unit": "Hz", "values": [None] * 3}}


def test_a_long_series_is_summarised_with_its_extremes(restarted: Web) -> None:
    """A run of 40 s is seen in periods of minutes."""
    client = restarted.program("viewer")
    query = {"from": "2027-01-15T08:00:00Z", "to": "2027-01-15T09:00:00Z", "max_points": 10}
    series = get(client, "/points/p1/series", quantity="active_power", **query)
    assert series["resolution"] > 0
    power = series["columns"]["active_power"]
    assert (max(power["high"]), min(power["low"])) == (590_000.0, 0.0)
    assert 0 < max(power["values"]) < 590_000.0


def test_a_series_is_of_the_last_hour_by_default(restarted: Web) -> None:
    """By the server's clock."""
    client = restarted.program("viewer")
    series = get(client, "/points/p1/series", quantity="active_power")
    assert (series["from"], series["to"]) == ("2027-01-15T07:03:39.500Z", "2027-01-15T08:03:39.500Z")
    assert len(series["times"]) == 220


@pytest.mark.requirement("api.alert-life")
def test_an_alert_is_acknowledged_then_reset_and_every_step_is_kept(restarted: Web) -> None:
    """With name and note; a step that the state does not allow is refused with its reason."""
    client = restarted.program("officer", "张伟")
    listed = get(client, "/alerts", open=True, line="f1", kind="restart.power")
    assert [(a["id"], a["state"], a["site_name"], a["line_name"]) for a in listed] == [
        (POWER, "returned", "宽城铸造", "1 t 中频炉")
    ]
    early = client.post(f"{API}/alerts/{POWER}/reset", json={"note": ""})
    assert problem(early) == (409, "not_acknowledged", None)
    done = client.post(f"{API}/alerts/{POWER}/acknowledge", json={"note": "已通知"}).json()
    assert (done["state"], done["acknowledged_by"]) == ("latched", "张伟")
    again = client.post(f"{API}/alerts/{POWER}/acknowledge", json={})
    assert problem(again) == (409, "already_acknowledged", None)
    client.post(f"{API}/alerts/{POWER}/reset", json={"note": "到场核查"})
    alert = get(client, f"/alerts/{POWER}")
    assert alert["state"] == "normal"
    steps = [(j["transition"], j["actor"], j["note"]) for j in alert["journal"]]
    assert steps[-2:] == [("acknowledge", "张伟", "已通知"), ("reset", "张伟", "到场核查")]
    assert [s[0] for s in steps[:2]] == ["raise", "end"]
    others = [get(client, f"/alerts/{a['id']}")["deliveries"] for a in get(client, "/alerts")]
    states = sorted(d["state"] for deliveries in others for d in deliveries)
    assert states == ["skipped", "skipped", "waiting"]
    assert {a["id"] for a in get(client, "/alerts", open=False)} == {POWER}
    assert len(get(client, "/alerts", limit=2)) == 2


def test_acknowledging_tells_open_consoles(restarted: Web) -> None:
    """At once, by the stream of events."""
    client = restarted.program("officer")
    with client.stream("GET", f"{API}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert next(lines) == "retry: 3000"
        other = restarted.client()
        other.headers["Authorization"] = client.headers["Authorization"]
        other.post(f"{API}/alerts/{POWER}/acknowledge", json={})
        assert next(line for line in lines if line.startswith("event")) == "event: alerts"


def test_health_shows_lag_gateways_refusals_and_chains(restarted: Web, gateway: SignedGateway) -> None:
    """A gap is there until it is filled."""
    gateway.sequence += 3
    feed(restarted.engine, gateway, steady(DEAD, start=START + 300))
    with write(restarted.engine) as connection:
        connection.execute(schema.refusal.insert(), {"reason": "signature", "gateway": "?", "count": 7, "last_at": NOW})
        connection.execute(schema.cursor.update().values(position=10))
    health = get(restarted.program("viewer"), "/health")
    assert health["database"] == "ok"
    assert health["now"] == "2027-01-15T08:03:39.500Z"
    assert health["followers"] == [{"name": "detection", "behind": 2}, {"name": "rollup", "behind": 2}]
    refusal = {"reason": "signature", "gateway": "?", "count": 7, "last_at": "2027-01-15T08:03:39.500Z"}
    assert health["refusals"] == [refusal]
    (note,) = health["chain_notes"]
    assert (note["kind"], note["sequence"], note["until"], note["epoch"]) == ("gap", 12, 14, b"epoch--1".hex())
    assert (health["deliveries_waiting"], health["deliveries_failed"]) == (1, 0)


def test_metrics_are_for_this_machine_and_show_lag_and_open_alerts(restarted: Web) -> None:
    """In Prometheus' text form."""
    text = restarted.client().get("/metrics").text
    assert 'stillcold_follower_lag_batches{follower="detection"} 0.0' in text
    assert 'stillcold_alerts_unacknowledged{severity="critical"} 3.0' in text
    stranger = restarted.client().get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"})
    assert problem(stranger) == (401, "login_required", None)


def test_healthz_is_open_and_says_nothing_but_ok_or_failing(web: Web) -> None:
    """503 when the tables are gone."""
    answer = web.client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    with write(web.engine) as connection:
        schema.cursor.drop(connection)
    answer = web.client().get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing"})


ANY = ["/sites", "/lines", "/lines/f1", "/points", "/gateways", "/alerts", f"/alerts/{POWER}", "/health", "/events"]


@pytest.mark.requirement("api.login-required")
def test_nothing_is_shown_without_a_login(restarted: Web) -> None:
    """Nor with a token that nobody has."""
    stranger = restarted.client()
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}, {"Cookie": "a=b"}):
        for path in [*ANY, "/users", "/points/p1/series?quantity=active_power"]:
            answer = stranger.get(API + path, headers=headers)
            assert problem(answer) == (401, "login_required", None), path
    assert problem(stranger.post(f"{API}/alerts/{POWER}/acknowledge", json={}))[:2] == (401, "login_required")


@pytest.mark.requirement("api.roles")
def test_each_role_may_do_what_it_may(restarted: Web) -> None:
    """A viewer looks, an officer acts, an administrator manages users."""
    viewer, officer, admin = (restarted.program(role) for role in ("viewer", "officer", "admin"))
    for verb in ("acknowledge", "reset"):
        assert problem(viewer.post(f"{API}/alerts/{POWER}/{verb}", json={})) == (403, "role", None)
    assert officer.post(f"{API}/alerts/{POWER}/acknowledge", json={}).status_code == 200
    assert admin.post(f"{API}/alerts/{POWER}/reset", json={}).status_code == 200
    for client in (viewer, officer):
        assert problem(client.get(f"{API}/users")) == (403, "role", None)
        assert problem(client.post(f"{API}/users", json={"name": "x", "role": "admin"})) == (403, "role", None)
        assert problem(client.post(f"{API}/users/admin/disable")) == (403, "role", None)
        assert problem(client.post(f"{API}/users/admin/password")) == (403, "role", None)


@pytest.mark.requirement("api.must-change")
def test_a_one_time_password_opens_nothing_but_its_own_change(web: Web) -> None:
    """After the change it is a login like any other."""
    admin = web.program("admin")
    made = admin.post(f"{API}/users", json={"name": "li", "role": "officer"})
    assert made.status_code == 201
    given = made.json()["one_time_password"]
    client = web.client()
    login = client.post(f"{API}/login", json={"name": "li", "password": given}).json()
    assert (login["role"], login["must_change"]) == ("officer", True)
    client.headers["Authorization"] = f"Bearer {login['token']}"
    for path in ANY:
        assert problem(client.get(API + path)) == (403, "password_change_required", None)
    weak = client.post(f"{API}/password", json={"old": given, "new": "short"})
    assert problem(weak) == (422, "short", "new")
    wrong = client.post(f"{API}/password", json={"old": "wrong", "new": "five warm rivers"})
    assert problem(wrong) == (403, "wrong_password", "old")
    assert client.post(f"{API}/password", json={"old": given, "new": "five warm rivers"}).status_code == 204
    assert problem(client.get(f"{API}/sites"))[:2] == (401, "login_required")
    login = client.post(f"{API}/login", json={"name": "li", "password": "five warm rivers"}).json()
    client.headers["Authorization"] = f"Bearer {login['token']}"
    assert get(client, "/lines")
    assert client.post(f"{API}/logout").status_code == 204
    assert problem(client.get(f"{API}/sites"))[:2] == (401, "login_required")


def test_an_administrator_makes_closes_and_opens_accounts(web: Web) -> None:
    """Closing ends the sessions at once."""
    admin, officer = web.program("admin"), web.program("officer")
    assert get(officer, "/sites")
    assert problem(admin.post(f"{API}/users", json={"name": "officer", "role": "viewer"})) == (409, "exists", None)
    assert admin.post(f"{API}/users/officer/disable").status_code == 204
    assert problem(officer.get(f"{API}/sites"))[:2] == (401, "login_required")
    assert admin.post(f"{API}/users/officer/enable").status_code == 204
    assert problem(admin.post(f"{API}/users/admin/disable")) == (409, "last_admin", None)
    assert problem(admin.post(f"{API}/users/nobody/password")) == (404, "unknown_user", None)
    users = {u["name"]: (u["role"], u["disabled"], u["must_change"]) for u in get(admin, "/users")}
    assert users == {"admin": ("admin", False, False), "officer": ("officer", False, False)}
    assert "password" not in admin.get(f"{API}/users").text


def test_too_many_wrong_passwords_must_wait(web: Web) -> None:
    """Even with the right one; the answer says how long."""
    web.user("zhang", "officer")
    client = web.client()
    good, bad = ({"name": "zhang", "password": p} for p in ("three cold lines", "wrong"))
    for _ in range(5):
        assert problem(client.post(f"{API}/login", json=bad)) == (401, "bad_login", None)
    answer = client.post(f"{API}/login", json=good)
    assert problem(answer) == (429, "throttled", None)
    web.clock.now += 1000 * int(answer.headers["retry-after"])
    assert client.post(f"{API}/login", json=good).status_code == 200
    text = client.get("/metrics").text
    for outcome, count in (("refused", 5), ("throttled", 1), ("ok", 1)):
        assert f'stillcold_logins_total{{outcome="{outcome}"}} {count}.0' in text


def test_a_session_ends_after_its_hours(web: Web) -> None:
    """As the configuration says."""
    client = web.program("viewer")
    web.clock.now += 12 * 3_600_000 - 1
    assert get(client, "/sites")
    web.clock.now += 1
    assert problem(client.get(f"{API}/sites"))[:2] == (401, "login_required")


SERIES = f"{API}/points/p1/series"
BAD: list[tuple[str, str, dict[str, Any], tuple[int, str, str | None]]] = [
    ("GET", f"{API}/nothing", {}, (404, "not_found", None)),
    ("DELETE", f"{API}/alerts/{POWER}", {}, (405, "method_not_allowed", None)),
    ("GET", f"{API}/lines/f9", {}, (404, "not_found", None)),
    ("GET", f"{API}/alerts/f9", {}, (404, "not_found", None)),
    ("GET", f"{API}/points/p9/series?quantity=active_power", {}, (404, "not_found", None)),
    ("POST", f"{API}/alerts/f9/acknowledge", {"json": {}}, (404, "not_found", None)),
    ("GET", f"{API}/lines/%00", {}, (422, "invalid", "id")),
    ("GET", f"{API}/lines/{'x' * 5000}", {}, (422, "invalid", "id")),
    ("GET", f"{API}/alerts?line=%00", {}, (422, "invalid", "line")),
    ("GET", f"{API}/alerts?limit=0", {}, (422, "invalid", "limit")),
    ("GET", f"{API}/alerts?limit=99999999999999999999", {}, (422, "invalid", "limit")),
    ("GET", f"{API}/alerts?open=perhaps", {}, (422, "invalid", "open")),
    ("GET", SERIES, {}, (422, "invalid", "quantity")),
    ("GET", f"{SERIES}?quantity=power", {}, (422, "invalid", "quantity")),
    ("GET", f"{SERIES}?quantity=active_power&from=2027-01-01T00:00:00", {}, (422, "invalid", "from")),
    ("GET", f"{SERIES}?quantity=active_power&from=yesterday", {}, (422, "invalid", "from")),
    ("GET", f"{SERIES}?quantity=active_power&from=NaN", {}, (422, "invalid", "from")),
    ("GET", f"{SERIES}?quantity=active_power&to=0001-01-01T00:00:00%2B08:00", {}, (422, "invalid", "to")),
    ("GET", f"{SERIES}?quantity=active_power&from=2027-01-02T00:00:00Z&to=2027-01-01T00:00:00Z", {},
     (422, "invalid", "from")),
    ("GET", f"{SERIES}?quantity=active_power&max_points=5001", {}, (422, "invalid", "max_points")),
    ("POST", f"{API}/alerts/{POWER}/acknowledge", {}, (422, "invalid", "body")),
    ("POST", f"{API}/alerts/{POWER}/acknowledge", {"content": b"{"}, (422, "invalid", None)),
    ("POST", f"{API}/alerts/{POWER}/acknowledge", {"content": b"\xff"}, (400, "bad_request", None)),
    ("POST", f"{API}/alerts/{POWER}/acknowledge", {"content": b"[" * 60_000}, (400, "bad_request", None)),
    ("POST", f"{API}/alerts/{POWER}/acknowledge", {"json": []}, (422, "invalid", None)),
    ("POST", f"{API}/alerts/{POWER}/acknowledge", {"json": {"note": 5}}, (422, "invalid", "note")),
    ("POST", f"{API}/alerts/{POWER}/acknowledge", {"json": {"note": "\x00"}}, (422, "invalid", "note")),
    ("POST", f"{API}/alerts/{POWER}/acknowledge", {"json": {"note": "x" * 1001}}, (422, "invalid", "note")),
    ("POST", f"{API}/alerts/{POWER}/acknowledge", {"json": {"note": "", "by": "me"}}, (422, "invalid", "by")),
    ("POST", f"{API}/alerts/{POWER}/acknowledge", {"content": b'{"note": "\\ud800"}'}, (422, "invalid", "note")),
    ("POST", f"{API}/login", {"json": {"name": "a"}}, (422, "invalid", "password")),
    ("POST", f"{API}/login", {"json": {"name": "\x00", "password": "\x00"}}, (401, "bad_login", None)),
    ("POST", f"{API}/login", {"content": b'{"name": "a", "password": "\\udfff"}'}, (422, "invalid", "password")),
    ("POST", f"{API}/users", {"json": {"name": "a/b", "role": "viewer"}}, (422, "name", None)),
    ("POST", f"{API}/users", {"json": {"name": "a", "role": "root"}}, (422, "invalid", "role")),
    ("POST", f"{API}/users/%00/disable", {}, (422, "invalid", "name")),
]  # fmt: skip


@pytest.mark.requirement("api.bad-input")
def test_bad_input_is_refused_with_the_field_and_never_with_a_5xx(restarted: Web) -> None:
    """And changes nothing."""
    client = restarted.program("admin")
    client.headers["Content-Type"] = "application/json"
    for method, path, sent, expected in BAD:
        answer = client.request(method, path, **sent)
        status, word, field = problem(answer)
        assert (status, word) == expected[:2], (method, path, answer.text)
        if expected[2] is not None:
            assert field == expected[2], (method, path, answer.text)
    with read(restarted.engine) as connection:
        states = set(connection.execute(select(schema.alert.c.state)).scalars())
        users = connection.execute(select(schema.user.c.name)).scalars().all()
    assert states == {"returned"}
    assert users == ["admin"]


def test_a_body_that_is_too_large_is_refused_unread(web: Web) -> None:
    """With and without its length said before."""
    for content in (b"x" * 70_000, (b"x" * 10_000 for _ in range(7))):
        assert web.client().post(f"{API}/login", content=content).status_code == 413


@pytest.mark.requirement("api.cross-site")
def test_another_site_cannot_act_through_a_browser(restarted: Web) -> None:
    """A request with the cookie must say that it comes from our own pages; a token needs no such word."""
    browser = restarted.browser("officer")
    del browser.headers["Origin"]
    path = f"{API}/alerts/{CURRENT}/acknowledge"
    foreign: list[dict[str, str]] = [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": restarted.url},
        {"Sec-Fetch-Site": "same-site", "Origin": restarted.url},
    ]
    for headers in foreign:
        assert problem(browser.post(path, json={}, headers=headers)) == (403, "cross_site", None), headers
    assert browser.post(path, json={}, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
    stranger = restarted.client()
    login = stranger.post(
        "/login", data={"name": "officer", "password": "x"}, headers={"Origin": "https://evil.example"}
    )
    assert login.status_code == 403
    cookie = restarted.browser("viewer").cookies.jar
    (session,) = [c for c in cookie if c.name == "stillcold_session"]
    assert session.has_nonstandard_attr("HttpOnly")
    assert session.get_nonstandard_attr("SameSite", "") == "strict"


def test_every_answer_carries_the_security_headers(restarted: Web) -> None:
    """Also refusals, pages and assets; only assets with a hash in their name are kept by browsers."""
    client = restarted.client()
    for path in ("/login", "/nothing", f"{API}/sites", "/healthz", "/static/favicon.svg", "/static/assets/none.js"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_the_database_failing_is_a_503_that_says_try_again(restarted: Web) -> None:
    """Not a crash with a traceback."""
    client = restarted.program("viewer")
    with write(restarted.engine) as connection:
        schema.rollup.drop(connection)
    answer = client.get(f"{API}/lines")
    assert problem(answer) == (503, "busy", None)
    assert answer.headers["retry-after"] == "5"


DOCS = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


@pytest.mark.requirement("api.documented")
def test_every_route_and_every_metric_is_documented(web: Web) -> None:
    """The OpenAPI document is served to all and names errors in one form; docs/api.md names the same routes."""
    spec = web.client().get(f"{API}/openapi.json").json()
    routes = {f"{m.upper()} {path}" for path, methods in spec["paths"].items() for m in methods}
    assert len(routes) > 20
    assert sorted(r for r in routes if f"`{r.replace(API, '')}`" not in DOCS) == []
    lines = [line for line in web.metrics.exposition().decode().splitlines() if line.startswith("# TYPE")]
    names = {line.split()[2].removesuffix("_total") for line in lines}
    assert sorted(n for n in names if n not in DOCS and not n.endswith("_created")) == []
    for path, methods in spec["paths"].items():
        for operation in methods.values():
            if path.startswith(API):
                assert operation["responses"]["422"]["content"] == {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}
                }, path


def test_times_are_iso_8601_in_utc(restarted: Web) -> None:
    """With milliseconds and Z."""
    (alert, *_) = get(restarted.program("viewer"), "/alerts")
    for name in ("began", "detected", "ended", "raised_at"):
        moment = datetime.fromisoformat(alert[name])
        assert moment.tzinfo == UTC
        assert alert[name] == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
