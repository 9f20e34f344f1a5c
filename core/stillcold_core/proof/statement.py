"""Signed statements: a signed note (:mod:`stillcold_core.evidence.note`) whose text is one line of JSON.

The JSON is in the one form that RFC 8785 gives it, so the line is its own digest's input and two makers of the same
content write the same bytes.

::

    BadStatement (ValueError)     signed, and no statement
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from stillcold_core.evidence.bundle.report import Item, Report
from stillcold_core.evidence.note import BadNote, NoteKey, note_text, open_note

VERIFICATION, ATTESTATION = "stillcold-verification/1", "stillcold-attestation/1"
"""Under ``type``: what a statement is of."""


class BadStatement(ValueError):
    """A note that is no statement."""


def digest_of(text: str) -> str:
    """SHA-256 of a statement's text, its line break included, in hexadecimal: what is printed on the paper."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_statement(note: bytes) -> dict[str, Any]:
    """The content of a statement; its signature is not looked at.

    Raises
    ------
    BadNote, BadStatement
    """
    return _content(note_text(note))


def signed_statement(note: bytes, keys: Iterable[NoteKey]) -> dict[str, Any]:
    """The content of a statement that one of some keys has signed.

    Raises
    ------
    BadNote, BadStatement
    """
    return _content(open_note(note, keys)[0])


def verify_statement(note: bytes, keys: Iterable[NoteKey]) -> Report:
    """What ``stillcold-verify`` says of a statement."""
    try:
        text, key = open_note(note, keys)
        content = _content(text)
    except (BadNote, BadStatement) as error:
        return Report((Item("statement", "FAIL", "1 wrong", (str(error),)),))
    said = f"{content['type']} {content['id']}, SHA-256 {digest_of(text)}, signed by {key.name}"
    return Report((Item("statement", "PASS", said),))


def _content(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadStatement("expected JSON in one line") from error
    if not isinstance(content, dict) or content.get("type") not in (VERIFICATION, ATTESTATION):
        raise BadStatement(f"expected an object whose type is {VERIFICATION} or {ATTESTATION}")
    if not isinstance(content.get("id"), str) or text.count("\n") != 1:
        raise BadStatement("expected an id, and one line")
    return content
