"""Series come back as they were read; rollups agree with the samples."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from stillcold_core.contract.batch import block_of
from stillcold_core.readings import Absence, Sample
from stillcold_core.registry import Registry
from stillcold_server.followers import Follower
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.store import rollups
from stillcold_server.store.database import read
from stillcold_server.store.series import Absent, read_series
from support.gateway import DEAD, EXPONENTS, SignedGateway

START = 1_800_000_000


def noisy(count: int, every: float = 1.0) -> list[Sample]:
    rng = np.random.default_rng(3)
    return [
        Sample("p1", START + i * every, {**DEAD, "active_power": float(round(rng.normal(0, 500)))})
        for i in range(count)
    ]


def fill(engine: Engine, gateway: SignedGateway, samples: list[Sample], size: int = 100) -> None:
    writer = Writer(engine, Metrics())
    for i in range(0, len(samples), size):
        writer.take([("gw-1", gateway.batch(samples[i : i + size]))], START * 1000)
    Follower("rollup", engine, handle=rollups.handle).catch_up()


@pytest.mark.requirement("store.series.exact")
def test_a_series_is_what_was_read(engine: Engine, plant: Registry, gateway: SignedGateway) -> None:
    samples = noisy(500)
    fill(engine, gateway, samples)
    with read(engine) as connection:
        series = read_series(connection, "p1", ["active_power"], START * 1000 + 50_000, START * 1000 + 149_000, 1000)
    assert series.resolution == 0
    assert series.times.tolist() == [round(s.time * 1000) for s in samples[50:150]]
    assert series.columns["active_power"].tolist() == [s.values["active_power"] for s in samples[50:150]]


def test_what_was_not_read_is_not_a_number(engine: Engine, plant: Registry, gateway: SignedGateway) -> None:
    samples = noisy(20)
    samples[7] = Sample("p1", samples[7].time, dict.fromkeys(DEAD, Absence.TIMEOUT))
    fill(engine, gateway, samples)
    with read(engine) as connection:
        series = read_series(connection, "p1", ["active_power", "frequency"], 0, START * 2000, 1000)
    assert np.flatnonzero(np.isnan(series.columns["active_power"])).tolist() == [7]
    assert np.isnan(series.columns["frequency"]).all()


def test_more_samples_than_asked_for_are_summarised(engine: Engine, plant: Registry, gateway: SignedGateway) -> None:
    samples = noisy(1000)
    fill(engine, gateway, samples)
    with read(engine) as connection:
        series = read_series(connection, "p1", ["active_power"], START * 1000, START * 1000 + 999_999, 100)
    values = np.array([s.values["active_power"] for s in samples], float).reshape(100, 10)
    assert series.resolution == 10
    assert series.columns["active_power"] == pytest.approx(values.mean(axis=1))
    assert series.low["active_power"].tolist() == values.min(axis=1).tolist()
    assert series.high["active_power"].tolist() == values.max(axis=1).tolist()


def test_a_long_period_is_served_from_rollups(engine: Engine, plant: Registry, gateway: SignedGateway) -> None:
    samples = noisy(21_000)
    fill(engine, gateway, samples, size=3000)
    with read(engine) as connection:
        series = read_series(connection, "p1", ["active_power"], START * 1000, START * 1000 + 21_000_000, 400)
    assert series.resolution == 60
    values = np.array([s.values["active_power"] for s in samples], float).reshape(350, 60)
    assert series.columns["active_power"] == pytest.approx(values.mean(axis=1))
    assert series.high["active_power"].tolist() == values.max(axis=1).tolist()


def test_a_point_without_data_gives_an_empty_series(engine: Engine, plant: Registry) -> None:
    with read(engine) as connection:
        series = read_series(connection, "p1", ["active_power"], 0, 1, 10)
    assert len(series.times) == len(series.columns["active_power"]) == 0


@pytest.mark.requirement("store.rollup.merge")
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300), st.one_of(st.none(), st.integers(-1000, 1000))), min_size=2), st.data())
def test_rollups_of_parts_merge_to_the_rollup_of_the_whole(
    readings: list[tuple[int, int | None]], data: st.DataObject
) -> None:
    readings = sorted(dict(readings).items())
    cut = data.draw(st.integers(0, len(readings)))

    def summary(part: list[tuple[int, int | None]]) -> dict[int, dict[str, list[float]]]:
        if not part:
            return {}
        samples = [Sample("p", t, {"active_power": Absence.TIMEOUT if v is None else float(v)}) for t, v in part]
        return dict(rollups.summarise(block_of(samples, "m", {"active_power": EXPONENTS["active_power"]}), 60))

    whole, a, b = summary(readings), summary(readings[:cut]), summary(readings[cut:])
    assert whole == {start: rollups.merge(a.get(start, {}), b.get(start, {})) for start in {**a, **b}}


def test_days_begin_at_midnight_in_shanghai() -> None:
    noon = 1_800_000_000_000  # 2027-01-15T16:00:00+08:00
    (start,) = rollups.starts(np.array([noon]), 86400).tolist()
    assert start == 1_799_942_400_000  # 2027-01-15T00:00:00+08:00
    assert math.isclose((noon - start) / 3_600_000, 16)


@pytest.mark.requirement("store.series.absent")
def test_what_was_not_read_has_a_cause_and_an_end(engine: Engine, plant: Registry, gateway: SignedGateway) -> None:
    """Up to the next reading, across batches; a quantity that is read more rarely is no absence, nor is half a one."""
    samples = noisy(30)
    for i in (7, 8, 9, 10, 11, 28, 29):
        cause = Absence.TIMEOUT if i < 11 else Absence.BREAKER_OPEN
        samples[i] = Sample("p1", samples[i].time, dict.fromkeys(DEAD, cause))
    samples[20] = Sample("p1", samples[20].time, {**DEAD, "active_power": Absence.OUT_OF_RANGE})
    fill(engine, gateway, samples, size=10)
    at = START * 1000
    with read(engine) as connection:
        found = read_series(connection, "p1", ["active_power", "current_l1"], 0, 2 * at, 1000).absent
        thinned = read_series(connection, "p1", ["active_power", "current_l1"], 0, 2 * at, 10).absent
        alone = read_series(connection, "p1", ["active_power"], at + 19_000, at + 22_000, 1000).absent
    assert found == [
        Absent(at + 7000, at + 11_000, "timeout"),
        Absent(at + 11_000, at + 12_000, "breaker_open"),
        Absent(at + 28_000, at + 29_001, "breaker_open"),
    ]
    assert thinned == found
    assert alone == [Absent(at + 20_000, at + 21_000, "out_of_range")]
