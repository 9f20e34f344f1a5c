"""The keys that gateways sign with, and who says so."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from stillcold_server.store import schema


def keys_of(connection: Connection, gateways: Sequence[str]) -> list[tuple[str, str]]:
    """Gateway and public key, of every key that the server knows."""
    g = schema.gateway.c
    rows = connection.execute(select(g.id, g.public_key).where(g.id.in_(gateways)).order_by(g.id))
    return [(row.id, row.public_key) for row in rows]
