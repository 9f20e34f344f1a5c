"""Whether the gateway does its work, for programs that only look at 200 or 503."""

import msgspec

from stillcold_agent.observe.snapshot import Snapshot

WAITS_TOO_LONG = 300.0
"""s that a batch may wait for the server; a quiet line's is written once a minute and acknowledged within seconds."""

_RECENT = 60.0
"""s; a disk that refuses what it is given is tried again each second, so its failures do not pause for long."""


class BusHealth(msgspec.Struct, frozen=True):
    """One bus: ``connected`` is null before its first reading, ``idle`` is s since the last reading ended."""

    ok: bool
    connected: bool | None
    idle: float


class JournalHealth(msgspec.Struct, frozen=True):
    """The journal: batches that wait for the server; null where it cannot be read."""

    ok: bool
    batches: int | None


class UplinkHealth(msgspec.Struct, frozen=True):
    """The way to the server: ``waiting`` is s that the oldest batch has waited, null where none waits."""

    ok: bool
    connected: bool
    waiting: float | None


class Health(msgspec.Struct, frozen=True):
    """All of it; ok where all parts are."""

    ok: bool
    buses: dict[str, BusHealth]
    journal: JournalHealth
    uplink: UplinkHealth


def judge(snapshot: Snapshot) -> Health:
    """What a snapshot means."""
    buses = {
        view.bus: BusHealth(
            view.connected is not False and not view.stuck(snapshot.monotonic),
            view.connected,
            round(snapshot.monotonic - view.moved, 3),
        )
        for _, view in snapshot.buses
    }
    stats = snapshot.journal
    failing = snapshot.failed is not None and snapshot.monotonic - snapshot.failed < _RECENT
    journal = JournalHealth(stats is not None and not failing, stats.depth if stats else None)
    waiting = snapshot.waiting_for
    connected = snapshot.uplink.connected
    uplink = UplinkHealth(connected and (waiting is None or waiting <= WAITS_TOO_LONG), connected, waiting)
    return Health(all(b.ok for b in buses.values()) and journal.ok and uplink.ok, buses, journal, uplink)
