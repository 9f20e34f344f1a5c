"""Samples that wait."""

import random
import sys

import pytest

from stillcold_agent.compact import compact
from stillcold_core.contract.packing import pack_samples
from stillcold_core.readings import Absence, Sample, Value

EXPONENTS = {f"q{n}": -1 for n in range(20)}


def samples(count: int, *, absent: bool = False) -> list[Sample]:
    """Of twenty quantities."""
    rng = random.Random(1)
    rows: list[dict[str, Value]] = [{q: rng.random() for q in EXPONENTS} for _ in range(count)]
    if absent:
        rows[count // 2] = dict.fromkeys(EXPONENTS, Absence.TIMEOUT) | {"q3": 1.0}
    return [Sample("p", float(n), row, float(n)) for n, row in enumerate(rows)]


@pytest.mark.requirement("agent.memory")
@pytest.mark.parametrize("absent", [False, True])
def test_what_waits_compactly_says_the_same(absent: bool) -> None:
    """Also beside a sample with absences, which keep their causes."""
    wide = samples(9, absent=absent)
    small = [compact(s) for s in wide]
    assert [dict(s.values) for s in small] == [s.values for s in wide]
    assert [s.number("q3") for s in small] == [s.number("q3") for s in wide]
    assert small[0].number("another") is None
    assert pack_samples(small, "x", EXPONENTS) == pack_samples(wide, "x", EXPONENTS)


@pytest.mark.requirement("agent.memory")
def test_numbers_that_wait_take_a_third_of_the_memory() -> None:
    """Of what the dictionary of boxed numbers takes that a profile gives."""
    (wide,) = samples(1)
    small = compact(wide).values
    boxed = sys.getsizeof(wide.values) + sum(map(sys.getsizeof, wide.values.values()))
    assert 3 * (sys.getsizeof(small) + sys.getsizeof(small._numbers)) < boxed  # type: ignore[attr-defined]
