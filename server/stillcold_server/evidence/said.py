"""What the server says in a bundle beside the signed batches: registry, alerts, notes, calibration and rules."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import msgspec
from msgspec.structs import replace
from pydantic import TypeAdapter
from sqlalchemy import Connection, or_, select

from stillcold_core.detect.catalogue import DETECTORS
from stillcold_core.evidence.bundle.statements import (
    ALERTS,
    ATTESTATIONS,
    CALIBRATION,
    ENROLMENTS,
    NOTES,
    README,
    REGISTRY,
    RULES,
)
from stillcold_core.evidence.note import BadNote, NoteKey, open_note
from stillcold_core.registry import Registry, dump_registry
from stillcold_server.api.models.alerts import AlertDetail
from stillcold_server.api.moments import to_iso
from stillcold_server.api.read.alerts import load_alert
from stillcold_server.evidence.identities import history_of
from stillcold_server.evidence.selection import Period, Run
from stillcold_server.ingest.clones import KIND as CLONE
from stillcold_server.registry.ledger import export_registry
from stillcold_server.store import schema
from stillcold_server.verification.statements import counting_in, standing_before


def statements_of(connection: Connection, period: Period, runs: Sequence[Run], log: NoteKey) -> Mapping[str, bytes]:
    """The files of a bundle that the server answers for."""
    gateways = {run.gateway for run in runs}
    registry = _extract(export_registry(connection), period.line, gateways)
    return {
        REGISTRY: dump_registry(registry).encode(),
        ALERTS: _alerts(connection, period, gateways),
        ATTESTATIONS: _json(_attestations(connection, period, log)),
        ENROLMENTS: _json(history_of(connection, gateways)),
        NOTES: _json(_notes(connection, runs)),
        CALIBRATION: _json({p.id: _calibration(registry, p.id) for p in registry.points_of(period.line)}),
        RULES: _json(_rules()),
        README: (Path(__file__).parent / "README.txt").read_bytes(),
    }


def _extract(registry: Registry, line: str, gateways: set[str]) -> Registry:
    """What a registry has of a line, and of the gateways of the evidence."""
    lines = tuple(x for x in registry.line if x.id == line)
    points = tuple(p for p in registry.point if p.line == line)
    known = gateways | {p.gateway for p in points if p.gateway}
    spoken = tuple(g for g in registry.gateway if g.id in known)
    places = {x.site for x in lines} | {g.site for g in spoken}
    sites = tuple(s for s in registry.site if s.id in places)
    return replace(
        registry,
        district=tuple(d for d in registry.district if d.id in {s.district for s in sites}),
        enterprise=tuple(e for e in registry.enterprise if e.id in {s.enterprise for s in sites}),
        site=sites,
        line=lines,
        gateway=spoken,
        point=points,
        permit=tuple(p for p in registry.permit if p.line == line),
        meter=tuple(m for m in registry.meter if m.point in {p.id for p in points}),
        seal=tuple(s for s in registry.seal if s.line == line),
        identification=tuple(x for x in registry.identification if x.line == line),
    )


def _calibration(registry: Registry, point: str) -> object:
    """The newest certificate of the meters at a point; None where there is none."""
    certified = [m for m in registry.meter if m.point == point and m.certificate]
    newest = max(certified, key=lambda m: m.issued or date.min, default=None)
    return None if newest is None else msgspec.to_builtins(newest)


def _alerts(connection: Connection, period: Period, gateways: Collection[str]) -> bytes:
    """Those of the line, and those of a copy of its gateways, which stand on one line and touch all of them."""
    a = schema.alert.c
    during = (a.began <= period.end) & (a.ended.is_(None) | (a.ended >= period.begin))
    wanted = (a.line == period.line) | (a.kind == CLONE)
    query = select(a.id, a.line, a.evidence).where(wanted, during).order_by(a.detected, a.id)
    rows = connection.execute(query).all()
    names = [r.id for r in rows if r.line == period.line or r.evidence.get("gateway") in gateways]
    found = [load_alert(connection, name) for name in names]
    return TypeAdapter(list[AlertDetail | None]).dump_json(found, indent=1) + b"\n"


def _attestations(connection: Connection, period: Period, log: NoteKey) -> list[str]:
    """The signed statements that count of days and verifications in the period, and the certificate before it.

    One by a key that the office has lost is left out: nobody could verify it with today's roots.
    """
    before = standing_before(connection, period.line, period.begin)
    found = [*([before] if before else []), *counting_in(connection, period.line, period.begin, period.end)]
    return [statement.note for statement in found if _by(statement.note, log)]


def _by(note: str, log: NoteKey) -> bool:
    try:
        return bool(open_note(note.encode(), [log]))
    except BadNote:
        return False


def _notes(connection: Connection, runs: Sequence[Run]) -> list[dict[str, object]]:
    """What the server has noted of the chains: gaps, losses, forks, broken links, steps of a clock."""
    note = schema.chain_note.c
    here = [
        (note.gateway == r.gateway) & (note.epoch == r.epoch) & (note.sequence <= r.last) & (note.until >= r.first)
        for r in runs
    ]
    rows = connection.execute(select(schema.chain_note).where(or_(False, *here)).order_by(note.id))
    return [
        {
            "gateway": row.gateway, "epoch": row.epoch.hex(), "kind": row.kind, "first": row.sequence,
            "until": row.until, "detail": row.detail, "noted_at": to_iso(row.noted_at),
            "closed_at": None if row.closed_at is None else to_iso(row.closed_at),
        }
        for row in rows
    ]  # fmt: skip


def _rules() -> dict[str, object]:
    """The rules that judge: versions, and the hash of all their source, file after file in the order of their names."""
    digest = hashlib.sha256()
    folder = Path(str(files("stillcold_core.detect")))
    for path in sorted(folder.rglob("*.py"), key=str):
        digest.update(path.read_bytes())
    return {
        "software": {name: version(name) for name in ("stillcold-core", "stillcold-server")},
        "detectors": {detector.name: detector.version for detector in DETECTORS},
        "sha256": digest.hexdigest(),
    }


def _json(content: object) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()
