"""Whose key it was: the authority's certificate in the bundle, from an enrolment to both verifiers."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Engine

from stillcold_core.enrolment.request import make_request
from stillcold_core.evidence.bundle.cli import main as verify
from stillcold_core.evidence.bundle.report import Item
from stillcold_core.evidence.bundle.trust import Trust, load_trust, trust_text
from stillcold_core.evidence.bundle.verify import verify_bundle
from stillcold_core.pem import pem_of
from stillcold_core.registry import Registry
from stillcold_server.cli import main
from stillcold_server.identity.authority import make_authority, renew_authority
from stillcold_server.identity.enrolments import LIFE, approve, note, revoke
from stillcold_server.identity.upkeep import open_authority
from stillcold_server.store.database import write
from support.database import database_line
from support.evidence import House, minute, store
from support.gateway import SignedGateway
from support.office import made_authority
from support.tampering import files_of, flip, shell_says, signed

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@dataclass
class Office:
    """A server whose authority has approved gw-1."""

    house: House
    folder: Path
    root: x509.Certificate
    issuing: x509.Certificate

    def both_say(self, bundle: bytes, root: x509.Certificate) -> Item:
        """What is said of the certificates where a root is trusted; the shell's verifier must agree."""
        roots = self.folder / "roots.json"
        roots.write_text(trust_text([pem_of(root).decode()], self.house.signer.public))
        report = verify_bundle(memoryview(bundle), load_trust(roots))
        item = report.of("certificates")
        assert {i.name for i in report.items if i.verdict == "FAIL"} <= {"certificates"}
        code, failed = shell_says(bundle, roots, self.folder)
        assert (code, {line.partition(":")[0] for line in failed}) == (
            (0, set()) if item.verdict == "PASS" else (1, {"certificates"})
        )
        return item


@pytest.fixture
def office(engine: Engine, plant: Registry, gateway: SignedGateway, tmp_path: Path) -> Office:
    files = open_authority(made_authority(engine, tmp_path, NOW))
    request = make_request("gw-1", ec.generate_private_key(ec.SECP256R1()), gateway.public_key)
    with write(engine) as connection:
        approve(connection, files, note(connection, request, NOW).id, "zhang", NOW)
    return Office(House.over(engine, tmp_path), tmp_path, files.authority.root, files.authority.issuing)


def fed(office: Office, gateway: SignedGateway, received: datetime = NOW) -> bytes:
    """A bundle of three batches that came at a moment."""
    batches = [minute(gateway, i) for i in range(3)]
    store(office.house.engine, gateway, batches, round(received.timestamp() * 1000))
    return office.house.bundle(0, 2, issuing=office.issuing)


@pytest.mark.requirement("evidence.certificates")
def test_the_certificate_names_the_key_and_leads_to_the_root(office: Office, gateway: SignedGateway) -> None:
    bundle = fed(office, gateway)
    assert office.both_say(bundle, office.root).said == "1 certificates lead to a trusted root"
    (entry,) = json.loads(files_of(bundle)["enrolments.json"])
    assert (entry["public_key"], entry["state"], entry["decided_by"]) == (gateway.public_key, "approved", "zhang")


@pytest.mark.requirement("evidence.certificates")
def test_another_authority_s_root_is_not_enough(office: Office, gateway: SignedGateway) -> None:
    other = make_authority(office.folder / "other", office.folder / "other.key", NOW).root
    item = office.both_say(fed(office, gateway), other)
    assert [p.partition(": ")[2] for p in item.problems] == [
        "it does not lead to a trusted root",
        "no certificate names its key",
    ]


@pytest.mark.requirement("evidence.certificates")
def test_where_no_authority_is_trusted_certificates_are_not_asked_for(office: Office, gateway: SignedGateway) -> None:
    """As with roots that were handed out before the office had an authority."""
    roots = office.folder / "roots.json"
    roots.write_text(trust_text([], office.house.signer.public))
    bundle = fed(office, gateway)
    report = verify_bundle(memoryview(bundle), load_trust(roots))
    assert (report.of("certificates").verdict, report.good) == ("ABSENT", True)
    assert shell_says(bundle, roots, office.folder) == (0, [])


