"""Seals: applied, and what became of them."""

from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace
from sqlalchemy import Connection, select

from stillcold_core.registry import Registry, Seal
from stillcold_server.registry.documents import known
from stillcold_server.registry.history import Author
from stillcold_server.registry.kinds import KINDS, moment
from stillcold_server.registry.ledger import put
from stillcold_server.registry.life import Refused
from stillcold_server.store import schema


@dataclass(frozen=True, slots=True)
class End:
    """What became of a seal.

    Attributes
    ----------
    at : int
        ms UTC.
    by : str
        Who found or did it.
    replaced_by : str, optional
        The seal that was applied in its place.
    """

    state: Literal["broken", "replaced", "removed"]
    at: int
    by: str
    replaced_by: str | None = None


def apply_seal(connection: Connection, seal: Seal, author: Author) -> None:
    """Enter a seal.

    Raises
    ------
    Refused
        ``unknown_line``, ``known_seal``, ``in_future``, ``unknown_document``.
    """
    n, s = schema.line.c, schema.seal.c
    if connection.scalar(select(n.id).where(n.id == seal.line)) is None:
        raise Refused("unknown_line", f"there is no line {seal.line}")
    if connection.scalar(select(s.id).where(s.id == seal.id)) is not None:
        raise Refused("known_seal", f"seal {seal.id} is entered already; a number is used once")
    if seal.applied_at > moment(author.now):
        raise Refused("in_future", "`applied_at` must not be later than now")
    if seal.photo and not known(connection, seal.photo):
        raise Refused("unknown_document", f"there is no document {seal.photo}; store it first")
    put(connection, Registry(seal=(seal,)), Registry(), author)


def end_seal(connection: Connection, number: str, end: End, author: Author) -> str:
    """Say that a seal was broken, replaced or taken off; of which line it is.

    Raises
    ------
    Refused
        ``unknown_seal``, ``ended``, ``in_future``, ``no_replacement``.
    """
    s = schema.seal
    row = connection.execute(select(s).where(s.c.id == number).with_for_update()).one_or_none()
    if row is None:
        raise Refused("unknown_seal", f"there is no seal {number}")
    seal: Seal = KINDS["seal"].entry(row)
    if seal.state != "applied":
        raise Refused("ended", f"seal {number} is {seal.state} since {seal.ended_at}")
    at = moment(end.at)
    if not seal.applied_at <= at <= moment(author.now):
        raise Refused("in_future", "`at` must be between `applied_at` and now")
    successor = select(s.c.id).where(s.c.id == end.replaced_by, s.c.line == seal.line, s.c.id != number)
    if (end.state == "replaced") != (end.replaced_by is not None) or (
        end.replaced_by is not None and connection.scalar(successor) is None
    ):
        raise Refused("no_replacement", "`replaced_by` must be another seal of the line when, and only when, replaced")
    ended = replace(seal, state=end.state, ended_at=at, ended_by=end.by, replaced_by=end.replaced_by)
    put(connection, Registry(seal=(ended,)), Registry(seal=(seal,)), author)
    return seal.line
