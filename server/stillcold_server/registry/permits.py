"""Activity on a line that is reported beforehand (报备): asked for by one, decided by another.

::

    NotPermitted (Exception)       what is not done to a permit; ``word`` is stable
"""

from typing import Any

from sqlalchemy import Connection, Row, select, update

from stillcold_server.registry.history import Author, Change, write_changes
from stillcold_server.registry.kinds import moment
from stillcold_server.registry.ledger import touch
from stillcold_server.store.schema import line, permit


class NotPermitted(Exception):
    """Nothing is done to a permit.

    Words: ``unknown_line``, ``period``, ``known_permit``, ``unknown_permit``, ``decided``, ``own_request``,
    ``permit_over``.
    """

    def __init__(self, word: str, detail: str) -> None:
        self.word = word
        super().__init__(detail)


def ask(connection: Connection, of: str, start: int, end: int, reason: str, author: Author) -> int:
    """Report an activity; its number. It settles no alert before somebody else has approved it.

    Raises
    ------
    NotPermitted
    """
    if connection.scalar(select(line.c.id).where(line.c.id == of)) is None:
        raise NotPermitted("unknown_line", f"there is no line {of}")
    if end <= start or end <= author.now:
        raise NotPermitted("period", "`to` must be later than `from`, and than now")
    p = permit.c
    before = select(p.id, p.state).where(p.line == of, p.from_at == start, p.to_at == end)
    same = connection.execute(before.with_for_update()).one_or_none()
    if same is not None and same.state in ("asked", "approved"):
        raise NotPermitted("known_permit", f"permit {same.id} has this period already; it is {same.state}")
    values = {
        "line": of, "from_at": start, "to_at": end, "reason": reason, "approved_by": "", "state": "asked",
        "asked_by": author.name, "asked_at": author.now, "decided_at": None, "note": "",
    }  # fmt: skip
    if same is not None:
        connection.execute(update(permit).where(p.id == same.id).values(values))
        number = int(same.id)
    else:
        number = connection.execute(permit.insert().returning(p.id), values).scalar_one()
    _note(connection, number, "state", same and same.state, "asked", author)
    return number


def decide(connection: Connection, number: int, *, approve: bool, note: str, author: Author) -> None:
    """Approve or refuse what somebody else has asked for.

    Raises
    ------
    NotPermitted
    """
    row = _locked(connection, number)
    if row.state != "asked":
        raise NotPermitted("decided", f"permit {number} is {row.state}")
    if row.asked_by == author.name:
        raise NotPermitted("own_request", "whoever asks for a permit does not decide on it")
    state = "approved" if approve else "refused"
    values = {"state": state, "approved_by": author.name, "decided_at": author.now, "note": note}
    connection.execute(update(permit).where(permit.c.id == number).values(values))
    _note(connection, number, "state", "asked", state, author)


def withdraw(connection: Connection, number: int, note: str, author: Author) -> None:
    """End an approved permit now; one that has not begun is as if it had never been.

    Raises
    ------
    NotPermitted
    """
    row = _locked(connection, number)
    if row.state != "approved":
        raise NotPermitted("decided", f"permit {number} is {row.state}")
    if row.to_at <= author.now:
        raise NotPermitted("permit_over", f"permit {number} was over at {moment(row.to_at).isoformat()}")
    begun = row.from_at < author.now
    values: dict[str, Any] = {"to_at": author.now} if begun else {"state": "withdrawn"}
    connection.execute(update(permit).where(permit.c.id == number).values(values | {"note": note}))
    field, before, after = ("to", row.to_at, author.now) if begun else ("state", "approved", "withdrawn")
    _note(connection, number, field, before, after, author)


def permits(connection: Connection, of: str | None = None, *, state: str | None = None) -> list[Row[Any]]:
    """Permits in every state, the newest first."""
    query = select(permit).order_by(permit.c.from_at.desc(), permit.c.id.desc())
    if of is not None:
        query = query.where(permit.c.line == of)
    if state is not None:
        query = query.where(permit.c.state == state)
    return list(connection.execute(query.limit(1000)))


def _locked(connection: Connection, number: int) -> Row[Any]:
    row = connection.execute(select(permit).where(permit.c.id == number).with_for_update()).one_or_none()
    if row is None:
        raise NotPermitted("unknown_permit", f"there is no permit {number}")
    return row


def _note(connection: Connection, number: int, field: str, before: object, after: object, author: Author) -> None:
    changes = [Change("permit", str(number), field, before, after)]
    write_changes(connection, changes, author)
    touch(connection, changes)
