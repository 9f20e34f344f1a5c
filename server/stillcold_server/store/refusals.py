"""Messages and samples that were not taken, counted under a named reason."""

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import Connection, update

from stillcold_server.store.schema import refusal

REASONS = (
    "too_large",
    "not_cose",
    "algorithm",
    "content_type",
    "unknown_key",
    "revoked",
    "signature",
    "malformed",
    "wrong_gateway",
    "fork",
    "unbound_point",
    "future",
    "detector_failed",
)
"""``unbound_point``: samples for a point that is not bound to the gateway that sent them; ``future``: samples stamped
more than a day after they came; ``detector_failed``: samples that one detector could not judge and the others did. All
are stored as they were signed."""
STRANGER = "?"
"""Stands for every gateway that is not in the registry, so that no stranger can fill the table with names."""


def count_refusals(connection: Connection, refused: Iterable[tuple[str, str]], now: int) -> None:
    """Add (reason, gateway) pairs to the counters."""
    for (reason, gateway), count in Counter(refused).items():
        same = (refusal.c.reason == reason) & (refusal.c.gateway == gateway)
        values = {"count": refusal.c.count + count, "last_at": now}
        if connection.execute(update(refusal).where(same).values(values)).rowcount == 0:
            row = {"reason": reason, "gateway": gateway, "count": count, "last_at": now}
            connection.execute(refusal.insert(), row)
