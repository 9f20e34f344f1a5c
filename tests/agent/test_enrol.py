"""Keys, request and certificate of a gateway."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from stillcold_agent.cli import main
from stillcold_agent.config import load_config
from stillcold_agent.identity import KEY_FILE, load_or_make_key
from stillcold_agent.uplink.client import tls_context
from stillcold_core.enrolment.request import read_request
from stillcold_core.evidence.keys import format_public_key
from support import require_program

CONFIG = """\
gateway = "gw-1"
data_dir = "data"
[mqtt]
ca_file = "ca.crt"
cert_file = "gateway.crt"
key_file = "gateway.key"
[[bus]]
id = "b"
kind = "tcp"
host = "127.0.0.1"
[[device]]
bus = "b"
unit = 1
profile = "eastron-sdm630"
point = "p1"
"""
DAY = timedelta(days=1)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose certificate and keys are not there yet."""
    (tmp_path / "agent.toml").write_text(CONFIG)
    return tmp_path / "agent.toml"


def enrol(config: Path, *options: str | Path) -> Result:
    return CliRunner().invoke(main, ["enrol", "--config", str(config), *map(str, options)])


class Issuer:
    """An authority that issues what it is told, right or wrong."""

    def __init__(self, folder: Path, name: str = "Authority") -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.ca_file = folder / f"{name}.crt"
        made = self._builder(self.name, self.key.public_key(), -DAY, 10 * DAY)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        self.certificate = made.sign(self.key, hashes.SHA256())
        self.ca_file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        key: ec.EllipticCurvePublicKey,
        name: str = "gw-1",
        *,
        begins: timedelta = -DAY,
        ends: timedelta = DAY,
        use: ObjectIdentifier | None = ExtendedKeyUsageOID.CLIENT_AUTH,
    ) -> bytes:
        """A certificate in PEM."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key, begins, ends)
        if use:
            builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, begins: timedelta, ends: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        number = x509.random_serial_number()
        return x509.CertificateBuilder(self.name, subject, key, number, now + begins, now + ends)


def requested(config: Path) -> x509.CertificateSigningRequest:
    return x509.load_pem_x509_csr((config.parent / "gateway.csr").read_bytes())


def public_key_of(config: Path) -> ec.EllipticCurvePublicKey:
    key = requested(config).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


@pytest.mark.requirement("agent.enrol.request")
def test_both_keys_and_a_request_are_made(config: Path) -> None:
    """The keys once, for their owner only; the request is signed and carries the gateway's id and no private key."""
    results = [enrol(config) for _ in range(2)]
    keys = [config.parent / "gateway.key", config.parent / "data" / KEY_FILE]
    assert [r.exit_code for r in results] == [0, 0]
    assert results[0].stdout == results[1].stdout
    assert [oct(k.stat().st_mode & 0o777) for k in keys] == ["0o600", "0o600"]
    assert requested(config).is_signature_valid
    assert requested(config).subject.rfc4514_string() == "CN=gw-1"
    assert b"PRIVATE" not in (config.parent / "gateway.csr").read_bytes()
    assert "PRIVATE" not in results[0].stdout
    assert sorted(p.name for p in config.parent.iterdir()) == ["agent.toml", "data", "gateway.csr", "gateway.key"]


@pytest.mark.requirement("agent.enrol.request")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for somebody else")
def test_what_root_makes_belongs_to_the_service(config: Path) -> None:
    """To whoever owns the data folder."""
    (config.parent / "data").mkdir(mode=0o700)
    os.chown(config.parent / "data", 12345, 12346)
    assert enrol(config).exit_code == 0
    for key in (config.parent / "gateway.key", config.parent / "data" / KEY_FILE):
        assert (key.stat().st_uid, key.stat().st_gid) == (12345, 12346)


@pytest.mark.requirement("agent.enrol.fingerprint")
def test_the_fingerprint_is_what_others_compute(config: Path) -> None:
    """By openssl, from what is signed in the request: both public keys and the gateway's id."""
    spoken = re.search(r"fingerprint.*: ((?:[0-9a-f]{4} ?){5})$", enrol(config).stdout, re.MULTILINE)
    assert spoken
    openssl, out = require_program("openssl"), config.parent / "asked"
    request = [openssl, "req", "-in", str(config.parent / "gateway.csr")]
    subprocess.run([*request, "-noout", "-verify"], capture_output=True, check=True)
    subprocess.run([*request, "-outform", "der", "-out", config.parent / "gateway.der"], check=True)
    within = [openssl, "asn1parse", "-inform", "der", "-in", str(config.parent / "gateway.der")]
    listed = subprocess.run(within, capture_output=True, text=True, check=True).stdout
    begins = listed.splitlines()[1].partition(":")[0].strip()  # the first part of the outer sequence
    subprocess.run([*within, "-strparse", begins, "-noout", "-out", out], check=True)
    assert spoken[1].replace(" ", "") == hashlib.sha256(out.read_bytes()).hexdigest()[:20]


