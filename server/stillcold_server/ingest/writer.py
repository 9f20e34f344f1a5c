"""Storing what came: one transaction for all that waits, then one acknowledgement a chain."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, insert

from stillcold_core.contract.messages import Acknowledgement
from stillcold_core.detect.findings import Finding
from stillcold_server.evidence.log import extend
from stillcold_server.ingest.chain import place
from stillcold_server.ingest.clocks import note_steps
from stillcold_server.ingest.clones import follow_epoch, note_fork
from stillcold_server.ingest.keys import Keys
from stillcold_server.ingest.losses import close_notes, note_losses
from stillcold_server.ingest.status import note_heard
from stillcold_server.ingest.verify import Refused, Verified, verify
from stillcold_server.metrics import Metrics
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from stillcold_server.store.refusals import STRANGER, count_refusals

log = logging.getLogger(__name__)


@dataclass
class _Reply:
    stored: dict[int, bytes] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)


class Writer:
    """Verifies and stores messages.

    Parameters
    ----------
    engine : Engine
        The database.
    metrics : Metrics
        Counts what is stored and refused.
    on_clone : callable
        Called with the transaction and each clone of a gateway that the batches show, or its end.
    """

    def __init__(
        self,
        engine: Engine,
        metrics: Metrics,
        *,
        on_clone: Callable[[Connection, Finding], None] = lambda *_: None,
    ) -> None:
        self._engine, self._metrics, self._on_clone = engine, metrics, on_clone

    def take(self, messages: Sequence[tuple[str, bytes]], now: int) -> dict[str, list[Acknowledgement]]:
        """Store the good ones among some messages and count the others.

        Parameters
        ----------
        messages : sequence of (gateway, payload)
            In the order in which they came; the gateway by the topic.
        now : int
            ms

        Returns
        -------
        dict
            Acknowledgements by gateway. When this returns, what they acknowledge is on disk.
        """
        with read(self._engine) as connection:
            keys = Keys(connection)
        checked = [verify(payload, gateway, keys.of) for gateway, payload in messages]
        refused = [(c.reason, c.gateway if c.gateway in keys else STRANGER) for c in checked if isinstance(c, Refused)]
        replies: dict[tuple[str, bytes], _Reply] = {}
        heard = set[str]()
        with write(self._engine) as connection:
            for verified in (c for c in checked if isinstance(c, Verified)):
                chain = (verified.batch.gateway, verified.batch.epoch)
                if self._store(connection, verified, now, replies.setdefault(chain, _Reply()), refused):
                    heard.add(verified.batch.gateway)
            note_heard(connection, heard, now)
            extend(connection)
            count_refusals(connection, refused, now)
        for reason, _ in refused:
            self._metrics.refused(reason)
        acks: dict[str, list[Acknowledgement]] = {}
        for (gateway, epoch), reply in replies.items():
            acks.setdefault(gateway, []).append(Acknowledgement(epoch, reply.stored, reply.refused))
        return acks

    def _store(
        self, connection: Connection, verified: Verified, now: int, reply: _Reply, refused: list[tuple[str, str]]
    ) -> bool:
        """Store one, if it is new."""
        sequence = verified.batch.sequence
        found = place(connection, verified, now)
        match found:
            case "fork":
                reply.refused[sequence] = "fork"
                refused.append(("fork", verified.batch.gateway))
                self._tell(connection, note_fork(connection, verified, now))
            case "double":
                reply.stored[sequence] = verified.hash
                self._metrics.doubled()
            case "new":
                insert_batch(connection, verified, now)
                close_notes(connection, verified.batch.gateway, verified.batch.epoch, sequence, sequence, now)
                note_losses(connection, verified, now)
                note_steps(connection, verified, now)
                self._tell(connection, follow_epoch(connection, verified, now))
                reply.stored[sequence] = verified.hash
                self._metrics.stored(sum(len(b.times) for b in verified.batch.blocks))
        return found == "new"

    def _tell(self, connection: Connection, findings: Iterable[Finding]) -> None:
        for finding in findings:
            log.warning("%s on %s: %s", finding.kind, finding.line, finding.reason)
            self._on_clone(connection, finding)


def insert_batch(connection: Connection, verified: Verified, now: int) -> None:
    """Write the row of a batch and the index of its points."""
    b = verified.batch
    row = {
        "gateway": b.gateway, "epoch": b.epoch, "sequence": b.sequence, "hash": verified.hash, "previous": b.previous,
        "received_at": now, "body": verified.envelope,
    }  # fmt: skip
    key = connection.scalar(insert(schema.batch).values(row).returning(schema.batch.c.id))
    points = [
        {
            "batch": key, "point": block.point, "first": int(block.times.min()), "last": int(block.times.max()),
            "samples": len(block.times),
        }
        for block in b.blocks
        if len(block.times)
    ]  # fmt: skip
    if points:
        connection.execute(insert(schema.batch_point), points)
