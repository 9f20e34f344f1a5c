"""The product's own certificate authority, for tests."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from stillcold_core.pem import key_pem
from stillcold_server.identity.authority import CLIENT, SERVER, Revoked, make_authority

_LIFE = timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """PEM files of a certificate and its key."""

    cert_file: Path
    key_file: Path


class Authority:
    """Issues certificates into a folder; ``ca_file`` is what the others must trust."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.ca_file = folder, folder / "root.crt"
        self.made = make_authority(folder, folder / "root.key", datetime.now(UTC))

    def server(
        self, name: str = "localhost", *, host: str = "localhost", address: str = "127.0.0.1", life: timedelta = _LIFE
    ) -> Certificate:
        """A certificate for a server on this machine, or elsewhere; it has expired where its life is below 0."""
        hosts = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address(address))]
        return self._issue(name, x509.SubjectAlternativeName(hosts), SERVER, life)

    def client(self, name: str) -> Certificate:
        """A certificate for a client whose common name is ``name``."""
        return self._issue(name, x509.SubjectAlternativeName([x509.DNSName(name)]), CLIENT, _LIFE)

    def signer(self, name: str) -> Certificate:
        """A certificate for whoever signs programs."""
        return self._issue(
            name, x509.SubjectAlternativeName([x509.DNSName(name)]), ExtendedKeyUsageOID.CODE_SIGNING, _LIFE
        )

    def revoked(self, *certificates: Certificate) -> Path:
        """A list of revoked certificates, good for a day."""
        now = datetime.now(UTC)
        found = [x509.load_pem_x509_certificate(files.cert_file.read_bytes()) for files in certificates]
        file = self.folder / "revoked.crl"
        file.write_bytes(self.made.crl([Revoked(c.serial_number, now) for c in found], 1, now, _LIFE))
        return file

    def _issue(
        self, name: str, names: x509.SubjectAlternativeName, use: x509.ObjectIdentifier, life: timedelta
    ) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        begins = min(datetime.now(UTC), datetime.now(UTC) + life - _LIFE)
        ends = datetime.now(UTC) + life
        made = self.made.issue(name, key.public_key(), names, use, begins, ends - begins)
        file = quote(name, safe="")
        files = Certificate(self.folder / f"{file}.crt", self.folder / f"{file}.key")
        files.cert_file.write_bytes(self.made.chain(made))
        files.key_file.write_bytes(key_pem(key))
        return files
