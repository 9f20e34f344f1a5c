"""All checks, in the order in which one builds on the other."""

import time
from collections.abc import Iterator
from pathlib import Path

from stillcold_agent.boot import clock_state
from stillcold_agent.config import Config
from stillcold_agent.tools.doctor.broker import broker
from stillcold_agent.tools.doctor.files import files
from stillcold_agent.tools.doctor.finding import Finding
from stillcold_agent.tools.doctor.machine import clock, disk, service
from stillcold_agent.tools.doctor.meters import meters
from stillcold_agent.tools.doctor.server import server


def examine(path: Path, config: Config) -> Iterator[Finding]:
    """What each check finds, as soon as it is known."""
    yield from files(path, config)
    yield from clock(clock_state())
    yield from disk(config)
    yield from service()
    yield from meters(config)
    yield from broker(config)
    yield from server(config, time.time())
