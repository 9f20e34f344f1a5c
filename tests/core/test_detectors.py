"""What holds for every detector, over all of them: on played stories in which each has something to find, and on what
is left of these after everything that spoils samples in the field.
"""

import math
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stillcold_core.detect.catalogue import DETECTORS
from stillcold_core.detect.detector import Detector
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.kernels import compile_kernels
from stillcold_core.samples import Samples
from support.exercises import EXERCISES, Exercise, cut, exercise, joined, length
from support.spoiled import SPOILERS, random_runs, spoiled

STATES = Path(__file__).parent / "states"
# A played story takes seconds: few examples, and none of them is made smaller.
few = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
many = settings(few, max_examples=25)
every_detector = pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.name)


@pytest.fixture(params=EXERCISES, ids=lambda e: f"{e[0]}-{e[1]}", scope="module")
def played(request: pytest.FixtureRequest) -> Exercise:
    """Each exercise in turn."""
    return exercise(*request.param)


@pytest.fixture(params={name: (name, *more) for name, *more in EXERCISES}.values(), ids=lambda e: e[0])
def one(request: pytest.FixtureRequest) -> Exercise:
    """One exercise of each detector."""
    return exercise(*request.param)


def test_names_are_told_apart() -> None:
    assert len({d.name for d in DETECTORS}) == len(DETECTORS)


def test_every_detector_has_exercises() -> None:
    assert {name for name, *_ in EXERCISES} == {d.name for d in DETECTORS}


@pytest.mark.requirement("detect.contract.deterministic")
def test_the_same_samples_give_the_same(played: Exercise) -> None:
    first = played.judged(played.runs)
    assert first[1], "an exercise in which nothing is found shows nothing"
    assert played.judged(played.runs) == first
    assert_sane(first[1], played.runs)


@pytest.mark.requirement("detect.contract.unchanged-input")
def test_neither_samples_nor_state_are_changed(played: Exercise) -> None:
    detector, watched, state = played.subject.detector, played.subject.watched, played.subject.detector.begin()
    for run in played.runs:
        copy, saved = pickle.dumps(run), detector.save(state)
        after, _ = detector.advance(watched, state, run)
        assert detector.save(state) == saved
        assert pickle.dumps(run) == copy
        state = after


@pytest.mark.requirement("detect.contract.cuts")
@few
@given(data=st.data())
def test_samples_may_be_cut_in_any_way(played: Exercise, data: st.DataObject) -> None:
    """Single samples beside pieces of hundreds, and each point's runs whole where nothing stands between them."""
    whole = played.judged(joined(played.runs))
    assert played.judged(cut(joined(played.runs), data.draw(cuts(length(played.runs))))) == whole


@pytest.mark.requirement("detect.contract.cuts")
def test_samples_may_come_one_by_one(one: Exercise) -> None:
    every = range(length(one.runs))
    assert one.judged(cut(one.runs, every)) == one.judged(joined(one.runs))


@pytest.mark.requirement("detect.contract.restored")
@few
@given(data=st.data())
def test_a_saved_state_goes_on_as_if_nothing_had_happened(played: Exercise, data: st.DataObject) -> None:
    detector = played.subject.detector
    pieces = cut(played.runs, data.draw(cuts(length(played.runs))))
    state, findings = detector.begin(), []
    for piece in pieces:
        state = detector.restore(detector.save(state))
        state, found = played.advance(state, [piece])
        findings += found
    assert (detector.save(state), findings) == played.judged(played.runs)


_ELSEWHERE = """
import pickle, sys
from stillcold_core.detect.catalogue import DETECTORS
named = {d.name: d for d in DETECTORS}
told = []
for name, watched, saved, runs in pickle.load(open(sys.argv[1], "rb")):
    state, findings = named[name].restore(saved), []
    for run in runs:
        state, found = named[name].advance(watched, state, run)
        findings += found
    told.append((named[name].save(state), findings))
pickle.dump(told, open(sys.argv[2], "wb"))
"""


@pytest.mark.requirement("detect.contract.restored")
def test_a_state_goes_on_in_another_process(tmp_path: Path) -> None:
    """One that hashes in another way."""
    halves = [(exercise(*e), *_halves(exercise(*e))) for e in EXERCISES]
    work = [
        (x.subject.detector.name, x.subject.watched, x.subject.detector.save(x.advance(_begun(x), before)[0]), after)
        for x, before, after in halves
    ]
    (tmp_path / "work").write_bytes(pickle.dumps(work))
    command = [sys.executable, "-c", _ELSEWHERE, str(tmp_path / "work"), str(tmp_path / "told")]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    for (x, before, after), told in zip(halves, pickle.loads((tmp_path / "told").read_bytes()), strict=True):
        state, findings = x.advance(x.advance(_begun(x), before)[0], after)
        assert told == (x.subject.detector.save(state), findings)


def _begun(x: Exercise) -> Any:
    return x.subject.detector.begin()


