"""Reading a meter cycle by cycle."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from stillcold_core.profiles import Profile, Ratios, decode, plan_reads
from stillcold_core.profiles.codec import unrounded
from stillcold_core.readings import Absence
from stillcold_sim.recorder.sheet import Sheet


class Source(Protocol):
    """What is read from; see :class:`stillcold_sim.wire.library.Reader`."""

    async def read(self, unit: int, function: int, address: int, count: int) -> Sequence[int] | None:
        """Registers (or bits); None where no sound answer came."""


@dataclass(slots=True)
class Tally:
    """How it went.

    Attributes
    ----------
    rows : int
        Written.
    answered, whole : int
        Of these, in which something was read, and in which nothing was missing.
    skipped : int
        Cycles that did not take place because the one before took too long.
    """

    rows: int = 0
    answered: int = 0
    whole: int = 0
    skipped: int = 0


async def record(
    source: Source,
    unit: int,
    profile: Profile,
    ratios: Ratios,
    sheet: Sheet,
    tally: Tally,
    *,
    interval: float,
    count: int | None = None,
) -> None:
    """Read all registers of a meter every ``interval`` s, ``count`` times or until it is cancelled.

    Parameters
    ----------
    source : Source
        The bus.
    unit : int
        Of the meter.
    profile, ratios
        How to read it.
    sheet : Sheet
        Takes the readings; values as they came, not rounded to the profile's resolution.
    tally : Tally
        Counted on.
    interval : float
        s.
    count : int, optional
        How many rows.
    """
    loop = asyncio.get_running_loop()
    due = loop.time()
    while count is None or tally.rows < count:
        at = time.time()
        values = await _cycle(source, unit, profile, ratios)
        sheet.add(at, values)
        tally.rows += 1
        tally.answered += len(values) > 0
        tally.whole += len(values) == len(profile.register)
        due += interval
        if late := max(0, int((loop.time() - due) // interval)):
            tally.skipped += late
            due += late * interval
        if tally.rows != count:
            await asyncio.sleep(due - loop.time())


async def _cycle(source: Source, unit: int, profile: Profile, ratios: Ratios) -> Mapping[str, float]:
    values: dict[str, float] = {}
    for read in plan_reads(profile):
        words = await source.read(unit, read.function, read.address, read.count)
        for register, offset in read.registers if words is not None else ():
            part = words[offset : offset + register.words] if words is not None else ()
            if not isinstance(decode(profile, register, part, ratios), Absence):
                values[register.quantity] = unrounded(profile, register, part, ratios)
    return values
