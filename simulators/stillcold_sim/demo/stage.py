"""The demo from curtain to curtain."""

import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
from rich.console import Console as Screen

from stillcold_sim.demo.broker import Kind, choose, start_iotcore, start_mosquitto
from stillcold_sim.demo.console import USER, Console
from stillcold_sim.demo.files import plants_of, public_key, read_ports, write_agent, write_registry, write_server
from stillcold_sim.demo.night import Night, night_before
from stillcold_sim.demo.office import Office
from stillcold_sim.demo.processes import Failed, Processes, free_port, program, run
from stillcold_sim.demo.receiver import Receiver
from stillcold_sim.demo.report import Part, judge, table_of
from stillcold_sim.scenario import Scenario, find_scenario, load_scenario, seconds

_SETTLE = 8.0  # s after the story for the last batches, which the agents close within 5 s
_PATIENCE = 180.0  # s for what the machine is too slow for
_LOCAL = timezone(timedelta(hours=8))
_WORD = "one-time password "


def run_demo(*, once: bool, story: str = "demo", broker: Kind | None = None, browse: bool = True) -> bool:
    """Play a story through the whole of Stillcold.

    Parameters
    ----------
    once : bool
        End with the story and judge it; otherwise go on until interrupted.
    story : str
        Scenario to play.
    broker : "mosquitto" or "iotcore", optional
        By default mosquitto where it is installed.
    browse : bool
        Open the console in a browser.

    Returns
    -------
    bool
        Whether every alert that the story expects has come, in time, and no other.

    Raises
    ------
    Failed
        When a part does not start, or ends.
    """
    screen = Screen()
    with staged(story, screen, broker=broker) as stage:
        if not once:
            return _go_on(stage, browse)
        stage.watch(seconds(stage.scenario.file.duration) / stage.scenario.file.speed + _SETTLE)
        stage.settle()
        rows = judge(stage.parts(), stage.console.alerts(), stage.console.lines())
        screen.print(table_of(rows))
        return all(row.verdict == "ok" for row in rows)


@contextmanager
def staged(story: str, screen: Screen, *, broker: Kind | None = None) -> Iterator["Stage"]:
    """The whole of Stillcold with a story that has begun; at the end of the block everything is stopped.

    Parameters
    ----------
    story : str
        Scenario to play.
    screen : Screen
        Where it is said what is there.
    broker : "mosquitto" or "iotcore", optional
        By default mosquitto where it is installed.

    Raises
    ------
    Failed
        When a part does not start.
    """
    scenario = load_scenario(find_scenario(story))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stillcold-demo-")))
        receiver = stack.enter_context(Receiver())
        processes = stack.enter_context(Processes(folder))
        stage = Stage(scenario, night_before(story, time.time()), folder, processes, screen)
        stage.set_up(receiver.url, broker)
        stack.callback(stage.console.close)
        stage.play()
        yield stage


