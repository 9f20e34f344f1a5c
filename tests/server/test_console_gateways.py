"""The page on which the system administrator lets gateways in and shuts them out."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Engine

from stillcold_core.enrolment.answer import code_key, request_mac
from stillcold_core.enrolment.request import Request, make_request
from stillcold_core.registry import Gateway, Registry
from stillcold_server.config import Config, Http
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store.database import write
from support.gateway import SignedGateway
from support.office import made_authority
from support.web import API, Web, problem

NOW = datetime.now(UTC)


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> Iterator[Web]:
    """A server with an authority and one gateway that has no key."""
    with write(engine) as connection:
        import_registry(connection, Registry(gateway=(Gateway("gw-1"),)))
    ca = made_authority(engine, tmp_path, NOW)
    with Web(engine, round(NOW.timestamp() * 1000), config=Config(http=Http(host="127.0.0.1"), ca=ca)) as web:
        yield web


def asked(web: Web, code: str) -> tuple[Request, httpx.Response]:
    """A gateway that asks with a code."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = make_request("gw-1", key, SignedGateway("gw-1").public_key)
    return request, ask(web, request, request_mac(code_key(code), request))


def ask(web: Web, request: Request, mac: str = "") -> httpx.Response:
    return web.client().post(f"{API}/enrolment", json={"request": request.pem.decode(), "mac": mac})


@pytest.mark.requirement("console.gateways")
def test_the_administrator_invites_compares_approves_and_revokes_with_plain_forms(office: Web) -> None:
    """The code is shown once; the fingerprint is the gateway's; a reason must be given for what shuts out."""
    officer = office.browser("system_admin", "张伟")
    shown = officer.post("/gateways/gw-1/invite").text
    code = re.search(r"<code>((?:[a-z0-9]{4}-){3}[a-z0-9]{4})</code>", shown)
    assert code
    assert code[1] not in officer.get("/gateways").text
    request, answer = asked(office, code[1])
    assert answer.json()["state"] == "waiting"
    page = officer.get("/gateways").text
    assert f"<code>{request.fingerprint}</code>" in page
    action = re.search(r'action="(/enrolments/\d+/approve)"', page)
    assert action
    assert officer.post(action[1]).headers["location"] == "/gateways"
    assert ask(office, request).json()["state"] == "approved"
    page = officer.get("/gateways").text
    assert "可信，已批准" in page
    until = re.compile(r'data-label="证书有效期至"><span class="">\d{4}-\d\d-\d\d<')
    assert until.search(page)
    assert request.fingerprint not in page
    assert officer.post("/gateways/gw-1/revoke", data={"reason": ""}).status_code == 422
    officer.post("/gateways/gw-1/revoke", data={"reason": "被盗 <b>"})
    assert ask(office, request).json() == {"state": "revoked", "certificate": "", "root": "", "mac": ""}
    page = officer.get("/gateways").text
    assert "不可信，已吊销" in page
    assert not until.search(page)
    assert "被盗 &lt;b&gt;" in page
    assert officer.post(action[1]).status_code == 409


@pytest.mark.requirement("api.identity")
def test_only_the_system_administrator_decides_and_strangers_get_nothing(office: Web) -> None:
    """By the API, the console, and from another site."""
    viewer, officer, stranger = office.browser("bureau_energy"), office.program("system_admin"), office.client()
    assert viewer.get("/gateways").status_code == 403
    assert viewer.post("/gateways/gw-1/revoke", data={"reason": "x"}).status_code == 403
    for path, body in (("identities/gw-1/invite", None), ("identities/gw-1/revoke", {"reason": "x"}),
                       ("enrolments/1/approve", None), ("enrolments/1/refuse", {"reason": "x"})):  # fmt: skip
        assert problem(stranger.post(f"{API}/{path}", json=body))[:2] == (401, "login_required")
    for path in ("identities", "enrolments"):
        assert problem(stranger.get(f"{API}/{path}"))[:2] == (401, "login_required")
    browser = office.browser("system_admin", "li")
    browser.headers["Sec-Fetch-Site"] = "cross-site"
    assert browser.post("/gateways/gw-1/revoke", data={"reason": "x"}).status_code == 403
    code = officer.post(f"{API}/identities/gw-1/invite").json()["code"]
    wrong = "b" + code[1:] if code[0] == "a" else "a" + code[1:]
    assert problem(asked(office, wrong)[1]) == (403, "code", None)
    assert officer.get(f"{API}/enrolments").json() == []
    request, _ = asked(office, code)
    (one,) = officer.get(f"{API}/enrolments").json()
    assert (one["gateway"], one["fingerprint"]) == ("gw-1", request.fingerprint)
    assert officer.post(f"{API}/enrolments/{one['id']}/refuse", json={"reason": "wrong"}).status_code == 204
    assert ask(office, request).json()["state"] == "refused"
    (known,) = officer.get(f"{API}/identities").json()
    assert (known["gateway"], known["state"], known["expires_at"]) == ("gw-1", "none", None)


@pytest.mark.requirement("api.identity")
def test_what_is_no_request_is_refused_with_the_field(office: Web) -> None:
    """Nothing is a server's error."""
    for body in ({"request": "x"}, {"request": "x" * 9000}, {"request": "x", "mac": "x" * 65}, {"request": 5}, {}):
        status, word, field = problem(office.client().post(f"{API}/enrolment", json=body))
        assert (status, word, field) in ((422, "invalid", "request"), (422, "invalid", "mac"))


@pytest.mark.requirement("api.identity")
def test_a_server_without_an_authority_says_so(web: Web) -> None:
    """And can revoke all the same."""
    officer = web.program("system_admin")
    assert problem(officer.post(f"{API}/identities/gw-1/invite")) == (404, "no_authority", None)
    assert problem(web.client().post(f"{API}/enrolment", json={"request": "x"}))[1] in ("invalid", "no_authority")
    assert "没有证书机构" in web.browser("system_admin", "li").get("/gateways").text
    assert officer.post(f"{API}/identities/gw-1/revoke", json={"reason": "stolen"}).status_code == 204
    assert officer.get(f"{API}/identities").json()[0]["state"] == "revoked"
    assert problem(officer.post(f"{API}/identities/gw-9/revoke", json={"reason": "x"})) == (
        404,
        "unknown_gateway",
        None,
    )
