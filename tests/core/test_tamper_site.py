"""Tampering across the points of a site, on streams made by hand."""

import math
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillcold_core.detect.findings import Finding
from stillcold_core.detect.tamper.site import SiteState, restore, save, step
from stillcold_core.detect.tamper.watched_site import Metered, WatchedSite
from stillcold_core.readings import Absence, Sample, Value
from support.tamper_plants import BEGAN, Feeder, Story, evasion, told

SITE = WatchedSite(
    "site",
    (Metered("in", "in", 1e6),),
    (Metered("a", "la", 500e3), Metered("b", "lb", 500e3)),
    (Metered("water", "la", 500e3),),
)
Power = Callable[[float], float]


def steady(power: float) -> Power:
    """The same power always."""
    return lambda _: power


def stops(power: float, at: float) -> Power:
    """Power until a time, and none after it."""
    return lambda t: power if t < at else 0.0


def streams(
    powers: Mapping[str, Power],
    *,
    every: float = 60.0,
    stop: float = 36_000.0,
    register: bool = True,
    step_: float = 1e3,
) -> list[Sample]:
    """Samples of points in order of time; the register has counted what the power was, in steps."""
    energy = dict.fromkeys(powers, 5e8)
    samples = []
    for n in range(round(stop / every)):
        t = n * every
        for point, power in powers.items():
            values: dict[str, Value] = {"active_power": power(t)}
            if register:
                values["active_energy_import"] = math.floor(energy[point] / step_) * step_
            if point == "water":
                values = {"water_volume": round(energy[point] / 1e6, 3), "water_flow": power(t)}
                energy[point] += power(t) * every / 3600 * 1e6
            energy[point] += power(t) * every / 3600
            samples.append(Sample(point, t, values))
    return samples


def run(samples: Iterable[Sample], watched: WatchedSite = SITE) -> tuple[SiteState, list[Finding]]:
    """All findings of a stream."""
    state, findings = SiteState(), []
    for sample in samples:
        state, found = step(watched, state, sample)
        findings += found
    return state, findings


@pytest.mark.requirement("tamper.balance")
def test_a_dead_feeder_whose_reading_is_round_hides_nothing() -> None:
    """How coarse a register is that has never moved is not known; beside no power it has missed nothing."""
    powers: dict[str, Power] = {"in": steady(200e3), "b": steady(0.0)}
    powers["a"] = lambda t: 200e3 if t < 36_000 else 100e3
    _, findings = run(streams(powers, stop=54_000))
    assert [(f.kind, f.point) for f in findings] == [("tamper.balance", "a")]


@pytest.mark.requirement("tamper.balance")
@pytest.mark.parametrize("register", [True, False])
@pytest.mark.parametrize("every", [1, 60, 300, 900])
def test_what_is_missing_on_the_feeders_for_three_windows_is_found(every: float, register: bool) -> None:
    at, stop = (3600, 9000) if every == 1 else (36_000, 72_000)
    powers = {"in": steady(606e3), "a": stops(400e3, at), "b": steady(200e3)}
    found = run(streams(powers, every=every, stop=stop, register=register))[1]
    assert [(f.kind, f.line, f.point) for f in found] == [("tamper.balance", "la", "a")]
    window = min(max(300, 4 * every), 3600)
    assert at - window <= found[0].began <= at
    assert found[0].detected <= at + 4 * window


@pytest.mark.requirement("tamper.balance")
def test_feeders_that_take_more_than_the_incomer_are_found() -> None:
    found = run(streams({"in": stops(606e3, 18_000), "a": steady(400e3), "b": steady(200e3)}))[1]
    assert [(f.kind, f.point) for f in found] == [("tamper.balance", "in")]