@pytest.mark.requirement("evidence.certificates")
def test_a_certificate_that_is_spoilt_anywhere_is_named(office: Office, gateway: SignedGateway) -> None:
    """Whatever its bytes are: it ends with a failure and no traceback."""
    files = files_of(fed(office, gateway))
    trust = Trust((office.root,), (office.house.signer.public,))
    (name,) = (n for n in files if n.startswith("certificates/"))
    own, issuer = x509.load_pem_x509_certificates(files[name])
    der = own.public_bytes(serialization.Encoding.DER)
    for at in range(0, len(der), 3):
        body = base64.encodebytes(flip(der, at, 0x15)).decode()
        pem = f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n".encode() + pem_of(issuer)
        report = verify_bundle(memoryview(signed({**files, name: pem}, office.house.signer)), trust)
        assert name in "".join(report.of("certificates").problems), at


@pytest.mark.requirement("evidence.certificates")
def test_a_batch_that_came_when_no_certificate_was_good_fails(office: Office, gateway: SignedGateway) -> None:
    store(office.house.engine, gateway, [minute(gateway, 0)], round(NOW.timestamp() * 1000))
    store(office.house.engine, gateway, [minute(gateway, 1)], round((NOW + LIFE + DAY).timestamp() * 1000))
    item = office.both_say(office.house.bundle(0, 1, issuing=office.issuing), office.root)
    assert item.problems == ("batch 2 of gw-1, epoch 65706f63682d2d31: no certificate was good when it came",)


@pytest.mark.requirement("evidence.certificates")
def test_without_a_certificate_a_trusted_authority_s_word_is_missing(office: Office, gateway: SignedGateway) -> None:
    fed(office, gateway)
    item = office.both_say(office.house.bundle(0, 2), office.root)
    assert item.problems == ("gw-1: no certificate names its key",)


@pytest.mark.requirement("evidence.certificates")
def test_an_authority_that_was_renewed_since_serves(office: Office, gateway: SignedGateway) -> None:
    """And a key that was revoked since: what came before stays what it was, and the bundle tells of it."""
    fed(office, gateway)
    office.issuing = renew_authority(office.folder / "ca", office.folder / "root.key", NOW + DAY).issuing
    with write(office.house.engine) as connection:
        revoke(connection, None, "gw-1", "li", "stolen", NOW + DAY)
    bundle = office.house.bundle(0, 2, issuing=office.issuing)
    assert office.both_say(bundle, office.root).verdict == "PASS"
    (entry,) = json.loads(files_of(bundle)["enrolments.json"])
    assert (entry["state"], entry["decided_by"], entry["reason"]) == ("revoked", "li", "stolen")


@pytest.mark.requirement("evidence.certificates")
@pytest.mark.parametrize("late", [timedelta(0), timedelta(milliseconds=1)])
def test_what_came_after_its_key_was_revoked_fails(office: Office, gateway: SignedGateway, late: timedelta) -> None:
    """Though its certificate is still good by its dates."""
    fed(office, gateway, NOW + late)
    with write(office.house.engine) as connection:
        revoke(connection, None, "gw-1", "li", "stolen", NOW)
    item = office.both_say(office.house.bundle(0, 2, issuing=office.issuing), office.root)
    assert item.verdict == ("FAIL" if late else "PASS")
    assert [p.partition(": ")[2] for p in item.problems] == ["its key had been revoked when it came"] * (
        3 if late else 0
    )


@pytest.mark.requirement("evidence.commands")
def test_a_server_with_an_authority_hands_out_its_root_and_exports_its_certificates(
    office: Office, gateway: SignedGateway
) -> None:
    fed(office, gateway)
    config, roots, bundle = (office.folder / name for name in ("server.toml", "roots.json", "bundle.zip"))
    config.write_text(f'{database_line(office.house.engine)}[ca]\nfolder = "ca"\nbroker_folder = "broker"\n')
    period = ["--line", "f1", "--from", "2027-01-15T08:00:00Z", "--to", "2027-01-15T08:02:00Z"]
    for words in (["roots", "--out", str(roots)], ["export", *period, "--out", str(bundle)]):
        done = CliRunner().invoke(main, ["evidence", *words, "--config", str(config)])
        assert done.exit_code == 0, done.output
    assert load_trust(roots).authorities == (office.root,)
    assert verify([str(bundle), "--trust", str(roots)]) == 0
