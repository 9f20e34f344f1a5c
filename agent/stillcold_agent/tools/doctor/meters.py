"""The meters: one reading of each, where no agent owns the buses."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from stillcold_agent.config import Config
from stillcold_agent.tools.doctor.finding import Finding, fail, good, warn
from stillcold_agent.tools.reading import Reading, read_once
from stillcold_agent.tools.running import agent_runs
from stillcold_core.readings import Absence

_DO = {
    Absence.TIMEOUT: "power of the meter; its unit; A and B crossed; speed and parity; wire; a larger timeout",
    Absence.BAD_REPLY: "two meters with one unit, a second master, noise, parity; the converter's mode",
    Absence.EXCEPTION: "wrong profile (probe suggests one); if only some quantities: skip",
    Absence.OUT_OF_RANGE: "wrong profile, ct or pt; a phase or function that is not connected: skip",
    Absence.DISCONNECTED: "ls /dev/serial/by-id/; ping the converter; is another program connected?",
    Absence.NOT_SUPPORTED: "the meter has no such quantity: skip",
    Absence.BREAKER_OPEN: "it failed again and again; see its timeout",
}


def meters(config: Config) -> Iterator[Finding]:
    """One reading of each meter: whether it answers, and what is missing."""
    if agent_runs(Path(config.data_dir)):
        yield good("meters", "the agent reads them: stillcold-agent watch; two masters would disturb each other")
        return
    yield from map(_finding, asyncio.run(read_once(config)))


def _finding(reading: Reading) -> Finding:
    values = reading.sample.values
    causes = Counter(v for v in values.values() if isinstance(v, Absence))
    meter = reading.meter
    where = f"{meter.point} ({meter.bus} unit {meter.unit})"
    if not causes:
        return good("meter", f"{where}: all {len(values)} quantities")
    cause = causes.most_common(1)[0][0]
    missing = [q for q, v in values.items() if isinstance(v, Absence)]
    if not reading.answered:
        return fail("meter", f"{where}: {cause}", _DO[cause])
    return warn("meter", f"{where}: {len(missing)} of {len(values)} missing ({cause}): {' '.join(missing)}", _DO[cause])
