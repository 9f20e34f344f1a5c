"""The ledger's tables: how an entry of the registry is a row of the database, and what names it."""

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import msgspec
from sqlalchemy import Row, Table

from stillcold_core import registry
from stillcold_server.store import schema

Entry = (
    registry.District | registry.Enterprise | registry.Site | registry.Line | registry.Gateway | registry.Point
    | registry.Permit | registry.Meter | registry.Seal | registry.Identification
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """One of the ledger's tables.

    Attributes
    ----------
    name : str
        As the registry file calls it.
    struct : type
        Of its entries.
    table : Table
        In the database.
    key : tuple of str
        The fields that name an entry.
    columns : mapping of str to str
        The columns of the fields that the table calls otherwise.
    """

    name: str
    struct: type[Any]
    table: Table
    key: tuple[str, ...] = ("id",)
    columns: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def fields(self) -> dict[str, msgspec.structs.FieldInfo]:
        """The fields by the names that they have in files."""
        return {f.encode_name: f for f in msgspec.structs.fields(self.struct)}

    def key_of(self, entry: Entry) -> str:
        """What names an entry: its id, or what stands for one."""
        return self.key_in({name: getattr(entry, name) for name in self.key})

    def key_in(self, values: Mapping[str, Any]) -> str:
        """What names the entry of these fields."""
        return " ".join(_key_text(values[name]) for name in self.key)

    def row(self, entry: Entry) -> dict[str, Any]:
        """An entry as a row."""
        return {self.columns.get(f, f): _stored(getattr(entry, f)) for f in self.struct.__struct_fields__}

    def entry(self, row: Row[Any]) -> Any:
        """A row as an entry."""
        values = row._mapping
        return self.struct(*(read(values[column]) for column, read in self._readers))

    @cached_property
    def _readers(self) -> list[tuple[str, Callable[[Any], object]]]:
        hints = typing.get_type_hints(self.struct)
        return [(self.columns.get(f, f), _reader(hints[f])) for f in self.struct.__struct_fields__]


def _key_text(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def _stored(value: object) -> object:
    match value:
        case datetime():
            return ms_of(value)
        case date():
            return value.isoformat()
        case tuple():
            return list(value)
    return value


def _reader(hint: Any) -> Callable[[Any], object]:
    kinds = {hint, *typing.get_args(hint)}
    read = moment if datetime in kinds else date.fromisoformat if date in kinds else None
    if read is not None:
        return lambda value: None if value is None else read(value)
    return lambda value: tuple(value) if isinstance(value, list) else value


def ms_of(time: datetime) -> int:
    """ms UTC of a time."""
    return round(time.timestamp() * 1000)


def moment(ms: int) -> datetime:
    """The time of ms UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


_ALL = (
    Kind("district", registry.District, schema.district),
    Kind("enterprise", registry.Enterprise, schema.enterprise),
    Kind("site", registry.Site, schema.site),
    Kind("line", registry.Line, schema.line),
    Kind("gateway", registry.Gateway, schema.gateway),
    Kind("point", registry.Point, schema.point),
    Kind("permit", registry.Permit, schema.permit, ("line", "start", "end"), {"start": "from_at", "end": "to_at"}),
    Kind("meter", registry.Meter, schema.meter),
    Kind("seal", registry.Seal, schema.seal),
    Kind("identification", registry.Identification, schema.identification, ("line", "standard")),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
"""By name, each after those that its entries refer to."""
JUDGED_BY = frozenset(("site", "line", "gateway", "point", "permit"))
"""What detection is made of."""
