"""A gateway's request for a certificate: PKCS #10 (RFC 2986), with both of its public keys.

The common name is the gateway's id. The subject alternative names are the same id, and a URI that names the key which
signs batches; so the certificate that comes back says which signatures are this gateway's.

::

    BadRequest (ValueError)      what came is no such request
"""

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import NameOID

from stillcold_core.contract.errors import BadBatch
from stillcold_core.contract.names import checked_name
from stillcold_core.evidence.keys import parse_public_key
from stillcold_core.registry import OFFICE

Document = x509.CertificateSigningRequest | x509.Certificate
TlsKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
TlsPublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
LONGEST_REQUEST = 8192
"""Bytes of a request in PEM."""
NOT_OURS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises when it looks into something else."""
_KEY_URI = "urn:stillcold:key:"
_RSA = range(2048, 4097)  # bits
_GROUPS, _DIGITS = 5, 4  # 80 bits: nobody finds a second request with the same ones


class BadRequest(ValueError):
    """What came is no request of a gateway."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A request whose signature is right: who asks holds the key of the certificate.

    Attributes
    ----------
    gateway : str
        Its id.
    public_key : str
        Of the key that signs its batches, as the registry has it.
    csr : x509.CertificateSigningRequest
        What was signed.
    """

    gateway: str
    public_key: str
    csr: x509.CertificateSigningRequest

    @property
    def digest(self) -> bytes:
        """SHA-256 of what is asked for: both keys and the id, without the signature, which differs each time."""
        return hashlib.sha256(self.csr.tbs_certrequest_bytes).digest()

    @property
    def tls_key(self) -> TlsPublicKey:
        """The public key of the certificate that is asked for."""
        return _serving(self.csr.public_key())

    @property
    def tls_digest(self) -> bytes:
        """SHA-256 of that key (DER, SubjectPublicKeyInfo)."""
        der = self.tls_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(der).digest()

    @property
    def fingerprint(self) -> str:
        """The first 80 bits of the digest in groups to read aloud, e.g. ``5b0c 91e4 77d2 08ab 3f6e``."""
        return spoken(self.digest)

    @property
    def pem(self) -> bytes:
        """As it travels."""
        return self.csr.public_bytes(serialization.Encoding.PEM)


def make_request(gateway: str, key: TlsKey, public_key: str) -> Request:
    """A request of a gateway, signed with the key of its certificate.

    Parameters
    ----------
    public_key : str
        Of the key that signs batches, as the registry has it.
    """
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, gateway)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    builder = builder.add_extension(names_of(gateway, public_key), critical=False)
    return Request(gateway, public_key, builder.sign(key, hashes.SHA256()))


def names_of(gateway: str, public_key: str) -> x509.SubjectAlternativeName:
    """The alternative names of a gateway's request and of its certificate."""
    return x509.SubjectAlternativeName(
        [x509.DNSName(gateway), x509.UniformResourceIdentifier(f"{_KEY_URI}{public_key}")]
    )


def read_request(pem: bytes) -> Request:
    """Read and check a request.

    Raises
    ------
    BadRequest
        When it is none, is not signed with its own key, or says anything else than a gateway's request does.
    """
    if len(pem) > LONGEST_REQUEST:
        raise BadRequest(f"expected a request of at most {LONGEST_REQUEST} bytes")
    try:
        csr = x509.load_pem_x509_csr(pem)
        _serving(csr.public_key())  # first: a stranger's key of any size would take long to verify with
        signed = csr.is_signature_valid
        gateway, public_key = gateway_of(csr), public_key_of(csr)
    except BadRequest:
        raise
    except NOT_OURS as error:
        raise BadRequest("expected a request for a certificate in PEM, as `stillcold-agent enrol` writes it") from error
    if not signed:
        raise BadRequest("expected a request that is signed with its own key")
    if gateway.startswith(OFFICE):
        raise BadRequest(f"expected a gateway's id; {OFFICE!r} begins the names of the office's programs")
    if [e.value for e in csr.extensions] != [names_of(gateway, public_key)]:
        raise BadRequest("expected the gateway's id and the key of its batches as the only alternative names")
    return Request(gateway, public_key, csr)


def spoken(digest: bytes) -> str:
    """The first 80 bits of a hash, in groups to read aloud."""
    digits = digest.hex()
    return " ".join(digits[i * _DIGITS : (i + 1) * _DIGITS] for i in range(_GROUPS))


def gateway_of(document: Document) -> str:
    """The gateway's id, by the common name of its request or certificate.

    Raises
    ------
    ValueError
        When it is none.
    """
    (name,) = document.subject  # one attribute, and no other
    if name.oid != NameOID.COMMON_NAME:
        raise ValueError
    try:
        return checked_name(name.value)
    except BadBatch as error:
        raise ValueError from error


def public_key_of(document: Document) -> str:
    """The key of its batches, as the registry has it, by the alternative names of its request or certificate.

    Raises
    ------
    ValueError, x509.ExtensionNotFound, x509.DuplicateExtension
        When it names none.
    """
    names = document.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    if not uri.startswith(_KEY_URI):
        raise ValueError
    parse_public_key(uri.removeprefix(_KEY_URI))
    return uri.removeprefix(_KEY_URI)


def _serving(key: PublicKeyTypes) -> TlsPublicKey:
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA:
        return key
    raise BadRequest("expected a P-256 key, or RSA of 2048 to 4096 bits")
