"""``read-once``: one reading of every meter."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stillcold_agent.config import Config
from stillcold_agent.meters import Meter, meters_of
from stillcold_agent.modbus.bus import Bus
from stillcold_core.quantities import QUANTITIES
from stillcold_core.readings import Absence, Sample


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of one meter, and every register word that came."""

    meter: Meter
    sample: Sample
    words: dict[str, tuple[int, ...]]

    @property
    def answered(self) -> bool:
        """Whether any number came."""
        return any(not isinstance(v, Absence) for v in self.sample.values.values())


async def read_once(config: Config) -> list[Reading]:
    """One reading of every meter, in the configuration's order; all buses at the same time."""
    meters = meters_of(config)
    per_bus = [(settings, [m for m in meters if m.bus == settings.id]) for settings in config.bus]
    buses = [(Bus(settings, mine), mine) for settings, mine in per_bus]
    found = [r for part in await asyncio.gather(*(_read_bus(*b) for b in buses)) for r in part]
    return sorted(found, key=lambda r: meters.index(r.meter))


async def _read_bus(bus: Bus, meters: Sequence[Meter]) -> list[Reading]:
    try:
        return [await _read(bus, meter) for meter in meters]
    finally:
        bus.close()


async def _read(bus: Bus, meter: Meter) -> Reading:
    moment, answers = await bus.ask(meter)
    words = {register.quantity: w for register, w in meter.words(answers) if not isinstance(w, Absence)}
    return Reading(meter, meter.sample(moment, answers), words)


def table(readings: Sequence[Reading]) -> list[str]:
    """Readings as lines: point, quantity, value, unit, register words in hex, cause of absence."""
    head = ("point", "quantity", "value", "unit", "raw", "absent")
    rows = [head, *(row for r in readings for row in _rows(r))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _rows(reading: Reading) -> Iterator[tuple[str, ...]]:
    for quantity, value in reading.sample.values.items():
        decimals = max(0, -reading.meter.exponents[quantity])
        shown, absent = ("", value.value) if isinstance(value, Absence) else (f"{value:.{decimals}f}", "")
        raw = " ".join(f"{word:04x}" for word in reading.words.get(quantity, ()))
        yield reading.meter.point, quantity, shown, QUANTITIES[quantity].unit, raw, absent
