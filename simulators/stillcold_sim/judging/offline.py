"""Playing a scenario as fast as possible, into a file of measurements and a file with the truth."""

import csv
import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import IO

from stillcold_core.quantities import QUANTITIES
from stillcold_sim.clock import iso
from stillcold_sim.judging.reader import Reader
from stillcold_sim.plant import Plant, Record
from stillcold_sim.scenario import Scenario, seconds

_DAY = datetime(2026, 3, 2, tzinfo=timezone(timedelta(hours=8)))
"""Midnight, in the local time of the plants, of the day on which scenarios are played where nobody says another."""


@dataclass(frozen=True, slots=True)
class Played:
    """What was played.

    Attributes
    ----------
    began : float
        UTC of simulated time 0, s since 1970-01-01.
    lasted : float
        Simulated s.
    samples : int
        Readings of meters that were written, those without an answer among them.
    """

    began: float
    lasted: float
    samples: int


def begin_of(scenario: Scenario) -> float:
    """UTC at which a scenario begins where nobody says when: its time of day on 2026-03-02, UTC+8.

    Always the same, so that the files are the same too.
    """
    return _DAY.timestamp() + seconds(scenario.file.time_of_day) % 86400


def play(
    scenario: Scenario,
    measurements: Path,
    truth: Path | None = None,
    *,
    interval: float,
    began: float | None = None,
    seed: int | None = None,
    duration: float | None = None,
) -> Played:
    """Play a scenario without a wire.

    Parameters
    ----------
    scenario : Scenario
        What to play.
    measurements : Path
        CSV: ``time`` (epoch seconds), ``point``, then the quantities; empty where there was no answer. The values are
        those that the registers show.
    truth : Path, optional
        JSON lines, as ``serve`` writes them.
    interval : float
        s between two readings of a meter.
    began : float, optional
        UTC of the first reading; see :func:`begin_of`.
    seed : int, optional
        Instead of the scenario's.
    duration : float, optional
        s to play, instead of the scenario's.

    Raises
    ------
    OSError
        When a file cannot be written.
    """
    began = begin_of(scenario) if began is None else began
    lasts = seconds(scenario.file.duration) if duration is None else duration
    with ExitStack() as stack:
        lines = stack.enter_context(truth.open("w", encoding="utf-8")) if truth else None
        table = stack.enter_context(measurements.open("w", encoding="utf-8", newline=""))
        plant = Plant(scenario, seed, _recorder(lines, began, interval))
        samples = _poll(scenario, plant, table, began=began, interval=interval, lasts=lasts)
        plant.advance(lasts)
    return Played(began, lasts, samples)


def columns_of(scenario: Scenario) -> list[str]:
    """Quantities that the scenario's meters have registers for, in the vocabulary's order."""
    shown = {q for m in scenario.meters for q in m.profile.by_quantity}
    return [q for q in QUANTITIES if q in shown]


def _poll(scenario: Scenario, plant: Plant, table: IO[str], *, began: float, interval: float, lasts: float) -> int:
    ports = {p.id: p for p in scenario.file.port}
    seed = scenario.file.seed
    readers = [(m, Reader(m, ports[m.plan.spec.port], seed)) for m in plant.meters.values()]
    columns = columns_of(scenario)
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["time", "point", *columns])
    count = int(lasts // interval) + 1
    for n in range(count):
        t = n * interval
        plant.advance(t)
        for meter, reader in readers:
            values = reader.read(plant, t)
            time = _number(began + t + meter.clock_error(t))
            rows.writerow([time, meter.plan.spec.point, *(_number(values[q]) if q in values else "" for q in columns)])
    return count * len(readers)


def _recorder(lines: IO[str] | None, began: float, interval: float) -> Callable[[Record], None]:
    def write(record: Record) -> None:
        if lines:
            more = {"interval": interval} if record.get("event") == "scenario_begins" else {}
            line = {"t": record["t"], "time": iso(began + record["t"]), **record, **more}
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")

    return write


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
