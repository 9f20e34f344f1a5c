"""The frequency of a fleet, on streams made by hand."""

import math
import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillcold_core.detect.findings import Finding
from stillcold_core.detect.tamper.fleet import Fleet, FleetState, advance, restore, save, step
from stillcold_core.readings import Absence, Sample, Value
from stillcold_core.samples import by_columns

FLEET = Fleet({f"p{i}": (f"s{i}", f"l{i}") for i in range(5)})


def grid(time: float) -> float:
    """Hz: as a large grid breathes, and once by more than is usual."""
    return 50 + 0.03 * math.sin(time / 90) - (0.25 if 20_000 < time < 24_000 else 0.0)


def streams(*, points: int = 5, every: float = 60.0, stop: float = 36_000.0, genset: float = 0.3) -> list[Sample]:
    """Samples of points at one cadence, each at its own second; from the middle on p0 has a set of its own."""
    rng = random.Random(5)
    samples = []
    for n in range(round(stop / every)):
        for i in range(points):
            t = n * every + i * every / points
            frequency = grid(t) + rng.gauss(0, 0.03)
            if i == 0 and t > stop / 2:
                frequency = 50 + 0.1 + rng.gauss(0, genset)
            samples.append(Sample(f"p{i}", t, {"frequency": round(frequency, 2)}))
    return samples


def run(samples: Iterable[Sample], fleet: Fleet = FLEET) -> tuple[FleetState, list[Finding]]:
    """All findings of a stream, sample by sample."""
    state, findings = FleetState(), []
    for sample in samples:
        state, found = step(fleet, state, [sample])
        findings += found
    return state, findings


@pytest.mark.requirement("tamper.genset")
@pytest.mark.parametrize("every", [10, 60, 900])
def test_a_frequency_that_nobody_else_has_is_found(every: float) -> None:
    stop = max(36_000, 200 * every)
    found = run(streams(every=every, stop=stop))[1]
    assert [(f.kind, f.point, f.ended) for f in found] == [("tamper.genset", "p0", None)]
    assert found[0].detected - stop / 2 < 900 + 12 * every


@pytest.mark.requirement("tamper.genset.honest")
@pytest.mark.parametrize("every", [10, 60, 900])
def test_a_grid_that_swings_for_all_is_no_genset(every: float) -> None:
    assert run(s for s in streams(every=every) if s.point != "p0")[1] == []


@pytest.mark.requirement("tamper.genset")
def test_a_point_alone_is_compared_with_the_nominal_frequency() -> None:
    assert [f.kind for f in run(streams(points=1, genset=0.6))[1] if f.ended is None] == ["tamper.genset"]
    assert run(s for s in streams(points=1) if s.time < 18_000)[1] == []


@pytest.mark.requirement("tamper.genset")
def test_its_end_is_told() -> None:
    samples = [
        s if s.point != "p0" or s.time < 24_000 else Sample("p0", s.time, {"frequency": round(grid(s.time), 2)})
        for s in streams()
    ]
    found = run(samples)[1]
    assert [f.ended is None for f in found] == [True, False]
    assert found[0].id == found[1].id


def test_dead_points_and_absent_values_tell_nothing() -> None:
    values: list[Value] = [0.0, Absence.TIMEOUT]
    samples = [Sample("p0", 60.0 * i, {"frequency": values[i % 2]}) for i in range(100)]
    assert run(samples) == (FleetState(), [])


def test_samples_of_windows_that_were_judged_are_left_aside_and_counted() -> None:
    samples = streams(stop=18_000)
    assert run([*samples, *samples[:10]])[0].late == 10


def test_points_may_come_in_batches_of_their_own() -> None:
    """A minute of one point, then a minute of the next."""
    samples = streams(every=10)
    batched = sorted(samples, key=lambda s: (s.time // 60, s.point))
    assert run(batched)[1] == run(samples)[1]


@pytest.mark.requirement("tamper.contract")
@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["p0", "p1", "p2", "x"]),
            st.sampled_from([1.0, 60.0, 0.0, -100.0, 900.0]),
            st.sampled_from([0.0, 49.0, 49.98, 50.0, 50.01, 51.5, 600.0]),
        ),
        max_size=80,
    ),
    st.integers(0, 80),
)
def test_cutting_the_stream_and_moving_the_state_changes_nothing(
    moves: list[tuple[str, float, float]], cut: int
) -> None:
    """Deterministic, input untouched, and a saved state goes on as if nothing had happened."""
    time, samples = 1e9, []
    for point, seconds, frequency in moves:
        time += seconds
        samples.append(Sample(point, time, {"frequency": frequency}))
    whole, findings = run(samples)
    state, parts = step(FLEET, FleetState(), samples[:cut])
    before = save(state)
    state, more = step(FLEET, restore(before), samples[cut:])
    assert (state, parts + more) == (whole, findings)
    assert restore(before) == step(FLEET, FleetState(), samples[:cut])[0]


@pytest.mark.requirement("tamper.contract")
@pytest.mark.parametrize("size", [1, 7, 59])
def test_cuts_within_a_window_change_no_bit(size: int) -> None:
    """Sums go on from what was summed before."""
    samples = by_columns(
        [Sample("a", 1.8e9 + i, {"frequency": 50.5 + random.Random(i).random() / 7}) for i in range(900)]
    )
    fleet = Fleet({"a": ("s", "l")})
    whole, (state, cut) = advance(fleet, FleetState(), samples), (FleetState(), list[Finding]())
    for first in range(0, len(samples), size):
        state, said = advance(fleet, state, samples.part(first, first + size))
        cut += said
    assert whole[1]
    assert (state, cut) == whole


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 99"):
        restore(save(FleetState(version=99)))
    with pytest.raises(ValueError, match="not a state"):
        restore(b"\xff")
