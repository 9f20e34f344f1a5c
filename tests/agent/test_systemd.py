"""What systemd hears, over a real socket."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillcold_agent.config import TcpBus, load_config
from stillcold_agent.counts import Counts
from stillcold_agent.meters import meters_of
from stillcold_agent.observe.progress import Progress
from stillcold_agent.observe.systemd import Systemd
from stillcold_core.profiles import Profile
from stillcold_core.readings import Absence, Sample
from support import Mosquitto, wait_for_async
from support.agents import RunningAgent
from support.raw_meter import RawMeter, Registers

PLANT = """
[[bus]]
id = "b"
kind = "tcp"
host = "127.0.0.1"
port = {port}
[[device]]
bus = "b"
unit = 1
point = "p1"
profile = "eastron-sdm630"
"""


class Manager:
    """systemd's end of the socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)
        self.heard: list[str] = []

    def hear(self) -> list[str]:
        """Everything so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.heard.append(self._socket.recv(4096).decode())
        return self.heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    one = Manager(str(tmp_path / "notify"))
    yield one
    one.close()


@pytest.mark.requirement("agent.systemd.notify")
async def test_systemd_hears_ready_alive_and_stopping(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this order, while a meter is read."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    async with RawMeter(Registers(sdm630, {})) as far, RunningAgent(tmp_path, mosquitto, PLANT.format(port=far.port)):
        await wait_for_async(lambda: len(manager.hear()) > 3)
    heard = manager.hear()
    assert (heard[0], heard[-1]) == ("READY=1", "STOPPING=1")
    assert set(heard[1:-1]) == {"WATCHDOG=1"}


@pytest.mark.requirement("agent.systemd.watchdog")
async def test_the_watchdog_starves_when_no_bus_gets_on(
    tmp_path: Path, manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    """A reading that ends, even without an answer, feeds it again."""
    (tmp_path / "agent.toml").write_text('gateway = "g"\n' + PLANT.format(port=502))
    config = load_config(tmp_path / "agent.toml")
    progress = Progress(config.bus, meters_of(config), float("-inf"))
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000"}
    feeding = asyncio.create_task(Systemd(environment, Counts()).feed(progress))
    await wait_for_async(lambda: "the watchdog is not fed" in caplog.text)
    assert manager.hear() == []
    progress.take(Sample("p1", 0.0, {"voltage_l1": Absence.TIMEOUT}), float("inf"), answered=False)
    await wait_for_async(lambda: len(manager.hear()) > 1)
    feeding.cancel()
    assert set(manager.heard) == {"WATCHDOG=1"}
    assert caplog.text.count("the watchdog is not fed") == 1


@pytest.mark.requirement("agent.systemd.watchdog")
async def test_where_nobody_asked_nothing_is_said(tmp_path: Path) -> None:
    """Without a socket, for another process, and to a socket that is gone, which is counted."""
    counts = Counts()
    progress = Progress([TcpBus("b", "h")], [], 0.0)
    Systemd({}, counts).say("READY=1")
    await Systemd({"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}, counts).feed(progress)
    assert counts.totals() == {}
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")}, counts).say("READY=1")
    assert counts.totals() == {"notify_failed": 1}


def test_an_abstract_socket_is_reached_too() -> None:
    """Its name begins with @ in the environment and with a zero byte in the kernel."""
    name = f"stillcold-test-{os.getpid()}"
    one = Manager("\0" + name)
    Systemd({"NOTIFY_SOCKET": "@" + name}, Counts()).say("READY=1")
    assert one.hear() == ["READY=1"]
    one.close()
