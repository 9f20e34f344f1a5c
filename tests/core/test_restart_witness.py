"""Water and contacts of a sealed line, on streams made by hand."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from stillcold_core.detect.deadline import DeadLineLimits
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.restart import RestartState, SealedLine, advance, condition, proving
from stillcold_core.samples import Samples

LINE = SealedLine("site", "line", DeadLineLimits(rated_power=750e3, water_cut=True))
LEFT = {"seal_closed": 1.0, "door_closed": 1.0, "breaker_closed": 0.0}
CADENCES = [1.0, 10.0, 60.0, 900.0]


def shown(
    values: Callable[[float], Mapping[str, float]], until: float, every: float = 10.0, since: float = 0.0
) -> Samples:
    """What a point shows in a period."""
    times = np.arange(since, until, every)
    rows = [values(t) for t in times.tolist()]
    columns = {name: np.array([r[name] for r in rows]) for name in rows[0]}
    return Samples("w", times, columns, np.zeros(len(times)))


def found(samples: Samples, line: SealedLine = LINE) -> list[Finding]:
    """What is found in them."""
    return advance(line, RestartState(), samples)[1]


def running(rate: float, since: float, until: float, step: float = 0.001) -> Callable[[float], Mapping[str, float]]:
    """A register that advances by ``rate`` m³/h for a while."""
    return lambda t: {
        "water_volume": 812.5 + np.floor(rate * np.clip(t - since, 0, until - since) / 3600 / step) * step
    }


@pytest.mark.requirement("restart.water")
@pytest.mark.parametrize("every", CADENCES)
def test_water_that_runs_where_it_was_cut_is_found_by_the_register(every: float) -> None:
    begin, end = 100 * every, 100 * every + max(1800, 4 * every)
    findings = found(shown(running(2.7, begin, end), end + 3600, every))
    (raised,) = [f for f in findings if f.ended is None]
    assert raised.kind == "restart.water"
    assert begin - every <= raised.began <= begin + every
    assert raised.detected - begin <= max(240, 3 * every)
    assert [f.ended for f in findings[1:]] == pytest.approx([end], abs=every)


@pytest.mark.requirement("restart.water")
@pytest.mark.parametrize("flow", [2.7, -2.7])
def test_water_that_flows_is_found_after_its_dwell(flow: float) -> None:
    findings = found(shown(lambda t: {"water_flow": flow if 600 <= t < 900 else 0.01}, 1200))
    assert [(f.kind, f.began, f.detected, f.ended) for f in findings] == [
        ("restart.water", 600, 630, None),
        ("restart.water", 600, 960, 900),
    ]


@pytest.mark.requirement("restart.water")
def test_water_that_ran_in_a_blackout_is_found_at_the_first_sample_back() -> None:
    state, _ = advance(LINE, RestartState(), shown(running(0, 0, 1), 600))
    _, findings = advance(LINE, state, shown(lambda _: {"water_volume": 815.2}, 8060, since=8000))
    assert [(f.kind, f.began, f.detected) for f in findings] == [("restart.water", 590, 8000)]
    assert findings[0].evidence["water_used"] == pytest.approx(2.7)


def test_flow_and_register_are_one_finding_said_again() -> None:
    make = running(9.0, 600, 4200)
    findings = found(shown(lambda t: {**make(t), "water_flow": 9.0 if 600 <= t < 4200 else 0.0}, 7200))
    assert [f.ended for f in findings] == [None, None, 4200]
    assert len({f.id for f in findings}) == 1


QUIET: dict[str, Callable[[float], Mapping[str, float]]] = {
    "a leak": running(0.08, 0, 86400),
    "a step of the register to and fro": lambda t: {"water_volume": 812.5 + 0.5 * (t % 40 == 0)},
    "one bad reading of the register": lambda t: {"water_volume": 812.5 + 0.9 * (t == 5000)},
    "one bad reading of the flow": lambda t: {"water_flow": 40.0 * (t == 5000)},
    "noise of the flow": lambda t: {"water_flow": 0.05 if t % 20 else -0.05},
    "a bubble": lambda t: {"water_flow": 3.0 * float(5000 <= t < 5020)},
    "zeros of a meter that starts up": lambda t: {"water_volume": 812.5 * (not 5000 <= t < 5060)},
    "a roll-over": lambda t: {"water_volume": (999_999.99 + 0.05 * t / 3600) % 1e6},
    "a changed meter": lambda t: {"water_volume": 812.5 if t < 5000 else 3.25},
}


@pytest.mark.requirement("restart.water.quiet")
@pytest.mark.parametrize("what", QUIET)
def test_what_only_looks_like_running_water_is_none(what: str) -> None:
    assert found(shown(QUIET[what], 86400)) == []


@pytest.mark.requirement("restart.water.quiet")
def test_water_that_was_not_cut_may_run() -> None:
    line = SealedLine("site", "line", DeadLineLimits(rated_power=750e3))
    assert found(shown(lambda t: {**running(9, 600, 4200)(t), "water_flow": 9.0}, 7200), line) == []


@pytest.mark.requirement("restart.seal")
@pytest.mark.parametrize("every", CADENCES)
@pytest.mark.parametrize("contact", LEFT)
def test_a_contact_that_changes_is_found_after_its_dwell(contact: str, every: float) -> None:
    begin, end = 20 * every, 20 * every + max(120, 4 * every)
    moved = LEFT | {contact: 1 - LEFT[contact]}
    findings = found(shown(lambda t: moved if begin <= t < end else LEFT, end + max(120, 4 * every), every))
    assert [(f.kind, f.began, f.ended) for f in findings] == [
        ("restart.seal", begin, None),
        ("restart.seal", begin, end),
    ]
    assert findings[0].detected == begin + max(every, 10)
    assert findings[0].evidence == {contact: 1 - LEFT[contact]}


@pytest.mark.requirement("restart.seal")
def test_a_seal_opened_in_a_blackout_is_found() -> None:
    state, _ = advance(LINE, RestartState(), shown(lambda _: LEFT, 600))
    _, findings = advance(LINE, state, shown(lambda _: LEFT | {"seal_closed": 0.0}, 8060, since=8000))
    assert [(f.kind, f.began, f.detected) for f in findings] == [("restart.seal", 8000, 8010)]


def test_a_door_opened_after_the_seal_is_said_with_it() -> None:
    def moved(t: float) -> Mapping[str, float]:
        return LEFT | {"seal_closed": float(t < 600), "door_closed": float(t < 700)}

    findings = found(shown(moved, 1200))
    assert [(f.began, f.reason) for f in findings] == [(600, "the seal was opened"), (600, "the door was opened")]


BOUNCING: dict[str, Callable[[float], bool]] = {
    "a single reading": lambda t: t == 600,
    "bounces": lambda t: 600 <= t < 660 and t % 2 == 0,
    "zeros of a module that starts up": lambda t: 600 <= t < 609,
}


@pytest.mark.requirement("restart.seal.quiet")
@pytest.mark.parametrize("how", BOUNCING)
def test_contacts_that_bounce_are_none(how: str) -> None:
    assert found(shown(lambda t: dict.fromkeys(LEFT, 0.0) if BOUNCING[how](t) else LEFT, 1200, 1.0)) == []


@pytest.mark.requirement("restart.seal.quiet")
def test_how_a_contact_was_left_is_not_said_until_it_was_seen_otherwise() -> None:
    """An input that nothing is wired to reads open; once it was closed, its opening counts."""
    opened = LEFT | {"seal_closed": 0.0}
    assert found(shown(lambda t: opened, 1200)) == []
    findings = found(shown(lambda t: LEFT if 600 <= t < 900 else opened, 1200))
    assert [f.began for f in findings] == [900]


@pytest.mark.requirement("restart.witness.no-proof")
def test_water_and_contacts_at_rest_prove_no_death() -> None:
    """And do not make a line unknown whose feeder proves it; water that runs is life."""
    contacts = shown(lambda _: LEFT, 600)
    state, _ = advance(LINE, RestartState(), contacts)
    assert condition(state, 590) == "unknown"
    assert list(proving(state)) == []
    feeder = Samples("p", contacts.times, {"active_power": np.zeros(60)}, contacts.monotonic)
    state, _ = advance(LINE, state, feeder)
    assert condition(state, 590) == "dead"
    assert [p.dead_s for p in proving(state)] == [590]
    water = shown(lambda t: {"water_flow": 9.0 * (t > 300)}, 600)
    assert condition(advance(LINE, state, Samples("v", water.times, water.columns, water.monotonic))[0], 590) == "live"
