"""What a point of a sealed line shows, as events with a reason and figures."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from stillcold_core.detect.alarms import Event
from stillcold_core.detect.columns import Column, array
from stillcold_core.detect.dwell import RAISED
from stillcold_core.detect.energy import RegisterRules, Turn, Witness, threshold
from stillcold_core.detect.findings import iso
from stillcold_core.detect.signals import LITRE
from stillcold_core.samples import Floats

Words = Callable[[Witness, float, RegisterRules], tuple[str, Mapping[str, float | str]]]
_UNITS = {"power": ("active_power", "W"), "current": ("current", "A"), "voltage": ("voltage", "V")}
_CONTACT_WORDS = {
    "seal_closed": ("the seal was opened", "the seal is closed again"),
    "door_closed": ("the door was opened", "the door is closed again"),
    "breaker_closed": ("the breaker was closed", "the breaker is open again"),
}


def _happened(event: Column) -> Iterator[int]:
    yield from np.flatnonzero(array(event)).tolist()


def lasting(signal: str, event: Column, at: Column, values: Floats, high: Column) -> Iterator[Event]:
    """What lasted above its limit, or a contact that changed."""
    for i in _happened(event):
        raised, value = event[i] == RAISED, float(values[i])
        if signal in _CONTACT_WORDS:
            reason = _CONTACT_WORDS[signal][0 if raised else 1]
            shown = value if signal == "breaker_closed" else 1.0 - value
            yield Event(i, "seal", signal, raised, float(at[i]), reason, {signal: shown})
        elif signal == "flow":
            reason = f"water flows at {value:.2f} m³/h, limit {high[i]:.2f} m³/h"
            yield Event(i, "water", signal, raised, float(at[i]), reason, {"water_flow": value})
        else:
            name, unit = _UNITS[signal]
            reason = f"{name} {value:.1f} {unit}, limit {high[i]:.1f} {unit}"
            yield Event(i, signal, "floor", raised, float(at[i]), reason, {name: value, "limit": float(high[i])})


def crept(signal: str, event: Column, facts: Column, times: Floats, values: Floats) -> Iterator[Event]:
    """What added up below the floor."""
    name, unit = _UNITS[signal]
    for i in _happened(event):
        at, total, mean = (float(facts[3 * i + j]) for j in range(3))
        raised = event[i] == RAISED
        began = at if raised else float(times[i])
        over = total / max(float(times[i]) - at, 1e-3) if raised else 0.0
        sum_ = f"{total / 3600:.1f} {unit}h in all"
        reason = f"{name} {over:.1f} {unit} above the {mean:.1f} {unit} of a dead line since {iso(began)}, {sum_}"
        evidence = {"mean_above": over, "usual": mean, "accumulated": total / 3600, f"{name}_last": float(values[i])}
        yield Event(i, signal, "accumulated", raised, at, reason, evidence)


def turned(name: str, turn: Turn, time: float, rules: RegisterRules, words: Words) -> Event:
    """A register that began to show a run, or came to rest."""
    reason, evidence = words(turn.witness, time, rules)
    return Event(turn.index, name, "register", turn.what == "raised", turn.at, reason, evidence)


def energy_words(witness: Witness, time: float, rules: RegisterRules) -> tuple[str, Mapping[str, float | str]]:
    """Of the energy register, Wh."""
    began, anchor = witness.began or time, witness.anchor or 0.0
    evidence = {
        "active_energy_import": witness.reading or 0.0,
        "advanced": witness.total,
        "from_reading": anchor,
        "limit": threshold(witness, rules),
        "mean_power": witness.total * 3600 / max(time - began, 1e-3),
    }
    return f"energy register advanced by {witness.total / 1000:.2f} kWh since {iso(began)}", evidence


def water_words(witness: Witness, time: float, _rules: RegisterRules) -> tuple[str, Mapping[str, float | str]]:
    """Of the water register, litres."""
    began, used = witness.began or time, witness.total / LITRE
    evidence = {
        "water_volume": (witness.reading or 0.0) / LITRE,
        "water_used": used,
        "mean_flow": used * 3600 / max(time - began, 1e-3),
    }
    return f"water register advanced by {used:.3f} m³ since {iso(began)}", evidence