@pytest.mark.requirement("tamper.balance")
def test_a_balance_restored_for_two_hours_ends_it() -> None:
    at = 18_000.0
    powers = {"in": steady(606e3), "b": steady(200e3), "a": lambda t: 0.0 if at <= t < 2 * at else 400e3}
    found = run(streams(powers, stop=60_000))[1]
    assert [f.ended for f in found] == [None, pytest.approx(2 * at, abs=600)]
    assert found[0].id == found[1].id


@pytest.mark.requirement("tamper.balance.honest")
@pytest.mark.parametrize("every", [1, 60, 900])
@pytest.mark.parametrize("step_", [10.0, 1e3, 1e4])
def test_losses_class_errors_and_coarse_registers_are_no_tampering(every: float, step_: float) -> None:
    rng = random.Random(3)
    base = [rng.uniform(0, 400e3) for _ in range(400)]
    powers: dict[str, Power] = {
        "a": lambda t: 0.985 * base[int(t // 900) % 400],
        "b": lambda t: 1.005 * base[int(t // 700) % 400],
        "in": lambda t: 1.018 * (base[int(t // 900) % 400] + base[int(t // 700) % 400]),
    }
    assert run(streams(powers, every=every, stop=400 * max(every, 60), step_=step_))[1] == []


@pytest.mark.requirement("tamper.balance.honest")
def test_a_feeder_that_was_not_read_is_not_missing() -> None:
    powers = {"in": steady(606e3), "a": steady(400e3), "b": steady(200e3)}
    samples = [s for s in streams(powers) if s.point != "a" or not 9000 < s.time < 20_000]
    samples += [Sample("a", s.time + 1, {"active_power": Absence.TIMEOUT}) for s in samples[::7]]
    assert run(samples)[1] == []


@pytest.mark.requirement("tamper.balance.honest")
def test_an_unmetered_load_may_be_allowed() -> None:
    powers = {"in": lambda t: 606e3 if t < 18_000 else 700e3, "a": steady(400e3), "b": steady(200e3)}
    assert len(run(streams(powers))[1]) == 1
    allowed = WatchedSite("site", SITE.incomers, SITE.feeders, unmetered=100e3)
    assert run(streams(powers), allowed)[1] == []


@pytest.mark.requirement("tamper.balance.unmetered")
@pytest.mark.parametrize("every", [60, 900])
def test_what_was_missing_from_the_beginning_is_usual_and_more_is_not(every: float) -> None:
    """Offices without a meter, more of them by day, a feeder in the list that never reports, and then a bypass."""
    watched = WatchedSite("site", SITE.incomers, (*SITE.feeders, Metered("never", "ln", 500e3)))
    at, stop = 3 * 86_400.0 + 36_000, 4 * 86_400.0

    def offices(t: float) -> float:
        return (100e3 if t % 86_400 < 36_000 else 180e3) * (1 + 0.1 * math.sin(t / 777))

    honest: dict[str, Power] = {"in": lambda t: 606e3 + offices(t), "a": steady(400e3), "b": steady(200e3)}
    assert run(streams(honest, every=every, stop=stop), watched)[1] == []
    found = run(streams({**honest, "a": stops(400e3, at)}, every=every, stop=stop), watched)[1]
    assert [(f.kind, f.point) for f in found] == [("tamper.balance", "a")]
    assert found[0].detected <= at + max(1200, 4 * 3600 * (every == 900))


@pytest.mark.requirement("tamper.balance.honest")
def test_without_the_incomer_nothing_is_compared() -> None:
    powers = {"in": steady(606e3), "a": stops(400e3, 18_000), "b": steady(200e3)}
    assert run(s for s in streams(powers) if s.point != "in" or s.time < 16_000)[1] == []


@pytest.mark.requirement("tamper.balance.honest")
def test_a_register_that_was_set_back_or_rolls_over_is_not_balanced_against() -> None:
    powers = {"in": steady(606e3), "a": steady(400e3), "b": steady(200e3)}
    back = [
        Sample(s.point, s.time, {**s.values, "active_energy_import": (s.number("active_energy_import") or 0) - 4e8})
        if s.point == "a" and s.time > 18_000
        else s
        for s in streams(powers)
    ]
    assert run(back)[1] == []


@pytest.mark.requirement("tamper.balance")
def test_points_may_come_in_batches_of_their_own() -> None:
    """An hour of one point, then an hour of the next: the findings are the same."""
    samples = streams({"in": steady(606e3), "a": stops(400e3, 18_000), "b": steady(200e3)})
    batched = sorted(samples, key=lambda s: (s.time // 3600, s.point))
    assert batched != samples
    assert run(batched)[1] == run(samples)[1]


@pytest.mark.requirement("tamper.water")
@pytest.mark.parametrize("hours", [4, 9])
def test_water_that_runs_for_hours_while_the_feeder_shows_nothing_is_found(hours: float) -> None:
    """A furnace is cooled for hours after its last heat: that is none."""
    off = 18_000.0
    powers: dict[str, Power] = {
        "in": steady(250e3), "a": stops(400e3, off), "b": steady(200e3),
        "water": lambda t: 1.2 if t < off + hours * 3600 else 0.0,
    }  # fmt: skip
    watched = WatchedSite("site", (), SITE.feeders, SITE.water)
    found = run(streams(powers, stop=80_000), watched)[1]
    assert [(f.kind, f.point, f.ended is None) for f in found] == (
        [("tamper.balance", "water", True), ("tamper.balance", "water", False)] if hours > 6 else []
    )


@pytest.mark.requirement("tamper.water")
def test_the_cooling_water_of_a_bypassed_furnace_is_found_on_a_played_plant(tmp_path: Path) -> None:
    """Without an incomer, and with all phases bypassed, nothing else tells."""
    at, lasts = 4 * 3600.0, 12 * 3600.0
    furnace = '{ kind = "sum", of = [{ kind = "furnace", power = 450e3 }, { kind = "pump" }] }'
    feeders = (Feeder("first", furnace, 450e3, "eastron-sdm630", water=True),)
    story = Story(7, 300.0, at + lasts, feeders, evasion("ct_bypass", at, lasts), at, lasts, metered=False)
    found = told(story, tmp_path).findings
    assert [(f.kind, f.point) for f in found] == [("tamper.balance", "water")]
    assert found[0].began >= BEGAN + at - 3600


def test_samples_of_other_points_are_left_aside() -> None:
    assert run([Sample("x", 1.0, {"active_power": 5.0})]) == (SiteState(), [])


SAMPLES = st.lists(
    st.tuples(
        st.sampled_from(["in", "a", "b", "water"]),
        st.sampled_from([60.0, 300.0, 900.0, 0.0, -300.0, 86400.0]),
        st.one_of(st.sampled_from([Absence.TIMEOUT]), st.floats(0, 1e6)),
        st.one_of(st.sampled_from([Absence.TIMEOUT]), st.floats(0, 1e9)),
    ),
    max_size=60,
)


@pytest.mark.requirement("tamper.contract")
@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.integers(0, 60))
def test_cutting_the_stream_and_moving_the_state_changes_nothing(
    moves: list[tuple[str, float, Value, Value]], cut: int
) -> None:
    """Deterministic, input untouched, and a saved state goes on as if nothing had happened."""
    time, samples = 1e9, []
    for point, seconds, power, register in moves:
        time += seconds
        samples.append(Sample(point, time, {"active_power": power, "active_energy_import": register}))
    whole, findings = run(samples)
    state, parts = run(samples[:cut])
    before = save(state)
    state = restore(before)
    for sample in samples[cut:]:
        state, found = step(SITE, state, sample)
        parts += found
    assert (state, parts) == (whole, findings)
    assert restore(before) == run(samples[:cut])[0]


@pytest.mark.requirement("tamper.contract")
def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 99"):
        restore(save(SiteState(version=99)))
    with pytest.raises(ValueError, match="not a state"):
        restore(b"\xff")
