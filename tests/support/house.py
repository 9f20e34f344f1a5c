"""The whole of Stillcold as processes, for one scenario."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine, Row, Select

from stillcold_server.store.database import open_database, read
from stillcold_sim.demo.console import Console
from stillcold_sim.demo.files import plants_of, public_key, read_ports, write_agent, write_registry, write_server
from stillcold_sim.demo.processes import program, run
from stillcold_sim.scenario import Scenario, find_scenario, load_scenario
from support.mosquitto import Mosquitto
from support.ports import free_port
from support.process import Process
from support.waiting import wait_for

_WORD = "one-time password "


class House:
    """Meters, agents, broker and server of a scenario; each can be stopped, killed and started again.

    Parameters
    ----------
    folder : Path
        For files, logs and the database.
    scenario : str
        Name of a shipped scenario, or path of a file.
    broker : Mosquitto
        A broker that runs.
    hook : str
        URL of a webhook.
    speed : float
        Of the meters.
    """

    def __init__(self, folder: Path, scenario: str, *, broker: Mosquitto, hook: str, speed: float = 1.0) -> None:
        self.folder, self.broker = folder, broker
        self.scenario: Scenario = load_scenario(find_scenario(scenario))
        self._plants = plants_of(self.scenario, folder)
        self._logins = {plant.gateway: broker.login(plant.gateway) for plant in self._plants}
        self._listing = folder / "ports.json"
        self._write_files(hook)
        sim = [str(program("stillcold-sim")), "serve", scenario, "--stay", "--speed", str(speed)]
        files = ["--ports-file", str(self._listing), "--truth", str(folder / "truth.jsonl")]
        self.meters = Process([*sim, *files], folder / "meters.log")
        self.server = Process([str(program("stillcold-server")), "run", "-c", str(self._server)], folder / "server.log")
        agent = str(program("stillcold-agent"))
        self.agents = [
            Process([agent, "run", "--config", str(p.config)], folder / f"{p.gateway}.log") for p in self._plants
        ]
        self.engine: Engine = open_database(f"sqlite:///{folder / 'stillcold.db'}")
        self.console = Console(self._http)

    def start_server(self) -> None:
        """Start the server and wait until it answers."""
        self.server.start()
        wait_for(self.console.up, what=f"the server:\n{self.server.output}")
        if not self.console.password:
            self.console.first_login(self.server.output.split(_WORD, 1)[1].split()[0])

    def start_meters(self) -> None:
        """Start the meters, and the agents with their ports."""
        self.meters.start()
        wait_for(self._listing.exists, what="the meters")
        for plant in self._plants:
            write_agent(plant, self.scenario, read_ports(self._listing), self._logins[plant.gateway])
        for agent in self.agents:
            agent.start()

    @property
    def started(self) -> float:
        """Epoch seconds at which the scenario began."""
        return datetime.fromisoformat(json.loads(self._listing.read_text())["started"]).timestamp()

    def rows(self, statement: Select[Any]) -> list[Row[Any]]:
        """What the database holds."""
        with read(self.engine) as connection:
            return list(connection.execute(statement))

    def truth(self) -> Iterator[dict[str, Any]]:
        """What was played."""
        for line in (self.folder / "truth.jsonl").read_text().splitlines():
            yield json.loads(line)

    def stop(self) -> list[int]:
        """Ask all to end, sources before sinks; their exit codes."""
        parts: Sequence[Process] = [*self.agents, self.meters, self.server]
        return [part.stop() for part in parts if part.alive]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for part in (*self.agents, self.meters, self.server):
            if part.alive:
                part.kill()
        self.engine.dispose()
        self.console.close()

    def _write_files(self, hook: str) -> None:
        self._http = free_port()
        anywhere = {port.id: 502 + i for i, port in enumerate(self.scenario.file.port)}
        for plant in self._plants:
            write_agent(plant, self.scenario, anywhere, self._logins[plant.gateway])
        write_registry(self._plants, self.scenario, self.folder / "registry.toml", key_of=public_key)
        self._server = write_server(
            self.folder, tables={"mqtt": self.broker.login("stillcold-server")}, http=self._http, hook=hook
        )
        run([program("stillcold-server"), "registry", "import", self.folder / "registry.toml", "-c", self._server])
