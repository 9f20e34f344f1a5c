"""Power against the energy register: a ratio that was changed for one of them tells over hours."""

import math

import msgspec
import numpy as np

from stillcold_core.detect.energy import coarsest_step
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.kernels import kernel
from stillcold_core.detect.tamper.held import Held, hold
from stillcold_core.detect.tamper.sparse import Sparse, add, judged
from stillcold_core.detect.tamper.table import Flags, Table
from stillcold_core.detect.tamper.watched import WatchedPoint, found
from stillcold_core.samples import Floats

_LONGEST = 180.0  # s between samples that may be integrated; slower ones miss what a load does between them
_SPARSEST = 3600.0  # s between two samples that are looked at by themselves
_FEWEST = 30  # samples in a window
_IDLE = 0.02  # share of the rated power below which a window tells nothing
_SIGMAS = 4.0
_VAGUE = 0.3  # share beyond which what sampling explains is so much that agreement tells nothing


class Integral(msgspec.Struct, frozen=True):
    """The window that is open.

    Attributes
    ----------
    began, begun_at : float
        s and Wh of its first sample; -1 where there was none.
    time, power, reading : float
        s, W and Wh of its last one.
    energy, squares : float
        ∫P (Wh), and the sum of the squares of P's steps from sample to sample (W²).
    count : int
        Samples after the first one.
    step : float
        Wh, of the register.
    held : Held
        Windows in succession that disagreed.
    sparse : Sparse
        The same of samples that come more than three minutes apart.
    """

    began: float = 0.0
    begun_at: float = -1.0
    time: float = 0.0
    power: float = 0.0
    reading: float = 0.0
    energy: float = 0.0
    squares: float = 0.0
    count: int = 0
    step: float = 1e4
    held: Held = Held()
    sparse: Sparse = Sparse()


def observe(
    watched: WatchedPoint, state: Integral, table: Table, believed: Flags
) -> tuple[Integral, list[tuple[int, Finding]]]:
    """Judge a table's samples; ``believed`` says whose register follows from the one before."""
    readings, powers = table.row("active_energy_import"), table.row("active_power")
    usable = table.judged & ~np.isnan(readings + powers)
    findings: list[tuple[int, Finding]] = []
    i = 0
    while i < len(usable):
        i, closed, scalars = _summed(
            powers, readings, table.times, usable, believed, i, watched.rules.ratio_window, _scalars(state)
        )
        state = _state(state, scalars)
        if i < len(usable):
            after = _closed if closed else _interrupted
            state, said = after(watched, state, table, i, bool(believed[i]))
            findings += [(i, f) for f in said]
        i += 1
    return state, findings


_Scalars = tuple[float, float, float, float, float, float, float, int, float]


@kernel
def _summed(
    powers: Floats,
    readings: Floats,
    times: Floats,
    usable: Flags,
    believed: Flags,
    first: int,
    window: float,
    scalars: _Scalars,
) -> tuple[int, bool, _Scalars]:
    """Go on to the sample that closes the window, or to one that does not go on from the one before."""
    began, begun_at, time, power, reading, energy, squares, count, step = scalars
    i, closed = first, False
    while i < len(times):
        if usable[i]:
            if begun_at < 0 or not believed[i] or times[i] - time > _LONGEST:
                break
            forward, before = max(powers[i], 0.0), max(power, 0.0)
            energy += (forward + before) / 2 * (times[i] - time) / 3600
            squares += (forward - before) * (forward - before)
            count += 1
            time, power, reading = times[i], powers[i], readings[i]
            while step > 1 and round(reading) % step != 0:
                step /= 10
            if time - began >= window:
                closed = True
                break
        i += 1
    return i, closed, (began, begun_at, time, power, reading, energy, squares, count, step)


def _scalars(state: Integral) -> _Scalars:
    s = state
    return (s.began, s.begun_at, s.time, s.power, s.reading, s.energy, s.squares, s.count, s.step)


def _state(state: Integral, scalars: _Scalars) -> Integral:
    """With plain numbers: those of an array cannot be saved."""
    began, begun_at, time, power, reading, energy, squares, count, step = scalars
    return Integral(
        float(began), float(begun_at), float(time), float(power), float(reading), float(energy), float(squares),
        int(count), float(step), state.held, state.sparse,
    )  # fmt: skip


def _begun(state: Integral, table: Table, i: int, held: Held, sparse: Sparse) -> Integral:
    time, power, reading = (
        float(x[i]) for x in (table.times, table.row("active_power"), table.row("active_energy_import"))
    )
    step = coarsest_step(state.step, reading)
    return Integral(time, reading, time, power, reading, step=step, held=held, sparse=sparse)


def _interrupted(
    watched: WatchedPoint, state: Integral, table: Table, i: int, believed: bool
) -> tuple[Integral, list[Finding]]:
    """A new window begins; what lies between two samples far apart is looked at by itself."""
    after = _begun(state, table, i, state.held, state.sparse)
    if state.begun_at < 0 or not believed or after.time - state.time > _SPARSEST:
        return after, []
    ends, counted = (state.power, after.power), after.reading - state.reading
    sparse = add(state.sparse, watched.rated_power, ends, after.time - state.time, counted, after.step)
    if sparse is state.sparse:
        return after, []
    sparse, told = judged(sparse)
    after = msgspec.structs.replace(after, sparse=sparse)
    if told is None:
        return after, []
    times = math.exp(told)
    reason = f"while the load was even, the register counted {times:.2f} times what the power gave"
    evidence = {"times": times, "intervals": float(len(state.sparse.intervals))}
    return after, [found(watched, table.point, after.time, "ratio", state.began, reason, evidence)]


def _closed(
    watched: WatchedPoint, state: Integral, table: Table, i: int, _believed: bool
) -> tuple[Integral, list[Finding]]:
    held, findings = _judged(watched, state, table.point, state.reading - state.begun_at)
    return _begun(state, table, i, held, state.sparse), findings


def _judged(watched: WatchedPoint, state: Integral, point: str, counted: float) -> tuple[Held, list[Finding]]:
    hours = (state.time - state.began) / 3600
    larger = max(state.energy, counted)
    if state.count < _FEWEST or larger < _IDLE * watched.rated_power * hours:
        return state.held, []
    rules, off = watched.rules, (state.energy - counted) / larger
    allowed = rules.ratio_tolerance + _noise(state, hours) + 2 * state.step / larger
    shown = abs(off) > allowed
    if not shown and allowed > _VAGUE:
        return state.held, []
    held, change = hold(state.held, state.time, shown, samples=rules.ratio_windows, seconds=0, rest=0)
    if change is None:
        return held, []
    first = (held if change == "raised" else state.held).since or state.time
    reason = f"power gave {state.energy / 1000:.1f} kWh in {hours:.1f} h, the register {counted / 1000:.1f} kWh"
    evidence = {"integrated": state.energy, "advanced": counted, "hours": hours, "windows": float(held.count)}
    ended = None if change == "raised" else state.began
    began = first - rules.ratio_window
    return held, [found(watched, point, state.time, "ratio", began, reason, evidence, ended=ended)]


def _noise(state: Integral, hours: float) -> float:
    """Share by which a sum of samples may be off: what power does between them, as its steps tell."""
    mean = state.energy / hours
    if mean <= 0:
        return 0.0
    return _SIGMAS * math.sqrt(state.squares / 2) / (mean * state.count)
