"""Entries of the audit log."""

from sqlalchemy import Connection, select

from stillcold_server.api.models.audit import AuditEntry
from stillcold_server.store import schema


def list_entries(
    connection: Connection,
    *,
    actor: str | None = None,
    subject: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[AuditEntry]:
    """The newest entries first.

    Parameters
    ----------
    actor, subject : str, optional
        Only those of somebody, or of something.
    before : int, optional
        Only those with a smaller number.
    limit : int
        Most entries in the answer.
    """
    e = schema.audit_entry.c
    query = select(schema.audit_entry).order_by(e.number.desc()).limit(limit)
    for column, wanted in ((e.actor, actor), (e.subject, subject)):
        if wanted is not None:
            query = query.where(column == wanted)
    if before is not None:
        query = query.where(e.number < before)
    return [AuditEntry(**{**row._mapping, "hash": row.hash.hex()}) for row in connection.execute(query)]
