"""How well restarts are found: every kind and size at every cadence, on lines that no threshold was chosen on."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numba
import numpy as np
import pytest

from bench.detect.stats import poisson
from stillcold_core.detect.kernels import compile_kernels
from stillcold_core.detect.restart import RestartState, advance
from stillcold_core.samples import Samples
from support.dead_lines import DAY, VIEWS, DeadLine, Load, dead_line, lamps, recording, view
from support.splits import sites

HOUR = 3600.0
CADENCES = (1.0, 10.0, 60.0, 900.0)
LINES = 60
DEAD = {1.0: (2 * DAY, 20), 10.0: (20 * DAY, 20), 60.0: (90 * DAY, 30), 900.0: (365 * DAY, 40)}
"""By cadence: s of a dead line, and how many lines."""
_AT_ONCE = 4000  # samples

KINDS: Mapping[str, Callable[[float, float], Load]] = {
    "2 % of the rating": lambda at, every: Load(at, at + 20 * max(every, 60), 0.02),
    "5 %": lambda at, every: Load(at, at + 20 * max(every, 60), 0.05),
    "20 %": lambda at, every: Load(at, at + 20 * max(every, 60), 0.2),
    "100 %": lambda at, every: Load(at, at + 20 * max(every, 60), 1.0),
    "0.6 %, for two hours": lambda at, every: Load(at, at + max(2 * HOUR, 20 * every), 0.006),
    "creep to 3 % in 6 h": lambda at, _: Load(at, at + 8 * HOUR, 0.03, ramp=6 * HOUR),
    "a minute at 2 %": lambda at, _: Load(at, at + 60, 0.02),
    "a minute at 5 %": lambda at, _: Load(at, at + 60, 0.05),
    "a minute at 20 %": lambda at, _: Load(at, at + 60, 0.2),
    "blackout": lambda at, _: Load(at + 600, at + 1800, 0.3),
}


@dataclass(frozen=True)
class Row:
    """One kind at one cadence on one view of a meter.

    Attributes
    ----------
    name, shows : str
        What was played, and what the meter shows.
    cadence : float
        s
    found, count : int
        Lines.
    delay : float
        Median number of the sample that decided, of those that show the restart.
    longest : float
        Of the same, the largest.
    false : int
        Alerts on a dead line, or before it restarted.
    days : float
        Meter-days of that.
    """

    name: str
    shows: str
    cadence: float
    found: int
    count: int
    delay: float
    longest: float
    false: int
    days: float


def restarts(numbers: Sequence[int], every: float) -> Iterator[Row]:
    """Every kind on each view of a meter."""
    before = max(3 * HOUR, 30 * every)
    for name, make in KINDS.items():
        told: dict[str, list[tuple[float | None, int]]] = {shows: [] for shows in VIEWS}
        for number in numbers:
            rng = np.random.default_rng([number, 9])
            line, load = dead_line(number), make(before + rng.uniform(0, every), every)
            samples = recording(line, every, load.end + max(1200, 4 * every), [load])
            samples = _without(samples, load) if name == "blackout" else samples
            for shows, results in told.items():
                results.append(_delay(line, view(samples, shows), load))
        for shows, results in told.items():
            delays = [d for d, _ in results if d is not None]
            yield Row(
                name, shows, every, len(delays), len(results), float(np.median(delays or [np.nan])),
                max(delays, default=np.nan), sum(f for _, f in results), len(results) * before / DAY,
            )  # fmt: skip


def dead(numbers: Sequence[int], every: float, seconds: float) -> Iterator[Row]:
    """Lines that stay dead, with lamps, noise, dips, outages and bad readings."""
    false = dict.fromkeys(VIEWS, 0)
    for number in numbers:
        line = dead_line(number)
        samples = recording(line, every, seconds, lamps(line, seconds))
        for shows in VIEWS:
            false[shows] += len(found(line, view(samples, shows)))
    for shows, count in false.items():
        yield Row("dead", shows, every, 0, 0, np.nan, np.nan, count, len(numbers) * seconds / DAY)


def found(line: DeadLine, samples: Samples) -> list[float]:
    """When each restart was found, s from the beginning."""
    state, times = RestartState(), []
    for i in range(0, len(samples), _AT_ONCE):
        state, findings = advance(line.sealed, state, samples.part(i, i + _AT_ONCE))
        times += [f.detected - 1.7e9 for f in {f.id: f for f in reversed(findings) if f.ended is None}.values()]
    return times


def _delay(line: DeadLine, samples: Samples, load: Load) -> tuple[float | None, int]:
    alerts = found(line, samples)
    hits = [t for t in alerts if t >= load.begin]
    shows = samples.times - 1.7e9
    delay = None if not hits else float(np.count_nonzero((shows >= load.begin) & (shows <= min(hits) + 1e-3)))
    return delay, len(alerts) - len(hits)


def _without(samples: Samples, load: Load) -> Samples:
    """Nothing arrives from ten minutes before it runs to ten minutes after."""
    times = samples.times - 1.7e9
    kept = (times < load.begin - 600) | (times > load.end + 600)
    later = samples.only(kept)
    return later if later.times[-1] - 1.7e9 > load.end else samples


@pytest.fixture(autouse=True)
def _compiled() -> Iterator[None]:
    compile_kernels(numba.njit(cache=True))
    yield
    compile_kernels(lambda function: function)


@pytest.mark.parametrize("every", CADENCES)
def test_restarts(every: float) -> None:
    """Recall and the number of the sample that decides."""
    rows = list(restarts(sites("test", LINES), every))
    print(f"\nevery {every:g} s: found, number of the sample that decided (median, largest)")
    for row in rows:
        print(f"{row.name:22} {row.shows:14} {row.found:3}/{row.count}  {row.delay:6.0f} {row.longest:6.0f}")
    print(f"before: {sum(r.false for r in rows)} false in {sum(r.days for r in rows):.0f} meter-days")
    hard = [r for r in rows if r.name in ("2 % of the rating", "5 %", "20 %", "100 %")]
    assert all(r.found == r.count for r in hard)


@pytest.mark.parametrize("every", CADENCES)
def test_dead_lines(every: float) -> None:
    """False alerts a meter-year."""
    seconds, count = DEAD[every]
    for row in dead(sites("test", count), every, seconds):
        most = poisson(row.false)[1] / row.days * 365
        print(
            f"\nevery {every:g} s, {row.shows:14} {row.false} in {row.days:.0f} meter-days (< {most:.1f} a year)",
            end="",
        )


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("at_once", [1, 60, 3600])
def test_cost(at_once: int, compiled: bool) -> None:
    """Of one sample of a dead line."""
    if not compiled:
        compile_kernels(lambda function: function)
    line = dead_line(sites("test", 1)[0])
    samples = recording(line, 1.0, 7200.0 if at_once > 1 else 1200.0, [])
    advance(line.sealed, RestartState(), samples.part(0, 10))
    state, begin = RestartState(), time.process_time()
    for i in range(0, len(samples), at_once):
        state, _ = advance(line.sealed, state, samples.part(i, i + at_once))
    cost = 1e6 * (time.process_time() - begin) / len(samples)
    print(f"\n{at_once} samples at once, {'compiled' if compiled else 'interpreted'}: {cost:.2f} µs a sample")
