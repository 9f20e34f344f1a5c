"""Signed notes and checkpoints, as C2SP specifies them (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), with Ed25519.

::

    BadNote (ValueError)     bytes that are no such note, or whose signature is not a trusted key's
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from stillcold_core.evidence.keys import Ed25519PrivateKey, Ed25519PublicKey, verifies

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9./:_-]{0,127}")
"""Names of keys here: narrower than the specification's, so that they need no quoting anywhere."""
_ED25519 = b"\x01"
_SIGNATURE = "\u2014 "
_CHECKPOINT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n")


class BadNote(ValueError):
    """No note, or nobody's whom we trust."""


@dataclass(frozen=True, slots=True)
class NoteKey:
    """The public key that signs notes under a name."""

    name: str
    key: Ed25519PublicKey

    @property
    def id(self) -> bytes:
        """4 bytes that say which key of this name it is."""
        return hashlib.sha256(self.name.encode() + b"\n" + self._typed).digest()[:4]

    @property
    def text(self) -> str:
        """The form in which it is handed around: ``name+id+key``."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self._typed).decode()}"

    @property
    def _typed(self) -> bytes:
        return _ED25519 + self.key.public_bytes_raw()


def parse_note_key(text: str) -> NoteKey:
    """Read the text form of a key.

    Raises
    ------
    ValueError
        When it is none, or its id is another key's.
    """
    name, _, rest = text.partition("+")
    number, _, encoded = rest.partition("+")
    try:
        typed = base64.b64decode(encoded, validate=True)
        if not NAME.fullmatch(name) or typed[:1] != _ED25519:
            raise ValueError
        found = NoteKey(name, Ed25519PublicKey.from_public_bytes(typed[1:]))
    except (ValueError, binascii.Error):
        raise ValueError("expected <name>+<8 hexadecimal digits>+<Ed25519 key in base64>") from None
    if found.id.hex() != number:
        raise ValueError(f"the key's id is {found.id.hex()}")
    return found


def sign_note(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """A note: ``text``, which ends with a line break, and its signature."""
    signature = NoteKey(name, key.public_key()).id + key.sign(text.encode())
    return f"{text}\n{_SIGNATURE}{name} {base64.b64encode(signature).decode()}\n"


def open_note(note: bytes, keys: Iterable[NoteKey]) -> tuple[str, NoteKey]:
    """The text of a note that a trusted key has signed, and the key.

    It must have exactly one signature, in its one encoding: a note that can be changed without breaking it would not be
    the same note.

    Raises
    ------
    BadNote
        When it is no note, or its signature is not one of these keys'.
    """
    text, line = _parts(note)
    name, _, encoded = line.removeprefix(_SIGNATURE).partition(" ")
    signature = _decoded(encoded)
    for key in keys:
        if key.name == name and key.id == signature[:4]:
            if verifies(key.key, signature[4:], text.encode()):
                return text, key
            raise BadNote("the signature is not this key's over this text")
    raise BadNote("no trusted key has signed it")


def note_text(note: bytes) -> str:
    """The text of a note that was opened before; the signature is not checked again.

    Raises
    ------
    BadNote
        When it is no note.
    """
    return _parts(note)[0]


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """The text of a checkpoint."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's name, size and root, as its key has signed them."""

    origin: str
    size: int
    root: bytes


def open_checkpoint(note: bytes, keys: Iterable[NoteKey]) -> Checkpoint:
    """Read a checkpoint that a trusted key has signed.

    Raises
    ------
    BadNote
        When it is none, or not of the log of the key's name.
    """
    text, key = open_note(note, keys)
    match = _CHECKPOINT.fullmatch(text)
    if match is None or match[1] != key.name:
        raise BadNote("signed, and no checkpoint of this log")
    return Checkpoint(key.name, int(match[2]), _decoded(match[3]))


def _parts(note: bytes) -> tuple[str, str]:
    try:
        decoded = note.decode()
    except UnicodeDecodeError as error:
        raise BadNote("not UTF-8") from error
    text, found, signatures = decoded.rpartition("\n\n")
    line = signatures.removesuffix("\n")
    if not found or len(signatures) != len(line) + 1 or "\n" in line or not line.startswith(_SIGNATURE):
        raise BadNote("expected a text, an empty line and one signature")
    return text + "\n", line


def _decoded(encoded: str) -> bytes:
    try:
        found = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise BadNote("not base64") from error
    if base64.b64encode(found).decode() != encoded:
        raise BadNote("not base64 in its one form")
    return found
