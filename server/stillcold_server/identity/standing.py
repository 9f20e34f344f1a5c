"""What an officer sees of gateways' identities."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, func, select

from stillcold_core.enrolment.request import spoken
from stillcold_server.store import schema


@dataclass(frozen=True, slots=True)
class Waiting:
    """A gateway that asks to be believed.

    Attributes
    ----------
    id : int
        Of the request.
    fingerprint : str
        What the installer must read on the gateway.
    asked_at : int
        ms
    replaces : bool
        Whether the gateway has another identity, which it would lose.
    """

    id: int
    gateway: str
    fingerprint: str
    asked_at: int
    replaces: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A gateway of the registry.

    Attributes
    ----------
    state : str
        ``approved``; ``revoked``; ``registered``, with a key that came with the registry; ``none``.
    expires_at : int or None
        ms; when its newest certificate ends.
    decided_at, decided_by, reason
        Of its approval or revocation.
    invited_until : int or None
        ms; while a code for it can be used.
    """

    gateway: str
    state: Literal["approved", "revoked", "registered", "none"]
    expires_at: int | None
    decided_at: int | None
    decided_by: str
    reason: str
    invited_until: int | None


def waiting(connection: Connection) -> list[Waiting]:
    """Who waits, the longest first."""
    t, g = schema.enrolment.c, schema.gateway.c
    ended = select(t.public_key).where(t.state == "revoked")
    believed = select(g.id, g.public_key).where((g.public_key != "") & g.public_key.not_in(ended))
    known = {row.id: row.public_key for row in connection.execute(believed)}
    rows = connection.execute(select(schema.enrolment).where(t.state == "waiting").order_by(t.asked_at, t.id))
    return [
        Waiting(r.id, r.gateway, spoken(r.digest), r.asked_at, known.get(r.gateway, r.public_key) != r.public_key)
        for r in rows
    ]


def standings(connection: Connection, now: int) -> list[Standing]:
    """Every gateway, by id; ``now`` in ms."""
    g, e, i = schema.gateway.c, schema.enrolment.c, schema.invitation.c
    decided = select(schema.enrolment).where(e.state.in_(("approved", "revoked"))).order_by(e.decided_at, e.id)
    last = {row.public_key: row for row in connection.execute(decided)}
    ends = _ends(connection)
    invited = select(i.gateway, i.expires_at).where((i.expires_at > now) & i.digest.is_(None))
    until = {row.gateway: row.expires_at for row in connection.execute(invited)}
    found = []
    for row in connection.execute(select(g.id, g.public_key).order_by(g.id)):
        of = last.get(row.public_key)
        if of is None:
            standing = Standing(
                row.id, "registered" if row.public_key else "none", None, None, "", "", until.get(row.id)
            )
        else:
            standing = Standing(
                row.id, of.state, ends.get(of.id), of.decided_at, of.decided_by, of.reason, until.get(row.id)
            )
        found.append(standing)
    return found


def _ends(connection: Connection) -> dict[int, int]:
    c = schema.certificate.c
    newest = select(c.enrolment, func.max(c.expires_at).label("ends")).group_by(c.enrolment)
    return {row.enrolment: row.ends for row in connection.execute(newest)}
