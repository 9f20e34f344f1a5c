"""``stillcold-server ca``, ``invite``, ``approve`` and ``revoke``: what they refuse and what they ask."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Engine

from stillcold_core.enrolment.request import Request, make_request
from stillcold_server.cli import main
from stillcold_server.identity.authority import make_authority
from support.database import database_line
from support.gateway import SignedGateway

NOW = datetime.now(UTC)


class Desk:
    """The server's commands, with a configuration and a registry of one gateway."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.folder, self.file = folder, folder / "server.toml"
        (folder / "broker").mkdir()
        self.file.write_text(f'{database_line(engine)}[ca]\nfolder = "ca"\nbroker_folder = "broker"\n')
        (folder / "registry.toml").write_text('[[gateway]]\nid = "gw-1"\n')
        self.run("registry", "import", folder / "registry.toml")

    def run(self, *words: object, answer: str = "") -> Result:
        return CliRunner().invoke(main, [*map(str, words), "--config", str(self.file)], input=answer)

    def init(self, root_key: str = "root.key") -> Result:
        return self.run("ca", "init", "--host", "broker.example.org", "--host", "10.8.0.1",
                        "--root-key", self.folder / root_key)  # fmt: skip

    def brings(self) -> Request:
        """A request as ``gateway.csr``, of keys that nobody has seen before."""
        request = make_request("gw-1", ec.generate_private_key(ec.SECP256R1()), SignedGateway().public_key)
        (self.folder / "gateway.csr").write_bytes(request.pem)
        return request

    def approve(self, *words: object, answer: str = "") -> Result:
        return self.run("approve", "--request", self.folder / "gateway.csr", *words, answer=answer)


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    """Where nothing is made yet."""
    return Desk(engine, tmp_path)


@pytest.mark.requirement("identity.commands")
def test_what_is_missing_is_said_before_anything_is_made(desk: Desk) -> None:
    """In one line, with the file."""
    assert (
        "/ca: holds no certificate authority; `stillcold-server ca init` makes one" in desk.run("invite", "gw-1").stderr
    )
    assert "expected a folder that is there, one on a removable medium" in desk.init("usb/root.key").stderr
    (desk.folder / "broker").rmdir()
    assert re.fullmatch(r"error: \S+/broker: cannot be written to; expected a folder .*\n", desk.init().stderr)
    assert not (desk.folder / "ca").exists()
    desk.file.write_text(desk.file.read_text().split("[ca]")[0])
    assert "server.toml: ca: missing; expected folder and broker_folder" in desk.init().stderr


@pytest.mark.requirement("identity.commands")
def test_an_authority_is_made_once_with_the_broker_s_names(desk: Desk) -> None:
    """A second one would orphan every gateway; its root's fingerprint is that of the file."""
    said = desk.init()
    assert said.exit_code == 0, said.output
    root = x509.load_pem_x509_certificate((desk.folder / "ca" / "root.crt").read_bytes())
    assert root.fingerprint(hashes.SHA256()).hex(":").upper() in said.output
    broker = x509.load_pem_x509_certificate((desk.folder / "broker" / "broker.crt").read_bytes())
    names = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker.example.org"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["10.8.0.1"]
    assert {p.name: oct(p.stat().st_mode & 0o777) for p in (desk.folder / "broker").iterdir()} == {
        "ca.crt": "0o644", "broker.crt": "0o644", "broker.key": "0o640", "crl.pem": "0o644", "revoked": "0o644",
    }  # fmt: skip
    assert "is there already" in desk.init("other.key").stderr


@pytest.mark.requirement("identity.broker-names")
@pytest.mark.parametrize("host", ["https://broker.example.org", "broker.example.org:8883", "10.8.0.300", "消息", ""])
def test_what_is_no_host_is_refused_before_anything_is_made(desk: Desk, host: str) -> None:
    """No gateway would ever believe a broker of that name."""
    said = desk.run("ca", "init", "--host", host, "--root-key", desk.folder / "root.key")
    assert f"{host!r}: expected a host's name or an IP address, without a port" in said.stderr
    assert [p.name for p in desk.folder.iterdir() if p.name in ("ca", "root.key")] == []


