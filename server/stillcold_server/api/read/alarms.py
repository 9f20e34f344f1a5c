"""The stages of the pipeline with what they have held back, and what is out of service."""

from collections import Counter

from sqlalchemy import Connection, func, select

from stillcold_server.alerts.pipeline import HIDES
from stillcold_server.alerts.stages import STAGES, Stage
from stillcold_server.api.models.alerts import AlertStage, StageCount, Unserviced
from stillcold_server.people.scope import Scope
from stillcold_server.store import schema

Counts = Counter[tuple[str, str]]


def list_stages(connection: Connection, since: int, scope: Scope) -> list[AlertStage]:
    """Every stage in order; what it has held back from ``since`` (ms) on, and what it hides now."""
    hidden, lately = _hidden(connection, scope), _journaled(connection, since, scope)
    return [
        AlertStage(
            name=stage.name,
            flag=stage.flag,
            held=[
                StageCount(reason=reason, now=hidden[stage.name, reason], lately=lately[_transition(stage), reason])
                for reason in stage.reasons
            ],
        )
        for stage in STAGES
    ]


def list_unserviced(connection: Connection, now: int, scope: Scope) -> list[Unserviced]:
    """What is out of service at ``now`` (ms), the oldest first."""
    t = schema.out_of_service
    shown = t.c.ended_at.is_(None) & (t.c.until > now) & scope.line(t.c.line)
    rows = connection.execute(select(t).where(shown).order_by(t.c.id))
    return [Unserviced(number=row.id, **row._mapping) for row in rows]


def is_entry(connection: Connection, number: int, scope: Scope) -> bool:
    """Whether something was taken out of service under a number."""
    t = schema.out_of_service.c
    return connection.execute(select(t.id).where(t.id == number, scope.line(t.line))).first() is not None


def _transition(stage: Stage) -> str:
    return stage.name if stage.flag is None else HIDES[stage.flag]


def _hidden(connection: Connection, scope: Scope) -> Counts:
    a = schema.alert.c
    query = select(a.stage, a.held_why, func.count()).where(a.stage != "", a.state != "normal", scope.site(a.site))
    return Counter({(stage, why): n for stage, why, n in connection.execute(query.group_by(a.stage, a.held_why))})


def _journaled(connection: Connection, since: int, scope: Scope) -> Counts:
    j = schema.alert_journal.c
    names = {_transition(stage) for stage in STAGES}
    query = select(j.transition, j.reason, func.count()).where(
        j.at >= since, j.transition.in_(names), scope.alert(j.alert)
    )
    return Counter({(step, why): n for step, why, n in connection.execute(query.group_by(j.transition, j.reason))})
