"""Detection as a follower of the store: states, findings and cursor move in one transaction."""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from stillcold_core.contract.batch import Block
from stillcold_core.detect.detector import Scope
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.restart import RestartState, condition, restore, save
from stillcold_core.registry import Registry
from stillcold_server.detection.judge import Judge
from stillcold_server.detection.subjects import Key, subjects_of
from stillcold_server.followers import Stored
from stillcold_server.registry.ledger import export_registry
from stillcold_server.store.database import upsert
from stillcold_server.store.refusals import count_refusals
from stillcold_server.store.schema import line_status

log = logging.getLogger(__name__)
_SCOPES: tuple[Scope, ...] = ("line",)
_FUTURE = 86_400_000  # ms that a sample may be stamped after it came


class Detection:
    """Handles stored batches for the follower ``detection``.

    Parameters
    ----------
    on_finding : callable
        Called with the transaction and each finding: it raises or ends the alert in the same transaction.
    """

    def __init__(self, on_finding: Callable[[Connection, Finding], None]) -> None:
        self._on_finding = on_finding

    def handle(self, connection: Connection, batches: Sequence[Stored]) -> None:
        """Judge the batches in order."""
        registry = export_registry(connection)
        judge = Judge(subjects_of(registry, scopes=_SCOPES), load_states(connection, _lines(registry, batches)))
        refused: list[tuple[str, str]] = []
        for stored in batches:
            for block in _believed(stored, registry, refused):
                for finding in judge.feed(block.numbers()):
                    log.warning("%s on %s: %s", finding.kind, finding.line, finding.reason)
                    self._on_finding(connection, finding)
        upsert(
            connection,
            line_status,
            [status_row(line, judge.states[name, line]) for name, line in sorted(judge.touched)],
        )
        count_refusals(connection, refused, batches[-1].received_at)


def load_states(connection: Connection, lines: Collection[str]) -> dict[Key, RestartState]:
    """The detectors' states of some lines as they were at the cursor."""
    rows = connection.execute(select(line_status.c.line, line_status.c.state).where(line_status.c.line.in_(lines)))
    return {("restart", row.line): restore(row.state) for row in rows}


def status_row(line: str, state: RestartState) -> dict[str, Any]:
    """What the store keeps of a line: its condition at its newest sample, time counted, and the detectors' state.

    Of several points the one that is worst known counts: the smallest time dead, the largest unknown.
    """
    points = [p.presence for p in state.points.values()]
    newest = max((p.time or 0.0 for p in points), default=0.0)
    live, unknown = max((p.live_s for p in points), default=0.0), max((p.unknown_s for p in points), default=0.0)
    total = max((p.dead_s + p.live_s + p.unknown_s for p in points), default=0.0)
    return {
        "line": line, "condition": condition(state, newest),
        "since": round(1000 * max((p.since or 0.0 for p in points), default=0.0)),
        "sampled_at": round(1000 * newest) if points else None,
        "interval": max((p.interval for p in points), default=0.0),
        "dead_s": max(total - live - unknown, 0.0), "live_s": live, "unknown_s": unknown, "state": save(state),
    }  # fmt: skip


def _lines(registry: Registry, batches: Sequence[Stored]) -> set[str]:
    """The lines that the batches speak of."""
    points = {block.point for stored in batches for block in stored.batch.blocks}
    return {p.line for p in registry.point if p.id in points}


def _believed(stored: Stored, registry: Registry, refused: list[tuple[str, str]]) -> Iterator[Block]:
    """Blocks of points that the gateway may speak for, with times that can be."""
    gateway = stored.batch.gateway
    bound = {p.id for p in registry.point if p.gateway == gateway}
    for block in stored.batch.blocks:
        if block.point not in bound:
            refused.append(("unbound_point", gateway))
        elif len(block.times) and block.times.max() > stored.received_at + _FUTURE:
            refused.append(("future", gateway))
        else:
            yield block
