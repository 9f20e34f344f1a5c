"""What a bundle holds that only the server says: its signature in the manifest stands for it, and nothing else."""

import json
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from stillcold_core.evidence.bundle.report import Item, judged
from stillcold_core.evidence.note import BadNote, NoteKey
from stillcold_core.proof.statement import BadStatement, signed_statement

ALERTS, ATTESTATIONS, CALIBRATION, ENROLMENTS, NOTES, README, REGISTRY, RULES = (
    "alerts.json", "attestations.json", "calibration.json", "enrolments.json", "notes.json", "README.txt",
    "registry.toml", "rules.json",
)  # fmt: skip
STATEMENTS: Mapping[str, Callable[[str], Any]] = {
    ALERTS: json.loads, ATTESTATIONS: json.loads, CALIBRATION: json.loads, ENROLMENTS: json.loads, NOTES: json.loads,
    README: str, REGISTRY: tomllib.loads, RULES: json.loads,
}  # fmt: skip
"""Each such file, and how it is read."""


def read_statements(files: Mapping[str, memoryview]) -> tuple[dict[str, Any], list[str]]:
    """The content of each such file, and which cannot be read."""
    said: dict[str, Any] = {}
    problems = []
    for name, read in STATEMENTS.items():
        try:
            said[name] = read(bytes(files.get(name, b"")).decode())
        except (ValueError, RecursionError):
            problems.append(f"{name}: cannot be read")
    return said, problems


def unattested(said: Mapping[str, Any], line: str, keys: Collection[NoteKey]) -> list[str]:
    """What is wrong with the certificates and attestations: one by another key, of another line, or that is none."""
    listed = said.get(ATTESTATIONS)
    if not isinstance(listed, list):
        return [] if listed is None else [f"{ATTESTATIONS}: expected a list of signed statements"]
    problems = []
    for number, note in enumerate(listed):
        try:
            content = signed_statement(str(note).encode("utf-8", "surrogatepass"), keys)
        except (BadNote, BadStatement) as error:
            problems.append(f"{ATTESTATIONS}: number {number}: {error}")
        else:
            problems += [f"{ATTESTATIONS}: number {number} is of another line"] if content.get("line") != line else []
    return problems


def points_of(said: Mapping[str, Any], line: str) -> dict[str, str | None]:
    """The points of a line, as the server's registry has them, each with the gateway that speaks for it."""
    match said.get(REGISTRY):
        case {"point": [*points]}:
            mine = [p for p in points if isinstance(p, dict) and p.get("line") == line]
            return {str(p.get("id")): p.get("gateway") for p in sorted(mine, key=lambda p: str(p.get("id")))}
    return {}


def revocations(said: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """When each gateway's public key was revoked, ms: what the server says came after that is not believed.

    A key that was approved again, in another request, is not among them.
    """
    listed = said.get(ENROLMENTS)
    decided = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
    approved = {_key(e) for e in decided if e.get("state") == "approved"}
    gone = [e for e in decided if e.get("state") == "revoked" and _key(e) not in approved]
    return {_key(e): _ms(e.get("decided_at")) for e in gone}


def _key(enrolment: Mapping[str, Any]) -> tuple[str, str]:
    return str(enrolment.get("gateway")), str(enrolment.get("public_key"))


def _ms(moment: object) -> int:
    """Of the beginning, where it cannot be read."""
    try:
        return round(datetime.fromisoformat(str(moment)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0


def alerts(said: Mapping[str, Any], line: str, gateways: Collection[str]) -> Item:
    """The alerts' timeline: the line's, and what is said of a copy of one of these gateways."""
    listed = said.get(ALERTS)
    if not isinstance(listed, list) or not all(isinstance(a, dict) for a in listed):
        return judged("alerts", [f"{ALERTS}: expected a list of alerts"], "")
    others = [a for a in listed if a.get("line") != line and not _about(a, gateways)]
    problems = [f"{ALERTS}: {a.get('id')} is of another line" for a in others]
    return judged("alerts", problems, f"{len(listed)} alerts, with what was done about each")


def _about(alert: Mapping[str, Any], gateways: Collection[str]) -> bool:
    evidence = alert.get("evidence")
    return isinstance(evidence, dict) and str(evidence.get("gateway")) in gateways


def calibration(said: Mapping[str, Any], points: Iterable[str]) -> Item:
    """The calibration of the meters at some points."""
    records = said.get(CALIBRATION)
    if not isinstance(records, dict):
        return judged("calibration", [f"{CALIBRATION}: expected an object by point"], "")
    wanted = sorted({*points, *records})
    absent = [point for point in wanted if records.get(point) is None]
    if absent or not wanted:
        return Item("calibration", "ABSENT", f"no record of {', '.join(absent) or 'any point'}")
    return Item("calibration", "PASS", f"a record of each of {len(wanted)} points")
