"""Where the state comes from: the agent that runs, or our own readings where none does."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from stillcold_agent.config import Config
from stillcold_agent.counts import Counts
from stillcold_agent.meters import meters_of
from stillcold_agent.modbus.bus import Bus
from stillcold_agent.modbus.poller import Poller
from stillcold_agent.observe.live import Live, LiveState
from stillcold_agent.observe.window import look_in
from stillcold_agent.tools.running import agent_runs
from stillcold_agent.tools.watch.table import table_of
from stillcold_core.files import BadFile


async def watch(config: Config, every: float, once: bool, show: Callable[[list[str]], None]) -> None:
    """Show a table every ``every`` s, for ever or once.

    Raises
    ------
    BadFile
        When an agent runs and does not show its state.
    """
    data_dir = Path(config.data_dir)
    while True:
        if agent_runs(data_dir):
            await _of_agent(data_dir, every, once, show)
        else:
            await _by_ourselves(config, every, once, show)
        if once:
            return


async def _of_agent(data_dir: Path, every: float, once: bool, show: Callable[[list[str]], None]) -> None:
    while agent_runs(data_dir):
        try:
            state = await look_in(data_dir)
        except OSError as error:
            if not agent_runs(data_dir):
                return  # it ended meanwhile
            right = "two masters would disturb each other, so only it can tell; systemctl stop stillcold-agent first"
            raise BadFile(data_dir, f"an agent runs and does not answer ({error}); {right}") from error
        show(list(table_of(state)))
        if once:
            return
        await asyncio.sleep(every)


async def _by_ourselves(config: Config, every: float, once: bool, show: Callable[[list[str]], None]) -> None:
    """Read as the agent would, until one runs."""
    async with _read(config) as live:
        while once and not _complete(live.state(0.0)):  # noqa: ASYNC110  # every meter is read, or absent, in the end
            await asyncio.sleep(0.02)
        while not agent_runs(Path(config.data_dir)):
            show(list(table_of(live.state(time.time()))))
            if once:
                return
            await asyncio.sleep(every)


@asynccontextmanager
async def _read(config: Config) -> AsyncIterator[Live]:
    meters = meters_of(config)
    buses = {settings.id: Bus(settings, [m for m in meters if m.bus == settings.id]) for settings in config.bus}
    live = Live(config.gateway, meters, [bus.stats for bus in buses.values()], time.time())
    pollers = [
        Poller(bus, mine, live.take, Counts())
        for i, bus in buses.items()
        if (mine := [m for m in meters if m.bus == i])
    ]
    tasks = [asyncio.create_task(poller.run()) for poller in pollers]
    try:
        yield live
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _complete(state: LiveState) -> bool:
    return all(meter.read is not None for meter in state.meters)
