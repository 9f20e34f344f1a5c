"""Handing a shift over: what stands, as both have signed it.

::

    HandoverError (Exception)     ``reason`` is a stable word
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, select, update

from stillcold_server.alerts.lifecycle import OPEN
from stillcold_server.duty.policy import SEVERITIES
from stillcold_server.people.scope import EVERYWHERE, Scope
from stillcold_server.store.schema import alert, handover, line, roster, site

FIRST = "0" * 64
"""What stands for the hash before the first handover."""
_FIELDS = (
    "id",
    "incident",
    "kind",
    "severity",
    "site",
    "line",
    "point",
    "began",
    "ended",
    "state",
    "acknowledged_by",
    "stage",
)


class HandoverError(Exception):
    """A shift cannot be handed over so.

    Parameters
    ----------
    reason : str
        ``unknown_handover``, ``signed_already``, ``same_person``.
    message : str
        What is wrong.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


def standing(connection: Connection, there: ColumnElement[bool]) -> list[dict[str, Any]]:
    """Every alert that is not closed, of those that a condition names: the gravest first, hidden ones too."""
    a = alert.c
    columns = [*(a[name] for name in _FIELDS), site.c.name.label("site_name"), line.c.name.label("line_name")]
    rank = case({severity: i for i, severity in enumerate(SEVERITIES)}, value=a.severity)
    named = alert.outerjoin(site, site.c.id == a.site).outerjoin(line, line.c.id == a.line)
    found = select(*columns).select_from(named).where(a.state.in_(OPEN), there)
    rows = connection.execute(found.order_by(rank, a.began, a.id))
    return [dict(row._mapping) for row in rows]


def sign_out(
    connection: Connection, of: str | None, outgoing: str, remark: str, now: int, scope: Scope = EVERYWHERE
) -> int:
    """Hand over what stands now; the number of the handover.

    Parameters
    ----------
    of : str or None
        The roster whose shift it is.
    outgoing : str
        Who signs.
    remark : str
        What the next one has to know.
    now : int
        ms
    scope : Scope
        The districts whose alerts are handed over. They are part of what is signed, as the roster's name is: a roster
        may be given to another district later, or taken away and another one called so.
    """
    content = {
        "roster": of,
        "roster_name": connection.scalar(select(roster.c.name).where(roster.c.id == of)),
        "districts": scope.districts,
        "outgoing": outgoing,
        "at": now,
        "remark": remark,
        "alerts": standing(connection, scope.site(alert.c.site)),
    }
    previous = connection.scalar(select(handover.c.hash).order_by(handover.c.id.desc()).limit(1)) or FIRST
    text = canonical(content)
    row = {
        "roster": of, "outgoing": outgoing, "signed_out_at": now, "incoming": None, "signed_in_at": None,
        "remark": "", "content": text, "hash": digest(previous, text), "previous": previous, "accepted": None,
    }  # fmt: skip
    (number,) = connection.execute(handover.insert().values(row)).inserted_primary_key or (0,)
    return int(number)


def sign_in(connection: Connection, number: int, incoming: str, remark: str, now: int) -> None:
    """Take over what the other has signed.

    Raises
    ------
    HandoverError
    """
    row = load_handover(connection, number)
    if row.incoming is not None:
        raise HandoverError("signed_already", f"{row.incoming} has taken over")
    if row.outgoing == incoming:
        raise HandoverError("same_person", "another person than who hands over must take over")
    waits = (handover.c.id == number) & handover.c.incoming.is_(None)
    values: dict[str, Any] = {"incoming": incoming, "signed_in_at": now, "remark": remark}
    values["accepted"] = digest(row.hash, canonical(values))
    if connection.execute(update(handover).where(waits).values(values)).rowcount == 0:
        raise HandoverError("signed_already", "somebody has taken over")


def concerns(row: Row[Any], name: str, scope: Scope) -> bool:
    """Whether a handover is somebody's to see: signed by them, or of nothing beyond their districts."""
    if scope.districts is None or name in (row.outgoing, row.incoming):
        return True
    districts = json.loads(row.content).get("districts")
    return districts is not None and set(districts) <= set(scope.districts)


def load_handover(connection: Connection, number: int) -> Row[Any]:
    """One handover.

    Raises
    ------
    HandoverError
    """
    row = connection.execute(select(handover).where(handover.c.id == number)).one_or_none()
    if row is None:
        raise HandoverError("unknown_handover", f"there is no handover {number}")
    return row


def list_handovers(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    """The newest first."""
    return connection.execute(select(handover).order_by(handover.c.id.desc()).limit(limit)).all()


def broken(connection: Connection) -> list[int]:
    """Handovers that are no longer what was signed, or that do not follow the one before."""
    previous, wrong = FIRST, []
    for row in connection.execute(select(handover).order_by(handover.c.id)):
        if row.previous != previous or row.hash != digest(row.previous, row.content) or not _accepted(row):
            wrong.append(row.id)
        previous = row.hash
    return wrong


def _accepted(row: Row[Any]) -> bool:
    if row.incoming is None:
        return row.accepted is None
    said = {"incoming": row.incoming, "signed_in_at": row.signed_in_at, "remark": row.remark}
    return bool(row.accepted == digest(row.hash, canonical(said)))


def canonical(content: dict[str, Any]) -> str:
    """The one form of a content that is hashed: JSON with sorted keys and without spaces."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(previous: str, content: str) -> str:
    """SHA-256 of the hash before and the content, in hexadecimal."""
    return hashlib.sha256(f"{previous}\n{content}".encode()).hexdigest()
