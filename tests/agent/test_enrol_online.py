"""Enrolling and renewing over a network that belongs to somebody else."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from stillcold_agent.cli import main
from stillcold_agent.config import load_config
from stillcold_agent.counts import Counts
from stillcold_agent.enrolment.renewal import Renewal
from stillcold_agent.tools import commands
from stillcold_core.enrolment.answer import Answer, answer_mac, code_key
from stillcold_core.enrolment.renewal import is_due
from stillcold_core.enrolment.request import names_of, read_request
from stillcold_core.files import BadFile
from stillcold_core.pem import pem_of
from stillcold_server.identity.authority import CLIENT, make_authority
from support.ports import free_port

CODE = "k7wq-m2xd-9fhe-tz4p"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


class Far:
    """Whoever answers at the server's address: ``reply`` makes an answer to the request in a body."""

    def __init__(self, folder: Path) -> None:
        self.authority = make_authority(folder, folder / "root.key", NOW - 100 * DAY)
        self.state, self.key, self.ends, self.status = "approved", code_key(CODE), 80 * DAY, 200
        self.garbage, self.elsewhere = b"", ""
        self.begins = NOW - DAY
        self.asked: list[str] = []
        self.turns: list[Callable[[Far], None]] = []
        far = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = far.answer(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(far.status)
                if far.elsewhere:
                    self.send_header("Location", far.elsewhere)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Be still."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def answer(self, body: bytes) -> bytes:
        """An answer of the authority, unless it is told otherwise."""
        self.asked.append(body.decode())
        if self.turns:
            self.turns.pop(0)(self)
        if self.garbage:
            return self.garbage
        request = read_request(json.loads(body)["request"].encode())
        names = names_of(request.gateway, request.public_key)
        made = self.authority.issue(request.gateway, request.tls_key, names, CLIENT, self.begins, self.ends)
        given = self.state == "approved"
        chain, root = self.authority.chain(made).decode(), pem_of(self.authority.root).decode()
        answer = Answer(self.state, chain * given, root * given, "")  # type: ignore[arg-type]
        return msgspec.json.encode(msgspec.structs.replace(answer, mac=answer_mac(self.key, request, answer)))

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    """At an address of its own."""
    made = Far(tmp_path / "far")
    yield made
    made.close()


@pytest.fixture
def config(tmp_path: Path, far: Far) -> Path:
    """Of a gateway that has nothing yet."""
    file = tmp_path / "agent.toml"
    file.write_text(
        f'gateway = "gw-1"\ndata_dir = "data"\n[enrolment]\nurl = "{far.url}"\n'
        '[mqtt]\nca_file = "ca.crt"\ncert_file = "gateway.crt"\nkey_file = "gateway.key"\n'
        '[[bus]]\nid = "b"\nkind = "tcp"\nhost = "127.0.0.1"\n'
        '[[device]]\nbus = "b"\nunit = 1\nprofile = "eastron-sdm630"\npoint = "p1"\n'
    )
    return file


def enrol(config: Path, code: str = CODE) -> Result:
    return CliRunner().invoke(main, ["enrol", "--config", str(config), "--code", code])


def installed(config: Path) -> dict[str, bytes]:
    """What is there of a certificate and an authority."""
    return {n: (config.parent / n).read_bytes() for n in ("ca.crt", "gateway.crt") if (config.parent / n).exists()}


@pytest.mark.requirement("agent.enrol.answer")
def test_an_answer_that_knows_the_code_is_installed(config: Path, far: Far) -> None:
    """Neither the code nor a private key has left the gateway."""
    done = enrol(config)
    assert done.exit_code == 0, done.output
    assert "installed, good until" in done.stdout
    assert set(installed(config)) == {"ca.crt", "gateway.crt"}
    said = "".join(far.asked)
    assert "PRIVATE" not in said
    assert not [word for word in (CODE, *CODE.split("-"), CODE.replace("-", "")) if word in said]


def changed(**changes: object) -> Callable[[Far], None]:
    return lambda far: vars(far).update(changes)


@pytest.mark.requirement("agent.enrol.clock")
def test_a_gateway_whose_clock_is_years_behind_enrols(config: Path, far: Far, tmp_path: Path) -> None:
    """It has no battery, and gets the time only under the authority that comes with the answer."""
    later = NOW + 1000 * DAY
    far.authority, far.begins = make_authority(tmp_path / "later", tmp_path / "later.key", later), later
    done = enrol(config)
    assert done.exit_code == 0, done.output
    assert set(installed(config)) == {"ca.crt", "gateway.crt"}


@pytest.mark.requirement("agent.enrol.wait")
def test_a_wait_for_the_officer_outlasts_a_network_that_goes_and_comes(
    config: Path, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so; what is no answer of the authority ends it."""
    monkeypatch.setattr(commands, "_ASK_AGAIN", 0.01)
    lost = changed(status=502, garbage=b"nothing")
    far.turns = [changed(state="waiting"), lost, changed(status=200, garbage=b"", state="approved")]
    done = enrol(config)
    assert done.exit_code == 0, done.output
    assert done.stdout.index("the office has") < done.stdout.index("answers 502") < done.stdout.index("installed")
    far.turns = [changed(state="waiting"), changed(key=code_key("another"))]
    assert (enrol(config).exit_code, far.turns) == (2, [])


def spoilt(old: bytes, new: bytes) -> Callable[[Far], None]:
    """A certificate that looks like one until somebody looks into it."""

    def spoil(far: Far) -> None:
        answer = json.loads(far.answer(far.asked[-1].encode()))
        der = x509.load_pem_x509_certificate(answer["certificate"].encode()).public_bytes(Encoding.DER)
        assert old in der
        answer["certificate"] = ssl.DER_cert_to_PEM_cert(der.replace(old, new))
        far.garbage = json.dumps(answer).encode()

    return spoil


HOSTILE: dict[str, Callable[[Far], None]] = {
    "nested too deep": changed(garbage=b"[" * 30_000, status=403),
    "to no host": changed(elsewhere="http://a..b/", status=302),
    "to no address": changed(elsewhere="http://[::1/", status=302),
    "no version": spoilt(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09"),
    "a name of a rare kind": spoilt(b"\x82\x04gw-1", b"\xa3\x04gw-1"),
    "no text in a name": spoilt(b"\x0c\x04gw-1", b"\x0c\x04gw-\xff"),
}


@pytest.mark.requirement("agent.renewal.hostile")
@pytest.mark.parametrize("what", HOSTILE)
def test_nothing_that_a_stranger_answers_ends_the_agent(config: Path, far: Far, what: str) -> None:
    """Each is one try that gave no certificate."""
    far.ends = DAY * 1.1
    enrol(config)
    before, counts = installed(config), Counts()
    far.ends = 80 * DAY
    HOSTILE[what](far)
    Renewal(load_config(config), counts).look()
    assert counts.totals() == {"renewal_failed": 1}
    assert installed(config) == before


@pytest.mark.requirement("agent.renewal.hostile")
def test_what_a_stranger_says_moves_no_cursor(config: Path, far: Far) -> None:
    """It stays in its line."""
    far.status, far.garbage = 403, json.dumps({"detail": "\x1b[2Jall is well\n" + 9000 * "x"}).encode()
    said = enrol(config).stderr
    assert "answers 403: [2Jall is well xxx" in said
    assert (len(said) < 500, "\x1b" in said, said.count("\n")) == (True, False, 1)


WRONG: dict[str, Callable[[Far], None]] = {
    "somebody else answers, or the code was used before": changed(key=code_key("another")),
    "expected an answer of the authority": changed(garbage=b"<html>"),
    "expected an answer of at most 32768 bytes": changed(garbage=b" " * 40_000),
    "answers 403: no such code": changed(garbage=b'{"detail": "no such code"}', status=403),
    "answers 502: Bad Gateway": changed(garbage=b"nothing", status=502),
    "the authority says: refused": changed(state="refused"),
    "this clock says": changed(ends=DAY / 2),
}


@pytest.mark.requirement("agent.enrol.answer")
@pytest.mark.parametrize("said", WRONG)
def test_any_other_answer_changes_nothing(config: Path, far: Far, said: str) -> None:
    """And is said in one line."""
    WRONG[said](far)
    done = enrol(config)
    assert (done.exit_code, said in done.stderr, installed(config)) == (2, True, {}), done.output


def test_nobody_at_the_address_and_no_address_are_said(config: Path) -> None:
    text = config.read_text()
    config.write_text(text.replace(text.split('"')[5], f"http://127.0.0.1:{free_port()}"))
    assert "Connection refused" in enrol(config).stderr
    config.write_text(text.replace("http://", "ftp://"))
    assert "enrolment.url: got 'ftp://" in enrol(config).stderr
    config.write_text(text.replace(text.split('"')[5], ""))
    assert "enrolment.url: missing; --code needs the server's address" in enrol(config).stderr


@pytest.mark.requirement("agent.renewal.expired")
def test_a_certificate_is_renewed_when_a_third_of_its_life_is_left(config: Path, far: Far) -> None:
    """Not before; the agent looks again by itself."""
    enrol(config)
    renewal, own = Renewal(load_config(config), Counts()), certificate(config)
    life = own.not_valid_after_utc - own.not_valid_before_utc
    assert not is_due(own, own.not_valid_after_utc - life / 3 - DAY)
    assert is_due(own, own.not_valid_after_utc - life / 3)
    far.asked.clear()
    renewal.look()
    assert far.asked == []
    far.ends = DAY * 1.1
    enrol(config)
    far.ends = 80 * DAY
    renewal.look()
    assert certificate(config).not_valid_after_utc > NOW + 70 * DAY


@pytest.mark.requirement("agent.enrol.answer")
def test_a_renewal_by_a_stranger_or_with_an_older_certificate_changes_nothing(
    config: Path, far: Far, tmp_path: Path
) -> None:
    """Whatever root it brings; each is counted."""
    far.ends = DAY * 1.1
    enrol(config)
    before, counts = installed(config), Counts()
    renewal = Renewal(load_config(config), counts)
    far.ends = DAY * 1.05
    renewal.look()
    far.authority, far.ends = make_authority(tmp_path / "stranger", tmp_path / "stranger.key", NOW - 9 * DAY), 80 * DAY
    renewal.look()
    assert installed(config) == before
    assert counts.totals() == {"renewal_failed": 2}


def test_keys_that_are_gone_are_said_by_the_renewal(config: Path, far: Far) -> None:
    """It does not end the agent."""
    far.ends = DAY * 1.1
    enrol(config)
    loaded, counts = load_config(config), Counts()
    (config.parent / "gateway.key").unlink()
    Renewal(loaded, counts).look()
    assert counts.totals() == {"renewal_failed": 1}
    with pytest.raises(BadFile, match=r"gateway\.key: cannot be read"):
        load_config(config)


def certificate(config: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(installed(config)["gateway.crt"])
