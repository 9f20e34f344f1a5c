"""How the server is."""

from importlib.metadata import version

from sqlalchemy import Connection, func, select

from stillcold_server.api.models.health import ChainNote, Follower, Health, Listener, Refusal
from stillcold_server.api.read.lines import list_gateways
from stillcold_server.followers import lag
from stillcold_server.jobs.runs import failing
from stillcold_server.people.scope import Scope
from stillcold_server.silence.listening import FRESH_MS
from stillcold_server.store import schema

_ALWAYS = ("detection", "rollup")
_MOST_NOTES = 100


def load_health(connection: Connection, now: int, scope: Scope) -> Health:
    """Everything that an operator must see at a glance; ``now`` in ms."""
    return Health(
        database="ok",
        version=version("stillcold-server"),
        now=now,
        listeners=_listeners(connection, now),
        followers=[Follower(name=name, behind=behind) for name, behind in lags(connection).items()],
        gateways=list_gateways(connection, scope),
        refusals=_refusals(connection, scope),
        chain_notes=_chain_notes(connection, scope),
        deliveries_waiting=_deliveries(connection, "waiting"),
        deliveries_failed=_deliveries(connection, "failed"),
        jobs_failing=failing(connection),
    )


def lags(connection: Connection) -> dict[str, int]:
    """Stored batches that each follower has still to do."""
    names = {*_ALWAYS, *connection.scalars(select(schema.cursor.c.name))}
    return {name: lag(connection, name) for name in sorted(names)}


def _listeners(connection: Connection, now: int) -> list[Listener]:
    t = schema.listener
    rows = connection.execute(select(t).order_by(t.c.server))
    return [Listener(**row._mapping, listens=row.seen > now - FRESH_MS) for row in rows]


def _refusals(connection: Connection, scope: Scope) -> list[Refusal]:
    t = schema.refusal
    rows = connection.execute(select(t).where(scope.gateway(t.c.gateway)).order_by(t.c.reason, t.c.gateway))
    return [Refusal(**row._mapping) for row in rows]


def _chain_notes(connection: Connection, scope: Scope) -> list[ChainNote]:
    t = schema.chain_note
    shown = t.c.closed_at.is_(None) & scope.gateway(t.c.gateway)
    rows = connection.execute(select(t).where(shown).order_by(t.c.id.desc()).limit(_MOST_NOTES))
    return [
        ChainNote(
            gateway=row.gateway, epoch=row.epoch.hex(), kind=row.kind, sequence=row.sequence, until=row.until,
            detail=row.detail, noted_at=row.noted_at,
        )
        for row in rows
    ]  # fmt: skip


def _deliveries(connection: Connection, state: str) -> int:
    d = schema.delivery
    return connection.scalar(select(func.count()).select_from(d).where(d.c.state == state)) or 0