def _halves(x: Exercise) -> tuple[list[Samples], list[Samples]]:
    pieces = cut(x.runs, [length(x.runs) // 2])
    done = 0
    for i, piece in enumerate(pieces):
        if done >= length(x.runs) // 2:
            return pieces[:i], pieces[i:]
        done += len(piece)
    return pieces, []


@pytest.mark.requirement("detect.contract.released-states")
@pytest.mark.parametrize("name", EXERCISES, ids=lambda e: f"{e[0]}-{e[1]}")
def test_a_state_keeps_its_shape_until_its_version_changes(name: tuple[str, str, str]) -> None:
    """States that a release wrote are read by all of the same version, with nothing lost and nothing new."""
    detector = exercise(*name).subject.detector
    file = STATES / f"{detector.name}-v{detector.version}-{name[1]}.msgpack"
    assert file.exists(), "no state of this version is kept: run tools/keep_states.py"
    state = detector.restore(file.read_bytes())
    assert detector.save(state) == file.read_bytes(), "the state's shape changed: raise its STATE_VERSION"
    _, findings = exercise(*name).advance(state, exercise(*name).runs)
    assert_sane(findings, exercise(*name).runs, clock_runs=False)


@pytest.mark.requirement("detect.contract.released-states")
@every_detector
def test_a_state_of_another_version_is_refused(detector: Detector[Any, Any]) -> None:
    with pytest.raises(ValueError, match="version"):
        detector.restore(detector.save(type(detector.begin())(version=detector.version + 1)))
    with pytest.raises(ValueError, match="state"):
        detector.restore(b"\x00 no state")


@pytest.mark.requirement("detect.contract.compiled")
def test_compiled_kernels_give_the_same(played: Exercise, compiled: None) -> None:
    compile_kernels(lambda function: function)
    interpreted = played.judged(played.runs)
    compile_kernels(numba.njit(cache=True))
    assert played.judged(played.runs) == interpreted


@pytest.fixture
def compiled() -> Iterator[None]:
    """Leave the kernels as they were found."""
    yield
    compile_kernels(lambda function: function)


@pytest.mark.requirement("detect.contract.spoiled")
@pytest.mark.parametrize("how", SPOILERS)
def test_nothing_that_spoils_samples_breaks_a_detector(one: Exercise, how: str) -> None:
    """No exception, no number that is none, no time out of the world, and the same however it is cut."""
    rng = random.Random(f"{one.scenario} {how}")
    runs = spoiled(rng, one.runs, how)
    whole = one.judged(runs)
    assert_sane(whole[1], runs, clock_runs=how not in ("clock", "disorder"))
    assert one.judged(cut(runs, [rng.randrange(length(runs)) for _ in range(50)])) == whole


@pytest.mark.requirement("detect.contract.spoiled")
@many
@given(seed=st.integers(0, 2**32), damage=st.lists(st.sampled_from(sorted(SPOILERS)), max_size=4))
def test_anything_that_meters_can_say_is_borne(one: Exercise, seed: int, damage: list[str]) -> None:
    """Numbers from end to end of each quantity's bounds."""
    rng = random.Random(seed)
    runs: Sequence[Samples] = random_runs(rng, sorted({run.point for run in one.runs}), at=one.runs[0].times[0])
    for how in damage:
        runs = spoiled(rng, runs, how)
    _, findings = one.judged(runs)
    assert_sane(findings, runs, clock_runs=False)


def cuts(samples: int) -> st.SearchStrategy[list[int]]:
    """Places to cut: some anywhere, and a stretch of single samples."""
    anywhere = st.lists(st.integers(0, samples), max_size=40)
    single = st.integers(0, samples).map(lambda a: list(range(a, min(a + 50, samples))))
    return st.tuples(anywhere, single).map(lambda both: both[0] + both[1])


def assert_sane(findings: Sequence[Finding], runs: Sequence[Samples], *, clock_runs: bool = True) -> None:
    """Numbers are numbers, and times lie where the samples do."""
    first = min((float(run.times.min()) for run in runs if len(run)), default=0.0)
    last = max((float(run.times.max()) for run in runs if len(run)), default=0.0) + 3600
    for f in findings:
        for name, value in f.evidence.items():
            assert type(value) in (str, int, float), (f.kind, name, type(value))
            assert isinstance(value, str) or math.isfinite(value), (f.kind, name, value)
        times = [f.began, f.detected, *([] if f.ended is None else [f.ended])]
        assert all(type(t) is float and first - 3600 <= t <= last for t in times), (f, first, last)
        assert f.id.startswith(f"{f.line}:{f.point}:{f.kind}:")
        if clock_runs:
            assert f.began <= f.detected, f
            assert f.ended is None or f.began <= f.ended <= f.detected, f


def test_a_spoiler_spoils() -> None:
    """None of them leaves the samples as they were."""
    runs = exercise(*EXERCISES[0]).runs
    for how in SPOILERS:
        after = spoiled(random.Random(1), runs, how)
        same = len(after) == len(runs) and all(
            np.array_equal(a.times, b.times)
            and a.columns.keys() == b.columns.keys()
            and all(np.array_equal(a.columns[n], b.columns[n], equal_nan=True) for n in a.columns)
            for a, b in zip(after, runs, strict=True)
        )
        assert not same, how
