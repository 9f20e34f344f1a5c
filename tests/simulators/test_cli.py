"""The command line, as testers use it."""

import json
import signal
import socket
import struct
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from stillcold_sim.cli import main
from stillcold_sim.scenario import scenario_names
from support import Process, wait_for

COMMAND = [sys.executable, "-c", "from stillcold_sim.cli import main; main()", "serve"]


def _serve(tmp_path: Path, *arguments: str) -> Process:
    files = ["--ports-file", str(tmp_path / "ports.json"), "--truth", str(tmp_path / "truth.jsonl")]
    return Process([*COMMAND, *arguments, *files], tmp_path / "log")


def test_list_names_all_shipped_scenarios() -> None:
    """One a line."""
    result = CliRunner().invoke(main, ["list"])
    assert [line.split()[0] for line in result.output.splitlines()] == scenario_names()


@pytest.mark.requirement("sim.cli.clean-end")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_what_listens_where_and_ends_cleanly(tmp_path: Path, sent: signal.Signals) -> None:
    """The ports file leads to a meter; a signal ends it with exit code 0."""
    with _serve(tmp_path, "dead-line") as process:
        ports = tmp_path / "ports.json"
        wait_for(ports.exists)
        listing = json.loads(ports.read_text())
        place, meter = listing["ports"]["bus"], listing["meters"]["f1"]
        with socket.create_connection((place["host"], place["port"]), timeout=60) as connection:
            connection.sendall(struct.pack(">HHHBBHH", 1, 0, 6, meter["unit"], 4, 0x46, 2))
            assert connection.recv(100)[7] == 4
        assert f"Modbus TCP on {place['host']}:{place['port']}" in process.output
        assert process.end(sent) == 0
    assert json.loads((tmp_path / "truth.jsonl").read_text().splitlines()[0])["event"] == "scenario_begins"


@pytest.mark.requirement("sim.cli.clean-end")
def test_link_is_made_and_goes(tmp_path: Path) -> None:
    """So that the next start finds no stale one."""
    link = tmp_path / "meters"
    (tmp_path / "s.toml").write_text(f'name = "s"\nmeter = []\n[[port]]\nid = "line"\nkind = "rtu"\nlink = "{link}"\n')
    link.symlink_to("/nowhere")
    with _serve(tmp_path, str(tmp_path / "s.toml")) as process:
        wait_for((tmp_path / "ports.json").exists)
        assert link.resolve().is_char_device()
        assert process.stop() == 0
    assert not link.is_symlink()


def test_story_ends_by_itself(tmp_path: Path) -> None:
    """After its duration, with the truth complete."""
    with _serve(tmp_path, "demo", "--speed", "300") as process:
        wait_for(lambda: not process.alive)
        assert process.end(signal.SIGTERM) == 0
    truth = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    events = [(e["t"], e.get("meter") or e.get("port"), e["event"]) for e in truth if "event" in e]
    assert (45, "b", "melt_begins") in events
    assert (70, "b", "furnace_off") in events
    assert (50, "kc-003", "refused_ends") in events
    assert events[-1][2] == "scenario_ends"


@pytest.mark.requirement("sim.scenario.checked")
def test_bad_scenario_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    """Nothing is opened."""
    (tmp_path / "bad.toml").write_text('name = "bad"\nspeed = 0\nport = []\nmeter = []\n')
    with _serve(tmp_path, str(tmp_path / "bad.toml")) as process:
        wait_for(lambda: not process.alive)
        assert process.end(signal.SIGTERM) == 2
    assert process.output.splitlines() == [f"{tmp_path}/bad.toml:2: speed: got 0; Expected `float` > 0.0"]
    assert not (tmp_path / "truth.jsonl").exists()


def test_port_that_is_taken_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    """Somebody else listens there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "s.toml").write_text(f'name = "s"\nmeter = []\n[[port]]\nid = "bus"\nport = {port}\n')
        with _serve(tmp_path, str(tmp_path / "s.toml")) as process:
            wait_for(lambda: not process.alive)
            assert process.end(signal.SIGTERM) == 1
    (line,) = process.output.splitlines()
    assert line.startswith("cannot serve: ")
