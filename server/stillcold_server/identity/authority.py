"""The certificate authority: a root whose key is kept elsewhere, and an issuing one that works here (RFC 5280).

Gateways and the broker trust the root. Its key is written to where ``ca init`` is told to, and needed again only to
renew the issuing authority, or to replace it: no gateway must be visited for either.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from stillcold_core.enrolment.request import TlsPublicKey
from stillcold_core.files import BadFile, unreadable
from stillcold_core.pem import key_pem, pem_of, read_key
from stillcold_core.whole import write_whole

ROOT_FILE, ISSUING_FILE, KEY_FILE = "root.crt", "issuing.crt", "issuing.key"
ROOT_LIFE, ISSUING_LIFE = timedelta(days=20 * 365), timedelta(days=10 * 365)
CRL_LIFE = timedelta(days=30)
"""For which a list of the revoked is good: a broker that has no newer one then lets nobody in."""
_EARLIER = timedelta(hours=1)  # a certificate begins: clocks of gateways differ
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate that is not to be believed any more."""

    serial: int
    at: datetime


class Authority:
    """Issues certificates and lists of the revoked.

    Parameters
    ----------
    folder : Path
        Holds what :func:`make_authority` has written.

    Raises
    ------
    BadFile
        When one of its files cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.root = load_certificate(folder / ROOT_FILE)
        self.issuing = load_certificate(folder / ISSUING_FILE)
        self._key = load_key(folder / KEY_FILE)
        if self._key.public_key() != self.issuing.public_key():
            raise BadFile(folder / KEY_FILE, f"it is another key's; expected that of {ISSUING_FILE}")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the root's certificate, as every tool shows it."""
        return self.root.fingerprint(hashes.SHA256()).hex(":").upper()

    def issue(
        self,
        name: str,
        key: TlsPublicKey,
        names: x509.SubjectAlternativeName,
        use: ObjectIdentifier,
        now: datetime,
        life: timedelta,
    ) -> x509.Certificate:
        """A certificate for a key; it ends with the issuing authority's own at the latest.

        Parameters
        ----------
        name : str
            Common name.
        use : ObjectIdentifier
            ``CLIENT`` or ``SERVER``.
        """
        ends = min(now + life, self.issuing.not_valid_after_utc)
        builder = _builder(_named(name), self.issuing.subject, key, now - _EARLIER, ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(digital_signature=True), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        builder = builder.add_extension(names, critical=False).add_extension(_issued_by(self._key), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def crl(self, revoked: Iterable[Revoked], number: int, now: datetime, life: timedelta = CRL_LIFE) -> bytes:
        """The list of the revoked, in PEM; each list has a higher number than the one before it."""
        builder = x509.CertificateRevocationListBuilder(self.issuing.subject, now - _EARLIER, now + life)
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
        builder = builder.add_extension(_issued_by(self._key), critical=False)
        for one in revoked:
            entry = x509.RevokedCertificateBuilder(one.serial, one.at)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def chain(self, certificate: x509.Certificate) -> bytes:
        """PEM of a certificate and what leads from it to the root."""
        return pem_of(certificate, self.issuing)

    def trusted(self) -> bytes:
        """PEM of what a broker must know: the root, and the issuing authority for the list of the revoked."""
        return pem_of(self.root, self.issuing)


def make_authority(folder: Path, root_key: Path, now: datetime) -> Authority:
    """Make a root and an issuing authority.

    Parameters
    ----------
    folder : Path
        For everything but the root's key.
    root_key : Path
        Where the root's key is written to: it must be kept elsewhere.

    Raises
    ------
    BadFile
        When there is one already, or a file cannot be written.
    """
    for path in (root_key, *(folder / name for name in (ROOT_FILE, ISSUING_FILE, KEY_FILE))):
        if path.exists():
            raise BadFile(path, "is there already; expected no authority here yet")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name, key = _named("Stillcold root"), ec.generate_private_key(ec.SECP256R1())
    root = _authority(name, name, key.public_key(), key, now, now + ROOT_LIFE, 1)
    write_whole(root_key, key_pem(key), 0o600)
    write_whole(folder / ROOT_FILE, pem_of(root), 0o644)
    write_whole(folder / KEY_FILE, key_pem(ec.generate_private_key(ec.SECP256R1())), 0o600)
    return renew_authority(folder, root_key, now)


def renew_authority(folder: Path, root_key: Path, now: datetime) -> Authority:
    """Have the root certify the issuing authority's key for another ten years.

    What it has issued, and its list of the revoked, stay good: key and name are the same.

    Raises
    ------
    BadFile
        When a file cannot be used, or the key is not the root's.
    """
    root, key, issuing = load_certificate(folder / ROOT_FILE), load_key(root_key), load_key(folder / KEY_FILE)
    if key.public_key() != root.public_key():
        raise BadFile(root_key, f"it is another key's; expected that of {ROOT_FILE}")
    ends = min(now + ISSUING_LIFE, root.not_valid_after_utc)
    made = _authority(_named("Stillcold issuing"), root.subject, issuing.public_key(), key, now, ends, 0)
    write_whole(folder / ISSUING_FILE, pem_of(made), 0o644)
    return Authority(folder)


def load_certificate(path: Path) -> x509.Certificate:
    """The first certificate of a PEM file.

    Raises
    ------
    BadFile
        When it cannot be read or is none.
    """
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:
        raise BadFile(path, "expected a certificate in PEM") from error


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """A P-256 key.

    Raises
    ------
    BadFile
        When it cannot be read or is none.
    """
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    key = read_key(pem, path, "expected a private key in PEM without a password")
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadFile(path, "expected a P-256 key", value=type(key).__name__)
    return key


def _authority(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    now: datetime,
    ends: datetime,
    path_length: int,
) -> x509.Certificate:
    builder = _builder(name, issuer, key, now - _EARLIER, ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    builder = builder.add_extension(_issued_by(signer), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _builder(
    name: x509.Name, issuer: x509.Name, key: TlsPublicKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(issuer, name, key, x509.random_serial_number(), begins, ends)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _issued_by(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=key_cert_sign, crl_sign=crl_sign,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
