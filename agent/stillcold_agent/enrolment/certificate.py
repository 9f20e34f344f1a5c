"""A certificate that came back: whether it is this gateway's, and where it goes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stillcold_agent.config import Config
from stillcold_agent.enrolment.request import give_to_service, load_key
from stillcold_core.enrolment.request import NOT_OURS
from stillcold_core.files import BadFile, unreadable
from stillcold_core.pem import pem_of
from stillcold_core.whole import write_whole

_LONGEST_CHAIN = 5


def install(config: Config, certificate: Path, authority: Path | None) -> str:
    """Check a certificate and put it where the configuration points; what to say of it.

    Parameters
    ----------
    certificate : Path
        PEM; intermediate ones may follow it.
    authority : Path or None
        Certificates to trust, in PEM; those that are installed already where it is None.

    Raises
    ------
    BadFile
        When it is another key's or gateway's, is not valid now, or is not of that authority. Nothing is changed then.
    """
    chain = load_certificates(certificate)
    root = load_certificates(authority) if authority else None
    own = accept(config, chain, root, datetime.now(UTC), source=certificate)
    return f"{config.mqtt.cert_file}: installed, good until {own.not_valid_after_utc:%Y-%m-%d}"


def accept(
    config: Config,
    chain: list[x509.Certificate],
    root: list[x509.Certificate] | None,
    now: datetime,
    *,
    source: Path | str,
) -> x509.Certificate:
    """Check certificates and put them where the configuration points; this gateway's own one.

    Parameters
    ----------
    root : list or None
        To be trusted from now on; what is installed already where it is None.
    now : datetime
        When they must be good, UTC.
    source : Path or str
        Where the chain comes from, for errors.

    Raises
    ------
    BadFile
        As :func:`install` does.
    """
    key = load_key(Path(config.mqtt.key_file)).public_key()
    trusted = load_certificates(Path(config.mqtt.ca_file)) if root is None else root
    if problem := problem_of(chain, trusted, key, config.gateway, now):
        raise BadFile(source, problem)
    if root is not None:
        write_whole(Path(config.mqtt.ca_file), pem_of(*root), 0o644)
    write_whole(Path(config.mqtt.cert_file), pem_of(*chain), 0o644)
    give_to_service(Path(config.mqtt.cert_file), Path(config.data_dir))  # who renews it
    return chain[0]


def load_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file, in its order.

    Raises
    ------
    BadFile
        When it cannot be read or has none.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    return read_certificates(content, path)


def read_certificates(pem: bytes, source: Path | str) -> list[x509.Certificate]:
    """Certificates in PEM, in their order.

    Raises
    ------
    BadFile
        When there are none.
    """
    try:
        found = x509.load_pem_x509_certificates(pem)
        for certificate in found:  # the library looks into them when they are asked for, no sooner
            certificate.public_key()
            _ = certificate.subject, certificate.issuer, certificate.extensions
            _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except NOT_OURS as error:
        raise BadFile(source, "expected a certificate in PEM") from error
    return found


def problem_of(
    chain: Sequence[x509.Certificate],
    trusted: Sequence[x509.Certificate],
    key: PublicKeyTypes,
    gateway: str,
    now: datetime,
) -> str:
    """Why a certificate does not serve this gateway, with what would be right; empty where it does."""
    own = chain[0]
    names = [str(a.value) for a in own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if _der(own.public_key()) != _der(key):
        return "it is another key's; expected the certificate of the request that enrol wrote here"
    if names != [gateway]:
        return f"it is the certificate of {', '.join(names) or 'nobody'}; expected common name {gateway}"
    if ExtendedKeyUsageOID.CLIENT_AUTH not in _uses(own):
        return "it may not be used by a client; expected extended key usage clientAuth, or none"
    return _chain_problem(own, [*chain[1:], *trusted], trusted, now)


def _chain_problem(
    own: x509.Certificate, issuers: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate], now: datetime
) -> str:
    link = own
    for _ in range(_LONGEST_CHAIN):
        name = link.subject.rfc4514_string()
        if not link.not_valid_before_utc <= now <= link.not_valid_after_utc:
            span = f"{link.not_valid_before_utc:%Y-%m-%d %H:%M} to {link.not_valid_after_utc:%Y-%m-%d %H:%M}"
            return f"{name} is good from {span}; this clock says {now:%Y-%m-%d %H:%M} UTC"
        if link in trusted:
            return ""
        issuer = next((c for c in issuers if _issued(c, link)), None)
        if issuer is None:
            break
        link = issuer
    return f"{name} was issued by {link.issuer.rfc4514_string()}; expected one of the authority that is trusted here"


def _issued(issuer: x509.Certificate, link: x509.Certificate) -> bool:
    """Whether an authority signed a certificate."""
    try:
        if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        link.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _uses(certificate: x509.Certificate) -> Sequence[x509.ObjectIdentifier]:
    try:
        return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return [ExtendedKeyUsageOID.CLIENT_AUTH]  # without the extension it serves for everything


def _der(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
