"""Detection over the store: followers, checkpoints, alerts, deliveries; and the same over files."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select

from stillcold_core.detect.findings import Finding
from stillcold_core.readings import Sample
from stillcold_core.registry import Registry, save_registry
from stillcold_server.alerts.pipeline import take
from stillcold_server.detection.live import Detection
from stillcold_server.detection.scan import scan_files
from stillcold_server.detection.subjects import Subject, Subjects, subjects_of
from stillcold_server.duty.escalation import page_by
from stillcold_server.followers import Follower, lag
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.store import schema
from stillcold_server.store.database import read
from support.gateway import DEAD, LIVE, SignedGateway, steady
from support.measurements import write_csv
from support.story import HOOK

NOW = 1_800_000_100_000
START = 1_800_000_000.0


def story(point: str = "p1") -> list[Sample]:
    """A dead line, a night restart of 40 s, a dead line."""
    return [
        *steady(DEAD, start=START, count=60, point=point),
        *steady(LIVE, start=START + 60, count=40, point=point),
        *steady(
            {**DEAD, "active_energy_import": LIVE["active_energy_import"]}, start=START + 100, count=120, point=point
        ),
    ]


def follow(engine: Engine) -> Follower:
    def found(connection: Connection, finding: Finding) -> None:
        take(connection, finding, NOW, page_by(HOOK))

    return Detection(engine, found).follower()


def send(engine: Engine, gateway: SignedGateway, samples: Sequence[Sample], size: int = 10) -> None:
    writer = Writer(engine, Metrics())
    envelopes = [gateway.batch(samples[i : i + size]) for i in range(0, len(samples), size)]
    writer.take([(gateway.name, e) for e in envelopes], NOW)


def alerts(engine: Engine) -> dict[str, tuple[str, str, int, int | None]]:
    with read(engine) as connection:
        rows = connection.execute(select(schema.alert)).all()
    return {r.kind: (r.incident, r.state, r.detected, r.ended) for r in rows}


@pytest.mark.requirement("detection.restart-to-alert")
def test_a_restart_becomes_one_incident_with_its_kinds(engine: Engine, plant: Registry, gateway: SignedGateway) -> None:
    send(engine, gateway, story())
    follow(engine).catch_up()
    found = alerts(engine)
    assert set(found) == {"restart.power", "restart.current", "restart.voltage"}
    assert {incident for incident, *_ in found.values()} == {"f1:p1:restart.power:20270115T080100.000Z"}
    assert found["restart.power"][1:] == ("returned", 1_800_000_065_000, 1_800_000_100_000)
    with read(engine) as connection:
        status = connection.execute(select(schema.line_status)).one()
        deliveries = connection.execute(select(schema.delivery.c.state, schema.delivery.c.detail)).all()
        held = connection.execute(
            select(schema.alert_journal.c.reason).where(schema.alert_journal.c.transition == "join")
        )
        assert held.scalars().all() == ["joined_incident"] * 2
    assert (status.line, status.condition, status.sampled_at) == ("f1", "dead", 1_800_000_219_000)
    assert (status.dead_s, status.live_s, status.unknown_s) == (pytest.approx(179), pytest.approx(40), 0)
    assert [tuple(d) for d in deliveries] == [("waiting", "")]


@pytest.mark.requirement("detection.crash-safe")
def test_a_crash_anywhere_gives_the_same_alerts_once(engine: Engine, plant: Registry, gateway: SignedGateway) -> None:
    """Every transaction fails once, half done; what is committed is what an undisturbed run gives."""
    send(engine, gateway, story(), size=7)

    struck: set[tuple[str, float | None]] = set()

    def found(connection: Connection, finding: Finding) -> None:
        take(connection, finding, NOW, page_by(HOOK))
        if (finding.id, finding.ended) not in struck:
            struck.add((finding.id, finding.ended))
            raise RuntimeError("power cut")

    disturbed = Detection(engine, found).follower()
    for _ in range(50):
        try:
            if not disturbed.catch_up():
                break
        except RuntimeError:
            continue
    with read(engine) as connection:
        assert lag(connection, "detection") == 0
        journal = connection.execute(select(schema.alert_journal.c.transition)).scalars().all()
        assert len(connection.execute(select(schema.delivery)).all()) == 1
    assert len(struck) == 6
    assert sorted(journal) == ["end"] * 3 + ["join"] * 2 + ["raise"] * 3
    assert set(alerts(engine)) == {"restart.power", "restart.current", "restart.voltage"}


def test_a_permitted_line_may_run(engine: Engine, plant: Registry, gateway: SignedGateway) -> None:
    send(engine, gateway, story("p2"))
    follow(engine).catch_up()
    assert alerts(engine) == {}


@pytest.mark.requirement("detection.permit")
def test_approved_activity_is_recorded_and_tells_nobody(
    engine: Engine, plant: Registry, gateway: SignedGateway
) -> None:
    permit = plant.permit[0].start.timestamp()
    moved = [Sample(s.point, s.time - START + permit + 3600, s.values) for s in story()]
    writer = Writer(engine, Metrics())
    writer.take([("gw-1", gateway.batch(moved))], round(permit * 1000) + 7_200_000)
    follow(engine).catch_up()
    assert [state for _, state, *_ in alerts(engine).values()] == ["normal"] * 3
    with read(engine) as connection:
        a = schema.alert.c
        held = connection.execute(select(a.stage, a.held_why, a.announced_at, a.paged_at)).all()
        assert {tuple(row) for row in held} == {("suppress", "permit", None, None)}
        assert connection.execute(select(schema.delivery)).all() == []
        assert connection.scalar(select(schema.incident.c.closed_at)) is not None


@pytest.mark.requirement("detection.permit.overrun")
@pytest.mark.parametrize("size", [1, 60])
def test_what_goes_on_after_its_permit_is_told_live_and_over_files(
    engine: Engine, plant: Registry, gateway: SignedGateway, tmp_path: Path, size: int
) -> None:
    """A run that begins in the approved day and lasts for two hours more; one in time is settled."""
    end = plant.permit[0].end.timestamp()
    stream = [*runs(end - 20 * 3600, end - 19 * 3600), *runs(end - 3600, end + 7200)]
    writer, now = Writer(engine, Metrics()), round(1000 * (end + 4 * 3600))
    writer.take([("gw-1", gateway.batch(stream[i : i + size])) for i in range(0, len(stream), size)], now)
    follow(engine).catch_up()
    with read(engine) as connection:
        rows = connection.execute(select(schema.alert).where(schema.alert.c.began >= 1000 * end)).all()
        waiting = select(schema.delivery.c.alert).where(schema.delivery.c.state == "waiting")
        told = set(connection.scalars(waiting))
    begun = "20270302T000000.000Z"
    assert {r.id for r in rows} == {f"f1:p1:restart.{k}:{begun}" for k in ("power", "current", "voltage", "energy")}
    assert all(r.ended is not None and "approved until" in r.reason for r in rows)
    assert len(told) == 1  # the others joined
    scan_files(plant, [write_csv(tmp_path / "m.csv", stream, DEAD)], tmp_path / "alerts.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    live = {r.id: (r.reason, r.evidence, r.detected / 1000, r.ended / 1000) for r in rows}
    times = [[datetime.fromisoformat(a[at]).timestamp() for at in ("detected", "ended")] for a in lines]
    assert {a["id"]: (a["reason"], a["evidence"], *t) for a, t in zip(lines, times, strict=True)} == live


def runs(begin: float, end: float) -> list[Sample]:
    """A line that is dead for half an hour, runs, and is dead for an hour, read once a minute."""
    energy, out = 5_009_660_000.0, []
    for i in range(round((end - begin) / 60) + 90):
        at = begin - 1800 + 60 * i
        on = begin <= at < end
        energy += 10_000.0 if on else 0.0
        out.append(Sample("p1", at, {**(LIVE if on else DEAD), "active_energy_import": energy + begin - 1.8e9}, at))
    return out


@pytest.mark.requirement("ingest.bound-points")
def test_a_gateway_speaks_only_for_its_own_points(engine: Engine, plant: Registry, gateway: SignedGateway) -> None:
    send(engine, gateway, story("p9"))
    follow(engine).catch_up()
    with read(engine) as connection:
        counted = connection.execute(select(schema.refusal.c.reason, schema.refusal.c.count)).all()
    assert [tuple(c) for c in counted] == [("unbound_point", 22)]
    assert alerts(engine) == {}


def test_what_a_detector_fails_on_is_counted(
    engine: Engine, plant: Registry, gateway: SignedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> tuple[object, list[Finding]]:
        raise ZeroDivisionError

    def with_broken(registry: Registry) -> Subjects:
        watching = subjects_of(registry)
        subject = Subject(replace(watching["p1"][0].detector, name="broken", advance=broken), "f1", None)
        return {**watching, "p1": (*watching["p1"], subject)}

    monkeypatch.setattr("stillcold_server.detection.live.subjects_of", with_broken)
    send(engine, gateway, story())
    follow(engine).catch_up()
    with read(engine) as connection:
        counted = connection.execute(select(schema.refusal.c.reason, schema.refusal.c.count)).all()
    assert [tuple(c) for c in counted] == [("detector_failed", 22)]
    assert "restart.power" in alerts(engine)


def test_samples_from_the_future_are_not_judged(engine: Engine, plant: Registry, gateway: SignedGateway) -> None:
    send(engine, gateway, [Sample("p1", s.time + 10 * 86400, s.values) for s in story()])
    send(engine, gateway, story())
    follow(engine).catch_up()
    assert set(alerts(engine)) == {"restart.power", "restart.current", "restart.voltage"}


@pytest.mark.requirement("detection.scan-is-live")
def test_scan_finds_over_files_what_live_finds(
    engine: Engine, plant: Registry, gateway: SignedGateway, tmp_path: Path
) -> None:
    send(engine, gateway, story())
    follow(engine).catch_up()
    save_registry(plant, tmp_path / "registry.toml")
    count = scan_files(plant, [write_csv(tmp_path / "m.csv", story(), DEAD)], tmp_path / "alerts.jsonl").alerts
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    with read(engine) as connection:
        live = {r.id: (r.kind, r.reason, r.evidence) for r in connection.execute(select(schema.alert))}
    assert count == len(lines) == 3
    assert {a["id"]: (a["kind"], a["reason"], a["evidence"]) for a in lines} == live
    assert lines[0]["began"] == "2027-01-15T08:01:00.000Z"
    assert lines[0]["ended"] == "2027-01-15T08:01:40.000Z"


@pytest.mark.requirement("detection.permit")
def test_a_scan_writes_nothing_that_a_permit_covers(plant: Registry, tmp_path: Path) -> None:
    start = plant.permit[0].start.timestamp()
    moved = [Sample(s.point, s.time - START + start + 3600, s.values) for s in story()]
    assert scan_files(plant, [write_csv(tmp_path / "m.csv", moved, DEAD)], tmp_path / "alerts.jsonl").alerts == 0
