"""The gateway's two keys, and the request for its certificate.

Both keys are made here and never leave: the one that signs batches (in ``data_dir``) and the one of the TLS certificate
(P-256, at ``mqtt.key_file``).
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from stillcold_agent.config import Config
from stillcold_agent.identity import KEY_FILE, load_or_make_key
from stillcold_core.enrolment.request import Request, TlsKey, make_request
from stillcold_core.evidence.keys import format_public_key
from stillcold_core.files import BadFile
from stillcold_core.pem import key_pem, read_key
from stillcold_core.whole import write_whole


def write_request(config: Config) -> tuple[Path, Request]:
    """Make what is missing of the two keys, and write a new request for the certificate; where it lies.

    Raises
    ------
    BadFile
        When the configuration names no place for key and certificate, or a file cannot be used.
    """
    places = (config.mqtt.cert_file, config.mqtt.key_file, config.mqtt.ca_file)
    if not all(places):
        raise BadFile("mqtt", "expected ca_file, cert_file and key_file, the places where they are to lie")
    data_dir, key_file = Path(config.data_dir), Path(config.mqtt.key_file)
    load_or_make_key(data_dir)
    if not key_file.exists():
        write_whole(key_file, key_pem(ec.generate_private_key(ec.SECP256R1())), 0o600)
    for path in (data_dir / KEY_FILE, key_file):
        give_to_service(path, data_dir)
    request = request_of(config)
    csr_file = Path(config.mqtt.cert_file).with_suffix(".csr")
    write_whole(csr_file, request.pem, 0o644)
    return csr_file, request


def request_of(config: Config) -> Request:
    """The request of a gateway that has its keys.

    Raises
    ------
    BadFile
        When a key cannot be used.
    """
    signing = load_or_make_key(Path(config.data_dir))
    return make_request(config.gateway, load_key(Path(config.mqtt.key_file)), format_public_key(signing.public_key()))


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
        pem = path.read_bytes()
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror}); expected the key that enrol makes") from error
    key = read_key(pem, path, "expected a private key in PEM without a password")
    if not isinstance(key, TlsKey):
        raise BadFile(path, "expected a P-256 or RSA key", value=type(key).__name__)
    return key
