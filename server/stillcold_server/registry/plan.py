"""What importing files would do: every error at once, or every change; nothing is done by looking."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import Connection

from stillcold_core.registry import Registry, problems
from stillcold_server.registry.cells import BadCell, empty_value, value_of
from stillcold_server.registry.history import Author, Change
from stillcold_server.registry.kinds import KINDS, Entry, Kind
from stillcold_server.registry.ledger import differences, entries_of, export_registry, put, refusals, settled
from stillcold_server.registry.sheets import BadSheets, CellError, Sheet, SheetRow, Sheets

_Place = tuple[str, int]  # source and row


@dataclass(slots=True)
class Plan:
    """What an import would do.

    Attributes
    ----------
    errors : list of CellError
        When there is one, nothing can be done.
    changes : list of Change
        What would be different afterwards.
    """

    registry: Registry
    known: Registry
    errors: list[CellError]
    changes: list[Change] = field(default_factory=list)


@dataclass(slots=True)
class _Draft:
    """Entries by table and key, each with the place where it stands."""

    known: Registry
    entries: dict[str, dict[str, Entry]] = field(default_factory=dict)
    places: dict[tuple[str, str], _Place] = field(default_factory=dict)
    errors: list[CellError] = field(default_factory=list)


def make_plan(connection: Connection, read: Sheets, *, approving: bool = True) -> Plan:
    """What importing these sheets would do to the ledger.

    Parameters
    ----------
    approving : bool
        Whether a permit that is not known yet is approved by being imported; else it is an error.
    """
    known = export_registry(connection)
    draft = _Draft(known, errors=list(read.errors))
    for sheet in read.sheets:
        _take(draft, sheet)
    wanted = _registry({kind: list(entries.values()) for kind, entries in draft.entries.items()})
    if not draft.errors:
        draft.errors += _contradictions(connection, draft, wanted)
        draft.errors += () if approving else _unapproved(draft, wanted)
    plan = Plan(settled(wanted, known), known, draft.errors)
    if not plan.errors:
        plan.changes = differences(plan.registry, known)
    return plan


def carry_out(connection: Connection, plan: Plan, author: Author) -> list[Change]:
    """Do what a plan of this same transaction says.

    Raises
    ------
    BadSheets
        When it has errors; nothing was done.
    """
    if plan.errors:
        raise BadSheets(plan.errors)
    return put(connection, plan.registry, plan.known, author)


def _registry(tables: dict[str, Any]) -> Registry:
    return Registry(**{kind: tuple(entries) for kind, entries in tables.items()})


def _take(draft: _Draft, sheet: Sheet) -> None:
    kind = KINDS[sheet.kind]
    before = {kind.key_of(e): e for e in entries_of(draft.known, kind)}
    for row in sheet.rows:
        entry, errors = _entry(kind, sheet, row, before)
        draft.errors += errors
        if entry is None:
            continue
        key = kind.key_of(entry)
        if (place := draft.places.get((kind.name, key))) is not None:
            name = " and ".join(_file_names(kind, kind.key))
            expected = f"must be unique; row {place[1]} has it already"
            draft.errors.append(CellError(sheet.source, row.number, name, key, expected))
            continue
        draft.places[kind.name, key] = (sheet.source, row.number)
        draft.entries.setdefault(kind.name, {})[key] = entry


def _entry(kind: Kind, sheet: Sheet, row: SheetRow, before: dict[str, Entry]) -> tuple[Entry | None, list[CellError]]:
    """The entry that a row stands for; what it does not name is as it was."""
    values, errors = _values(kind, sheet, row)
    if errors:
        return None, errors
    if not sheet.whole and values.keys() >= set(kind.key) and (old := before.get(kind.key_in(values))):
        values = asdict(old) | values
    missing = [f.name for f in kind.fields.values() if f.required and f.name not in values]
    if missing:
        return None, [CellError(sheet.source, row.number, name, None, "missing") for name in _file_names(kind, missing)]
    entry: Entry = kind.struct(**values)
    return entry, []


def _values(kind: Kind, sheet: Sheet, row: SheetRow) -> tuple[dict[str, Any], list[CellError]]:
    values: dict[str, Any] = {}
    errors = []
    for name, of in kind.fields.items():
        if name in row.cells:
            cell = row.cells[name]
            try:
                blank = cell in (None, "") and not sheet.whole
                values[of.name] = empty_value(of) if blank else value_of(cell, of, kind.struct)
            except BadCell as error:
                errors.append(CellError(sheet.source, row.number, name, cell, str(error)))
    return values, errors


def _file_names(kind: Kind, fields: Iterable[str]) -> list[str]:
    return [name for name, of in kind.fields.items() if of.name in fields]


def _contradictions(connection: Connection, draft: _Draft, wanted: Registry) -> Iterator[CellError]:
    """Between the entries, and between them and what the ledger has already."""
    tables: dict[str, list[Entry]] = {}
    for kind in KINDS.values():
        before = {kind.key_of(e): e for e in entries_of(draft.known, kind)}
        tables[kind.name] = list((before | draft.entries.get(kind.name, {})).values())
    for steps, expected in problems(_registry(tables)):
        table, i, name = str(steps[0]), int(steps[1]), str(steps[2])
        yield _at(draft, tables[table][i], table, name, expected)
    for table, i, name, expected in refusals(connection, wanted, draft.known):
        yield _at(draft, getattr(wanted, table)[i], table, name, expected)


def _unapproved(draft: _Draft, wanted: Registry) -> Iterator[CellError]:
    expected = "must be known: an activity is reported on its line's page, and somebody else approves it"
    for permit in wanted.permit:
        if permit not in draft.known.permit:
            yield _at(draft, permit, "permit", "line", expected)


def _at(draft: _Draft, entry: Entry, table: str, name: str, expected: str) -> CellError:
    kind = KINDS[table]
    key = kind.key_of(entry)
    source, row = draft.places.get((table, key), (f"{table} {key} of the ledger", 0))
    of = kind.fields[name]
    return CellError(source, row, name, getattr(entry, of.name), expected)
