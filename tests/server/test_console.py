"""The console's pages without scripts, and its words."""

import re
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import select, update

from stillcold_core.contract.messages import Status
from stillcold_core.contract.report import BusReport, GatewayReport
from stillcold_server.console.assets import STATIC
from stillcold_server.ingest.status import note_status
from stillcold_server.language.texts import LANGUAGES
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from support.story import NOW
from support.web import Web

INCIDENT = "f1:p1:restart.power:20270115T080100.000Z"


def page(client: httpx.Client, path: str) -> str:
    """The text of a page that must be there."""
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


def alert_states(web: Web) -> list[tuple[str, str | None]]:
    """State and who acknowledged, of every alert."""
    with read(web.engine) as connection:
        rows = connection.execute(select(schema.alert.c.state, schema.alert.c.acknowledged_by))
        return [(r.state, r.acknowledged_by) for r in rows]


@pytest.mark.requirement("console.plain")
@pytest.mark.requirement("console.incident")
def test_an_officer_acknowledges_and_resets_with_plain_forms(restarted: Web) -> None:
    """One click takes up the three alerts of the incident; the note is kept with each."""
    officer = restarted.browser("duty_officer", "张伟")
    text = page(officer, "/alerts")
    assert "宽城铸造 · 1 t 中频炉" in text
    assert 'data-waiting="1"' in text
    action = re.search(r'action="(/incidents/[^"]+/acknowledge\?next=[^"]+)"', text)
    assert action
    answer = officer.post(action[1], data={"note": " 已通知街道 "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts")
    assert alert_states(restarted) == [("latched", "张伟")] * 3
    assert "/acknowledge" not in page(officer, "/alerts")
    assert officer.post(action[1], data={}).status_code == 303, "somebody else was faster: nothing happens"
    answer = officer.post(f"/incidents/{INCIDENT}/reset?next=//evil.example", data={"note": "到场核查"})
    assert answer.headers["location"] == "/alerts"
    assert [state for state, _ in alert_states(restarted)] == ["normal"] * 3
    text = page(officer, f"/alerts/{INCIDENT}")
    assert "已通知街道" in text
    assert "到场核查" in text
    assert 'data-waiting="0"' in text


def test_an_incident_that_goes_on_cannot_be_reset(restarted: Web) -> None:
    """The page says so."""
    with write(restarted.engine) as connection:
        connection.execute(update(schema.alert).values(state="acknowledged", ended=None))
    officer = restarted.browser("duty_officer")
    assert "停止后才能复位" in page(officer, "/alerts")
    officer.post(f"/incidents/{INCIDENT}/reset", data={"note": "x"})
    assert [state for state, _ in alert_states(restarted)] == ["acknowledged"] * 3


def test_pages_show_what_happened_in_words_with_figures(restarted: Web) -> None:
    """In Shanghai's time."""
    text = page(restarted.browser("bureau_energy"), f"/alerts/{INCIDENT}")
    assert "测得有功功率 590 kW，超过停产限值 7.5 kW。" in text
    assert "2027-01-15 16:01:00" in text
    assert "只能查看" in text
    assert "/acknowledge" not in text


def test_a_silent_line_is_unknown_and_shows_no_values(restarted: Web) -> None:
    """Old values are not shown as if they were new."""
    viewer = restarted.browser("bureau_energy")
    assert "0.6 A" in page(viewer, "/lines")
    restarted.clock.now += 3_600_000
    for path in ("/lines", "/lines/f1"):
        text = page(viewer, path)
        assert "未知" in text
        assert "0.6 A" not in text
        assert "1 小时 0 分前" in text


@pytest.mark.requirement("console.plain")
def test_the_language_is_chosen_by_a_form(restarted: Web) -> None:
    """And stays."""
    viewer = restarted.browser("bureau_energy")
    assert '<html lang="zh-CN">' in page(viewer, "/lines")
    answer = viewer.post("/language", data={"to": "en", "next": "/lines"})
    assert answer.headers["location"] == "/lines"
    text = page(viewer, "/lines")
    assert '<html lang="en">' in text
    assert "Coverage" in text
    assert viewer.post("/language", data={"to": "fr", "next": "/lines"}).status_code == 422


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_there_in_every_language(restarted: Web, language: str) -> None:
    """Also for an empty line, and the errors."""
    admin, officer = restarted.browser("security_admin"), restarted.browser("duty_officer+system_admin", "officer")
    for client in (admin, officer):
        client.post("/language", data={"to": language})
    for path in ("/alerts", "/alerts?line=f1", f"/alerts/{INCIDENT}", "/lines", "/lines/f1", "/lines/mill", "/gateways",
                 "/system", "/password", "/login"):  # fmt: skip
        assert f'<html lang="{language}' in page(officer, path)
    assert f'<html lang="{language}' in page(admin, "/users")
    for path, status in (("/nothing", 404), ("/lines/f9", 404), ("/alerts/f9", 404), ("/lines/%00", 422)):
        answer = officer.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")


@pytest.mark.requirement("console.gateway-report")
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["not connected: hall", "not synchronised", "batches sent again", "Counted by gw-1"]),
        ("zh", ["未连接：hall", "未同步", "重发的批次", "gw-1 启动以来的计数"]),
    ],
)
def test_the_system_page_shows_what_a_gateway_said_of_its_work(restarted: Web, language: str, words: list[str]) -> None:
    """In words; a reason that this version does not know stands as it came."""
    buses = (BusReport("cabinet", 2, 1, True), BusReport("hall", 1, 0, False))
    counts = {"sent_again": 2, "from_a_newer_agent": 1}
    report = GatewayReport(datetime(2026, 1, 1, tzinfo=UTC), 3, 1, False, waiting=12, buses=buses, counts=counts)
    with write(restarted.engine) as connection:
        note_status(connection, "gw-1", Status("online", "<b>0.1.0</b>", report=report), NOW)
    admin = restarted.browser("system_admin")
    admin.post("/language", data={"to": language})
    text = page(admin, "/system")
    assert [word for word in [*words, "from_a_newer_agent", "&lt;b&gt;0.1.0"] if word not in text] == []


