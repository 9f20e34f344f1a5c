"""The registry in the database: what it holds, and putting entries in.

::

    NotImported (ValueError)       an entry contradicts what the ledger has
        KeyOfAnother               a registry names another key than the one that was approved
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, select, update

from stillcold_core.life import SEALED, Stage
from stillcold_core.registry import Gateway, Line, Permit, Registry
from stillcold_server.registry.history import Author, Change, changes_of, write_changes
from stillcold_server.registry.kinds import JUDGED_BY, KINDS, Entry, Kind
from stillcold_server.store import schema
from stillcold_server.store.clock import wall_clock
from stillcold_server.store.database import upsert
from stillcold_server.store.marks import read_mark, write_mark

_MARK = "registry"
Refusal = tuple[str, int, str, str]
"""Of an entry: its table, its place there, the field, and what would be right."""


class NotImported(ValueError):
    """An entry contradicts what the ledger has."""

    def __init__(self, kind: str, subject: str, field: str, expected: str) -> None:
        super().__init__(f"{kind} {subject}: {field} {expected}")


class KeyOfAnother(NotImported):
    """A registry names another key for a gateway than the one that an officer has approved."""


def import_registry(
    connection: Connection, registry: Registry, by: str = "stillcold-server", now: int | None = None
) -> list[Change]:
    """Put every entry of a registry into the database; an entry with a key that is there already replaces it.

    Entries that the registry does not name stay: what has been measured must keep its line. So does the key of a
    gateway where the registry names none, and the stage of a line.

    Parameters
    ----------
    by : str
        Who does it, for the history.
    now : int, optional
        ms UTC; by default the clock's.

    Returns
    -------
    list of Change
        What is different now.

    Raises
    ------
    NotImported, KeyOfAnother
        At the first entry that :func:`refusals` names.
    """
    known = export_registry(connection)
    for table, i, field, expected in refusals(connection, registry, known):
        kind, entry = KINDS[table], getattr(registry, table)[i]
        raise (KeyOfAnother if table == "gateway" else NotImported)(table, kind.key_of(entry), field, expected)
    author = Author(by, wall_clock() if now is None else now, "import")
    return put(connection, settled(registry, known), known, author)


def put(connection: Connection, registry: Registry, known: Registry, author: Author) -> list[Change]:
    """Write what is different in a registry from what is known, with its history."""
    changes = differences(registry, known)
    for kind in KINDS.values():
        changed = {c.subject for c in changes if c.kind == kind.name}
        entries = [e for e in entries_of(registry, kind) if kind.key_of(e) in changed]
        (_put_permits if kind.name == "permit" else _put_rows)(connection, kind, entries)
    write_changes(connection, changes, author)
    touch(connection, changes)
    return changes


def differences(registry: Registry, known: Registry) -> list[Change]:
    """What putting in a registry changes of what is known."""
    changes: list[Change] = []
    for kind in KINDS.values():
        before = {kind.key_of(e): e for e in entries_of(known, kind)}
        for entry in entries_of(registry, kind):
            changes += changes_of(kind, before.get(kind.key_of(entry)), entry)
    return changes


def settled(registry: Registry, known: Registry) -> Registry:
    """A registry with what it leaves open as it is known: keys of gateways, stages of lines."""
    keys = {g.id: g.public_key for g in known.gateway}
    stages = {x.id: x.stage for x in known.line}
    return replace(
        registry,
        gateway=tuple(g if g.public_key else replace(g, public_key=keys.get(g.id, "")) for g in registry.gateway),
        line=tuple(_staged(x, stages.get(x.id)) for x in registry.line),
    )


def _staged(line: Line, known: Stage | None) -> Line:
    """``sealed`` is the stage of a sealed line that names none."""
    return replace(line, stage=None if line.stage == "sealed" else line.stage or known)


def refusals(connection: Connection, registry: Registry, known: Registry) -> Iterator[Refusal]:
    """The entries of a registry that contradict what is known."""
    yield from _foreign_keys(connection, registry.gateway, known)
    lines = {x.id: x for x in known.line}
    for i, line in enumerate(registry.line):
        if line.id in lines:
            yield from (("line", i, field, expected) for field, expected in _leaps(lines[line.id], line))
    yield from _stepped(connection, registry, known)


_SET_BY: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "line": {"measures": ("order",), "dismantle_by": ("order",), "sealed_at": ("seal", "seal_again", "dismantle")},
    "identification": {
        "identified_on": ("identify",),
        "rectify_by": ("begin_rectifying",),
        "extended_to": ("begin_rectifying",),
    },
}
"""By table and field, the steps of a line's life that set it: with a document and by whoever may."""


