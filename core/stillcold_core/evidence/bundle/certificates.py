"""Whose key signed a batch: the gateway's certificate names it, and a chain leads from there to a trusted root.

A certificate's common name is the gateway's id, and among its alternative names is the URI ``urn:stillcold:key:<key>``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from stillcold_core.evidence.keys import PublicKey, parse_public_key

CERTIFICATES = "certificates/"
KEYS = "keys.txt"
_URI = "urn:stillcold:key:"


class BadCertificate(ValueError):
    """A chain that leads from no gateway's key to no trusted root."""


@dataclass(frozen=True, slots=True)
class Certified:
    """What a certificate says: that a key was a gateway's, between two moments (ms UTC)."""

    gateway: str
    public_key: str
    begins: int
    ends: int


def read_certified(pem: bytes, roots: Sequence[x509.Certificate]) -> Certified:
    """What a chain in PEM, the gateway's own certificate first, says of its key.

    Raises
    ------
    BadCertificate
        When it is no chain to one of these roots, or names no key.
    """
    try:
        chain = x509.load_pem_x509_certificates(pem)
        _check_chain(chain, roots)
        own = chain[0]
        (name,) = own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        if isinstance(error, BadCertificate):
            raise
        raise BadCertificate("expected a gateway's certificate in PEM, with its chain") from error
    if not uri.startswith(_URI):
        raise BadCertificate("it names no key that signs batches")
    begins, ends = (round(t.timestamp() * 1000) for t in (own.not_valid_before_utc, own.not_valid_after_utc))
    return Certified(str(name.value), uri.removeprefix(_URI), begins, ends)


def parse_keys(data: bytes) -> dict[str, list[tuple[str, PublicKey]]]:
    """The keys of each gateway, by their text, from ``keys.txt``: a line each of gateway and key.

    Raises
    ------
    ValueError
        Naming the first line that is not that.
    """
    found: dict[str, list[tuple[str, PublicKey]]] = {}
    for number, line in enumerate(data.decode().splitlines(), 1):
        try:
            gateway, key = line.split(" ")
            found.setdefault(gateway, []).append((key, parse_public_key(key)))
        except ValueError as error:
            raise ValueError(f"{KEYS}:{number}: expected a gateway and its public key") from error
    return found


def _check_chain(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> None:
    """Each is issued by the next, and the last by a root; issuers are authorities, and all were good at once."""
    own = chain[0]
    for certificate, issuer in zip(chain, [*chain[1:], None], strict=True):
        issuers = [issuer] if issuer else list(roots)
        found = next((i for i in issuers if _issued(certificate, i)), None)
        if found is None:
            raise BadCertificate("its chain does not lead to a trusted root")
        if found.not_valid_before_utc > own.not_valid_before_utc or found.not_valid_after_utc < own.not_valid_after_utc:
            raise BadCertificate("it is good for longer than its issuer")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
