"""A hidden furnace's heats, and what spoke for and against it, from an alert's evidence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

Evidence = Mapping[str, float | str]
_HEAT = re.compile(r"heat_(\d+)_(began|ended|energy)$")
_WEIGHT = "weight_"
_SUMS = ("heats", "energy", "tonnes", "tonnes_least", "tonnes_most")


@dataclass(frozen=True, slots=True)
class Heat:
    """One heat.

    Attributes
    ----------
    began, ended : int
        ms
    energy : float
        Wh
    tonnes : float
        Of steel, estimated.
    """

    began: int
    ended: int
    energy: float
    tonnes: float


@dataclass(frozen=True, slots=True)
class Weight:
    """What spoke for a furnace, or where it is negative against one; ``name`` is the detector's word for it."""

    name: str
    value: float


def heats_of(evidence: Evidence) -> list[Heat]:
    """The heats that the evidence names, in order.

    Examples
    --------
    >>> at = "1970-01-01T00:00:0{}.000Z"
    >>> heats_of({"heat_1_began": at.format(1), "heat_1_ended": at.format(3), "heat_1_energy": 1000})
    [Heat(began=1000, ended=3000, energy=1000.0, tonnes=0.0)]
    """
    told: dict[int, dict[str, float | str]] = {}
    for name, value in evidence.items():
        if part := _HEAT.match(name):
            told.setdefault(int(part[1]), {})[part[2]] = value
    per_energy = _number(evidence, "tonnes") / (_number(evidence, "energy") or 1.0)
    return [_heat(told[i], per_energy) for i in sorted(told) if {"began", "ended", "energy"} <= told[i].keys()]


def weights_of(evidence: Evidence) -> list[Weight]:
    """What spoke for it, the strongest first, and then what spoke against it."""
    found = [
        Weight(name.removeprefix(_WEIGHT), value)
        for name, value in evidence.items()
        if name.startswith(_WEIGHT) and not isinstance(value, str)
    ]
    return sorted(found, key=lambda w: -w.value)


def figures_of(evidence: Evidence) -> dict[str, float | str]:
    """The figures that are neither a heat's, nor a weight, nor a sum of the heats, which the sentence says."""
    sums = _SUMS if "heats" in evidence else ()
    return {n: v for n, v in evidence.items() if not (n.startswith(_WEIGHT) or _HEAT.match(n) or n in sums)}


def _heat(told: Evidence, per_energy: float) -> Heat:
    energy = _number(told, "energy")
    return Heat(_ms(told["began"]), _ms(told["ended"]), energy, energy * per_energy)


def _ms(moment: float | str) -> int:
    return round(datetime.fromisoformat(str(moment)).timestamp() * 1000)


def _number(evidence: Evidence, name: str) -> float:
    value = evidence.get(name, 0.0)
    return 0.0 if isinstance(value, str) else float(value)