class Stage:
    """What is on the stage.

    Attributes
    ----------
    scenario : Scenario
        The story.
    night : Night or None
        What happened before it.
    console : Console
        The server, logged in as its administrator.
    started : float
        Epoch seconds at which the story began.
    """

    def __init__(
        self, scenario: Scenario, night: Night | None, folder: Path, processes: Processes, screen: Screen
    ) -> None:
        self.scenario, self.night = scenario, night
        self.folder, self.processes, self.screen = folder, processes, screen
        self.console = Console(free_port())
        self.started = 0.0
        self._seen: set[str] = set()

    def set_up(self, hook: str, broker: Kind | None) -> None:
        """Everything but the story: broker, registry, server, and the agents' files."""
        kind, self._broker = choose(broker), free_port()
        self._office = Office(self.folder, self._broker) if kind == "mosquitto" else None
        self._plants = plants_of(self.scenario, self.folder)
        self._write_registry()
        tables = self._office.server_tables() if self._office else {"mqtt": {"port": self._broker}}
        config = write_server(self.folder, tables=tables, http=self.console.port, hook=hook)
        server = program("stillcold-server")
        run([server, "registry", "import", self.folder / "registry.toml", "--config", config])
        self._start_broker(config)
        self.screen.print(f"broker: {kind} on 127.0.0.1:{self._broker}")
        log = self.processes.start("server", [server, "run", "--config", config])
        self.processes.wait_for(self.console.up, "the server", _PATIENCE)
        self.console.first_login(_after(log.read_text(encoding="utf-8"), _WORD))
        self.screen.print(f"server: {self.console.url}")
        self._let_in()

    def play(self) -> None:
        """Start the meters and the agents: the story begins, and the night before is handed over."""
        listing = self.folder / "ports.json"
        sim = program("stillcold-sim")
        self.processes.start("meters", [sim, "serve", self.scenario.file.name, "--stay", "--ports-file", listing])
        self.processes.wait_for(listing.exists, "the meters", _PATIENCE)
        self.started = datetime.fromisoformat(msgspec.json.decode(listing.read_bytes())["started"]).timestamp()
        for plant in self._plants:
            write_agent(plant, self.scenario, read_ports(listing), self._login(plant.gateway))
            self.processes.start(plant.gateway, [program("stillcold-agent"), "run", "--config", plant.config])
        self.screen.print(f"meters and {len(self._plants)} gateways: running\n{_described(self.scenario)}\n")
        if self.night:
            self._hand_over(self.night)

    def _hand_over(self, night: Night) -> None:
        command = [sys.executable, "-m", "stillcold_sim.demo.deliver", night.scenario.file.name]
        options: dict[str, object] = {"--began": night.began, "--broker": self._broker}
        options |= {"--caught-up": self._caught_up}
        options |= {"--certificates": self.folder / "certificates"} if self._office else {}
        self.processes.start("night", [*command, *(str(word) for pair in options.items() for word in pair)])
        began = datetime.fromtimestamp(night.began, _LOCAL)
        self.screen.print(f"the night since {began:%Y-%m-%d %H:%M} (UTC+8):\n{_described(night.scenario)}\n")

    def parts(self) -> list[Part]:
        """What is expected of the alerts."""
        night = [Part(self.night.scenario, self.night.began, "detected")] if self.night else []
        return [Part(self.scenario, self.started), *night]

    def settle(self) -> None:
        """Wait until everything that was handed over has been judged."""
        if self.night:
            self.processes.wait_for(self._caught_up.exists, "all of the night", _PATIENCE)
        self.processes.wait_for(lambda: self.console.behind() == 0, "the judgement of all batches", _PATIENCE)
        self._say_new(time.time() - self.started)

    def watch(self, until: float) -> None:
        """Say each alert as it comes, until so many seconds of the story."""
        while (now := time.time() - self.started) < until:
            self.processes.check()
            self._say_new(now)
            time.sleep(0.5)

    def _say_new(self, now: float) -> None:
        for alert in self.console.alerts():
            if alert["id"] not in self._seen:
                self._seen.add(alert["id"])
                self.screen.print(f"[bold]{now:5.1f} s  {alert['kind']}  {alert['line']}[/]  {alert['reason']}")

    def _write_registry(self) -> None:
        """Where nobody enrols, each agent makes its key before its meters are there."""
        anywhere = {port.id: 502 + i for i, port in enumerate(self.scenario.file.port)}
        for plant in self._plants:
            write_agent(plant, self.scenario, anywhere, self._login(plant.gateway))
        others = self.night.gateways() if self.night else ()
        key_of = (lambda _: "") if self._office else public_key
        write_registry(self._plants, self.scenario, self.folder / "registry.toml", others, key_of=key_of)

    def _start_broker(self, server: Path) -> None:
        if self._office:
            self._office.found(server)
            start_mosquitto(self.processes, self.folder, self._broker, self._office.broker_folder)
        else:
            start_iotcore(self.processes, self.folder, self._broker)

    def _let_in(self) -> None:
        """Every gateway enrols, where the broker asks for certificates."""
        if self._office is None:
            return
        for plant in self._plants:
            self._office.let_in_agent(self.console, plant.gateway, plant.config)
        for gateway, _ in self.night.gateways() if self.night else ():
            self._office.let_in(self.console, gateway.id, gateway.public_key)
        self.screen.print("gateways: enrolled")

    def _login(self, gateway: str) -> dict[str, object]:
        return self._office.login(gateway) if self._office else {"port": self._broker}

    @property
    def _caught_up(self) -> Path:
        return self.folder / "night.caught-up"


def _go_on(stage: Stage, browse: bool) -> bool:
    url, password = stage.console.url, stage.console.password
    stage.screen.print(f"\nConsole: {url}   user: {USER}   password: {password}")
    stage.screen.print("With the same password, admin manages the users and auditor reads the audit log.")
    stage.screen.print("Ctrl-C ends it all.\n")
    if browse:
        webbrowser.open(url)
    stage.watch(float("inf"))
    return True


def _described(scenario: Scenario) -> str:
    return " ".join(scenario.file.description.split())


def _after(text: str, word: str) -> str:
    if word not in text:
        raise Failed(f"the server's first start printed no {word!r}")
    return text.split(word, 1)[-1].split(maxsplit=1)[0]
