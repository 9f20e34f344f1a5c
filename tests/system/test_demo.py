"""The demo: the story comes out as it should, and nothing is left running when it is interrupted."""

import contextlib
import os
import signal
from pathlib import Path

import pytest

from stillcold_sim.demo.processes import program
from support import Process, require_program, wait_for


def _demo(folder: Path, *options: str) -> Process:
    """Its files go into ``folder``, so that its processes can be told from others by their command lines."""
    folder.mkdir(exist_ok=True)
    command = [str(program("stillcold-sim")), "demo", "--no-browse", *options]
    return Process(command, folder / "demo.log", environment={**os.environ, "TMPDIR": str(folder), "COLUMNS": "120"})


def _left_running(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if str(folder) in command:
            found.append(command)
    return found


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.requirement("system.demo")
def test_the_story_comes_out(tmp_path: Path) -> None:
    """With nothing but Python, and beside it with the broker, the certificates and the access rules of real plants."""
    require_program("mosquitto")
    folders = {broker: tmp_path / broker for broker in ("iotcore", "mosquitto")}
    with contextlib.ExitStack() as stack:
        demos = {broker: stack.enter_context(_demo(f, "--once", "--broker", broker)) for broker, f in folders.items()}
        wait_for(lambda: not any(demo.alive for demo in demos.values()), seconds=400, what="the end of the stories")
        for broker, demo in demos.items():
            assert demo.stop() == 0, demo.output
            for kind in ("restart.energy", "furnace.induction", "tamper.balance"):
                assert kind in demo.output
            assert ("gateways: enrolled" in demo.output) is (broker == "mosquitto")
    assert _left_running(tmp_path) == []


@pytest.mark.slow
@pytest.mark.requirement("system.demo.interrupt")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    with _demo(tmp_path) as demo:
        demo.wait_for_output("Ctrl-C", seconds=240)
        assert len(_left_running(tmp_path)) >= 7
        assert demo.end(number, seconds=60) == 130
    assert _left_running(tmp_path) == []
