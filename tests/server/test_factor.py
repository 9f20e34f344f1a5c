"""The second factor, idle sessions, and the cookie by HTTPS."""

from pathlib import Path

import httpx
import msgspec
import pyotp
import pytest
from sqlalchemy import Engine, select

from stillcold_core.files import BadFile
from stillcold_core.registry import Registry
from stillcold_server.config import Config, Http, People
from stillcold_server.people.factors import FactorError, FactorKey
from stillcold_server.store import schema
from stillcold_server.store.database import read
from support.story import NOW
from support.web import API, PASSWORD, Web, get, problem


def config(folder: Path, *required: str, **http: object) -> Config:
    """A server's, with the key in a folder."""
    people = msgspec.convert({"key_file": str(folder / "people.key"), "second_factor": required}, People)
    return Config(http=Http(host="127.0.0.1", **http), people=people)  # type: ignore[arg-type]


def log_in(web: Web, code: str = "") -> httpx.Response:
    """As zhang."""
    return web.client().post(f"{API}/login", json={"name": "zhang", "password": PASSWORD, "code": code})


@pytest.mark.requirement("people.factor")
@pytest.mark.requirement("people.factor-required")
def test_a_second_factor_from_its_set_up_to_the_lost_phone(engine: Engine, plant: Registry, tmp_path: Path) -> None:
    """Required of the role; confirmed with a code; asked at each login, each code once; recovered; taken away."""
    with Web(engine, NOW, config=config(tmp_path, "duty_officer")) as web:
        client = web.program("duty_officer", "zhang")
        assert problem(client.get(f"{API}/lines")) == (403, "factor_required", None)
        made = client.post(f"{API}/factor").json()
        assert made["uri"].startswith("otpauth://totp/Stillcold:zhang?secret=")
        codes = pyotp.TOTP(made["secret"])
        assert problem(client.post(f"{API}/factor/confirm", json={"code": "000000"})) == (403, "wrong_code", "code")
        assert log_in(web).status_code == 200, "what is not confirmed does not count"
        code = codes.at(NOW // 1000)
        recovery = client.post(f"{API}/factor/confirm", json={"code": code}).json()["recovery_codes"]
        assert len(set(recovery)) == 10
        assert get(client, "/lines")
        assert problem(client.post(f"{API}/factor")) == (409, "confirmed", "code")
        for bad in ("", code, "000000"):
            assert problem(log_in(web, bad)) == (401, "bad_login", None), bad
        web.clock.now += 30_000
        assert log_in(web, codes.at(web.clock.now // 1000)).status_code == 200
        assert log_in(web, codes.at(web.clock.now // 1000)).status_code == 401, "each code once"
        assert log_in(web, recovery[0]).status_code == 200
        assert log_in(web, recovery[0]).status_code == 401
        with read(engine) as connection:
            kept = [str(connection.execute(select(t)).all()) for t in (schema.totp, schema.recovery_code)]
        assert made["secret"] not in kept[0]
        assert recovery[1] not in kept[1]
        assert problem(client.post(f"{API}/factor/remove", json={"code": "x"})) == (403, "wrong_code", "code")
        admin = web.program("security_admin")
        assert problem(admin.post(f"{API}/users/nobody/factor/remove"))[1] == "unknown_user"
        assert admin.post(f"{API}/users/zhang/factor/remove").status_code == 204
        assert client.get(f"{API}/lines").status_code == 401


def test_the_page_shows_a_qr_code_and_the_recovery_codes_once(engine: Engine, plant: Registry, tmp_path: Path) -> None:
    """With plain forms; one's own factor is taken away with a code of it, which ends other sessions."""
    with Web(engine, NOW, config=config(tmp_path, "inspector")) as web:
        browser = web.browser("inspector", "zhang")
        assert browser.get("/lines").headers["location"] == "/security"
        shown = browser.post("/security/factor").text
        assert "<svg" in shown.partition('class="qr"')[2]
        secret = shown.partition("<p><code>")[2].partition("<")[0]
        wrong = browser.post("/security/factor/confirm", data={"code": "1"})
        assert wrong.status_code == 403
        assert "动态口令不对" in wrong.text
        codes = pyotp.TOTP(secret)
        done = browser.post("/security/factor/confirm", data={"code": codes.at(NOW // 1000)}).text
        assert done.count("<li><code>") == 10
        assert browser.get("/lines").status_code == 200
        login = {"name": "zhang", "password": PASSWORD, "code": codes.at(NOW // 1000 + 30)}
        stranger = web.client()
        stranger.headers["Origin"] = web.url
        assert stranger.post("/login", data=login).status_code == 303
        web.clock.now += 60_000
        gone = browser.post("/security/factor/remove", data={"code": codes.at(web.clock.now // 1000)})
        assert gone.status_code == 303
        assert "开始绑定" in browser.get("/security").text
        assert stranger.get("/lines").headers["location"].startswith("/login")


def test_a_secret_opens_with_its_key_for_its_account_alone(tmp_path: Path) -> None:
    """A key file that is none is named."""
    key, other = FactorKey(tmp_path / "a"), FactorKey(tmp_path / "b")
    sealed = key.seal("zhang", "SECRET")
    assert FactorKey(tmp_path / "a").open("zhang", sealed) == "SECRET"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    for opener, name in ((other, "zhang"), (key, "li")):
        with pytest.raises(FactorError):
            opener.open(name, sealed)
    (tmp_path / "c").write_bytes(b"short")
    with pytest.raises(BadFile, match="32 bytes"):
        FactorKey(tmp_path / "c")


@pytest.mark.requirement("people.idle")
def test_a_session_that_nobody_uses_ends(web: Web) -> None:
    """Each use begins its time anew."""
    client = web.program("inspector")
    for _ in range(3):
        web.clock.now += 119 * 60_000
        assert get(client, "/sites")
    web.clock.now += 121 * 60_000
    assert problem(client.get(f"{API}/sites"))[:2] == (401, "login_required")


@pytest.mark.requirement("api.cookie")
def test_the_cookie_by_https_is_bound_to_the_host(engine: Engine, plant: Registry, tmp_path: Path) -> None:
    """One without the prefix, which another host of the domain could have set, is no session."""
    with Web(engine, NOW, config=config(tmp_path, secure_cookies=True)) as web:
        web.user("zhang", "inspector")
        client = web.client()
        client.headers["Origin"] = web.url
        answer = client.post("/login", data={"name": "zhang", "password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-stillcold_session=")
        for part in ("HttpOnly", "Secure", "Path=/", "SameSite=strict"):
            assert part in cookie
        assert "Domain" not in cookie
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        token = cookie.partition("=")[2].partition(";")[0]
        for name, status in (("__Host-stillcold_session", 200), ("stillcold_session", 303)):
            assert web.client().get("/lines", headers={"Cookie": f"{name}={token}"}).status_code == status
        out = web.client().post("/logout", headers={"Cookie": f"__Host-stillcold_session={token}", "Origin": web.url})
        assert out.headers["clear-site-data"] == '"storage"'
