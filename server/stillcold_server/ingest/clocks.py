"""What a gateway says of its own clock."""

import logging

from sqlalchemy import Connection, insert, select

from stillcold_server.ingest.verify import Verified
from stillcold_server.store.schema import chain_note

log = logging.getLogger(__name__)
_TOLD = 30.0  # s; as tamper.clock: what a time service corrects is less, once it has begun


def note_steps(connection: Connection, verified: Verified, now: int) -> None:
    """Note a new batch's steps of the clock, where one of them is more than a time service corrects at work."""
    b = verified.batch
    steps = [step.moved / 1000 for step in b.steps]
    if not steps:
        return
    detail = ", ".join(f"{'back' if s < 0 else 'forward'} {abs(s):g} s" for s in steps)
    log.warning("%s: its clock was set: %s", b.gateway, detail)
    if max(map(abs, steps)) > _TOLD:
        row = {
            "gateway": b.gateway, "epoch": b.epoch, "kind": "clock", "sequence": b.sequence, "until": b.sequence,
            "detail": detail, "noted_at": now,
        }  # fmt: skip
        note = chain_note.c
        same = [note[name] == row[name] for name in ("gateway", "epoch", "kind", "sequence")]
        if connection.scalar(select(note.id).where(*same)) is None:  # a batch that was lost here comes a second time
            connection.execute(insert(chain_note).values(row))
