"""What the web server does beside its routes: methods, lengths, addresses, files, encodings."""

import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import select

from stillcold_server.api.uploads import UploadRoute
from stillcold_server.config import Config, Http
from stillcold_server.store import schema
from stillcold_server.store.database import open_database, read
from support.story import NOW
from support.web import API, Web, problem


@pytest.fixture(scope="module")
def edges(prepared_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """One served application over an empty database, as behind HTTPS."""
    file = tmp_path_factory.mktemp("edges") / "server.db"
    shutil.copyfile(prepared_file, file)
    engine = open_database(f"sqlite:///{file}")
    with Web(engine, NOW, config=Config(http=Http(host="127.0.0.1", secure_cookies=True))) as web:
        yield web
    engine.dispose()


def said(web: Web, *lines: str, body: bytes = b"") -> list[bytes]:
    """The lines of status that come back for a request as it is written, until the server closes."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=10) as connection:
        connection.sendall("\r\n".join((*lines, "Host: x", "Connection: close", "", "")).encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


@pytest.mark.requirement("api.edges")
def test_texts_say_their_type_and_encoding(edges: Web) -> None:
    """Pages, scripts, styles, pictures as text, plain text."""
    client = edges.client()
    page = client.get("/login")
    assets = {part.partition('"')[0] for part in page.text.split('="/static/')[1:]}
    assert {name.rpartition(".")[2] for name in assets} >= {"js", "css", "svg"}
    for path in ("/login", "/healthz", *(f"/static/{name}" for name in assets)):
        kind = client.get(path).headers["content-type"]
        assert not kind.startswith(("text/", "image/svg")) or kind.endswith("; charset=utf-8"), (path, kind)


@pytest.mark.requirement("api.edges")
def test_plain_http_is_answered_and_not_redirected(edges: Web) -> None:
    """A program that forgets HTTPS is refused where it stands; only a page leads on, to the login."""
    for path in (f"{API}/lines", "/metrics", f"{API}/nothing"):
        assert not edges.client().get(path, headers={"X-Forwarded-Proto": "http"}).is_redirect, path
    assert edges.client().get("/lines").headers["location"].startswith("/login?")


@pytest.mark.requirement("api.edges")
def test_an_address_is_believed_of_a_proxy_on_this_machine_only(edges: Web) -> None:
    """Anybody else writes ``X-Forwarded-For`` in vain, also to guess on under other addresses."""
    headers = {**edges.program("bureau_safety").headers, "X-Forwarded-For": "203.0.113.9"}
    for source, expected in (("127.0.0.1", "203.0.113.9"), ("127.0.0.2", "127.0.0.2")):
        with httpx.Client(base_url=edges.url, transport=httpx.HTTPTransport(local_address=source)) as client:
            assert client.get(f"{API}/users", headers=headers).status_code == 403  # which is written down
        entry = schema.audit_entry.c
        with read(edges.engine) as connection:
            newest = connection.scalar(select(entry.address).order_by(entry.number.desc()).limit(1))
        assert newest == expected


@pytest.mark.requirement("api.edges")
def test_a_request_has_one_length(edges: Web) -> None:
    """What follows a request is not smuggled in it: two lengths are refused, and chunks go before a length."""
    post, hidden = f"POST {API}/login HTTP/1.1", b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    assert said(edges, post, "Content-Length: 3", "Content-Length: 30", body=b"{}\n") == [b"HTTP/1.1 400 Bad Request"]
    assert said(edges, post, "Content-Length: +3", body=b"{}\n") == [b"HTTP/1.1 400 Bad Request"]
    both = said(edges, post, f"Content-Length: {len(hidden)}", "Transfer-Encoding: chunked", body=hidden)
    assert [line.split()[1] for line in both] == [b"422"], "one answer: the rest was no request"


@pytest.mark.requirement("api.uploads")
def test_a_file_is_refused_before_it_is_read(edges: Web) -> None:
    """Of a stranger, and of somebody who may not: the answer comes though not a byte of the body was sent."""
    taking = [r for r in iter_route_contexts(edges.app.routes) if getattr(r.original_route, "max_body_size", None)]
    paths = [re.sub(r"\{\w+\}", "x", r.path or "") for r in taking]
    assert len(paths) == 5
    assert all(isinstance(r.original_route, UploadRoute) for r in taking)
    token = edges.program("audit_admin").headers["Authorization"]
    large = ("Content-Type: multipart/form-data; boundary=x", "Content-Length: 8000000")
    for path in paths:
        stranger = b"401" if path.startswith(API) else b"303"
        assert said(edges, f"POST {path} HTTP/1.1", *large)[0].split()[1] == stranger, path
        assert said(edges, f"POST {path} HTTP/1.1", f"Authorization: {token}", *large)[0].split()[1] == b"403", path


@pytest.mark.requirement("api.edges")
def test_only_methods_that_a_route_has_are_answered(edges: Web) -> None:
    """No TRACE, and no others."""
    for method in ("TRACE", "CONNECT", "PATCH", "PROPFIND"):
        for path in ("/login", f"{API}/lines", "/static/favicon.svg"):
            assert said(edges, f"{method} {path} HTTP/1.1")[0].split()[1] in (b"404", b"405"), (method, path)


@pytest.mark.requirement("api.edges")
def test_nothing_but_assets_is_served_as_a_file(edges: Web) -> None:
    """No folder is listed, no path leads out of it."""
    for path in (
        "/static/", "/static/assets/", "/static/../assets.py", "/static/%2e%2e/assets.py",
        "/static/assets/../../pages.py", "/static/%2fetc%2fpasswd", "/.git/config",
        "/static/.vite/manifest.json", "/server.toml", "/people.key",
    ):  # fmt: skip
        assert said(edges, f"GET {path} HTTP/1.1")[0].split()[1] in (b"404", b"405"), path


@pytest.mark.requirement("api.edges")
def test_a_value_is_taken_from_its_own_place_only(edges: Web) -> None:
    """A password in the address is no password; a token there is no login; a field twice is an error."""
    client = edges.client()
    address = client.post(f"{API}/login?name=nobody&password=x", json={})
    assert problem(address)[:2] == (422, "invalid")
    token = edges.program("inspector").headers["Authorization"].partition(" ")[2]
    for query in (f"?token={token}", f"?access_token={token}", f"?Authorization=Bearer+{token}"):
        assert client.get(f"{API}/lines{query}").status_code == 401
    assert client.get(f"{API}/lines", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    twice = client.post(f"{API}/login", content='{"name": "a", "password": "b", "roles": ["security_admin"]}')
    assert problem(twice)[:2] == (422, "invalid")
