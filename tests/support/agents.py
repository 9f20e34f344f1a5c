"""A whole agent inside the test's event loop, with real meters' protocol and a real broker around it."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from stillcold_agent.app import Agent, make_data_dir
from stillcold_agent.config import load_config
from stillcold_agent.counts import Counts
from stillcold_agent.identity import load_or_make_key
from support.acker import Acker
from support.mosquitto import Mosquitto

GATEWAY = "gw-1"


class RunningAgent:
    """Runs while the block lasts, with a server's side that acknowledges.

    Parameters
    ----------
    folder : Path
        For its files.
    broker : Mosquitto
        Its broker.
    rest : str
        Of the configuration, after gateway, data folder and broker.

    Attributes
    ----------
    far : Acker
        The server's side.
    counts : Counts
        The agent's.
    """

    def __init__(self, folder: Path, broker: Mosquitto, rest: str) -> None:
        file = folder / "agent.toml"
        file.write_text(f'gateway = "{GATEWAY}"\ndata_dir = "data"\n[mqtt]\nport = {broker.port}\n{rest}')
        config = load_config(file)
        make_data_dir(Path(config.data_dir))
        self.far = Acker(broker.port, GATEWAY, load_or_make_key(Path(config.data_dir)).public_key())
        self.counts = Counts()
        self._agent, self._stop = Agent(config, self.counts), asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.far.__enter__()
        self._task = asyncio.create_task(self._agent.run(self._stop))
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop.set()
        if self._task:
            await self._task
        self.far.__exit__()
