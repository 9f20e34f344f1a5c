"""Power cut-off verification: what the stored batches prove, stated and signed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from stillcold_core.detect.deadline import DeadLineLimits
from stillcold_core.evidence.bundle.cli import main as verify
from stillcold_core.evidence.bundle.trust import trust_text
from stillcold_core.evidence.envelope import digest
from stillcold_core.readings import Absence, Value
from stillcold_core.registry import Point, Registry
from stillcold_server.config import Config, Evidence
from stillcold_server.evidence.key import Signer
from stillcold_server.ingest.writer import Writer
from stillcold_server.jobs.each import SomeFailed
from stillcold_server.jobs.model import JobContext
from stillcold_server.metrics import Metrics
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store.database import open_database, read, write
from stillcold_server.verification import procedure
from stillcold_server.verification.standing import passed
from stillcold_server.verification.statements import Statement, newest
from stillcold_server.verification.work import decide_observations
from support.gateway import DEAD, LIVE, SignedGateway
from support.sealing import BEGIN, EXPONENTS, HOUR, MINUTE, add_line, break_newest, office_key, show

END = BEGIN + 30 * MINUTE
LIMITS = DeadLineLimits(750e3)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return office_key(tmp_path)


@pytest.fixture
def gateway() -> SignedGateway:
    """With water and contacts among its readings."""
    return SignedGateway(exponents=EXPONENTS)


def observed(engine: Engine, behind_cut: list[str] | None = None, begin: int = BEGIN) -> int:
    with write(engine) as connection:
        return procedure.start(connection, "f1", 30, behind_cut, "inspector", begin)


def decided(engine: Engine, signer: Signer, number: int, now: int = END + procedure.WAIT) -> Statement:
    with write(engine) as connection:
        return procedure.decide(connection, signer, number, "inspector", now)


def conditions(statement: Statement) -> dict[str, dict[str, Any]]:
    return {c["condition"]: c for c in statement.content["conditions"]}


def outcomes(statement: Statement) -> dict[str, str]:
    return {name: c["result"] for name, c in conditions(statement).items()}


@pytest.mark.requirement("verification.passed")
def test_a_line_that_is_dead_passes_with_the_worst_reading_and_its_batch(
    engine: Engine, plant: Registry, gateway: SignedGateway, signer: Signer
) -> None:
    """Which is the one in the middle; the certificate names the signed batch that holds it."""
    number = observed(engine)
    show(engine, gateway, BEGIN, BEGIN + 10 * MINUTE)
    (middle,) = show(engine, gateway, BEGIN + 10 * MINUTE, BEGIN + 11 * MINUTE, {**DEAD, "current_l2": 9.5})
    show(engine, gateway, BEGIN + 11 * MINUTE, END + MINUTE)
    with read(engine) as connection:
        assert passed(connection, "f1") is None
    made = decided(engine, signer, number, END + 1)
    assert made.content["result"] == made.result == "passed"
    assert outcomes(made) == {
        "voltage": "passed", "current": "passed", "power": "passed", "energy": "passed",
        "water": "not_applicable", "contacts": "not_applicable",
    }  # fmt: skip
    found = conditions(made)
    assert found["current"]["limit"] == pytest.approx(2.5 * LIMITS.current)  # a current without power is noise
    assert found["current"]["worst"]["value"] == 9.5
    assert found["current"]["worst"]["time"] == "2027-01-14T16:10:00.000Z"
    assert found["current"]["worst"]["batch"] == {
        "gateway": "gw-1", "epoch": gateway.epoch.hex(), "sequence": 2, "sha256": digest(middle).hex(),
    }  # fmt: skip
    assert found["voltage"]["limit"] == pytest.approx(22.0)
    (point,) = made.content["points"]
    assert (point["samples"], point["journals"][0]["batches"], point["behind_cut"]) == (31, 3, True)
    with read(engine) as connection:
        assert passed(connection, "f1") == made.id


SHOWN: list[tuple[Mapping[str, Value], str, str, dict[str, Any]]] = [
    ({"voltage_l3": 22.1}, "voltage", "failed", {"value": 22.1}),
    ({"current_l1": -30.0}, "current", "failed", {"value": 30.0}),
    ({"active_power": 7600.0}, "power", "failed", {"value": 7600.0}),
    ({"active_energy_import": DEAD["active_energy_import"] + 20_000}, "energy", "failed", {"value": 5_009_680_000}),  # type: ignore[operator]
    ({"active_energy_import": DEAD["active_energy_import"] - 20_000}, "energy", "failed", {"value": 5_009_640_000}),  # type: ignore[operator]
    ({"seal_closed": 0.0}, "contacts", "failed", {"value": 0}),
    ({"voltage_l3": 22.0}, "voltage", "passed", {"value": 22}),
]


@pytest.mark.requirement("verification.failed")
def test_one_reading_above_its_limit_fails_the_condition_that_it_belongs_to(
    engine: Engine, plant: Registry, gateway: SignedGateway, signer: Signer
) -> None:
    """And names it; what equals its limit has not passed it."""
    dead = {**DEAD, "seal_closed": 1.0}
    for i, (shown, condition, expected, worst) in enumerate(SHOWN):
        begin = BEGIN + i * HOUR
        number, end = observed(engine, begin=begin), begin + 30 * MINUTE
        show(engine, gateway, begin, begin + 10 * MINUTE, dead)
        show(engine, gateway, begin + 10 * MINUTE, begin + 11 * MINUTE, {**dead, **shown})
        show(engine, gateway, begin + 11 * MINUTE, end + MINUTE, dead)
        made = decided(engine, signer, number, end + MINUTE)
        assert made.result == expected, shown
        failed = {name for name, result in outcomes(made).items() if result == "failed"}
        assert failed == ({condition} if expected == "failed" else set()), shown
        reading = conditions(made)[condition]["worst"]
        assert worst.items() <= reading.items()
        assert reading["time"][11:16] == f"{(16 + i) % 24:02}:10"
        with read(engine) as connection:
            assert passed(connection, "f1") == (made.id if expected == "passed" else None)


@pytest.mark.requirement("verification.failed")
def test_a_meter_in_front_of_the_cut_may_show_voltage(
    engine: Engine, plant: Registry, gateway: SignedGateway, signer: Signer
) -> None:
    """Where the inspector has said that it lies there."""
    number = observed(engine, [])
    show(engine, gateway, BEGIN, END + MINUTE, {**DEAD, "voltage_l1": 230.0})
    made = decided(engine, signer, number)
    assert (made.result, conditions(made)["voltage"]["why"]) == ("passed", "in_front_of_the_cut")


@pytest.mark.requirement("verification.failed")
def test_water_that_runs_fails_where_the_water_was_cut(
    engine: Engine, plant: Registry, gateway: SignedGateway, signer: Signer
) -> None:
    """By its register, m³."""
    line = replace(plant.line[0], measures=("power_cut", "water_cut"))
    water = Point("w1", "f1", "water", "gw-1")
    with write(engine) as connection:
        import_registry(connection, Registry(line=(line,), point=(water,)))
    number = observed(engine)
    show(engine, gateway, BEGIN, END + MINUTE)
    show(engine, gateway, BEGIN, BEGIN + 20 * MINUTE, {"water_volume": 812.0}, point="w1")
    show(engine, gateway, BEGIN + 20 * MINUTE, END + MINUTE, {"water_volume": 812.4}, point="w1")
    made = decided(engine, signer, number)
    assert {n for n, r in outcomes(made).items() if r == "failed"} == {"water"}
    found = conditions(made)["water"]
    assert (found["first"]["value"], found["worst"]["value"], found["unit"]) == (812, 812.4, "m³")
    assert found["limit"] == pytest.approx(0.25)  # 0.1 m³, a step of 100 l, and half an hour of 0.1 m³/h


@pytest.mark.requirement("verification.incomplete")
def test_missing_readings_make_it_incomplete_and_late_ones_are_taken_up(
    engine: Engine, plant: Registry, gateway: SignedGateway, signer: Signer
) -> None:
    """With the cause; a statement that was made before stays, and the new one supersedes it."""
    number = observed(engine)
    show(engine, gateway, BEGIN, BEGIN + 10 * MINUTE)
    late = show(engine, gateway, BEGIN + 10 * MINUTE, BEGIN + 20 * MINUTE, send=False)
    show(engine, gateway, BEGIN + 20 * MINUTE, BEGIN + 25 * MINUTE)
    silent: dict[str, Value] = dict.fromkeys(DEAD, Absence.TIMEOUT)
    show(engine, gateway, BEGIN + 25 * MINUTE, END + MINUTE, silent)
    first = decided(engine, signer, number)
    assert first.result == "incomplete"
    missing = conditions(first)["current"]["missing"]
    assert missing == [
        {"point": "p1", "cause": "no_sample", "seconds": 660},
        {"point": "p1", "cause": "timeout", "seconds": 360},
    ]

    Writer(engine, Metrics()).take([("gw-1", e) for e in late], END)
    second = decided(engine, signer, number)
    assert (second.version, second.content["supersedes"], second.result) == (2, first.id, "incomplete")
    assert conditions(second)["current"]["missing"] == [{"point": "p1", "cause": "timeout", "seconds": 360}]
    assert decided(engine, signer, number).id == second.id  # nothing new: the same statement
    with read(engine) as connection:
        assert passed(connection, "f1") is None
        assert newest(connection, "sealing", "f1", BEGIN) == second


@pytest.mark.requirement("verification.incomplete")
def test_a_line_of_which_nothing_came_is_incomplete_never_passed(
    engine: Engine, plant: Registry, signer: Signer
) -> None:
    """After the wait only; before, it is not decided."""
    number = observed(engine)
    with pytest.raises(procedure.Refused, match="is observed until 2027-01-14T16:30"):
        decided(engine, signer, number, END + procedure.WAIT - 1)
    made = decided(engine, signer, number)
    assert made.result == "incomplete"
    assert outcomes(made)["current"] == outcomes(made)["energy"] == outcomes(made)["voltage"] == "incomplete"


@pytest.mark.requirement("verification.restart")
def test_a_server_that_starts_anew_in_the_middle_changes_nothing(
    engine: Engine, plant: Registry, gateway: SignedGateway, signer: Signer, tmp_path: Path
) -> None:
    """The job of another process decides it, once, from what is stored."""
    observed(engine)
    show(engine, gateway, BEGIN, BEGIN + 10 * MINUTE)
    url = str(engine.url)
    engine.dispose()
    again = open_database(url)
    show(again, gateway, BEGIN + 10 * MINUTE, END + MINUTE)
    config = Config(evidence=Evidence("example.org/stillcold", str(tmp_path / "evidence.key")))
    at = [END - 1]
    context = JobContext(again, config, lambda: at[0])
    assert decide_observations(context, 0) == "decided 0 observations"
    at[0] = END
    assert decide_observations(context, 0) == "decided 1 observations"
    assert decide_observations(context, 0) == "decided 0 observations"
    with read(again) as connection:
        assert passed(connection, "f1") == "f1:sealing:20270114T160000Z:1"
    again.dispose()


@pytest.mark.requirement("jobs.each")
def test_an_observation_whose_batch_is_broken_keeps_no_other_from_being_decided(
    engine: Engine, plant: Registry, gateway: SignedGateway, signer: Signer, tmp_path: Path
) -> None:
    with write(engine) as connection:
        add_line(connection, plant, "a1")
        procedure.start(connection, "a1", 30, None, "inspector", BEGIN)
    observed(engine)
    for point in ("p1", "p3"):
        show(engine, gateway, BEGIN, END + MINUTE, point=point)
    with write(engine) as connection:
        break_newest(connection)
    config = Config(evidence=Evidence("example.org/stillcold", str(tmp_path / "evidence.key")))
    with pytest.raises(SomeFailed, match=r"1 failed: a1 1 \("):
        decide_observations(JobContext(engine, config, lambda: END + procedure.WAIT), 0)
    with read(engine) as connection:
        assert passed(connection, "f1") == "f1:sealing:20270114T160000Z:1"


@pytest.mark.requirement("verification.refused")
def test_what_cannot_be_observed_is_refused_by_name(engine: Engine, plant: Registry, signer: Signer) -> None:
    """And one line is observed once at a time."""
    number = observed(engine)

    def refusal(*arguments: Any) -> str:
        with pytest.raises(procedure.Refused) as caught, write(engine) as connection:
            procedure.start(connection, *arguments)
        return caught.value.word

    assert refusal("f1", 30, None, "inspector", BEGIN + 1) == "already_running"
    assert refusal("f9", 30, None, "inspector", BEGIN) == "not_found"
    with write(engine) as connection:
        procedure.abandon(connection, number, "inspector", BEGIN + 1)
    assert refusal("f1", 30, ["p2"], "inspector", BEGIN + 1) == "invalid"
    with pytest.raises(procedure.Refused, match="was abandoned"):
        decided(engine, signer, number)
    assert observed(engine, begin=BEGIN + 2) != number


@pytest.mark.requirement("verification.signed")
def test_anybody_can_verify_a_statement_offline(
    engine: Engine, plant: Registry, gateway: SignedGateway, signer: Signer, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """With the roots alone; one changed byte fails."""
    number = observed(engine)
    show(engine, gateway, BEGIN, END + MINUTE, LIVE)
    made = decided(engine, signer, number)
    note, roots = tmp_path / "certificate.note", tmp_path / "roots.json"
    note.write_text(made.note)
    roots.write_text(trust_text([], signer.public))
    assert verify([str(note), "--trust", str(roots)]) == 0
    assert f"PASS   statement: stillcold-verification/1 {made.id}, SHA-256 {made.digest}" in capsys.readouterr().out
    note.write_text(made.note.replace('"result":"failed"', '"result":"passed"'))
    assert verify([str(note), "--trust", str(roots)]) == 1
    assert "the signature is not this key's over this text" in capsys.readouterr().out
    note.write_bytes(signer.sign('{"type":"something"}\n'))
    assert verify([str(note), "--trust", str(roots)]) == 1
