"""Documents and photographs of the ledger: kept in the database, named by their hash, and never changed.

::

    NotStored (ValueError)         a file that is not taken; ``word`` is stable
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, exists, select

from stillcold_server.days import DAY
from stillcold_server.jobs.model import JobContext
from stillcold_server.registry.history import Author, Change, write_changes
from stillcold_server.store.database import upsert, write
from stillcold_server.store.schema import attachment, document, seal

LARGEST = 8 << 20
"""Bytes of one document."""
_LOOSE = DAY
"""ms for which a document may be part of nothing, while somebody fills in the form that it belongs to."""
_KINDS = ((b"%PDF-", "application/pdf"), (b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))
_LISTED = (document.c.sha256, document.c.name, document.c.media_type, document.c.size)


class NotStored(ValueError):
    """A file is not taken.

    Words: ``empty``, ``too_large``, ``media_type``.
    """

    def __init__(self, word: str, detail: str) -> None:
        self.word = word
        super().__init__(detail)


def store(connection: Connection, name: str, content: bytes, author: Author) -> str:
    """Keep a PDF, a JPEG or a PNG; what it is, its first bytes say, not its name.

    Returns
    -------
    str
        SHA-256, under which it is known; the same file twice is one document.

    Raises
    ------
    NotStored
    """
    if not content:
        raise NotStored("empty", "got an empty file; expected a PDF, JPEG or PNG")
    if len(content) > LARGEST:
        raise NotStored("too_large", f"got {len(content)} bytes; expected at most {LARGEST >> 20} MiB")
    media_type = next((kind for begin, kind in _KINDS if content.startswith(begin)), None)
    if media_type is None:
        raise NotStored("media_type", "expected a PDF, JPEG or PNG")
    digest = hashlib.sha256(content).hexdigest()
    if not known(connection, digest):
        upsert(connection, document, [{
            "sha256": digest, "name": name[-200:], "media_type": media_type, "size": len(content), "content": content,
            "stored_by": author.name, "stored_at": author.now,
        }])  # fmt: skip
    return digest


def known(connection: Connection, digest: str) -> bool:
    """Whether there is such a document."""
    return connection.scalar(select(document.c.sha256).where(document.c.sha256 == digest)) is not None


def attach(connection: Connection, digest: str, kind: str, subject: str, role: str, author: Author) -> None:
    """Say what a document is to an entry of the ledger; saying it again changes nothing."""
    a = attachment.c
    same = (a.document == digest) & (a.kind == kind) & (a.subject == subject) & (a.role == role)
    if connection.scalar(select(a.id).where(same)) is not None:
        return
    connection.execute(attachment.insert(), {
        "document": digest, "kind": kind, "subject": subject, "role": role, "attached_by": author.name,
        "attached_at": author.now,
    })  # fmt: skip
    write_changes(connection, [Change(kind, subject, f"document.{role}", None, digest)], author)


def attached(connection: Connection, kind: str, subjects: Sequence[str]) -> list[Row[Any]]:
    """The documents of some entries, the newest first, each with what it is to which, without the content."""
    a = attachment.c
    query = (
        select(*_LISTED, a.subject, a.role, a.attached_by, a.attached_at)
        .join(attachment, a.document == document.c.sha256)
        .where(a.kind == kind, a.subject.in_(subjects))
        .order_by(a.id.desc())
    )
    return list(connection.execute(query))


def load(connection: Connection, digest: str) -> Row[Any] | None:
    """A document with its content."""
    return connection.execute(select(document).where(document.c.sha256 == digest)).one_or_none()


def forget_job(context: JobContext, _due: int) -> str:
    """The job ``loose_documents``."""
    with write(context.engine) as connection:
        return f"deleted {forget_loose(connection, context.now() - _LOOSE)} documents that are part of nothing"


def forget_loose(connection: Connection, before: int) -> int:
    """Delete what was stored before a time (ms) and has become part of nothing; how many that were."""
    in_use = exists().where(attachment.c.document == document.c.sha256)
    on_seal = exists().where(seal.c.photo == document.c.sha256)
    loose = document.delete().where(document.c.stored_at < before, ~in_use, ~on_seal)
    return connection.execute(loose).rowcount
