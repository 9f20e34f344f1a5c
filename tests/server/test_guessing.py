"""Guessing codes and present passwords, and a server that has lost the key of second factors."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pyotp
import pytest
from sqlalchemy import Engine, select

from stillcold_core.registry import Registry
from stillcold_server.config import Config, Http, People
from stillcold_server.store.database import read
from stillcold_server.store.schema import audit_entry, session
from support.story import NOW
from support.web import API, PASSWORD, Web, problem


@pytest.fixture
def factored(engine: Engine, plant: Registry, tmp_path: Path) -> Iterator[Web]:
    """A server whose officers need a second factor."""
    people = People(key_file=str(tmp_path / "people.key"), second_factor=("duty_officer",))
    with Web(engine, NOW, config=Config(http=Http(host="127.0.0.1"), people=people)) as web:
        yield web


def set_up(client: httpx.Client, now: int = NOW) -> tuple[pyotp.TOTP, list[str]]:
    """A confirmed factor and its recovery codes."""
    codes = pyotp.TOTP(client.post(f"{API}/factor").json()["secret"])
    done = client.post(f"{API}/factor/confirm", json={"code": codes.at(now // 1000)})
    return codes, done.json()["recovery_codes"]


def log_in(web: Web, code: str, address: str = "192.0.2.1", password: str = PASSWORD) -> httpx.Response:
    given = {"name": "zhang", "password": password, "code": code}
    return web.client().post(f"{API}/login", json=given, headers={"X-Forwarded-For": address})


@pytest.mark.requirement("people.throttle-codes")
def test_codes_are_not_guessed_from_many_addresses(factored: Web) -> None:
    """Nor does who tries learn that the password is right; wrong passwords shut nobody out."""
    codes, _ = set_up(factored.program("duty_officer", "zhang"))
    factored.clock.now += 60_000
    for i in range(12):
        assert log_in(factored, "", f"198.51.100.{i}", "wrong").status_code == 401
    assert log_in(factored, codes.at(factored.clock.now // 1000)).status_code == 200
    factored.clock.now += 60_000
    for i in range(10):
        assert problem(log_in(factored, "000000", f"203.0.113.{i}"))[1] == "bad_login"
    assert problem(log_in(factored, codes.at(factored.clock.now // 1000)))[1] == "bad_login"
    factored.clock.now += 900_000
    assert log_in(factored, codes.at(factored.clock.now // 1000)).status_code == 200


@pytest.mark.requirement("people.throttle-codes")
def test_an_open_session_is_no_place_to_guess_the_password(web: Web) -> None:
    """By the API or the page."""
    client = web.program("inspector", "zhang")
    for _ in range(5):
        wrong = client.post(f"{API}/password", json={"old": "wrong", "new": "seven warm rooms"})
        assert problem(wrong)[1] == "wrong_password"
    right = {"old": PASSWORD, "new": "seven warm rooms"}
    assert problem(client.post(f"{API}/password", json=right))[:2] == (429, "throttled")
    browser = web.client()
    browser.headers["Origin"] = web.url
    web.enter(browser, "zhang")
    assert browser.post("/password", data=right | {"again": right["new"]}).status_code == 429
    web.clock.now += 300_000
    assert client.post(f"{API}/password", json=right).status_code == 204


@pytest.mark.requirement("people.factor-key")
def test_without_the_key_recovery_codes_open_the_account(factored: Web, tmp_path: Path) -> None:
    """As after a restore on another machine: no code is right, and nothing fails."""
    codes, recovery = set_up(factored.program("duty_officer", "zhang"))
    (tmp_path / "people.key").unlink()
    factored.clock.now += 60_000
    assert problem(log_in(factored, codes.at(factored.clock.now // 1000)))[:2] == (401, "bad_login")
    token = log_in(factored, recovery[0]).json()["token"]
    client = factored.client()
    client.headers["Authorization"] = f"Bearer {token}"
    assert problem(client.post(f"{API}/factor/remove", json={"code": "000000"}))[:2] == (403, "wrong_code")
    assert client.post(f"{API}/factor/remove", json={"code": recovery[1]}).status_code == 204
    set_up(client, factored.clock.now)


@pytest.mark.requirement("people.factor-required")
def test_nobody_takes_over_at_a_desk_without_the_factor_that_they_need(factored: Web) -> None:
    factored.user("li", "duty_officer")
    desk = factored.browser("duty_officer", "zhang")
    program = factored.client()
    program.headers["Authorization"] = f"Bearer {factored.token('zhang')}"
    set_up(program)
    factored.enter(desk, "zhang")  # a new factor has ended the other session
    where = desk.post("/handovers", data={}).headers["location"]
    refused = desk.post(f"{where}/accept", data={"name": "li", "password": PASSWORD})
    assert refused.status_code == 403
    assert program.get(f"{API}{where}").json()["incoming"] is None
    with read(factored.engine) as connection:
        done = connection.execute(select(audit_entry.c.action).where(audit_entry.c.actor == "li")).scalars().all()
        assert connection.scalar(select(session.c.user).where(session.c.user == "li")) is None
    assert done == ["login", "logout"]
