"""Gateways that have fallen silent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, select

from stillcold_core.detect.findings import Finding, iso
from stillcold_server.alerts.lifecycle import going_on
from stillcold_server.registry.places import Place, places_of_gateways
from stillcold_server.store.schema import gateway

KIND = "silence.gateway"
MISSED = 2.5
"""Heartbeats without a word after which a gateway is silent: looked for every 15 s, that is told within three."""
MISSED_OFFLINE = 1.0
"""The same after its last will, or its own word, said that it is offline: whoever reconnects does so within one."""
MUTE = 1.5
"""Heartbeats after which it may be part of an outage."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A gateway that is believed and that was heard once.

    Attributes
    ----------
    id : str
    place : Place
        What its silence stands at.
    heard : int
        ms; when its last signed batch came. What it says of itself is not signed, and proves no life.
    heartbeat : float
        s
    offline : bool
        Whether it was said to be.
    quiet : float
        s without a word while somebody listened.
    """

    id: str
    place: Place
    heard: int
    heartbeat: float
    offline: bool
    quiet: float

    @property
    def silent(self) -> bool:
        """Whether that is too long."""
        return self.quiet > (MISSED_OFFLINE if self.offline else MISSED) * self.heartbeat

    @property
    def mute(self) -> bool:
        """Whether it may become silent."""
        return self.offline or self.quiet > MUTE * self.heartbeat


def heard_gateways(connection: Connection, since: int, now: int) -> list[Heard]:
    """The gateways that a silence can be told of.

    Parameters
    ----------
    since : int
        ms; since when somebody has listened.
    now : int
        ms
    """
    g = gateway.c
    believed = select(g.id, g.heard_at, g.status, g.heartbeat).where(g.public_key != "", g.heard_at.is_not(None))
    places = places_of_gateways(connection)
    return [
        Heard(
            row.id, places[row.id], row.heard_at, row.heartbeat, row.status == "offline",
            # Heard in the future: before the clock was set back.
            (now - (since if row.heard_at > now else max(row.heard_at, since))) / 1000,
        )
        for row in connection.execute(believed.order_by(g.id))
        if row.id in places
    ]  # fmt: skip


def silences(connection: Connection, gateways: Sequence[Heard], now: int) -> Iterator[Finding]:
    """What began and what is over; ``now`` in ms. A gateway that is believed no longer is not silent, but gone."""
    by_id = {g.id: g for g in gateways}
    open_ = _open(connection)
    for gateway_id, finding in open_.items():
        known = by_id.get(gateway_id)
        if known is None or (not known.silent and known.heard > finding.began * 1000):
            ended = now if known is None else known.heard
            yield msgspec.structs.replace(finding, ended=ended / 1000)
    for one in gateways:
        if one.silent and one.id not in open_:
            yield _silent(one, now)


def _open(connection: Connection) -> Mapping[str, Finding]:
    return {str(f.evidence["gateway"]): f for f in going_on(connection) if f.kind == KIND}


def _silent(one: Heard, now: int) -> Finding:
    said = "said to be offline" if one.offline else f"should be heard every {one.heartbeat:g} s"
    reason = f"nothing heard of {one.id} since {iso(one.heard / 1000)}; {said}"
    evidence: dict[str, float | str] = {"gateway": one.id, "heartbeat": one.heartbeat, "quiet": one.quiet}
    place = one.place
    return Finding(KIND, "warning", place.site, place.line, place.point, one.heard / 1000, now / 1000, reason, evidence)
