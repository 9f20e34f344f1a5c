"""One contestant at work between a plant, a broker and its far end."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.agent.contestant import Contestant, Job, Reading
from bench.agent.far_end import FarEnd, Message
from bench.agent.plant import Plant
from support.mosquitto import Mosquitto
from support.process import Process
from support.waiting import wait_for

_START = 120.0
"""s until every meter's first reading has come out of the broker."""


@dataclass
class Stage:
    """What takes part in one run."""

    contestant: Contestant
    plant: Plant
    broker: Mosquitto
    far_end: FarEnd
    process: Process
    _seen: int = field(default=0, init=False)
    _readings: list[tuple[int, Reading]] = field(default_factory=list, init=False)

    def readings(self) -> list[tuple[int, Reading]]:
        """All readings that have come so far, with their arrival in ns."""
        messages: list[Message] = self.far_end.messages[self._seen :]
        self._seen += len(messages)
        for m in messages:
            self._readings += [(m.at, r) for r in self.contestant.readings(m.topic, m.payload)]
        return self._readings

    def wait_until_all_are_read(self) -> None:
        """Until every meter has been read and something has come."""
        wait_for(lambda: all(self.plant.reads()), seconds=_START, what=f"{self.contestant.name}: {self.process.output}")
        wait_for(self.readings, seconds=_START, what=f"{self.contestant.name}: {self.process.output}")


@contextmanager
def stage(contestant: Contestant, folder: Path, program: Path, interval: float) -> Iterator[Stage]:
    """A contestant that has begun to read ``program``'s meters every ``interval`` seconds."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with (
        Plant(program) as plant,
        Mosquitto(folder / "broker") as broker,
        FarEnd(broker.port, contestant.reply) as far_end,
    ):
        job = Job(folder, plant.port, broker.port, interval)
        environment = {**os.environ, **contestant.environment(job)}
        with Process(contestant.command(job), folder / "log", environment=environment) as process:
            on_stage = Stage(contestant, plant, broker, far_end, process)
            on_stage.wait_until_all_are_read()
            yield on_stage