@pytest.mark.requirement("agent.enrol.request")
def test_the_request_names_the_key_that_signs_batches(config: Path) -> None:
    """As ``check-config`` prints it, so that the certificate vouches for it."""
    enrol(config)
    signing = load_or_make_key(config.parent / "data").public_key()
    assert read_request((config.parent / "gateway.csr").read_bytes()).public_key == format_public_key(signing)


@pytest.mark.requirement("agent.enrol.install")
def test_a_good_certificate_is_installed_with_its_authority(config: Path) -> None:
    """The configuration can be used then."""
    enrol(config)
    issuer = Issuer(config.parent)
    (config.parent / "came.crt").write_bytes(issuer.issue(public_key_of(config)))
    result = enrol(config, "--certificate", config.parent / "came.crt", "--ca", issuer.ca_file)
    assert result.exit_code == 0, result.output
    assert "installed, good until" in result.stdout
    assert tls_context(load_config(config).mqtt)
    assert oct((config.parent / "gateway.crt").stat().st_mode & 0o777) == "0o644"
    renewed = enrol(config, "--certificate", config.parent / "came.crt")
    assert renewed.exit_code == 0, renewed.output


def test_a_certificate_without_extensions_of_an_intermediate_authority_is_taken(config: Path) -> None:
    """As ``openssl x509 -req`` makes it; the intermediate one follows it in the file."""
    enrol(config)
    root, middle = Issuer(config.parent, "Root"), Issuer(config.parent, "Middle")
    builder = root._builder(middle.name, middle.key.public_key(), -DAY, 5 * DAY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    link = builder.sign(root.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (config.parent / "came.crt").write_bytes(middle.issue(public_key_of(config), use=None) + link)
    result = enrol(config, "--certificate", config.parent / "came.crt", "--ca", root.ca_file)
    assert result.exit_code == 0, result.output


WRONG: dict[str, dict[str, Any]] = {
    "it is another key's": {"key": True},
    "it is the certificate of gw-2; expected common name gw-1": {"name": "gw-2"},
    "expected extended key usage clientAuth": {"use": ExtendedKeyUsageOID.SERVER_AUTH},
    "CN=gw-1 is good from": {"begins": -2 * DAY, "ends": -DAY},
    "this clock says": {"begins": DAY, "ends": 2 * DAY},
    "was issued by CN=Stranger; expected one of the authority that is trusted here": {"stranger": True},
}


@pytest.mark.requirement("agent.enrol.install")
@pytest.mark.parametrize("said", WRONG)
def test_a_certificate_that_does_not_serve_changes_nothing(config: Path, said: str) -> None:
    """And what is wrong is said."""
    enrol(config)
    changes = dict(WRONG[said])
    issuer = Issuer(config.parent)
    signer = Issuer(config.parent, "Stranger") if changes.pop("stranger", False) else issuer
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    key = other if changes.pop("key", False) else public_key_of(config)
    (config.parent / "came.crt").write_bytes(signer.issue(key, **changes))
    result = enrol(config, "--certificate", config.parent / "came.crt", "--ca", issuer.ca_file)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (config.parent / "gateway.crt").exists()
    assert not (config.parent / "ca.crt").exists()


@pytest.mark.requirement("agent.enrol.install")
@pytest.mark.parametrize("broken", ["twice", "no usage"])
def test_a_certificate_with_broken_extensions_changes_nothing(config: Path, broken: str) -> None:
    """One that stands there twice, and one whose content is none: said as any other that is no certificate."""
    enrol(config)
    issuer, usage = Issuer(config.parent), ExtendedKeyUsageOID.CLIENT_AUTH
    builder = issuer._builder(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gw-1")]), public_key_of(config), -DAY, DAY
    )
    if broken == "twice":
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        builder = builder.add_extension(
            x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.99"), b"0\0"), critical=False
        )
    else:
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ExtendedKeyUsage.oid, b"\4\0"), critical=False)
    der = builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    der = der.replace(b"\x06\x03\x55\x1d\x63", b"\x06\x03\x55\x1d\x25")  # the unknown one becomes a second usage
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
    (config.parent / "came.crt").write_bytes(pem)
    result = enrol(config, "--certificate", config.parent / "came.crt", "--ca", issuer.ca_file)
    assert (result.exit_code, "came.crt: expected a certificate in PEM" in result.stderr) == (2, True)
    assert not (config.parent / "gateway.crt").exists()


def test_files_that_are_none_are_said(config: Path) -> None:
    """No certificate, no key, no place for them."""
    shutil.copy(config, config.parent / "came.crt")
    before_keys = enrol(config, "--certificate", config.parent / "came.crt", "--ca", config)
    assert "came.crt: expected a certificate in PEM" in before_keys.stderr
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (config.parent / "gateway.key").write_bytes(pem)
    assert "expected a P-256 or RSA key" in enrol(config).stderr
    config.write_text(CONFIG.replace('ca_file = "ca.crt"\ncert_file = "gateway.crt"\nkey_file = "gateway.key"\n', ""))
    assert "expected ca_file, cert_file and key_file" in enrol(config).stderr
    assert enrol(config, "--ca", config).exit_code == 2