def test_a_stranger_is_sent_to_the_login_and_back_to_where_he_wanted(restarted: Web) -> None:
    """A script's request for a piece of a page leaves the page as a whole."""
    stranger = restarted.client()
    answer = stranger.get("/alerts?line=f1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Falerts%3Fline%3Df1")
    piece = stranger.get("/alerts", headers={"HX-Request": "true"})
    assert (piece.status_code, piece.headers["hx-redirect"]) == (204, "/login?next=%2Falerts")
    foreign = stranger.get("/alerts", headers={"Sec-Fetch-Site": "cross-site"})
    assert 'http-equiv="refresh"' in foreign.text, "the strict cookie comes with the second request"
    restarted.user("zhang", "duty_officer")
    data = {"name": "zhang", "password": "three cold lines", "next": "/alerts?line=f1"}
    answer = stranger.post("/login", data=data, headers={"Origin": restarted.url})
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts?line=f1")
    wrong = restarted.client().post("/login", data={**data, "password": "x"}, headers={"Origin": restarted.url})
    assert wrong.status_code == 401
    assert "用户名或密码不对" in wrong.text


def test_the_first_login_leads_to_a_new_password_and_out_again(web: Web) -> None:
    """Every other page leads there too."""
    admin = web.browser("security_admin")
    made = admin.post("/users", data={"name": "li", "roles": "duty_officer"})
    given = re.search(r"<code>([a-z0-9-]{19})</code>", made.text)
    assert given
    assert "no-store" in made.headers["cache-control"]
    client = web.client()
    client.headers["Origin"] = web.url
    answer = client.post("/login", data={"name": "li", "password": given[1]})
    assert answer.headers["location"] == "/password"
    assert client.get("/alerts").headers["location"] == "/password"
    new = {"old": given[1], "new": "five warm rivers"}
    assert "不一致" in client.post("/password", data={**new, "again": "six"}).text
    assert "密码太短" in client.post("/password", data={"old": given[1], "new": "a", "again": "a"}).text
    assert client.post("/password", data={**new, "again": new["new"]}).headers["location"] == "/login?changed=true"
    client.post("/login", data={"name": "li", "password": "five warm rivers"})
    assert page(client, "/alerts")
    admin.post("/users/li/disable")
    assert client.get("/alerts").status_code == 303
    assert admin.post("/users", data={"name": "li", "roles": "duty_officer"}).status_code == 409


def test_a_role_that_does_not_reach_is_told_so(restarted: Web) -> None:
    """On a page, not as JSON."""
    viewer = restarted.browser("bureau_energy")
    for answer in (viewer.get("/users"), viewer.post(f"/incidents/{INCIDENT}/acknowledge", data={})):
        assert answer.status_code == 403
        assert "权限不足" in answer.text
    del viewer.headers["Origin"]
    assert "已拒绝" in viewer.post("/logout").text


@pytest.mark.requirement("console.nothing-injected")
def test_text_from_outside_is_shown_as_text(restarted: Web) -> None:
    """Names, notes, reasons, query."""
    evil = "<script>alert(1)</script>'\"><img src=x onerror=alert(1)>"
    officer = restarted.browser("duty_officer")
    officer.post(f"/incidents/{INCIDENT}/acknowledge", data={"note": evil})
    with write(restarted.engine) as connection:
        connection.execute(update(schema.site).values(name=evil, address=evil))
        connection.execute(update(schema.line).values(name=evil))
        connection.execute(update(schema.alert).values(reason=evil, evidence={evil: evil}, kind=f"x.{evil}"))
        connection.execute(update(schema.delivery).values(detail=evil))
    for path in ("/alerts", f"/alerts/{INCIDENT}", "/lines", "/lines/f1", f"/login?next=/{evil}", f"/nothing/{evil}"):
        text = officer.get(path).text
        assert "<script>alert" not in text, path
        assert "<img" not in text, path


@pytest.mark.requirement("console.local")
def test_pages_load_only_from_the_server_itself(restarted: Web) -> None:
    """No inline script, handler or style, which the policy would block."""
    admin, officer = restarted.browser("security_admin"), restarted.browser("duty_officer+system_admin", "officer")
    pages = ("/alerts", f"/alerts/{INCIDENT}", "/lines", "/lines/f1", "/gateways", "/system", "/password", "/login")
    for client, path in [(admin, "/users"), *((officer, p) for p in pages)]:
        text = page(client, path)
        loaded = re.findall(r'(?:src|href)="([^"#]+)"', text)
        assert [u for u in loaded if not u.startswith("/") or u.startswith("//")] == []
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text)
        for address in {u for u in loaded if u.startswith("/static/")}:
            assert admin.get(address).status_code == 200, address
    asset = next(u for u in loaded if u.startswith("/static/assets/"))
    kept = admin.get(asset).headers
    assert "immutable" in kept["cache-control"]
    assert kept["content-encoding"] == "gzip"
    built = b"".join(f.read_bytes() for f in (STATIC / "assets").iterdir())
    assert (
        re.findall(rb"https?://(?!www\.w3\.org|localhost)[a-z0-9.-]+\.[a-z]{2,}/[^\s\"'`)]*\.(?:js|css|woff2?)", built)
        == []
    )
