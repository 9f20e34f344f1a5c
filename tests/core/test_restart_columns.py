"""The restart detector on columns: any cut, compiled or not, gives the same to the last bit."""

from collections.abc import Callable, Iterator

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillcold_core.detect.deadline import DeadLineLimits
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.kernels import compile_kernels
from stillcold_core.detect.restart import RestartState, SealedLine, advance, restore, save, step
from stillcold_core.samples import Samples

LINE = SealedLine("site", "line", DeadLineLimits(350e3, water_cut=True), sealed_at=50.0)
LEVELS = {
    "active_power": [0.0, 40.0, 55.3, 1800.0, 3000.0, 9e3, -350e3],
    "active_power_l2": [0.0, 20.0, 3e3],
    "current_l1": [0.0, 0.31, 1.7, 4.0, 80.0],
    "current_l3": [0.0, 0.4, 4.5],
    "voltage_l1": [0.0, 12.0, 221.7],
    "voltage_l23": [0.0, 380.0],
    "active_energy_import": [5e8, 5e8 + 10, 5e8 + 120, 5e8 + 3000, 1e9 - 10, 20.0, 0.0],
    "water_volume": [812.5, 812.51, 812.9, 813.4, 3.0, 0.0],
    "water_flow": [0.0, -0.02, 2.7],
    "seal_closed": [1.0, 0.0],
    "breaker_closed": [0.0, 1.0],
}
Stream = tuple[Samples, list[int]]


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Samples with repeated times, gaps and missing numbers, which dwell on their values; and where they are cut."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 250))
    every = draw(st.sampled_from([1.0, 10.0, 60.0, 900.0]))
    moves = np.where(rng.random(count) < 0.03, rng.choice([-5.0, 0.0, 7200.0, 90000.0], count), every)
    columns = {}
    for name in draw(st.sets(st.sampled_from(sorted(LEVELS)), min_size=1)):
        changes = np.cumsum(rng.random(count) < draw(st.sampled_from([0.02, 0.3])))
        column = rng.choice(LEVELS[name], count + 1)[changes] + rng.choice([0.0, 0.01], count) * (
            name == "active_power"
        )
        column[rng.random(count) < 0.05] = np.nan
        columns[name] = column
    cuts = sorted(draw(st.sets(st.integers(0, count), max_size=8)))
    return Samples("p", np.cumsum(moves), columns, np.zeros(count)), cuts


def judged(samples: Samples, cuts: list[int]) -> tuple[bytes, list[Finding]]:
    """State and findings; the state is saved and restored at each cut."""
    state, findings = RestartState(), []
    for begin, end in zip([0, *cuts], [*cuts, len(samples)], strict=True):
        state, found = advance(LINE, restore(save(state)), samples.part(begin, end))
        findings += found
    return save(state), findings


@pytest.mark.requirement("restart.columns")
@settings(max_examples=60, deadline=None)
@given(streams())
def test_cuts_and_single_samples_change_nothing(stream: Stream) -> None:
    samples, cuts = stream
    whole = judged(samples, [])
    assert judged(samples, cuts) == whole
    state, findings = RestartState(), []
    for sample in samples.rows():
        state, found = step(LINE, state, sample)
        findings += found
    assert (save(state), findings) == whole


@pytest.fixture(scope="module")
def compilers() -> Iterator[Callable[[bool], None]]:
    """Switches the kernels; they are left as they were found."""
    compiler = numba.njit(cache=True)

    def switch(on: bool) -> None:
        compile_kernels(compiler if on else _as_it_is)

    yield switch
    switch(False)


def _as_it_is(function: Callable[..., object]) -> Callable[..., object]:
    return function


@pytest.mark.requirement("restart.columns")
def test_compiled_or_not_is_the_same(compilers: Callable[[bool], None]) -> None:
    @settings(max_examples=40, deadline=None)
    @given(streams())
    def check(stream: Stream) -> None:
        compilers(False)
        interpreted = judged(*stream)
        compilers(True)
        assert judged(*stream) == interpreted

    check()


def test_what_is_found_in_such_streams_is_of_every_kind() -> None:
    """Else the checks above would show nothing."""
    kinds: set[str] = set()

    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(streams())
    def collect(stream: Stream) -> None:
        kinds.update(f.kind for f in judged(stream[0], [])[1])

    collect()
    assert kinds == {f"restart.{k}" for k in ("energy", "power", "current", "voltage", "water", "seal")}
