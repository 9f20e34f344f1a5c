"""One's own sessions: seen, and ended by whoever has them or by an administrator of people."""

import httpx
import pyotp
import pytest

from support.story import NOW
from support.web import API, PASSWORD, Web, get, problem

PHONE = "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"


@pytest.mark.requirement("people.own-sessions")
def test_ones_own_sessions_are_shown_and_ended(web: Web) -> None:
    """With device, address and times; nobody else's are, and no token is told."""
    desk, other = web.program("inspector", "zhang"), web.browser("inspector", "li")
    phone = web.client()
    phone.headers["Origin"] = web.url
    web.clock.now += 60_000
    form = {"name": "zhang", "password": PASSWORD}
    assert phone.post("/login", data=form, headers={"User-Agent": PHONE}).status_code == 303
    newest, older = get(desk, "/sessions")
    assert (newest["device"], newest["address"], newest["current"]) == ("Chrome, Android", "127.0.0.1", False)
    assert (older["current"], older["created_at"] < newest["created_at"]) == (True, True)
    assert len(get(other, "/sessions")) == 1
    assert problem(other.post(f"{API}/sessions/{newest['id']}/end")) == (404, "not_found", None)
    page = phone.get("/security").text
    assert "Chrome, Android · 本机" in page
    assert phone.cookies["stillcold_session"] not in page
    assert desk.post(f"{API}/sessions/{newest['id']}/end").status_code == 204
    assert phone.get("/lines").headers["location"].startswith("/login")
    phone.cookies.clear()
    web.enter(phone, "zhang")
    assert phone.post("/security/sessions/end-others").status_code == 303
    assert problem(desk.get(f"{API}/sessions"))[:2] == (401, "login_required")
    assert other.get("/lines").status_code == phone.get("/lines").status_code == 200


@pytest.mark.requirement("people.own-sessions")
def test_a_browser_that_logs_in_again_leaves_no_session_behind(web: Web) -> None:
    """Whoever has copied its cookie before has nothing."""
    browser = web.browser("inspector", "zhang")
    before = browser.cookies["stillcold_session"]
    assert browser.post("/login", data={"name": "zhang", "password": PASSWORD}).status_code == 303
    browser.cookies.clear()
    browser.cookies.set("stillcold_session", before)
    assert browser.get("/lines").headers["location"].startswith("/login")


@pytest.mark.requirement("people.own-sessions")
def test_a_changed_second_factor_ends_the_other_sessions(web: Web) -> None:
    """When it is confirmed and when it is taken away; the one that does it goes on."""
    client, other = web.program("inspector", "zhang"), web.client()
    codes = pyotp.TOTP(client.post(f"{API}/factor").json()["secret"])
    for path in ("confirm", "remove"):
        web.enter(other, "zhang")
        assert get(other, "/sessions")
        assert client.post(f"{API}/factor/{path}", json={"code": codes.at(web.clock.now // 1000)}).is_success
        assert other.get(f"{API}/sessions").status_code == 401
        assert get(client, "/sessions")[0]["current"] is True
        web.clock.now = NOW + 30_000


@pytest.mark.requirement("people.own-sessions")
def test_an_administrator_of_people_ends_anothers_sessions(web: Web) -> None:
    """And nobody else does; the account itself stays open."""
    zhang, admin = web.program("inspector", "zhang"), web.browser("security_admin")
    assert problem(zhang.post(f"{API}/users/security_admin/sessions/end"))[:2] == (403, "role")
    assert admin.post("/users/zhang/sessions/end").status_code == 303
    assert zhang.get(f"{API}/sessions").status_code == 401
    zhang.headers["Authorization"] = f"Bearer {web.token('zhang')}"
    assert get(zhang, "/sessions")
    assert problem(admin.post(f"{API}/users/nobody/sessions/end"))[:2] == (404, "unknown_user")


@pytest.mark.requirement("people.login-again")
def test_what_decides_who_can_log_in_needs_a_login_of_just_now(web: Web) -> None:
    """The second factor, contacts, and others' accounts; what is urgent does not wait for it."""
    zhang, admin = web.program("duty_officer", "zhang"), web.program("security_admin")
    desk = web.browser("inspector", "li")
    web.clock.now += 900_000
    assert zhang.delete(f"{API}/contacts/none").status_code == 404
    web.clock.now += 1
    stale: tuple[tuple[httpx.Client, str, str, dict[str, object] | None], ...] = (
        (zhang, "POST", "/factor", None), (zhang, "POST", "/factor/remove", {"code": "1"}),
        (zhang, "PUT", "/contacts/mail", {"address": "a@example.org"}), (zhang, "DELETE", "/contacts/mail", None),
        (admin, "POST", "/users", {"name": "wu", "roles": ["inspector"]}),
        (admin, "POST", "/users/zhang/rights", {"roles": []}), (admin, "POST", "/users/zhang/password", None),
        (admin, "POST", "/users/zhang/factor/remove", None), (admin, "POST", "/users/zhang/enable", None),
    )  # fmt: skip
    for client, method, path, body in stale:
        answer = client.request(method, API + path, json=body)
        assert problem(answer) == (403, "login_again", None), path
    sent = desk.post("/security/factor", headers={"Referer": f"{web.url}/security"}).headers["location"]
    assert sent == "/login?again=true&next=%2Fsecurity"
    assert "15 分钟" in desk.get(sent).text
    form = {"name": "li", "password": PASSWORD, "next": "/security"}
    desk.cookies.clear()
    assert desk.post("/login", data=form).headers["location"] == "/security"
    assert "<svg" in desk.post("/security/factor").text
    assert admin.post(f"{API}/users/zhang/disable").status_code == 204
