"""What an alert tells, in words: a sentence made of its figures, and the figures by name."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from stillcold_core.quantities import QUANTITIES
from stillcold_server.language.texts import Texts
from stillcold_server.language.words import figure, length, local_time, plain

Form = Callable[[float, Texts], str]
_PHASE = re.compile(r"(.+)_l([123])$")
_SUFFIXES = ("before", "last")


class Told(Protocol):
    """An alert, as far as words are made of it: one of the API's, or a row of its table."""

    @property
    def kind(self) -> str:
        """A word of the alert kinds."""

    @property
    def began(self) -> int:
        """ms"""

    @property
    def reason(self) -> str:
        """The detector's own sentence."""

    @property
    def evidence(self) -> Mapping[str, float | str]:
        """Figures by name."""


def what(alert: Told, texts: Texts) -> str:
    """What happened, in a sentence; the detector's own reason where there are no words for the kind.

    Of the sentences for the kind it is the one that says most of the figures that there are; ``{figures}`` in it
    stands for all of them.
    """
    values = {name: evidence(alert.kind, name, value, texts) for name, value in alert.evidence.items()}
    all_of_them = texts("evidence.and").join(f"{named(name, texts)} {value}" for name, value in values.items())
    values |= {"began": local_time(alert.began), "figures": all_of_them}
    return texts.fitting(f"what.{alert.kind}", values) or alert.reason


def named(name: str, texts: Texts) -> str:
    """The name of a figure; one that has no words is shown readably.

    Examples
    --------
    >>> texts = Texts("en", {"evidence.current": "Current", "evidence.before": "{name} before"})
    >>> named("current_l2", texts), named("current_before", texts), named("tea_leaves", texts)
    ('Current L2', 'Current before', 'tea leaves')
    """
    if word := texts.known(f"evidence.{name}", ""):
        return word
    bare, _, suffix = name.rpartition("_")
    if suffix in _SUFFIXES:
        return texts("evidence." + suffix, name=named(bare, texts))
    if phase := _PHASE.match(name):
        return f"{named(phase[1], texts)} L{phase[2]}"
    return name.replace("_", " ")


def evidence(kind: str, name: str, value: float | str, texts: Texts) -> str:
    """One value of an alert's evidence with its unit."""
    if isinstance(value, str):
        return value
    bare, _, suffix = name.rpartition("_")
    bare = bare if suffix in _SUFFIXES else name
    form = _FORMS.get(f"{kind} {bare}") or _FORMS.get(bare)
    return form(value, texts) if form else plain(value, 2)


def _in(unit: str) -> Form:
    return lambda value, _: figure(value, unit)


def _digits(digits: int, unit: str = "", factor: float = 1.0) -> Form:
    return lambda value, _: f"{value * factor:,.{digits}f} {unit}".rstrip()


def _contact(name: str) -> Form:
    return lambda value, texts: texts(f"contact.{name}_{1 if value else 0}")


def _each(form: Form, names: Iterable[str]) -> dict[str, Form]:
    return dict.fromkeys(names, form)


_FORMS: dict[str, Form] = {
    **{q.name: _in(q.unit) for q in QUANTITIES.values()},
    "current": _in("A"), "voltage": _in("V"), "mean_power": _in("W"),
    **_each(_in("Wh"), ("advanced", "from_reading", "incomer", "feeders", "allowed", "integrated", "change")),
    **_each(_in("W"), ("limit", "restart.power limit")),
    "restart.energy limit": _in("Wh"), "restart.current limit": _in("A"), "restart.voltage limit": _in("V"),
    "energy": _digits(2, "MWh", 1e-6),
    **_each(_digits(1, "t"), ("tonnes", "tonnes_least", "tonnes_most")),
    **_each(_digits(2, "Hz"), ("frequency", "grid", "off")),
    **_each(_digits(3, "m³"), ("water_volume", "water_used")),
    **_each(_digits(2, "m³/h"), ("water_flow", "mean_flow")),
    **{contact: _contact(contact) for contact in ("seal_closed", "door_closed", "breaker_closed")},
    **_each(_in("W"), ("restart.power usual", "restart.power mean_above")),
    **_each(_in("A"), ("restart.current usual", "restart.current mean_above")),
    "restart.power accumulated": _in("Wh"), "restart.current accumulated": _digits(1, "Ah"),
    "times": _digits(2),
    **_each(_digits(0, "%", 100), ("ratio", "usual", "usual_share", "share_of_rated")),
    **_each(lambda value, _: f"{value:.0f}", ("heats", "samples", "windows", "intervals", "lag", "meter_serial")),
    **_each(lambda value, _: f"{value:.0f}", ("sequence", "other_sequence")),
    **_each(lambda value, _: f"{value:g}", ("ct_ratio", "pt_ratio")),
    "distortion_ratio": _digits(2, "VA/W"),
    **_each(_digits(1), ("score", "evidence")),
    **_each(lambda value, _: f"{value:.0f}", ("silent_sites", "district_sites")),
    **_each(length, ("quiet", "heartbeat")),
    "hours": lambda value, texts: length(value * 3600, texts),
    "seconds": lambda value, texts: ("−" if value < 0 else "") + length(abs(value), texts),
}  # fmt: skip
"""How a figure is shown, by its name, or by kind and name where kinds differ."""
