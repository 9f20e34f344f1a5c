"""The registry, as ``registry.toml`` holds it: districts, enterprises, sites, lines, points, gateways and more."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import tomli_w
from msgspec import Meta

from stillcold_core.evidence.keys import parse_public_key
from stillcold_core.files import Step, TomlFile, repeated
from stillcold_core.life import SEALED, TERMS, Stage, Standard, later

Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
OFFICE = "stillcold-"
"""Begins the names of the office's own programs in their certificates; the broker lets those do what no gateway may."""
Time = Annotated[datetime, Meta(tz=True)]
LineState = Literal["sealed", "permitted"]
Measure = Literal["power_cut", "water_cut", "power_unit_removed", "sealed"]
SealState = Literal["applied", "broken", "replaced", "removed"]
Role = Literal["feeder", "incomer", "water", "contacts"]


class District(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A district (区县): what an account may be limited to."""

    id: Id
    name: str


class Enterprise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who owns plants, and answers for what runs there."""

    id: Id
    name: str
    credit_code: Annotated[str, Meta(pattern=r"^([0-9A-HJ-NPQRTUWXY]{18})?$")] = ""
    """Unified social credit code (统一社会信用代码, GB 32100-2015)."""
    contact: str = ""
    phone: str = ""


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A plant."""

    id: Id
    name: str
    address: str = ""
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    district: Id | None = None
    enterprise: Id | None = None


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A production line: sealed (must stay dead) or permitted (a legal feeder that is watched)."""

    id: Id
    site: Id
    name: str
    state: LineState
    rated_power: Annotated[float, Meta(gt=0)]
    """W"""
    nominal_voltage: Annotated[float, Meta(gt=0)] = 220.0
    """V, phase to neutral"""
    sealed_at: Time | None = None
    measures: tuple[Measure, ...] = ()
    dismantle_by: date | None = None
    stage: Stage | None = None
    """Of its life. None: a permitted line that nobody has identified, or a sealed one in the stage ``sealed``."""


class Gateway(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A gateway and the key that its batches must be signed with, as ``<kind>:<base64>``."""

    id: Id
    public_key: str = ""
    """Empty until it has enrolled."""
    site: Id | None = None


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A place where something is measured; ``gateway`` is the only one that may report for it."""

    id: Id
    line: Id
    role: Role
    gateway: Id | None = None


class Meter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The meter at a point, with its newest certificate of calibration (检定证书)."""

    id: Id
    point: Id
    model: str = ""
    serial: str = ""
    certificate: str = ""
    """Its number."""
    laboratory: str = ""
    issued: date | None = None
    expires: date | None = None


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A numbered seal (封条, 铅封) on a line's equipment."""

    id: Id
    line: Id
    place: str
    applied_at: Time
    applied_by: str
    state: SealState = "applied"
    ended_at: Time | None = None
    """When it was found broken, replaced, or taken off."""
    ended_by: str = ""
    replaced_by: Id | None = None
    photo: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")] = ""
    """SHA-256 of a picture among the ledger's documents."""


class Identification(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which of the five standards a line falls short of, whose bureau leads, and by when it is to be rectified."""

    line: Id
    standard: Standard
    bureau: str
    identified_on: date
    rectify_by: date | None = None
    extended_to: date | None = None

    @property
    def due(self) -> date | None:
        """When the clock runs out."""
        return self.extended_to or self.rectify_by


_EARLY = 900.0
"""s before its permit that activity may seem to begin: it is known only to lie between two readings."""
_LICENCE = 31 * 86400.0
"""s; a longer permit is a licence to run, and no work that a meter may be touched for."""


class Permit(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"start": "from", "end": "to"}
):
    """Approved activity (报备) on a line: maintenance, dismantling, a fire-pump test."""

    line: Id
    start: Time
    end: Time
    reason: str
    approved_by: str

    @property
    def is_work(self) -> bool:
        """Whether it is for work that has an end, e.g. maintenance, and no licence to run."""
        return (self.end - self.start).total_seconds() <= _LICENCE

    def settles(self, kind: str, began: float) -> bool:
        """Whether what is found, of a kind and from a moment on (UTC seconds), is the activity that it approves.

        A licence to run settles a furnace, but no tampering.
        """
        if kind.startswith("tamper.") and not self.is_work:
            return False
        return self.start.timestamp() - _EARLY <= began < self.end.timestamp()


class Registry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything the server must know before a reading means anything."""

    site: tuple[Site, ...] = ()
    line: tuple[Line, ...] = ()
    gateway: tuple[Gateway, ...] = ()
    point: tuple[Point, ...] = ()
    permit: tuple[Permit, ...] = ()
    district: tuple[District, ...] = ()
    enterprise: tuple[Enterprise, ...] = ()
    meter: tuple[Meter, ...] = ()
    seal: tuple[Seal, ...] = ()
    identification: tuple[Identification, ...] = ()

    def permitted(self, line: str, kind: str, began: float) -> bool:
        """Whether what was found on a line, of a kind and from a moment on (UTC seconds), was approved."""
        return any(p.line == line and p.settles(kind, began) for p in self.permit)

    def points_of(self, line: str) -> list[Point]:
        """The points of a line."""
        return [p for p in self.point if p.line == line]


def load_registry(path: Path) -> Registry:
    """Read and check a registry file.

    Raises
    ------
    BadFile
        Naming file, line, field and value of the first thing that does not fit: a wrong type, an unknown word, a
        second use of an id, a reference to nothing, a period that ends before it begins.
    """
    file = TomlFile(path)
    registry = file.convert(Registry)
    for steps, expected in problems(registry):
        raise file.bad(steps, expected)
    return registry


def save_registry(registry: Registry, path: Path) -> None:
    """Write a registry file that :func:`load_registry` reads back as the same registry."""
    path.write_text(dump_registry(registry), encoding="utf-8")


def dump_registry(registry: Registry) -> str:
    """The text of a registry file: one table an entry, one key a line."""
    tables: dict[str, list[dict[str, object]]] = msgspec.to_builtins(registry, builtin_types=(datetime, date))
    return "\n".join(f"[[{name}]]\n{tomli_w.dumps(entry)}" for name, entries in tables.items() for entry in entries)


def problems(registry: Registry) -> Iterator[tuple[Sequence[Step], str]]:
    """What is wrong between the entries: path of the field and what would be right."""
    for i, gateway in enumerate(registry.gateway):
        if gateway.id.startswith(OFFICE):
            yield ["gateway", i, "id"], f"must not begin with {OFFICE!r}; so begin the names of the office's programs"
    yield from _repeated(registry)
    yield from _dangling(registry)
    for i, line in enumerate(registry.line):
        if line.state == "sealed" and line.sealed_at is None:
            yield ["line", i, "sealed_at"], "missing; a sealed line needs the time it was sealed at"
    for i, gateway in enumerate(registry.gateway):
        try:
            if gateway.public_key:
                parse_public_key(gateway.public_key)
        except ValueError as error:
            yield ["gateway", i, "public_key"], str(error)
    for i, permit in enumerate(registry.permit):
        if permit.end <= permit.start:
            yield ["permit", i, "to"], f"must be later than `from` ({permit.start.astimezone(UTC).isoformat()})"
    yield from _out_of_order(registry)


def _out_of_order(registry: Registry) -> Iterator[tuple[Sequence[Step], str]]:
    """Stages, dates and terms of the ledger that contradict each other."""
    for i, line in enumerate(registry.line):
        if line.stage is not None and (line.stage in SEALED) != (line.state == "sealed"):
            yield ["line", i, "stage"], f"must fit `state` ({line.state}); sealed are {', '.join(sorted(SEALED))}"
    for i, meter in enumerate(registry.meter):
        if meter.issued and meter.expires and meter.expires <= meter.issued:
            yield ["meter", i, "expires"], f"must be later than `issued` ({meter.issued})"
    for i, seal in enumerate(registry.seal):
        if (seal.ended_at is None) != (seal.state == "applied"):
            yield ["seal", i, "ended_at"], "must be there when, and only when, `state` is not applied"
        elif seal.ended_at is not None and seal.ended_at < seal.applied_at:
            yield ["seal", i, "ended_at"], "must not be earlier than `applied_at`"
    for i, found in enumerate(registry.identification):
        for field, expected in _over_term(found):
            yield ["identification", i, field], expected


def _over_term(found: Identification) -> Iterator[tuple[str, str]]:
    term = TERMS[found.standard]
    if found.rectify_by is None:
        if found.extended_to is not None:
            yield "extended_to", "must be empty without `rectify_by`"
        return
    latest = later(found.rectify_by, term.extension)
    if found.rectify_by <= found.identified_on:
        yield "rectify_by", f"must be later than `identified_on` ({found.identified_on})"
    if found.extended_to is not None and not term.extension:
        yield "extended_to", f"must be empty: the standard {found.standard} knows no extension"
    elif found.extended_to is not None and not found.rectify_by < found.extended_to <= latest:
        yield "extended_to", f"must be later than `rectify_by`, by {term.extension} months at most (until {latest})"


def _repeated(registry: Registry) -> Iterator[tuple[Sequence[Step], str]]:
    tables: dict[str, Sequence[District | Enterprise | Site | Line | Gateway | Point | Meter | Seal]] = {
        "district": registry.district,
        "enterprise": registry.enterprise,
        "site": registry.site,
        "line": registry.line,
        "gateway": registry.gateway,
        "point": registry.point,
        "meter": registry.meter,
        "seal": registry.seal,
    }
    for name, entries in tables.items():
        yield from repeated(name, "id", (entry.id for entry in entries))
    yield from repeated("identification", "standard", ((x.line, x.standard) for x in registry.identification))


def _dangling(registry: Registry) -> Iterator[tuple[Sequence[Step], str]]:
    known = {
        "district": {d.id for d in registry.district},
        "enterprise": {e.id for e in registry.enterprise},
        "site": {s.id for s in registry.site},
        "line": {x.id for x in registry.line},
        "gateway": {g.id for g in registry.gateway},
        "point": {p.id for p in registry.point},
        "seal": {s.id for s in registry.seal},
    }
    references: list[tuple[str, int, str, str | None]] = [
        *(("meter", i, "point", m.point) for i, m in enumerate(registry.meter)),
        *(("seal", i, "line", s.line) for i, s in enumerate(registry.seal)),
        *(("identification", i, "line", x.line) for i, x in enumerate(registry.identification)),
        *(("site", i, "district", s.district) for i, s in enumerate(registry.site)),
        *(("site", i, "enterprise", s.enterprise) for i, s in enumerate(registry.site)),
        *(("line", i, "site", x.site) for i, x in enumerate(registry.line)),
        *(("gateway", i, "site", g.site) for i, g in enumerate(registry.gateway)),
        *(("point", i, "line", p.line) for i, p in enumerate(registry.point)),
        *(("point", i, "gateway", p.gateway) for i, p in enumerate(registry.point)),
        *(("permit", i, "line", p.line) for i, p in enumerate(registry.permit)),
    ]
    for table, i, field, target in references:
        if target is not None and target not in known[field]:
            yield [table, i, field], f"must be the id of a [[{field}]] that is known"
    for i, seal in enumerate(registry.seal):
        if seal.replaced_by is not None and seal.replaced_by not in known["seal"]:
            yield ["seal", i, "replaced_by"], "must be the id of a [[seal]] that is known"