@pytest.mark.requirement("identity.broker-names")
def test_a_broker_gets_other_names_without_a_new_authority(desk: Desk) -> None:
    """It moved, or its name was mistyped; also where an end of power has left no file of the broker's."""
    desk.init()
    for file in (desk.folder / "broker").iterdir():
        file.unlink()
    assert desk.run("ca", "broker", "--host", "b.example.org", "--host", "2001:db8::1").exit_code == 0
    made = x509.load_pem_x509_certificate((desk.folder / "broker" / "broker.crt").read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["b.example.org"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["2001:db8::1"]
    made.verify_directly_issued_by(x509.load_pem_x509_certificate((desk.folder / "ca" / "issuing.crt").read_bytes()))
    written = {p.name for p in (desk.folder / "broker").iterdir()}
    assert written == {"ca.crt", "broker.crt", "broker.key", "crl.pem", "revoked"}


@pytest.mark.requirement("identity.authority-renewed")
def test_the_broker_is_told_of_a_renewed_authority(desk: Desk) -> None:
    """By what it trusts; another root's key renews nothing."""
    desk.init()
    before = (desk.folder / "broker" / "ca.crt").read_bytes()
    make_authority(desk.folder / "other", desk.folder / "other.key", NOW - timedelta(days=1))
    assert "it is another key's" in desk.run("ca", "renew", "--root-key", desk.folder / "other.key").stderr
    assert "is good until" in desk.run("ca", "renew", "--root-key", desk.folder / "root.key").output
    trusted = (desk.folder / "broker" / "ca.crt").read_bytes()
    assert trusted != before
    assert trusted.endswith((desk.folder / "ca" / "issuing.crt").read_bytes())


@pytest.mark.requirement("identity.commands")
def test_nothing_is_approved_without_an_answer_or_the_fingerprint(desk: Desk) -> None:
    """Nor where the certificate cannot be handed over, nor where two wait and nobody says which."""
    desk.init()
    assert desk.run("approve").output == "no gateway waits\n"
    first = desk.brings()
    assert desk.approve(answer="n\n").exit_code == 1
    assert first.fingerprint in desk.run("approve").output
    wrong = desk.approve("--fingerprint", "0000 0000 0000 0000 0000")
    assert "error: no request of gw-1 waits with this fingerprint" in wrong.stderr
    lost = desk.approve("--fingerprint", first.fingerprint, "--out", desk.folder / "nowhere" / "gateway.crt")
    assert "nowhere/gateway.crt: cannot be written" in lost.stderr
    assert first.fingerprint in desk.run("approve").output
    desk.brings()
    assert desk.approve(answer="n\n").exit_code == 1
    assert "error: several requests of gw-1 wait: say which by --fingerprint" in desk.run("approve", "gw-1").stderr
    refused = desk.run("approve", "gw-1", "--fingerprint", first.fingerprint, "--refuse", "another voice")
    assert "turned down" in refused.output
    assert "approved" in desk.run("approve", "gw-1", answer="y\n").output
    assert desk.run("approve").output == "no gateway waits\n"
    (desk.folder / "gateway.csr").write_text("nothing")
    assert "gateway.csr: expected a request for a certificate in PEM" in desk.approve().stderr


@pytest.mark.requirement("identity.commands")
def test_a_gateway_that_nobody_knows_is_named(desk: Desk) -> None:
    """By every command."""
    desk.init()
    for words in (("invite", "gw-9"), ("revoke", "gw-9", "--reason", "x")):
        assert "error: the registry has no gateway gw-9; import it first" in desk.run(*words).stderr
    assert "error: no request of gw-9 waits" in desk.run("approve", "gw-9").stderr
    assert "error: gw-1 has no key that is believed" in desk.run("revoke", "gw-1", "--reason", "x").stderr


@pytest.mark.requirement("identity.commands")
def test_a_file_of_another_gateway_or_an_approved_one_does_not_get_what_was_not_meant(desk: Desk) -> None:
    """Neither an approval under another name, nor a new certificate where it was to be turned down."""
    desk.init()
    request = desk.brings()
    other = desk.approve("gw-2", "--fingerprint", request.fingerprint)
    assert "gateway.csr: got 'gw-1'; expected the request of gw-2" in other.stderr
    assert desk.approve("gw-1", "--fingerprint", request.fingerprint).exit_code == 0
    late = desk.approve("--refuse", "another voice", "--out", desk.folder / "came.crt")
    assert "error: the request of gw-1 is approved; `revoke` ends that" in late.stderr
    assert not (desk.folder / "came.crt").exists()
