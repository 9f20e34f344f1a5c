"""A certificate authority for tests."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """PEM files of a certificate and its key."""

    cert_file: Path
    key_file: Path


class Authority:
    """Issues certificates into a folder; ``ca_file`` is what the others must trust, ``ca_key`` signs."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.ca_file = folder, folder / "ca.crt"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _subject(name)
        builder = _builder(self._name, self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.ca_file.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))
        self.ca_key = folder / "ca.key"
        self.ca_key.write_bytes(_private(self._key))

    def server(
        self, name: str = "localhost", *, host: str = "localhost", address: str = "127.0.0.1", life: timedelta = _LIFE
    ) -> Certificate:
        """A certificate for a server on this machine, or elsewhere; it has expired where its life is below 0."""
        hosts = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address(address))]
        return self._issue(name, x509.SubjectAlternativeName(hosts), ExtendedKeyUsageOID.SERVER_AUTH, life)

    def client(self, name: str) -> Certificate:
        """A certificate for a client whose common name is ``name``."""
        return self._issue(name, x509.SubjectAlternativeName([x509.DNSName(name)]), ExtendedKeyUsageOID.CLIENT_AUTH)

    def signer(self, name: str) -> Certificate:
        """A certificate for whoever signs programs."""
        return self._issue(name, x509.SubjectAlternativeName([x509.DNSName(name)]), ExtendedKeyUsageOID.CODE_SIGNING)

    def revoked(self, *certificates: Certificate) -> Path:
        """A list of revoked certificates, good for a day."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder(self._name, now - timedelta(hours=1), now + _LIFE)
        for files in certificates:
            number = x509.load_pem_x509_certificate(files.cert_file.read_bytes()).serial_number
            revoked = x509.RevokedCertificateBuilder(number, now).build()
            builder = builder.add_revoked_certificate(revoked)
        file = self.folder / "revoked.crl"
        file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return file

    def _issue(
        self, name: str, names: x509.SubjectAlternativeName, use: x509.ObjectIdentifier, life: timedelta = _LIFE
    ) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_subject(name), self._name, key.public_key(), life)
        builder = builder.add_extension(names, critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        file = quote(name, safe="")
        files = Certificate(self.folder / f"{file}.crt", self.folder / f"{file}.key")
        files.cert_file.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))
        files.key_file.write_bytes(_private(key))
        return files


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta = _LIFE
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    begin, number = min(now, now + life) - timedelta(hours=1), x509.random_serial_number()
    return x509.CertificateBuilder(issuer, subject, key, number, begin, now + life)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
