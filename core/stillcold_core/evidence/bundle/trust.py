"""Whom a verifier trusts: a file that is handed over apart from every bundle, by another way.

``roots.json`` is an object with two lists of text: ``authorities``, the roots of gateways' certificates in PEM, and
``logs``, the keys of servers' logs as :func:`stillcold_core.evidence.note.parse_note_key` reads them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography import x509

from stillcold_core.evidence.note import BadNote, Checkpoint, NoteKey, open_checkpoint, parse_note_key
from stillcold_core.files import BadFile, read_text, unreadable


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys and roots that are believed."""

    authorities: tuple[x509.Certificate, ...]
    logs: tuple[NoteKey, ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    authorities: tuple[str, ...]
    logs: tuple[str, ...]


def load_trust(path: Path) -> Trust:
    """Read a file of roots.

    Raises
    ------
    BadFile
        Naming the first entry that does not fit.
    """
    try:
        file = msgspec.json.decode(read_text(path), type=_File)
    except msgspec.DecodeError as error:
        raise BadFile(path, f"expected the lists authorities and logs in JSON ({error})") from error
    authorities = [_certificate(path, i, pem) for i, pem in enumerate(file.authorities)]
    logs = [_log(path, i, text) for i, text in enumerate(file.logs)]
    if not logs:
        raise BadFile(path, "expected the key of at least one log", field="logs")
    return Trust(tuple(authorities), tuple(logs))


def load_checkpoint(path: Path, logs: Iterable[NoteKey]) -> Checkpoint:
    """Read a checkpoint of one of these logs that was kept.

    Raises
    ------
    BadFile
        When it is none.
    """
    try:
        return open_checkpoint(path.read_bytes(), logs)
    except OSError as error:
        raise unreadable(path, error) from error
    except BadNote as error:
        raise BadFile(path, f"expected a checkpoint of a trusted log ({error})") from error


def trust_text(authorities: list[str], log: NoteKey) -> str:
    """The text of a file of roots."""
    return json.dumps({"authorities": authorities, "logs": [log.text]}, indent=1) + "\n"


def _certificate(path: Path, i: int, pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise BadFile(path, "expected a certificate in PEM", field=f"authorities[{i}]", value=pem) from error


def _log(path: Path, i: int, text: str) -> NoteKey:
    try:
        return parse_note_key(text)
    except ValueError as error:
        raise BadFile(path, str(error), field=f"logs[{i}]", value=text) from error
