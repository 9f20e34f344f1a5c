"""Private keys and certificates as PEM (RFC 7468), without a password."""

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from stillcold_core.files import BadFile


def key_pem(key: PrivateKeyTypes) -> bytes:
    """PEM of a private key (PKCS #8)."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def pem_of(*certificates: x509.Certificate) -> bytes:
    """PEM of certificates, one after another."""
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)


def read_key(pem: bytes, path: Path, right: str) -> PrivateKeyTypes:
    """The private key in a file's content.

    Raises
    ------
    BadFile
        Saying what would be ``right``, when there is none, or it has a password.
    """
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadFile(path, right) from error
