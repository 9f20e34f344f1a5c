"""What is found in the first hour, day and week after installation, when it goes on from the first sample."""

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.detect import restarts, tampers
from bench.detect.furnaces import BESIDE, shown
from bench.detect.judges import Known, alerts, furnace
from bench.detect.trace import DAY, Trace
from support.feeders import hidden, play
from support.tamper_plants import BEGAN, Story, evasions, permitted, played

WITHIN = {"an hour": 3600.0, "a day": DAY, "a week": 7 * DAY}


def lit(_kind: str, name: str, split: str, number: int) -> Iterator[Trace]:
    """A furnace whose first heat begins in the first night after installation."""
    site = hidden(name, number, 2.4, first=0)
    record = play(site)
    begins = record.heats[0][0]
    for view, every in (("thd", 60.0), ("power", 60.0), ("power", 900.0)):
        known = Known(
            "furnace", "cold", f"{view}, {every:g} s", split, number, every, shown(record, view, every), site.days,
            1.0, begins, site.days * DAY - begins,
        )  # fmt: skip
        yield furnace(known)


def live(_kind: str, _name: str, split: str, number: int) -> Iterator[Trace]:
    """A sealed line that runs while its meter is installed, at 5 % of its rating."""
    for cadence in (1.0, 60.0, 900.0):
        rng = np.random.default_rng([number, 11])
        cold = restarts.new(rng, cadence, 4 * 3600.0 + 20 * cadence)
        cold.take(0.0, float(cold.times[-1]), 0.05)
        known = Known(
            "restart", "cold", f"all, {cadence:g} s", split, number, cadence, restarts.meter(cold, "all"), 1.0,
            cold.rated, 0.0, DAY,
        )  # fmt: skip
        subject = restarts.watched(cold.rated, cold.is_cut)
        found = alerts(subject.detector, subject.watched, [known.samples])
        rise = [(f.detected - known.epoch, 1.0) for f in found][:1]
        yield Trace("restart", "cold", known.meter, "Stillcold", split, number, cadence, 0.0, [], 0.0, DAY, rise)


def evaded(kind: str, _name: str, split: str, number: int) -> Iterator[Trace]:
    """A meter that is tampered with from ten minutes after installation on, for a day."""
    rng, at, lasts = random.Random(f"cold {number} {kind}"), 600.0, DAY
    feeders = permitted(rng)
    tables, kinds = evasions(rng, at, lasts)[kind]
    story = Story(rng.randrange(10**6), 60.0, at + lasts, feeders, tables, at, lasts)
    with tempfile.TemporaryDirectory() as folder:
        rounds = list(played(story, Path(folder)))
    found = [f for f in tampers.judged(story, rounds) if f.kind in kinds]
    rise = [(f.detected - BEGAN - at, 1.0) for f in found if f.detected >= BEGAN + at][:1]
    yield Trace("tamper", "cold", "all, 60 s", "Stillcold", split, number, 60.0, 0.0, [], at, lasts, rise)


FURNACES = [("cold", name) for name in BESIDE]
# What the first sample after installation already shows cannot be told from how the meter always was.
EVASIONS = [(kind, "") for kind in tampers.EVASIONS if "replayed" not in kind]
