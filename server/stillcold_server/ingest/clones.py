"""One key, two gateways: what their journals show of it.

A gateway's agent writes one journal at a time. A copied card is seen by one of two things:

- a fork: two different batches, both signed with the key, with one epoch and sequence;
- two epochs that grow side by side: each has samples that were read well after the other had begun. After a reboot or
  the loss of a journal the old epoch never has: whatever of it is late, sent again or asked for was read before.

The times of a batch count where its clock was synchronised, or shows what the server's shows: a gateway that boots with
a clock of last year is no clone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select, update

from stillcold_core.detect.findings import Finding, iso
from stillcold_core.evidence.keys import format_public_key
from stillcold_server.alerts.lifecycle import going_on
from stillcold_server.ingest.verify import Verified
from stillcold_server.registry.places import places_of_gateways
from stillcold_server.store.database import upsert
from stillcold_server.store.schema import batch, journal_epoch

KIND = "tamper.clone"
_FRESH = 120_000  # ms by which the newest sample of a batch may differ from the server's clock, to be called live
_APART = 300_000  # ms, more than twice that: what both clocks together may be wrong by


def follow_epoch(connection: Connection, verified: Verified, now: int) -> Iterator[Finding]:
    """Take a batch that is new into what is known of its epoch; what that shows of a clone, and of one that is over.

    ``now`` in ms.
    """
    signer, known = format_public_key(verified.key), _known(connection, verified)
    if known is None or known.key != signer:
        yield from _rekeyed(connection, verified.batch.gateway, signer, now)
        known = None
    row = _grown(known, verified, signer, now)
    upsert(connection, journal_epoch, [row | ({"alert": None, "rival": None} if known is None else {})])
    if row["began"] is not None and (known is None or known.alert is None):
        yield from _beside(connection, row, now)


def note_fork(connection: Connection, verified: Verified, now: int) -> Iterator[Finding]:
    """Keep the first envelope that is refused because its place in the epoch is taken; what that shows of a clone."""
    known = _known(connection, verified)
    if known is None or (known.forked and known.alert):
        return
    b, table = verified.batch, batch.c
    here = (table.gateway == b.gateway) & (table.epoch == b.epoch) & (table.sequence == b.sequence)
    stored = connection.execute(select(table.hash).where(here)).scalar_one()
    if not known.forked:
        connection.execute(update(journal_epoch).where(_named(b.gateway, [b.epoch])).values(rival=verified.envelope))
    if known.alert is None:
        said = f"{b.gateway} has signed two different batches {b.sequence} of one journal"
        heads = {"epoch": b.epoch.hex(), "sequence": b.sequence, "stored": stored.hex(), "refused": verified.hash.hex()}
        yield from _told(connection, b.gateway, [b.epoch], said, heads, now)


def _beside(connection: Connection, mine: Mapping[str, Any], now: int) -> Iterator[Finding]:
    """Another epoch of the same key that has grown at the same time."""
    e = journal_epoch.c
    others = select(journal_epoch).where(
        e.gateway == mine["gateway"], e.epoch != mine["epoch"], e.key == mine["key"],
        e.until > mine["began"] + _APART, e.began < mine["until"] - _APART,
    )  # fmt: skip
    other = connection.execute(others.order_by(e.until.desc()).limit(1)).first()
    if other is None:
        return
    said = f"{other.gateway} writes two journals at the same time, until {iso(min(mine['until'], other.until) / 1000)}"
    heads = {
        "epoch": mine["epoch"].hex(), "sequence": mine["sequence"], "head": mine["head"].hex(),
        "other_epoch": other.epoch.hex(), "other_sequence": other.sequence, "other_head": other.head.hex(),
    }  # fmt: skip
    yield from _told(connection, other.gateway, [mine["epoch"], other.epoch], said, heads, now)


def _told(
    connection: Connection, gateway: str, epochs: Sequence[bytes], reason: str, heads: Mapping[str, Any], now: int
) -> Iterator[Finding]:
    """It stands on the first sealed line that the gateway speaks for, at the server's time: theirs may be anything."""
    place = places_of_gateways(connection).get(gateway)
    if place is not None:
        at, evidence = now / 1000, {"gateway": gateway, **heads}
        finding = Finding(KIND, "critical", place.site, place.line, place.point, at, at, reason, evidence)
        connection.execute(update(journal_epoch).where(_named(gateway, epochs)).values(alert=finding.id))
        yield finding


def _rekeyed(connection: Connection, gateway: str, signer: str, now: int) -> Iterator[Finding]:
    """The end of what was said of the gateway's other keys: who has a copy of one of them is a stranger now."""
    e = journal_epoch.c
    of_others = select(e.alert).where(e.gateway == gateway, e.key != signer, e.alert.is_not(None))
    if said := set(connection.scalars(of_others)):
        for finding in going_on(connection):
            if finding.id in said:
                yield msgspec.structs.replace(finding, ended=now / 1000)


def _grown(known: Row[Any] | None, verified: Verified, signer: str, now: int) -> dict[str, Any]:
    """What is known of an epoch with one batch more."""
    b, times = verified.batch, _times(verified, now)
    row = {"gateway": b.gateway, "epoch": b.epoch, "key": signer, "sequence": b.sequence, "head": verified.hash}
    if known is not None:
        if known.sequence > b.sequence:
            row |= {"sequence": known.sequence, "head": known.head}
        times += [t for t in (known.began, known.until) if t is not None]
    return row | {"began": min(times, default=None), "until": max(times, default=None)}


def _times(verified: Verified, now: int) -> list[int]:
    """First and last time of the samples, ms, where they can be believed."""
    blocks = [b.times for b in verified.batch.blocks if len(b.times)]
    if not blocks:
        return []
    first, last = int(min(t.min() for t in blocks)), int(max(t.max() for t in blocks))
    believed = last <= now + _FRESH and (verified.batch.synced or last >= now - _FRESH)
    return [first, last] if believed else []


def _known(connection: Connection, verified: Verified) -> Row[Any] | None:
    b, e = verified.batch, journal_epoch.c
    columns = (e.key, e.sequence, e.head, e.began, e.until, e.alert, e.rival.is_not(None).label("forked"))
    return connection.execute(select(*columns).where(_named(b.gateway, [b.epoch]))).one_or_none()


def _named(gateway: str, epochs: Sequence[bytes]) -> Any:
    return (journal_epoch.c.gateway == gateway) & journal_epoch.c.epoch.in_(epochs)
