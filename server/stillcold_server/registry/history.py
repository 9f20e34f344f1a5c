"""Who changed what in the ledger, and when: a row for every changed field, which nobody changes any more."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from stillcold_server.registry.kinds import Entry, Kind
from stillcold_server.store.schema import ledger_change


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something.

    Attributes
    ----------
    name : str
        Of the account, or of the program.
    now : int
        ms UTC.
    cause : str
        By what: ``import``, ``edit``, ``step``, ``permit``, ``enrolment``.
    """

    name: str
    now: int
    cause: str = "edit"


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one entry; a new entry is one change without a field, from nothing to all of it."""

    kind: str
    subject: str
    field: str
    before: Any
    after: Any


def changes_of(kind: Kind, before: Entry | None, after: Entry) -> Iterator[Change]:
    """What makes an entry of another one, or of none."""
    subject, new = kind.key_of(after), _plain(kind, after)
    if before is None:
        yield Change(kind.name, subject, "", None, {name: value for name, value in new.items() if value})
        return
    old = _plain(kind, before)
    for name in kind.fields:
        if old[name] != new[name]:
            yield Change(kind.name, subject, name, old[name], new[name])


def write_changes(connection: Connection, changes: Iterable[Change], author: Author) -> None:
    """Put changes into the history."""
    rows = [
        {
            "at": author.now, "actor": author.name, "cause": author.cause, "kind": c.kind, "subject": c.subject,
            "field": c.field, "before": _text(c.before), "after": _text(c.after),
        }
        for c in changes
    ]  # fmt: skip
    if rows:
        connection.execute(ledger_change.insert(), rows)


def read_changes(connection: Connection, subjects: Iterable[tuple[str, str]], limit: int = 500) -> list[Row[Any]]:
    """The newest changes of some entries, each named by kind and key; the newest first."""
    c = ledger_change.c
    by_kind: dict[str, list[str]] = {}
    for kind, subject in subjects:
        by_kind.setdefault(kind, []).append(subject)
    found: list[Row[Any]] = []
    for kind, names in by_kind.items():
        query = select(ledger_change).where(c.kind == kind, c.subject.in_(names)).order_by(c.id.desc()).limit(limit)
        found += connection.execute(query)
    return sorted(found, key=lambda row: -row.id)[:limit]


def _plain(kind: Kind, entry: Entry) -> Mapping[str, Any]:
    values = {name: getattr(entry, of.name) for name, of in kind.fields.items()}
    return {n: msgspec.to_builtins(v.astimezone(UTC) if isinstance(v, datetime) else v) for n, v in values.items()}


def _text(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
