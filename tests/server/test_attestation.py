"""The statement of a day: every moment of it is dead, live or unknown, from what is stored."""

from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, update

from stillcold_core.readings import Absence, Value
from stillcold_core.registry import Point, Registry
from stillcold_server.config import Config, Evidence
from stillcold_server.days import DAY
from stillcold_server.evidence.key import Signer
from stillcold_server.ingest.writer import Writer
from stillcold_server.jobs.each import SomeFailed
from stillcold_server.jobs.model import JobContext
from stillcold_server.metrics import Metrics
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from stillcold_server.verification.attestation import attest_day
from stillcold_server.verification.statements import Statement, days_between
from stillcold_server.verification.work import attest_lines
from support.gateway import DEAD, LIVE, SignedGateway
from support.sealing import BEGIN, HOUR, MINUTE, add_line, break_newest, office_key, show

THE_DAY = date(2027, 1, 15)
NOW = BEGIN + DAY + 2 * HOUR
AFTER: dict[str, Value] = {**DEAD, "active_energy_import": LIVE["active_energy_import"]}


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return office_key(tmp_path)


def stated(engine: Engine, signer: Signer, day: date = THE_DAY, now: int = NOW) -> Statement:
    with write(engine) as connection:
        made = attest_day(connection, signer, "f1", day, now)
    assert made is not None
    content = made.content
    assert sum(round(1000 * content[part]) for part in ("dead", "live", "unknown")) == made.end - made.begin == DAY
    assert sum(round(1000 * s) for s in content["causes"].values()) == round(1000 * content["unknown"])
    assert content["coverage"] == pytest.approx((content["dead"] + content["live"]) / 86400, abs=1e-6)
    return made


@pytest.mark.requirement("attestation.account")
def test_each_moment_counts_once_and_what_was_not_seen_is_unknown_with_its_cause(
    engine: Engine, plant: Registry, gateway: SignedGateway, signer: Signer
) -> None:
    """A run, a meter that does not answer, a gateway without power, and batches that have not come."""
    show(engine, gateway, BEGIN - 2 * HOUR, BEGIN + 3 * HOUR)
    show(engine, gateway, BEGIN + 3 * HOUR, BEGIN + 3 * HOUR + 20 * MINUTE, LIVE)
    show(engine, gateway, BEGIN + 3 * HOUR + 20 * MINUTE, BEGIN + 6 * HOUR, AFTER)
    silent: dict[str, Value] = dict.fromkeys(DEAD, Absence.TIMEOUT)
    show(engine, gateway, BEGIN + 6 * HOUR, BEGIN + 7 * HOUR, silent)
    show(engine, gateway, BEGIN + 7 * HOUR, BEGIN + 9 * HOUR, AFTER)
    show(engine, gateway, BEGIN + 11 * HOUR, BEGIN + 14 * HOUR, AFTER)  # nothing was recorded for two hours
    late = show(engine, gateway, BEGIN + 14 * HOUR, BEGIN + 17 * HOUR, AFTER, send=False)
    show(engine, gateway, BEGIN + 17 * HOUR, BEGIN + DAY + HOUR, AFTER)
    first = stated(engine, signer)
    content = first.content
    hours = {name: round(s / 3600, 2) for name, s in content["causes"].items()}
    assert hours == {"gateway_silent": 2.02, "no_batch": 3.02, "timeout": 1.0}
    assert content["live"] == pytest.approx(20 * 60, abs=60)
    assert content["largest_power"]["value"] == LIVE["active_power"]
    assert content["largest_current"]["value"] == LIVE["current_l2"]
    assert content["largest_current"]["time"] == "2027-01-14T19:00:00.000Z"
    (register,) = content["energy"]
    assert register["delta"] == 1000
    assert register["first"]["time"] == "2027-01-14T15:59:00.000Z"  # the last reading before midnight
    assert {f["kind"] for f in content["findings"]} >= {"restart.power", "restart.current"}

    Writer(engine, Metrics()).take([("gw-1", e) for e in late], NOW)
    second = stated(engine, signer)
    assert (second.version, second.content["supersedes"]) == (2, first.id)
    assert set(second.content["causes"]) == {"gateway_silent", "timeout"}
    assert stated(engine, signer, now=NOW + DAY) == second  # the same batches, the same statement
    with read(engine) as connection:
        assert days_between(connection, "f1", BEGIN, BEGIN) == [second]


@pytest.mark.requirement("attestation.unknown")
def test_a_day_without_a_sample_is_unknown_and_one_before_the_sealing_is_not_stated(
    engine: Engine, plant: Registry, gateway: SignedGateway, signer: Signer
) -> None:
    """A silent meter is not dead, and a register that has not moved meanwhile does not make it so."""
    show(engine, gateway, BEGIN - 4 * HOUR, BEGIN - 2 * HOUR - 30 * MINUTE)
    show(engine, gateway, BEGIN + DAY, BEGIN + DAY + 2 * HOUR)
    content = stated(engine, signer).content
    assert (content["dead"], content["live"], content["causes"]) == (0, 0, {"no_batch": 86400})
    with write(engine) as connection:
        assert attest_day(connection, signer, "f1", date(2025, 12, 31), NOW) is None
        assert attest_day(connection, signer, "mill", THE_DAY, NOW) is None
        assert attest_day(connection, signer, "f9", THE_DAY, NOW) is None
        assert attest_day(connection, signer, "f1", THE_DAY, BEGIN + DAY - 1) is None  # it is not over


