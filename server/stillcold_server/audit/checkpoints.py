"""Signed checkpoints of the audit log, and cutting off what is old enough behind one.

A checkpoint is a note (C2SP signed-note) with the log's name, the number of an entry and its hash. Whoever keeps one
notices when anything before it is written anew.
"""

from typing import Any

from sqlalchemy import Connection, Row, delete, func, select

from stillcold_core.evidence.note import BadNote, NoteKey, checkpoint_text, open_note
from stillcold_server.days import DAY
from stillcold_server.evidence.key import Signer
from stillcold_server.store import schema

KEPT = 183 * DAY
"""ms that every entry is kept: six months, as Art. 21 of the Cybersecurity Law (网络安全法) asks."""
_SUFFIX = "/audit"


def make_checkpoint(connection: Connection, signer: Signer, now: int) -> str | None:
    """Sign the newest entry; the note, or None where the log has not grown since the last one."""
    t, h = schema.audit_checkpoint, schema.audit_head
    head = connection.execute(select(h.c.number, h.c.hash).with_for_update()).one()
    if head.number <= (connection.scalar(select(func.max(t.c.number))) or 0):
        return None
    note = signer.sign(_text(signer.public, head.number, head.hash)).decode()
    connection.execute(t.insert(), {"number": head.number, "at": now, "hash": head.hash, "note": note})
    return note


def is_signed(row: Row[Any], key: NoteKey) -> bool:
    """Whether a stored checkpoint says what the key has signed."""
    try:
        text, _ = open_note(row.note.encode(), [key])
    except BadNote:
        return False
    return text == _text(key, row.number, row.hash)


def cut(connection: Connection, now: int) -> int:
    """Delete the entries up to the newest checkpoint behind which all are older than :data:`KEPT`; how many."""
    e, c = schema.audit_entry, schema.audit_checkpoint
    kept = connection.scalar(select(func.min(e.c.number)).where(e.c.at > now - KEPT))
    covered = select(func.max(c.c.number))
    last = connection.scalar(covered if kept is None else covered.where(c.c.number < kept))
    if last is None:
        return 0
    return connection.execute(delete(e).where(e.c.number <= last)).rowcount


def _text(key: NoteKey, number: int, digest: bytes) -> str:
    return checkpoint_text(key.name + _SUFFIX, number, digest)
