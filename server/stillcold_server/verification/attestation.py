"""The statement of a day of a sealed line: how long it was proved dead or live, how long nothing is known, and why."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection

from stillcold_core.detect import restart
from stillcold_core.detect.findings import Finding, iso
from stillcold_core.proof.day import LEAD, TAIL, Account, Register, account
from stillcold_core.proof.records import Record
from stillcold_server.api.moments import to_iso
from stillcold_server.days import DAY, begin_of
from stillcold_server.evidence.key import Signer
from stillcold_server.verification.statements import Draft, Statement, figure, issue, journals, reading
from stillcold_server.verification.subject import Watched, chains_of, find_watched, load_records


def attest_day(connection: Connection, signer: Signer, line: str, day: date, now: int) -> Statement | None:
    """State a whole day of a sealed line, as the stored batches have it.

    None where the line was not sealed by its end, and where it is not over at ``now`` (ms).

    Where an earlier statement says the same, that one stays; otherwise the new one supersedes it.
    """
    watched = find_watched(connection, line)
    drafts = [] if watched is None or begin_of(day) + DAY > now else drafts_of(connection, [watched], day)
    return issue(connection, signer, drafts[0], now) if drafts else None


def drafts_of(connection: Connection, lines: Sequence[Watched], day: date) -> list[Draft]:
    """What is to be stated of those lines that are sealed: of several of one gateway each batch is decoded once."""
    begin = begin_of(day)
    sealed = [w for w in lines if is_sealed(w, begin + DAY)]
    records = load_records(connection, [p for w in sealed for p in w.points], begin - LEAD, begin + DAY + TAIL)
    drafts = []
    for watched in sealed:
        mine = {p.id: records[p.id] for p in watched.points}
        found = _account(connection, watched, mine, begin, begin + DAY)
        drafts.append(Draft("day", watched.line.id, begin, begin + DAY, _content(watched, day, found, mine)))
    return drafts


def so_far(connection: Connection, watched: Watched, day: date, now: int) -> Account | None:
    """The account of a day that is not over, up to its newest sample; None before there is one."""
    begin = begin_of(day)
    records = load_records(connection, watched.points, begin - LEAD, now)
    newest = max((int(r.times[-1]) for r in records.values() if len(r)), default=0)
    return _account(connection, watched, records, begin, min(newest, now)) if newest > begin else None


def is_sealed(watched: Watched, by: int) -> bool:
    """Whether a line was sealed before a moment, ms."""
    line = watched.line
    return line.state == "sealed" and (line.sealed_at is None or line.sealed_at.timestamp() * 1000 < by)


def _account(connection: Connection, watched: Watched, records: Mapping[str, Record], begin: int, end: int) -> Account:
    return account(watched.sealed, watched.roles, records, begin, end, chains_of(connection, records))


def _content(watched: Watched, day: date, found: Account, records: Mapping[str, Record]) -> dict[str, Any]:
    within = {p: r.part(found.begin, found.end - 1) for p, r in records.items()}
    return {
        **watched.named,
        "day": day.isoformat(),
        "from": to_iso(found.begin),
        "to": to_iso(found.end),
        "dead": figure(found.dead / 1000),
        "live": figure(found.live / 1000),
        "unknown": figure(found.unknown / 1000),
        "causes": {cause: figure(ms / 1000) for cause, ms in found.causes.items()},
        "coverage": figure((found.dead + found.live) / (found.end - found.begin)),
        "largest_current": None if found.current is None else reading(found.current),
        "largest_power": None if found.power is None else reading(found.power),
        "energy": [_register(r) for r in found.registers],
        "findings": [_finding(f) for f in sorted(found.findings, key=lambda f: (f.began, f.id))],
        "detector": {"restart": restart.STATE_VERSION},
        "points": [
            {"point": p, "role": role, "samples": len(within[p]), "journals": journals(within[p])}
            for p, role in watched.roles.items()
        ],
    }


def _register(register: Register) -> dict[str, Any]:
    return {
        "point": register.last.point, "delta": figure(register.delta), "first": reading(register.first),
        "last": reading(register.last),
    }  # fmt: skip


def _finding(finding: Finding) -> dict[str, Any]:
    ended = None if finding.ended is None else iso(finding.ended)
    return {"kind": finding.kind, "point": finding.point, "began": iso(finding.began), "ended": ended}
