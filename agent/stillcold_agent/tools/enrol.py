"""``enrol``: the gateway's two keys, the request for its certificate, and the certificate put where it belongs.

Both keys are made here and never leave: the one that signs batches (in ``data_dir``) and the one of the TLS certificate
(P-256, at ``mqtt.key_file``).
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import NameOID

from stillcold_agent.config import Config
from stillcold_agent.identity import KEY_FILE, load_or_make_key, registry_lines, write_whole
from stillcold_core.evidence.keys import PrivateKey, public_bytes
from stillcold_core.files import BadFile

TlsKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_GROUPS, _DIGITS = 5, 4  # 80 bits: nobody finds a second key with the same ones


def request(config: Config) -> Iterator[str]:
    """Make what is missing of the two keys, and write a new request for the certificate; what to say of it.

    Raises
    ------
    BadFile
        When the configuration names no place for key and certificate, or a file cannot be used.
    """
    places = (config.mqtt.cert_file, config.mqtt.key_file, config.mqtt.ca_file)
    if not all(places):
        raise BadFile("mqtt", "expected ca_file, cert_file and key_file, the places where they are to lie")
    data_dir, cert_file, key_file = Path(config.data_dir), Path(config.mqtt.cert_file), Path(config.mqtt.key_file)
    signing = load_or_make_key(data_dir)
    if not key_file.exists():
        write_whole(key_file, _new_key(), 0o600)
    for path in (data_dir / KEY_FILE, key_file):
        give_to_service(path, data_dir)
    key = load_key(key_file)
    csr_file = cert_file.with_suffix(".csr")
    write_whole(csr_file, _request(config.gateway, key), 0o644)
    yield f"key of the certificate: {key_file}"
    yield f"request for the certificate: {csr_file}"
    yield f"  its fingerprint, to read over the phone: {fingerprint(key.public_key())}"
    yield from registration(config.gateway, signing)


def registration(gateway: str, signing: PrivateKey) -> Iterator[str]:
    """What the server's registry must hold, and the fingerprint that proves it over the phone."""
    spoken = _spoken(public_bytes(signing.public_key()))
    yield f"\n# for the server's registry.toml; its fingerprint: {spoken}"
    yield registry_lines(gateway, signing)


def fingerprint(key: PublicKeyTypes) -> str:
    """The first 80 bits of the SHA-256 of a public key (DER, SubjectPublicKeyInfo), in groups to read aloud."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _spoken(der)


def give_to_service(path: Path, data_dir: Path) -> None:
    """Where root made a file, it belongs to whoever owns ``data_dir``, who must read it."""
    if os.geteuid() == 0:
        owner = data_dir.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)  # the folder is the service's, not root's


def load_key(path: Path) -> TlsKey:
    """The key of the certificate.

    Raises
    ------
    BadFile
        When it cannot be read or is none.
    """
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror}); expected the key that enrol makes") from error
    except (ValueError, TypeError) as error:
        raise BadFile(path, "expected a private key in PEM without a password") from error
    if not isinstance(key, TlsKey):
        raise BadFile(path, "expected a P-256 or RSA key", value=type(key).__name__)
    return key


def _spoken(content: bytes) -> str:
    digits = hashlib.sha256(content).hexdigest()
    return " ".join(digits[i * _DIGITS : (i + 1) * _DIGITS] for i in range(_GROUPS))


def _new_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _request(gateway: str, key: TlsKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, gateway)])
    names = x509.SubjectAlternativeName([x509.DNSName(gateway)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name).add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
