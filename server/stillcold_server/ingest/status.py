"""What a gateway says of itself, beside its gateway in the ledger."""

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import Connection, update

from stillcold_core.contract.messages import Status
from stillcold_server.store import schema


def note_heard(connection: Connection, gateways: Collection[str], now: int) -> None:
    """Keep that new batches of gateways came, each with its signature; ``now`` in ms."""
    g = schema.gateway
    if gateways:
        connection.execute(update(g).where(g.c.id.in_(gateways)).values(heard_at=now))


def note_status(connection: Connection, gateway: str, status: Status, now: int, longest: float = 60.0) -> None:
    """Keep the last status of a gateway in the ledger, and its last report; ``now`` in ms.

    Nobody has signed it, so it may shorten the time after which the gateway is silent, and not lengthen it beyond a
    heartbeat of ``longest`` (s).

    A last will has no report: what was said before it stays, since it is worth knowing then.
    """
    g = schema.gateway
    values: dict[str, Any] = {"status": status.state, "status_at": now, "heartbeat": min(status.heartbeat, longest)}
    if status.report:
        values["report"] = {"version": status.version, "since": status.since} | msgspec.to_builtins(status.report)
    connection.execute(update(g).where(g.c.id == gateway).values(values))
