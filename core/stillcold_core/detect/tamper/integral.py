"""Power against the energy register: a ratio that was changed for one of them tells over hours."""

import math

import msgspec

from stillcold_core.detect.energy import coarsest_step
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.tamper.held import Held, hold
from stillcold_core.detect.tamper.watched import WatchedPoint, found
from stillcold_core.readings import Sample

_LONGEST = 180.0  # s between samples that may be integrated; slower ones miss what a load does between them
_FEWEST = 30  # samples in a window
_IDLE = 0.02  # share of the rated power below which a window tells nothing
_SIGMAS = 4.0


class Integral(msgspec.Struct, frozen=True):
    """The window that is open.

    Attributes
    ----------
    began, begun_at : float
        s and Wh of its first sample.
    time, power : float
        s and W of its last one.
    energy, squares : float
        ∫P (Wh), and the sum of the squares of P's steps from sample to sample (W²).
    count : int
        Samples after the first one.
    step : float
        Wh, of the register.
    held : Held
        Windows in succession that disagreed.
    """

    began: float = 0.0
    begun_at: float | None = None
    time: float = 0.0
    power: float = 0.0
    energy: float = 0.0
    squares: float = 0.0
    count: int = 0
    step: float = 1e4
    held: Held = Held()


def observe(
    watched: WatchedPoint, state: Integral, sample: Sample, *, believed: bool
) -> tuple[Integral, list[Finding]]:
    """One more sample; ``believed`` says whether its register follows from the one before."""
    power, reading = sample.number("active_power"), sample.number("active_energy_import")
    if power is None or reading is None:
        return state, []
    step = coarsest_step(state.step, reading)
    if state.begun_at is None or not believed or sample.time - state.time > _LONGEST:
        return Integral(sample.time, reading, sample.time, power, step=step, held=state.held), []
    forward, before = max(power, 0.0), max(state.power, 0.0)
    energy = state.energy + (forward + before) / 2 * (sample.time - state.time) / 3600
    squares = state.squares + (forward - before) ** 2
    now = Integral(
        state.began, state.begun_at, sample.time, power, energy, squares, state.count + 1, step, state.held
    )  # fmt: skip
    if sample.time - state.began < watched.rules.ratio_window:
        return now, []
    held, findings = _judged(watched, now, sample, reading - state.begun_at)
    return Integral(sample.time, reading, sample.time, power, step=step, held=held), findings


def _judged(watched: WatchedPoint, state: Integral, sample: Sample, counted: float) -> tuple[Held, list[Finding]]:
    hours = (state.time - state.began) / 3600
    larger = max(state.energy, counted)
    if state.count < _FEWEST or larger < _IDLE * watched.rated_power * hours:
        return state.held, []
    rules, off = watched.rules, (state.energy - counted) / larger
    shown = abs(off) > rules.ratio_tolerance + _noise(state, hours) + 2 * state.step / larger
    held, change = hold(state.held, state.time, shown, samples=rules.ratio_windows, seconds=0, rest=0)
    if change is None:
        return held, []
    first = (held if change == "raised" else state.held).since or state.time
    reason = f"power gave {state.energy / 1000:.1f} kWh in {hours:.1f} h, the register {counted / 1000:.1f} kWh"
    evidence = {"integrated": state.energy, "advanced": counted, "hours": hours, "windows": float(held.count)}
    ended = None if change == "raised" else state.began
    return held, [found(watched, sample, "ratio", first - rules.ratio_window, reason, evidence, ended=ended)]


def _noise(state: Integral, hours: float) -> float:
    """Share by which a sum of samples may be off: what power does between them, as its steps tell."""
    mean = state.energy / hours
    if mean <= 0:
        return 0.0
    return _SIGMAS * math.sqrt(state.squares / 2) / (mean * state.count)
