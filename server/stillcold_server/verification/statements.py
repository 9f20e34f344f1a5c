"""Signed statements in the store: each is one row for ever, and a later one of the same thing supersedes it."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import rfc8785
from sqlalchemy import Connection, Row, Select, insert, select

from stillcold_core.proof.records import Record
from stillcold_core.proof.sealing import Reading
from stillcold_core.proof.statement import ATTESTATION, VERIFICATION, digest_of, read_statement
from stillcold_server.api.moments import to_iso
from stillcold_server.evidence.key import Signer
from stillcold_server.store.schema import statement as table

Kind = Literal["sealing", "day"]
_TYPES: Mapping[str, str] = {"sealing": VERIFICATION, "day": ATTESTATION}
_ABOUT_ITSELF = {"type", "id", "version", "supersedes", "made", "by"}


@dataclass(frozen=True, slots=True)
class Statement:
    """A signed statement.

    Attributes
    ----------
    id : str
        ``<line>:<kind>:<from>:<version>``.
    kind : "sealing" or "day"
    line : str
    begin, end : int
        ms; the time that it is of.
    version : int
        From 1.
    result : str
        Of a sealing; empty of a day.
    made_at : int
        ms
    digest : str
        SHA-256 of what is signed, in hexadecimal.
    note : str
        The signed note.
    """

    id: str
    kind: str
    line: str
    begin: int
    end: int
    version: int
    result: str
    made_at: int
    digest: str
    note: str

    @property
    def content(self) -> dict[str, Any]:
        """What it says."""
        return read_statement(self.note.encode())


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be stated: ``content`` by its names, in numbers and text that JSON has."""

    kind: Kind
    line: str
    begin: int
    end: int
    content: Mapping[str, Any]
    result: str = ""


def issue(connection: Connection, signer: Signer, draft: Draft, now: int) -> Statement:
    """Sign a draft and store it as the newest version; where the newest says the same already, that one stays.

    Parameters
    ----------
    connection : Connection
        Of a transaction that writes.
    now : int
        ms
    """
    before = newest(connection, draft.kind, draft.line, draft.begin)
    if before is not None and _same(before, draft):
        return before
    number = 1 if before is None else before.version + 1
    name = f"{draft.line}:{draft.kind}:{_stamp(draft.begin)}:{number}"
    itself: dict[str, Any] = {
        "type": _TYPES[draft.kind], "id": name, "version": number, "made": to_iso(now),
        "supersedes": None if before is None else before.id,
        "by": f"stillcold-server {version('stillcold-server')}",
    }  # fmt: skip
    text = rfc8785.dumps({**draft.content, **itself}).decode() + "\n"
    made = Statement(
        name, draft.kind, draft.line, draft.begin, draft.end, number, draft.result, now, digest_of(text),
        signer.sign(text).decode(),
    )  # fmt: skip
    connection.execute(
        insert(table),
        [
            {
                "id": made.id, "kind": made.kind, "line": made.line, "from_at": made.begin, "to_at": made.end,
                "version": made.version, "result": made.result, "made_at": made.made_at, "digest": made.digest,
                "note": made.note,
            }
        ],
    )  # fmt: skip
    return made


def newest(connection: Connection, kind: Kind, line: str, begin: int) -> Statement | None:
    """The one that counts of a line and a beginning."""
    t = table.c
    here = (t.kind == kind) & (t.line == line) & (t.from_at == begin)
    return _one(connection, select(table).where(here).order_by(t.version.desc()).limit(1))


def find(connection: Connection, name: str) -> Statement | None:
    """A statement by its id."""
    return _one(connection, select(table).where(table.c.id == name))


def superseded_by(connection: Connection, statement: Statement) -> str | None:
    """Id of the one that counts in its place; None where it counts itself."""
    last = newest(connection, "day" if statement.kind == "day" else "sealing", statement.line, statement.begin)
    return None if last is None or last.id == statement.id else last.id


def checked(connection: Connection, name: str, digest: str) -> Statement | None:
    """The statement of a paper: only whoever has the digest that is printed there finds it."""
    found = find(connection, name)
    return found if found is not None and hmac.compare_digest(found.digest, digest) else None


def days_between(connection: Connection, line: str, first: int, last: int) -> list[Statement]:
    """The newest statement of each day that begins between two moments, ms, both included; by day."""
    t = table.c
    query = select(table).where(t.kind == "day", t.line == line, t.from_at.between(first, last))
    found = {row.from_at: _read(row) for row in connection.execute(query.order_by(t.from_at, t.version))}
    return list(found.values())


def counting_in(connection: Connection, line: str, begin: int, end: int) -> list[Statement]:
    """The newest statement of each verification and day that touches a time, ms, by when they begin."""
    t = table.c
    here = (t.line == line) & (t.from_at <= end) & (t.to_at >= begin)
    query = select(table).where(here).order_by(t.from_at, t.kind, t.version)
    return list({(row.kind, row.from_at): _read(row) for row in connection.execute(query)}.values())


def standing_before(connection: Connection, line: str, moment: int) -> Statement | None:
    """The certificate of the last verification that was over before a moment, ms."""
    t = table.c
    here = (t.line == line) & (t.kind == "sealing") & (t.to_at < moment)
    return _one(connection, select(table).where(here).order_by(t.from_at.desc(), t.version.desc()).limit(1))


def figure(value: float) -> float | int:
    """A number as statements have it: at most six digits behind the point."""
    rounded = round(value, 6)
    return int(rounded) if rounded == int(rounded) else rounded


def reading(of: Reading) -> dict[str, Any]:
    """A reading as statements have it, with the signed batch that it stands in."""
    return {
        "point": of.point, "quantity": of.quantity, "value": figure(of.value), "time": to_iso(of.time),
        "batch": of.origin.named,
    }  # fmt: skip


def journals(record: Record) -> list[dict[str, Any]]:
    """The runs of signed batches that a record's samples stand in: first and last bind all between by their chain."""
    used = [record.origins[i] for i in sorted(set(record.batch.tolist()))]
    runs: dict[tuple[str, bytes], list[Any]] = {}
    for origin in used:
        runs.setdefault((origin.gateway, origin.epoch), []).append(origin)
    listed = []
    for (gateway, epoch), origins in sorted(runs.items()):
        ends = [min(origins, key=lambda o: o.sequence), max(origins, key=lambda o: o.sequence)]
        first, last = ({"sequence": o.sequence, "sha256": o.hash.hex()} for o in ends)
        listed.append({"gateway": gateway, "epoch": epoch.hex(), "first": first, "last": last, "batches": len(origins)})
    return listed


def _same(before: Statement, draft: Draft) -> bool:
    kept = {name: value for name, value in before.content.items() if name not in _ABOUT_ITSELF}
    return rfc8785.dumps(kept) == rfc8785.dumps(dict(draft.content))


def _stamp(ms: int) -> str:
    return to_iso(ms)[:19].replace("-", "").replace(":", "") + "Z"


def _one(connection: Connection, query: Select[Any]) -> Statement | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else _read(row)


def _read(row: Row[Any]) -> Statement:
    return Statement(
        row.id, row.kind, row.line, row.from_at, row.to_at, row.version, row.result, row.made_at, row.digest, row.note
    )
