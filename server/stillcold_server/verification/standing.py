"""Whether a line's power cut-off is verified."""

from typing import NamedTuple

from sqlalchemy import Connection, select

from stillcold_server.store.schema import statement, verification


class Decided(NamedTuple):
    """The newest observation of a line that was decided."""

    certificate: str
    result: str


def passed(connection: Connection, line: str) -> str | None:
    """Id of the certificate of the newest observation that was decided, where that has passed; else None."""
    newest = newest_decided(connection, line)
    return newest.certificate if newest is not None and newest.result == "passed" else None


def newest_decided(connection: Connection, line: str, since: int = 0) -> Decided | None:
    """What the newest observation that was decided has shown.

    ``since``: ms; one that began before that does not count.
    """
    v, s = verification.c, statement.c
    query = (
        select(s.id, s.result)
        .join(verification, v.statement == s.id)
        .where(v.line == line, v.state == "decided", v.from_at >= since)
    )
    row = connection.execute(query.order_by(v.from_at.desc()).limit(1)).one_or_none()
    return None if row is None else Decided(row.id, row.result)