@pytest.mark.requirement("attestation.unknown")
def test_one_point_of_two_that_is_silent_makes_the_line_unknown_unless_the_other_lives(
    engine: Engine, plant: Registry, gateway: SignedGateway, signer: Signer
) -> None:
    """And the day begins with the sealing."""
    sealed = replace(plant.line[0], sealed_at=plant.line[0].sealed_at.replace(2027, 1, 15, 2, 0))  # type: ignore[union-attr]
    with write(engine) as connection:
        import_registry(connection, Registry(line=(sealed,), point=(Point("p3", "f1", "incomer", "gw-1"),)))
    show(engine, gateway, BEGIN - 2 * HOUR, BEGIN + 16 * HOUR)
    show(engine, gateway, BEGIN + 16 * HOUR, BEGIN + 17 * HOUR, LIVE)
    show(engine, gateway, BEGIN + 17 * HOUR, BEGIN + 25 * HOUR, AFTER)
    show(engine, gateway, BEGIN - 2 * HOUR, BEGIN + 14 * HOUR, point="p3")
    content = stated(engine, signer).content
    assert content["causes"]["before_sealing"] == 10 * 3600
    assert content["dead"] == pytest.approx(4 * 3600, abs=120)
    assert content["live"] == pytest.approx(3600, abs=120)
    assert content["causes"]["no_batch"] == pytest.approx(9 * 3600, abs=240)


@pytest.mark.requirement("attestation.job")
def test_the_job_states_what_is_over_and_states_anew_what_was_late(
    engine: Engine, plant: Registry, gateway: SignedGateway, signer: Signer, tmp_path: Path
) -> None:
    """A day that was missed too; nothing where nothing has come, and without a key nothing at all."""
    every = 15 * MINUTE
    show(engine, gateway, BEGIN - DAY, BEGIN + 5 * HOUR, every=every)
    late = show(engine, gateway, BEGIN + 5 * HOUR, BEGIN + 9 * HOUR, every=every, send=False)
    show(engine, gateway, BEGIN + 9 * HOUR, BEGIN + DAY + 2 * HOUR, every=every)
    at = [NOW]
    assert "evidence roots" in attest_lines(JobContext(engine, Config(), lambda: at[0]), 0)
    config = Config(evidence=Evidence("example.org/stillcold", str(tmp_path / "evidence.key")))
    context = JobContext(engine, config, lambda: at[0])
    assert attest_lines(context, 0) == "stated 2 days of lines"
    at[0] += MINUTE
    assert attest_lines(context, 0) == "stated 0 days of lines"
    Writer(engine, Metrics()).take([("gw-1", e) for e in late], at[0])
    assert attest_lines(context, 0) == "stated 1 days of lines"
    with read(engine) as connection:
        found = days_between(connection, "f1", BEGIN - 40 * DAY, BEGIN + 2 * DAY)
    assert [(s.content["day"], s.version) for s in found] == [("2027-01-14", 1), ("2027-01-15", 2)]
    assert found[1].content["coverage"] == 1


@pytest.mark.requirement("jobs.each")
def test_a_line_whose_batch_is_broken_keeps_no_other_from_being_stated(
    engine: Engine, plant: Registry, gateway: SignedGateway, signer: Signer, tmp_path: Path
) -> None:
    """And is stated once it can be read again."""
    with write(engine) as connection:
        add_line(connection, plant, "f2")
    for point in ("p1", "p3"):
        show(engine, gateway, BEGIN, BEGIN + DAY, every=HOUR, point=point)
    with write(engine) as connection:
        broken, body = break_newest(connection)
    config = Config(evidence=Evidence("example.org/stillcold", str(tmp_path / "evidence.key")))
    context = JobContext(engine, config, lambda: NOW)
    with pytest.raises(SomeFailed, match=r"1 failed: f2 2027-01-15 \("):
        attest_lines(context, 0)
    with write(engine) as connection:
        assert [len(days_between(connection, line, BEGIN, BEGIN)) for line in ("f1", "f2")] == [1, 0]
    show(engine, gateway, BEGIN + MINUTE, BEGIN + 2 * MINUTE)
    with pytest.raises(SomeFailed, match="f2"):
        attest_lines(context, 0)
    with write(engine) as connection:
        assert [s.version for s in days_between(connection, "f1", BEGIN, BEGIN)] == [2], "what came late is stated"
        connection.execute(update(schema.batch).where(schema.batch.c.id == broken).values(body=body))
    assert attest_lines(JobContext(engine, config, lambda: NOW + MINUTE), 0) == "stated 1 days of lines"
