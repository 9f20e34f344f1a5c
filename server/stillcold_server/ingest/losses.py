"""What a gateway says it has lost, and which gaps that explains."""

from sqlalchemy import Connection, and_, func, select, update

from stillcold_core.contract.losses import Gap
from stillcold_core.detect.findings import iso
from stillcold_server.ingest.verify import Verified
from stillcold_server.store.schema import batch, chain_note

_MOST_NAMED = 20


def note_losses(connection: Connection, verified: Verified, now: int) -> None:
    """Note the gap records of a batch; one that is known and has grown is brought up to date."""
    gateway = verified.batch.gateway
    for gap in verified.batch.gaps:
        epoch = gap.epoch or verified.batch.epoch
        _note(connection, gateway, epoch, gap, now)
        close_notes(connection, gateway, epoch, gap.first, gap.until, now)


def close_notes(connection: Connection, gateway: str, epoch: bytes, first: int, until: int, now: int) -> None:
    """Close what was noted of these sequences and is settled now.

    A gap is settled when each of its sequences is stored or will never come, a loss when all is stored after all.
    """
    note = chain_note.c
    here = and_(note.gateway == gateway, note.epoch == epoch, note.sequence <= until, note.until >= first)
    open_ones = and_(here, note.kind.in_(("gap", "lost")), note.closed_at.is_(None))
    for row in connection.execute(select(chain_note).where(open_ones)).all():
        missing = row.until - row.sequence + 1 - _stored(connection, gateway, epoch, row.sequence, row.until)
        if row.kind == "gap" and missing:
            missing -= _lost(connection, gateway, epoch, row.sequence, row.until)
        if not missing:
            connection.execute(update(chain_note).where(note.id == row.id).values(closed_at=now))


def _note(connection: Connection, gateway: str, epoch: bytes, gap: Gap, now: int) -> None:
    kind = "lost" if gap.until >= gap.first else "unwritten"
    note = chain_note.c
    same = and_(note.gateway == gateway, note.epoch == epoch, note.kind == kind, note.sequence == gap.first)
    said = {"until": max(gap.first, gap.until), "detail": _detail(gap)}
    known = connection.execute(select(note.until).where(same)).one_or_none()
    if known is None:
        key = {"gateway": gateway, "epoch": epoch, "kind": kind, "sequence": gap.first, "noted_at": now}
        connection.execute(chain_note.insert(), key | said)
    elif kind == "unwritten" or known.until < gap.until:
        connection.execute(update(chain_note).where(same).values(said | {"closed_at": None}))


def _detail(gap: Gap) -> str:
    """One line for a person."""
    words = [gap.reason]
    if gap.begun is not None and gap.ended is not None:
        words.append(f"{iso(gap.begun / 1000)} to {iso(gap.ended / 1000)}")
    if gap.points:
        more = ["…"] if len(gap.points) > _MOST_NAMED else []
        words.append(" ".join([*gap.points[:_MOST_NAMED], *more]))
    return ", ".join(words)


def _stored(connection: Connection, gateway: str, epoch: bytes, first: int, until: int) -> int:
    here = and_(batch.c.gateway == gateway, batch.c.epoch == epoch, batch.c.sequence.between(first, until))
    return connection.scalar(select(func.count()).select_from(batch).where(here)) or 0


def _lost(connection: Connection, gateway: str, epoch: bytes, first: int, until: int) -> int:
    """How many of these sequences are not stored and are in a gap record."""
    note = chain_note.c
    here = and_(note.gateway == gateway, note.epoch == epoch, note.kind == "lost")
    overlapping = and_(here, note.sequence <= until, note.until >= first)
    count, after = 0, first
    for row in connection.execute(select(chain_note).where(overlapping).order_by(note.sequence)).all():
        begin, end = max(row.sequence, after), min(row.until, until)
        if begin <= end:
            count += end - begin + 1 - _stored(connection, gateway, epoch, begin, end)
            after = end + 1
    return count
