"""Contacts and water of a sealed line at the edge: which sample first shows a change that somebody must know."""

from stillcold_core.detect.deadline import CONTACTS, DeadLineLimits
from stillcold_core.readings import Sample

AGAIN = 60.0
"""s after a change was told at once before another one is: a door that rattles does not load the gateway."""


class Witnesses:
    """Follows what one meter shows of contacts and water.

    Parameters
    ----------
    limits : DeadLineLimits
        Of the line.
    """

    def __init__(self, limits: DeadLineLimits) -> None:
        self._limits = limits
        self._contacts: dict[str, float] = {}
        self._runs = False
        self._volume: float | None = None

    def began(self, sample: Sample) -> str | None:
        """``seal`` where a contact changed to what it must not show, ``water`` where water begins to run."""
        seal, water = self._opened(sample), self._limits.water_cut and self._ran(sample)
        return "seal" if seal else "water" if water else None

    def _opened(self, sample: Sample) -> bool:
        opened = False
        for name, wrong in CONTACTS.items():
            value = sample.number(name)
            if value is not None:
                was = self._contacts.get(name, value)
                opened |= value == wrong and was != wrong
                self._contacts[name] = value
        return opened

    def _ran(self, sample: Sample) -> bool:
        """By the flow at once, by the register once what may add up has run."""
        flow, volume = sample.number("water_flow"), sample.number("water_volume")
        began = False
        if flow is not None:
            runs = abs(flow) > self._limits.water_flow
            began, self._runs = runs and not self._runs, runs
        if volume is not None:
            before = volume if self._volume is None else self._volume
            grown = volume - before
            began |= grown > self._limits.water_allowance
            self._volume = before if 0 <= grown <= self._limits.water_allowance else volume
        return began
