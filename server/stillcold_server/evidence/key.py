"""The key that signs the log's checkpoints and the bundles' manifests."""

from pathlib import Path

from stillcold_core.evidence.keys import Ed25519PrivateKey
from stillcold_core.evidence.note import NoteKey, sign_note
from stillcold_core.files import BadFile, unreadable
from stillcold_core.pem import key_pem, read_key


class Signer:
    """Signs notes in the log's name.

    Parameters
    ----------
    path : Path
        File of the key.
    origin : str
        The log's name.

    Raises
    ------
    BadFile
        When there is no such key.
    """

    def __init__(self, path: Path, origin: str) -> None:
        self._key, self._origin = _load(path), origin

    @property
    def public(self) -> NoteKey:
        """What others trust."""
        return NoteKey(self._origin, self._key.public_key())

    def sign(self, text: str) -> bytes:
        """A note."""
        return sign_note(text, self._origin, self._key).encode()


def new_key() -> bytes:
    """A new key, PEM."""
    return key_pem(Ed25519PrivateKey.generate())


def _load(path: Path) -> Ed25519PrivateKey:
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    key = read_key(pem, path, "expected an Ed25519 key in PEM without a password")
    if not isinstance(key, Ed25519PrivateKey):
        raise BadFile(path, "expected an Ed25519 key", value=type(key).__name__)
    return key
