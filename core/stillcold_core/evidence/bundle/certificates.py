"""Whose key signed a batch: the gateway's certificate names it, and a chain leads from there to a trusted root.

The certificate is that of the gateway's connection; :mod:`stillcold_core.enrolment.request` says how it names both.

::

    BadCertificate (ValueError)     a chain that leads from no gateway's key to no trusted root
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from stillcold_core.enrolment.request import NOT_OURS, gateway_of, public_key_of
from stillcold_core.evidence.keys import PublicKey, parse_public_key

CERTIFICATES = "certificates/"
KEYS = "keys.txt"


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
        When it names no key, or is no chain to one of these roots; where there are none, no chain is asked for.
    """
    try:
        chain = x509.load_pem_x509_certificates(pem)
        own = chain[0]
        begins, ends = (round(t.timestamp() * 1000) for t in (own.not_valid_before_utc, own.not_valid_after_utc))
        certified = Certified(gateway_of(own), public_key_of(own), begins, ends)
    except NOT_OURS as error:
        raise BadCertificate("expected a gateway's certificate in PEM, with its chain") from error
    if roots:
        _check_chain(chain, roots)
    return certified


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
    """Each is issued by the next, and the last by a root.

    The dates of the issuers are not asked for: an authority that is renewed keeps its key and gets other dates.
    """
    for certificate, issuer in zip(chain, [*chain[1:], None], strict=True):
        if not any(_issued(certificate, i) for i in ([issuer] if issuer else roots)):
            raise BadCertificate("it does not lead to a trusted root")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (InvalidSignature, *NOT_OURS):
        return False
