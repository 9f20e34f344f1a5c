"""Which alerts tell what was done to a line or a meter, and whether one has to come."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from stillcold_core.registry import Line, Registry
from stillcold_sim.judging.alerts import Alert
from stillcold_sim.judging.truth import Episode
from stillcold_sim.scenario.fault import What

_OFFENCES: Mapping[str, tuple[str, ...]] = {"run": ("restart.", "furnace."), "energise": ("restart.voltage",)}
"""On a sealed line; kinds of alert or their beginnings."""
_CONTACTS = frozenset({"seal_closed", "door_closed", "breaker_closed"})
_FAULTS = frozenset(get_args(What))
_EVASIONS: Mapping[str, tuple[str, ...]] = {
    "ct_bypass": ("tamper.ct", "tamper.balance"),
    "ct_reversed": ("tamper.ct", "tamper.balance"),
    "phase_dropped": ("tamper.ct", "tamper.balance"),
    "ratio_changed": ("tamper.ratio", "tamper.meter_changed", "tamper.balance"),
    "rollback": ("tamper.rollback",),
    "frozen": ("tamper.frozen", "tamper.balance"),
    "replayed": ("tamper.replay", "tamper.frozen", "tamper.balance"),
    "meter_swapped": ("tamper.meter_changed", "tamper.rollback"),
    "genset": ("tamper.genset", "tamper.balance"),
    "clock_shifted": ("tamper.clock", "tamper.balance"),
}
"""What is done to a meter so that it does not tell."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that was done, and the alerts that tell it.

    Attributes
    ----------
    episode : Episode
        What was done.
    lines : tuple of str
        Lines that it was done to; without a registry its points.
    kinds : tuple of str
        Kinds of alert, or their beginnings, that tell it.
    required : bool
        Whether one of them has to come.
    """

    episode: Episode
    lines: tuple[str, ...]
    kinds: tuple[str, ...]
    required: bool

    @property
    def upstream(self) -> tuple[str, ...]:
        """Points that the lines hang behind."""
        return self.episode.upstream

    def explains(self, alert: Alert, grace: float) -> bool:
        """Whether an alert that began with it tells it."""
        return self.tells(alert) and alert.began <= self.episode.ended + grace and alert.detected >= self.episode.began

    def tells(self, alert: Alert) -> bool:
        """Whether an alert is of its kinds, and of its line or of one that feeds it."""
        return alert.kind.startswith(self.kinds) and bool({alert.line, alert.point} & {*self.lines, *self.upstream})


class Causes:
    """Makes causes of what was done.

    Parameters
    ----------
    registry : Registry, optional
        Which point belongs to which line, which lines are sealed and what was permitted on them. Without it every line
        counts as sealed, and an alert must name the point.
    """

    def __init__(self, registry: Registry | None) -> None:
        self._registry = registry
        self._line_of = {p.id: p.line for p in registry.point} if registry else {}
        self._lines = {line.id: line for line in registry.line} if registry else {}

    def of(self, episode: Episode) -> Cause | None:
        """The cause that an episode is; None of what no alert can tell, such as a load that is switched off."""
        names = tuple(dict.fromkeys(self._line_of.get(p, p) for p in episode.points))
        lines = [line for n in names if (line := self._lines.get(n))]
        if kinds := _OFFENCES.get(episode.what):
            sealed = not self._registry or any(line.state == "sealed" for line in lines)
            certain = episode.what == "run" or any("power_cut" in line.measures for line in lines)
            return Cause(episode, names, kinds, sealed and certain and not self._permitted(episode, lines))
        if episode.what == "set":
            opened = any(episode.values.get(q) == 0 for q in _CONTACTS)
            return Cause(episode, names, ("restart.seal",) if opened else ("restart.", "tamper."), opened)
        if kinds := _EVASIONS.get(episode.what):
            return Cause(episode, names, kinds, True)
        # A fault on the wire may be told, and need not.
        return Cause(episode, names, ("silence.", "quality."), False) if episode.what in _FAULTS else None

    def _permitted(self, episode: Episode, lines: list[Line]) -> bool:
        permits = self._registry.permit if self._registry else ()
        ids = {line.id for line in lines}
        return any(
            p.line in ids and p.start.timestamp() <= episode.began and episode.ended <= p.end.timestamp()
            for p in permits
        )
