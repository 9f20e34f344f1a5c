"""Whether a line's power cut-off is verified."""

from sqlalchemy import Connection, select

from stillcold_server.store.schema import statement, verification


def passed(connection: Connection, line: str, since: int = 0) -> str | None:
    """Id of the certificate of the newest observation that was decided, where that has passed; else None.

    ``since``: ms; one that began before that does not count.
    """
    v, s = verification.c, statement.c
    query = (
        select(s.id, s.result)
        .join(verification, v.statement == s.id)
        .where(v.line == line, v.state == "decided", v.from_at >= since)
    )
    row = connection.execute(query.order_by(v.from_at.desc()).limit(1)).one_or_none()
    return row.id if row is not None and row.result == "passed" else None