def _stepped(connection: Connection, registry: Registry, known: Registry) -> Iterator[Refusal]:
    """What an import would change though a step has set it."""
    s = schema.line_step.c
    taken = {tuple(row) for row in connection.execute(select(s.line, s.step).distinct())}
    for table, fields in _SET_BY.items():
        kind = KINDS[table]
        before = {kind.key_of(e): e for e in entries_of(known, kind)}
        for i, entry in enumerate(entries_of(registry, kind)):
            line = str(getattr(entry, "line", None) or getattr(entry, "id", ""))
            for field, steps in fields.items():
                old = getattr(before.get(kind.key_of(entry)), field, None)  # a new one is for a step to bring
                if getattr(entry, field) != old and any((line, step) in taken for step in steps):
                    shown = " ".join(old) if isinstance(old, tuple) else old or "empty"
                    yield table, i, field, f"must be {shown}, as it is; a step of its life changes it"


def _leaps(before: Line, after: Line) -> Iterator[tuple[str, str]]:
    """What an import must not do to a life: only its steps lead from one stage to another."""
    stage = before.stage or ("sealed" if before.state == "sealed" else None)
    if after.stage is not None and after.stage != stage:
        yield "stage", f"must be {stage or 'empty'}, as it is; a step of its life changes it"
    elif after.state != before.state and stage is not None:
        kept = "sealed" if stage in SEALED else "permitted"
        yield "state", f"must be {kept}: the line is in the stage {stage}, which a step of its life changes"


def _foreign_keys(connection: Connection, gateways: Iterable[Gateway], known: Registry) -> Iterator[Refusal]:
    e = schema.enrolment.c
    kept = {g.id: g.public_key for g in known.gateway}
    approved = set(connection.scalars(select(e.gateway).where(e.state == "approved")))
    for i, gateway in enumerate(gateways):
        if gateway.id in approved and gateway.public_key not in ("", kept[gateway.id]):
            expected = "is not the one that was approved for it; expected none, or that one"
            yield "gateway", i, "public_key", expected


def set_key(connection: Connection, gateway: str, public_key: str, author: Author) -> None:
    """Believe a gateway's signatures with this key, and with no other."""
    known = connection.scalar(select(schema.gateway.c.public_key).where(schema.gateway.c.id == gateway))
    connection.execute(update(schema.gateway).where(schema.gateway.c.id == gateway).values(public_key=public_key))
    changes = [Change("gateway", gateway, "public_key", known, public_key)]
    write_changes(connection, changes, author)
    touch(connection, changes)


def touch(connection: Connection, changes: Iterable[Change]) -> None:
    """Have detection made anew where what it is made of has changed."""
    if any(c.kind in JUDGED_BY for c in changes):
        write_mark(connection, _MARK, registry_revision(connection) + 1)


def registry_revision(connection: Connection) -> int:
    """How often the ledger was changed: what was made of it is to be made anew when this has gone up."""
    return read_mark(connection, _MARK)


def export_registry(connection: Connection) -> Registry:
    """The whole ledger as a registry, with those permits that are approved."""
    tables: dict[str, Any] = {kind.name: tuple(_entries(connection, kind)) for kind in KINDS.values()}
    return Registry(**tables)


def find_line(connection: Connection, name: str) -> Line | None:
    """One line, without all the others."""
    row = connection.execute(select(schema.line).where(schema.line.c.id == name)).one_or_none()
    return None if row is None else KINDS["line"].entry(row)


def permits_of(connection: Connection, line: str) -> list[Permit]:
    """The approved permits of a line."""
    p = schema.permit.c
    rows = connection.execute(select(schema.permit).where(p.line == line, p.state == "approved"))
    return [KINDS["permit"].entry(row) for row in rows]


def entries_of(registry: Registry, kind: Kind) -> tuple[Entry, ...]:
    """The entries of a table."""
    entries: tuple[Entry, ...] = getattr(registry, kind.name)
    return entries


def _entries(connection: Connection, kind: Kind) -> Iterator[Entry]:
    query = select(kind.table).order_by(*kind.table.primary_key)
    if kind.name == "permit":
        query = query.where(schema.permit.c.state == "approved")
    for row in connection.execute(query):
        entry = kind.entry(row)
        yield replace(entry, stage=None) if isinstance(entry, Line) and entry.stage == "sealed" else entry


def _put_rows(connection: Connection, kind: Kind, entries: Iterable[Entry]) -> None:
    upsert(connection, kind.table, [_row(kind, entry) for entry in entries])


def _row(kind: Kind, entry: Entry) -> dict[str, Any]:
    row = kind.row(entry)
    if isinstance(entry, Line) and entry.state == "sealed":
        row["stage"] = entry.stage or "sealed"
    return row


def _put_permits(connection: Connection, kind: Kind, permits: Iterable[Entry]) -> None:
    """They are named by line and period, not by their number; one that was asked for is approved by this."""
    p = schema.permit
    for permit in permits:
        row = {**kind.row(permit), "state": "approved"}
        same = (p.c.line == row["line"]) & (p.c.from_at == row["from_at"]) & (p.c.to_at == row["to_at"])
        if not connection.execute(update(p).where(same).values(row)).rowcount:
            connection.execute(p.insert(), row)
