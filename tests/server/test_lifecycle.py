"""The life of an alert."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from stillcold_core.detect.findings import Finding
from stillcold_core.registry import Registry
from stillcold_server.alerts.lifecycle import NotAllowed, UnknownAlert, acknowledge, record, reset
from stillcold_server.store import schema
from stillcold_server.store.database import read, write

BOTH_DATABASES = True

FOUND = Finding("restart.power", "critical", "kc-017", "f1", "p1", 100.0, 106.0, "active_power 9 kW", {"limit": 7500.0})
SAID = Finding("quality.future", "info", "kc-017", "f1", "p1", 100.0, 106.0, "…", {})


def play(engine: Engine, finding: Finding, steps: Sequence[str]) -> Any:
    """Go through some transitions; the alert's row then."""
    with write(engine) as connection:
        for i, word in enumerate(steps):
            if word == "raise":
                record(connection, finding, i)
            elif word == "end":
                record(connection, _ended(finding), i)
            else:
                move = {"ack": acknowledge, "reset": reset}[word]
                move(connection, finding.id, actor="王", note="已到现场", now=i)
    with read(engine) as connection:
        return connection.execute(select(schema.alert)).one()


def _ended(f: Finding) -> Finding:
    return Finding(f.kind, f.severity, f.site, f.line, f.point, f.began, 200.0, f.reason, f.evidence, ended=190.0)


@pytest.mark.requirement("alert.states")
@pytest.mark.parametrize(
    ("finding", "steps", "state"),
    [
        (FOUND, ["raise"], "unacknowledged"),
        (FOUND, ["raise", "raise"], "unacknowledged"),
        (FOUND, ["raise", "ack"], "acknowledged"),
        (FOUND, ["raise", "end"], "returned"),
        (FOUND, ["end"], "returned"),
        (FOUND, ["raise", "end", "end"], "returned"),
        (FOUND, ["raise", "end", "ack"], "latched"),
        (FOUND, ["raise", "ack", "end"], "latched"),
        (FOUND, ["raise", "ack", "end", "reset"], "normal"),
        (SAID, ["raise", "ack", "end"], "normal"),
        (SAID, ["raise", "end", "ack"], "normal"),
    ],
)
def test_transitions_lead_where_isa_18_2_says(
    engine: Engine, plant: Registry, finding: Finding, steps: list[str], state: str
) -> None:
    assert play(engine, finding, steps).state == state


@pytest.mark.requirement("alert.latch.short-run")
def test_a_run_that_has_stopped_stays_until_somebody_has_looked(engine: Engine, plant: Registry) -> None:
    play(engine, FOUND, ["raise", "end"])
    with read(engine) as connection:
        assert connection.scalar(select(schema.incident.c.closed_at)) is None
    with write(engine) as connection:
        acknowledge(connection, FOUND.id, actor="王", note="", now=10)
        reset(connection, FOUND.id, actor="王", note="拍照取证", now=11)
        assert connection.scalar(select(schema.incident.c.closed_at)) == 11


@pytest.mark.parametrize(
    ("steps", "move", "reason"),
    [
        (["raise", "ack"], acknowledge, "already_acknowledged"),
        (["raise", "end", "ack"], acknowledge, "already_acknowledged"),
        (["raise"], reset, "not_acknowledged"),
        (["raise", "end"], reset, "not_acknowledged"),
        (["raise", "ack"], reset, "still_active"),
        (["raise", "ack", "end", "reset"], reset, "closed"),
        (["raise", "ack", "end", "reset"], acknowledge, "closed"),
    ],
)
def test_what_the_state_forbids_is_refused_by_name(
    engine: Engine, plant: Registry, steps: list[str], move: Any, reason: str
) -> None:
    before = play(engine, FOUND, steps)
    with pytest.raises(NotAllowed) as refused, write(engine) as connection:
        move(connection, FOUND.id, actor="王", note="", now=9)
    assert refused.value.reason == reason
    with read(engine) as connection:
        assert connection.execute(select(schema.alert)).one() == before


def test_an_alert_that_is_not_there_is_unknown(engine: Engine, plant: Registry) -> None:
    with pytest.raises(UnknownAlert), write(engine) as connection:
        acknowledge(connection, "nothing", actor="王", note="", now=0)


@pytest.mark.requirement("alert.journal")
def test_every_transition_is_journaled_with_actor_time_reason_and_note(engine: Engine, plant: Registry) -> None:
    play(engine, FOUND, ["raise", "ack", "end", "reset"])
    with read(engine) as connection:
        j = schema.alert_journal.c
        rows = connection.execute(select(j.transition, j.actor, j.at, j.reason, j.note).order_by(j.id)).all()
    assert [tuple(r) for r in rows] == [
        ("raise", "system", 0, "restart.power", "active_power 9 kW"),
        ("acknowledge", "王", 1, "officer", "已到现场"),
        ("end", "system", 2, "restart.power", "active_power 9 kW"),
        ("reset", "王", 3, "officer", "已到现场"),
    ]


@pytest.mark.requirement("alert.progress")
def test_progress_brings_reason_and_evidence_and_is_no_transition(engine: Engine, plant: Registry) -> None:
    first = Finding("furnace.induction", "critical", "kc-017", "mill", "p2", 100.0, 900.0, "1 heat", {"heats": 1.0})
    more = msgspec.structs.replace(first, detected=5000.0, reason="2 heats", evidence={"heats": 2.0})
    late = msgspec.structs.replace(more, reason="3 heats", evidence={"heats": 3.0})
    with write(engine) as connection:
        assert record(connection, first, 1) == first.id
        acknowledge(connection, first.id, actor="王", note="", now=2)
        assert record(connection, more, 3) is None
        assert record(connection, msgspec.structs.replace(more, ended=4000.0, reason="over", evidence={}), 4) is None
        assert record(connection, late, 5) is None  # after its end nothing follows
        row = connection.execute(select(schema.alert)).one()
        journal = connection.execute(select(schema.alert_journal.c.transition, schema.alert_journal.c.note)).all()
    assert (row.detected, row.reason, row.evidence, row.state) == (900_000, "2 heats", {"heats": 2.0}, "latched")
    assert [tuple(j) for j in journal] == [("raise", "1 heat"), ("acknowledge", ""), ("end", "over")]


@pytest.mark.requirement("alert.incident")
def test_kinds_of_every_detector_join_the_open_incident_of_their_line(engine: Engine, plant: Registry) -> None:
    kinds = ("furnace.induction", "tamper.ct", "restart.power")
    found = [
        Finding(k, "critical", "kc-017", line, "p2", 100.0, 106.0, "", {}) for line in ("mill", "f1") for k in kinds
    ]
    with write(engine) as connection:
        joined = [record(connection, f, 1) for f in found]
    assert joined == [found[0].id] * 3 + [found[3].id] * 3
