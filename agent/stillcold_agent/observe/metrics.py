"""The metrics of one gateway; docs/agent-metrics.md says what each means and when to be alarmed."""

from collections.abc import Callable, Iterator
from typing import Literal

import stillcold_agent
from stillcold_agent.boot import ClockState
from stillcold_agent.counts import REASONS
from stillcold_agent.journal.stats import JournalStats
from stillcold_agent.modbus.stats import BusStats
from stillcold_agent.observe.exposition import Family, Reading
from stillcold_agent.observe.progress import BusView, MeterView
from stillcold_agent.observe.snapshot import Snapshot

Value = float | None
Kind = Literal["counter", "gauge"]
_PREFIX = "stillcold_agent_"


def _agent(name: str, kind: Kind, told: str, value: Callable[[Snapshot], Value]) -> Family[Snapshot]:
    return Family(_PREFIX + name, kind, told, lambda s: [({}, value(s))])


def _bus(name: str, kind: Kind, told: str, value: Callable[[BusStats], Value]) -> Family[Snapshot]:
    return Family(_PREFIX + name, kind, told, lambda s: [({"bus": b.bus}, value(b)) for b, _ in s.buses])


def _way(name: str, told: str, value: Callable[[BusView, Snapshot], Value]) -> Family[Snapshot]:
    return Family(_PREFIX + name, "gauge", told, lambda s: [({"bus": v.bus}, value(v, s)) for _, v in s.buses])


def _meter(name: str, told: str, value: Callable[[MeterView], Value]) -> Family[Snapshot]:
    return Family(_PREFIX + name, "gauge", told, lambda s: [(_labels(m), value(m)) for m in s.meters])


def _journal(name: str, told: str, value: Callable[[JournalStats], Value]) -> Family[Snapshot]:
    return Family(_PREFIX + name, "gauge", told, lambda s: [({}, value(s.journal))] if s.journal else [])


def _clock(name: str, told: str, value: Callable[[ClockState], Value]) -> Family[Snapshot]:
    return Family(_PREFIX + name, "gauge", told, lambda s: [({}, value(s.clock))] if s.clock.synced else [])


def _labels(meter: MeterView) -> dict[str, str]:
    return {"bus": meter.bus, "unit": str(meter.unit), "point": meter.point}


def _version(_: Snapshot) -> list[Reading]:
    return [({"version": stillcold_agent.__version__}, 1)]


def _troubles(snapshot: Snapshot) -> Iterator[Reading]:
    """Every reason from the start, so that the first one is seen as an increase."""
    for reason in sorted({*REASONS, *snapshot.counts}):
        yield {"reason": reason}, snapshot.counts.get(reason, 0)


FAMILIES: tuple[Family[Snapshot], ...] = (
    Family(f"{_PREFIX}build_info", "gauge", "Always 1; the version is a label.", _version),
    _agent("start_time_seconds", "gauge", "When the agent started, UTC since 1970.", lambda s: s.started),
    _agent("cpu_seconds_total", "counter", "Processor time used.", lambda s: s.cpu),
    _agent("resident_memory_bytes", "gauge", "Memory in use.", lambda s: s.memory),
    _agent("written_bytes_total", "counter", "What was caused to be written to storage.", lambda s: s.written),
    Family(f"{_PREFIX}troubles_total", "counter", "What was dropped, refused or missed, by reason.", _troubles),
    _way("bus_connected", "Whether the bus is connected.", lambda v, _: v.connected),
    _way("bus_stuck", "Whether no reading has ended for too long.", lambda v, s: v.stuck(s.monotonic)),
    _bus("bus_requests_total", "counter", "Requests sent.", lambda b: b.requests),
    _bus("bus_timeouts_total", "counter", "Requests that nobody answered in time.", lambda b: b.timeouts),
    _bus("bus_exceptions_total", "counter", "Requests answered with a Modbus exception.", lambda b: b.exceptions),
    _bus("bus_bad_replies_total", "counter", "Answers with a wrong checksum, unit or length.", lambda b: b.bad_replies),
    _bus("bus_reconnects_total", "counter", "Connections made after the first.", lambda b: b.reconnects),
    _bus("bus_busy_seconds_total", "counter", "Time spent on requests, waiting included.", lambda b: b.busy),
    _bus("bus_breakers_open", "gauge", "Meters that did not answer when asked last.", lambda b: b.breakers_open),
    _bus("bus_lateness_seconds", "gauge", "How late the last reading began.", lambda b: b.lateness_last),
    _bus("bus_lateness_max_seconds", "gauge", "How late any reading began so far.", lambda b: b.lateness_max),
    _meter("meter_up", "Whether the last reading had a number.", lambda m: m.answers),
    _meter("meter_breaker_open", "Whether it is left alone since it did not answer.", lambda m: m.resting),
    _meter("meter_answered_timestamp_seconds", "Its last reading with a number, UTC since 1970.", lambda m: m.answered),
    _agent("journal_up", "gauge", "Whether the journal can be read.", lambda s: s.journal is not None),
    _journal("journal_batches", "Batches that wait for the server.", lambda j: j.depth),
    _journal("journal_bytes", "Size of the batches that wait.", lambda j: j.bytes),
    _journal("journal_kept_bytes", "Size of those kept though the server has or refused them.", lambda j: j.kept_bytes),
    _agent("journal_oldest_age_seconds", "gauge", "How long the oldest batch has waited.", lambda s: s.waiting_for),
    _journal("acknowledgement_lag_seconds", "From writing the last acknowledged batch to that.", lambda j: j.ack_lag),
    _agent("uplink_connected", "gauge", "Whether the broker is connected.", lambda s: s.uplink.connected),
    _agent("uplink_disconnects_total", "counter", "Connections that were lost.", lambda s: s.uplink.disconnects),
    _agent("uplink_batches_total", "counter", "Batches published, repeated ones too.", lambda s: s.uplink.published),
    _agent("uplink_bytes_total", "counter", "Bytes of the batches published.", lambda s: s.uplink.published_bytes),
    _agent("clock_synchronised", "gauge", "Whether a time service keeps the clock.", lambda s: s.clock.synced),
    _clock("clock_offset_seconds", "What the kernel has still to correct.", lambda c: c.offset),
    _clock("clock_error_seconds", "What the clock may be wrong by at most.", lambda c: c.error),
)
"""Each name once, in the order of the exposition."""
