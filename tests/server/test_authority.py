"""The certificate authority, looked at by openssl."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from stillcold_core.files import BadFile
from stillcold_core.pem import key_pem, pem_of
from stillcold_server.identity.authority import (
    CLIENT,
    SERVER,
    Authority,
    Revoked,
    make_authority,
    renew_authority,
)
from support import require_program

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
NAMES = x509.SubjectAlternativeName([x509.DNSName("gw-1")])
KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def made(tmp_path: Path) -> Authority:
    """In ``ca``, the root's key beside it."""
    return make_authority(tmp_path / "ca", tmp_path / "root.key", NOW)


def issue(authority: Authority, use: x509.ObjectIdentifier = CLIENT, life: timedelta = DAY) -> x509.Certificate:
    return authority.issue("gw-1", KEY.public_key(), NAMES, use, NOW, life)


def verify(folder: Path, authority: Authority, own: x509.Certificate, *options: str) -> str:
    """What openssl says of a certificate, with only the root trusted."""
    for name, content in {
        "root.pem": pem_of(authority.root),
        "issuing.pem": pem_of(authority.issuing),
        "own.pem": pem_of(own),
    }.items():
        (folder / name).write_bytes(content)
    command = [require_program("openssl"), "verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "issuing.pem"]
    done = subprocess.run([*command, *options, "own.pem"], cwd=folder, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


@pytest.mark.requirement("identity.authority")
def test_what_it_issues_leads_to_the_root_and_serves_for_one_thing(tmp_path: Path, made: Authority) -> None:
    """By the strict rules of RFC 5280; a certificate of a gateway is no server and no authority."""
    client = issue(made)
    assert verify(tmp_path, made, client, "-purpose", "sslclient") == "own.pem: OK"
    assert "error 26" in verify(tmp_path, made, client, "-purpose", "sslserver")
    assert verify(tmp_path, made, issue(made, SERVER), "-purpose", "sslserver") == "own.pem: OK"
    assert issue(made, life=10_000 * DAY).not_valid_after_utc == made.issuing.not_valid_after_utc


@pytest.mark.requirement("identity.crl")
def test_its_list_of_the_revoked_is_one_to_openssl(tmp_path: Path, made: Authority) -> None:
    """It names whoever is revoked, and ends."""
    own = issue(made)
    for revoked, when, said in (
        ([], NOW, "own.pem: OK"),
        ([Revoked(own.serial_number, NOW)], NOW, "certificate revoked"),
        ([Revoked(own.serial_number + 1, NOW)], NOW, "own.pem: OK"),
        ([], NOW - 40 * DAY, "CRL has expired"),
    ):
        (tmp_path / "crl.pem").write_bytes(made.crl(revoked, 1, when))
        assert said in verify(tmp_path, made, own, "-crl_check", "-CRLfile", "crl.pem")


@pytest.mark.requirement("identity.authority")
def test_its_keys_are_for_their_owner_only_and_the_root_s_is_not_here(tmp_path: Path, made: Authority) -> None:
    modes = {p.name: oct(p.stat().st_mode & 0o777) for p in (tmp_path / "ca").iterdir()}
    assert modes == {"root.crt": "0o644", "issuing.crt": "0o644", "issuing.key": "0o600"}
    assert oct((tmp_path / "root.key").stat().st_mode & 0o777) == "0o600"
    assert oct((tmp_path / "ca").stat().st_mode & 0o777) == "0o700"


@pytest.mark.requirement("identity.authority-renewed")
def test_a_renewed_authority_keeps_what_the_old_one_has_issued(tmp_path: Path) -> None:
    """Certificates and the list of the revoked; the root is the same."""
    made = make_authority(tmp_path / "ca", tmp_path / "root.key", NOW - 100 * DAY)
    own = issue(made)
    (tmp_path / "crl.pem").write_bytes(made.crl([], 1, NOW))
    renewed = renew_authority(tmp_path / "ca", tmp_path / "root.key", NOW)
    assert renewed.root == made.root
    assert renewed.issuing.not_valid_after_utc > made.issuing.not_valid_after_utc
    assert verify(tmp_path, renewed, own, "-crl_check", "-CRLfile", "crl.pem") == "own.pem: OK"


@pytest.mark.requirement("identity.authority")
def test_files_that_do_not_serve_are_said(tmp_path: Path, made: Authority) -> None:
    """Nothing that is there is overwritten."""
    folder, other = tmp_path / "ca", tmp_path / "other.key"
    other.write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(BadFile, match=r"root\.crt: is there already"):
        make_authority(folder, tmp_path / "new.key", NOW)
    with pytest.raises(BadFile, match=r"root\.key: is there already"):
        make_authority(tmp_path / "empty", tmp_path / "root.key", NOW)
    with pytest.raises(BadFile, match=r"other\.key: it is another key's; expected that of root\.crt"):
        renew_authority(folder, other, NOW)
    (folder / "issuing.key").write_bytes(other.read_bytes())
    with pytest.raises(BadFile, match=r"issuing\.key: it is another key's; expected that of issuing\.crt"):
        Authority(folder)
    (folder / "issuing.key").write_text("nothing")
    with pytest.raises(BadFile, match="expected a private key in PEM"):
        Authority(folder)
