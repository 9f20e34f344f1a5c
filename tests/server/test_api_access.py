"""Who may call the API, and what it does with requests that are wrong."""

from typing import Any

import pytest
from sqlalchemy import select

from stillcold_server.store import schema
from stillcold_server.store.database import read
from support.database import failing
from support.web import API, PASSWORD, Web, get, problem

POWER = "f1:p1:restart.power:20270115T080100.000Z"
CURRENT = "f1:p1:restart.current:20270115T080100.000Z"


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
    """A bureau looks, a duty officer acts, the security administrator manages users and sees nothing of the lines."""
    roles = ("bureau_energy", "duty_officer", "security_admin")
    bureau, officer, admin = (restarted.program(role) for role in roles)
    for verb in ("acknowledge", "reset"):
        assert problem(bureau.post(f"{API}/alerts/{POWER}/{verb}", json={})) == (403, "role", None)
    assert officer.post(f"{API}/alerts/{POWER}/acknowledge", json={}).status_code == 200
    assert problem(admin.post(f"{API}/alerts/{POWER}/reset", json={})) == (403, "role", None)
    assert problem(admin.get(f"{API}/lines")) == (403, "role", None)
    for client in (bureau, officer):
        assert problem(client.get(f"{API}/users")) == (403, "role", None)
        new = {"name": "x", "roles": ["security_admin"]}
        assert problem(client.post(f"{API}/users", json=new)) == (403, "role", None)
        assert problem(client.post(f"{API}/users/security_admin/disable")) == (403, "role", None)
        assert problem(client.post(f"{API}/users/security_admin/password")) == (403, "role", None)
        assert problem(client.post(f"{API}/users/{roles[0]}/rights", json={"roles": []})) == (403, "role", None)


@pytest.mark.requirement("api.must-change")
def test_a_one_time_password_opens_nothing_but_its_own_change(web: Web) -> None:
    """After the change it is a login like any other."""
    admin = web.program("security_admin")
    made = admin.post(f"{API}/users", json={"name": "li", "roles": ["duty_officer"]})
    assert made.status_code == 201
    given = made.json()["one_time_password"]
    client = web.client()
    login = client.post(f"{API}/login", json={"name": "li", "password": given}).json()
    assert (login["roles"], login["must_change"]) == (["duty_officer"], True)
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
    admin, officer = web.program("security_admin"), web.program("duty_officer")
    assert get(officer, "/sites")
    assert problem(admin.post(f"{API}/users", json={"name": "duty_officer", "roles": []})) == (409, "exists", None)
    assert admin.post(f"{API}/users/duty_officer/disable").status_code == 204
    assert problem(officer.get(f"{API}/sites"))[:2] == (401, "login_required")
    assert admin.post(f"{API}/users/duty_officer/enable").status_code == 204
    assert problem(admin.post(f"{API}/users/security_admin/disable")) == (409, "last_admin", None)
    assert problem(admin.post(f"{API}/users/nobody/password")) == (404, "unknown_user", None)
    users = {u["name"]: (u["roles"], u["disabled"], u["must_change"]) for u in get(admin, "/users")}
    assert users == {name: ([name], False, False) for name in ("duty_officer", "security_admin")}
    assert "password" not in admin.get(f"{API}/users").text


def test_too_many_wrong_passwords_must_wait(web: Web) -> None:
    """Even with the right one; the answer says how long."""
    web.user("zhang", "duty_officer")
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
    client = web.program("bureau_energy")
    for _ in range(11):
        web.clock.now += 3_600_000
        assert get(client, "/sites")
    web.clock.now += 3_600_000
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
    ("POST", f"{API}/users", {"json": {"name": "a/b", "roles": ["inspector"]}}, (422, "name", None)),
    ("POST", f"{API}/users", {"json": {"name": "a", "roles": ["root"]}}, (422, "invalid", "roles.0")),
    ("POST", f"{API}/users/%00/disable", {}, (422, "invalid", "name")),
]  # fmt: skip


@pytest.mark.requirement("api.bad-input")
def test_bad_input_is_refused_with_the_field_and_never_with_a_5xx(restarted: Web) -> None:
    """And changes nothing."""
    client = restarted.program("duty_officer+security_admin", "admin")
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
    browser = restarted.browser("duty_officer")
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
        "/login", data={"name": "duty_officer", "password": "x"}, headers={"Origin": "https://evil.example"}
    )
    assert login.status_code == 403
    given = {"name": "duty_officer", "password": PASSWORD}
    cookie = stranger.post("/login", data=given, headers={"Origin": restarted.url}).headers["set-cookie"]
    assert cookie.startswith("stillcold_session=")
    assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))


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
    client = restarted.program("bureau_energy")
    with failing(restarted.engine, schema.rollup):
        answer = client.get(f"{API}/lines")
    assert problem(answer) == (503, "busy", None)
    assert answer.headers["retry-after"] == "5"
