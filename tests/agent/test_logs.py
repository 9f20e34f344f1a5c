"""What is written to the log, and what is left out."""

import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillcold_agent.counts import Counts
from stillcold_agent.observe.logs import JsonLines, Pace, TextLines, _is_journal
from stillcold_core.profiles import Profile
from support import Process
from support.ports import free_port
from support.raw_meter import RawMeter, Registers
from support.waiting import wait_for_async

FLAP = "bus %(bus)s unit %(unit)d (%(point)s): %(said)s"


def record(text: str, *args: object, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("agent.x", level, "x.py", 1, text, args, None)


def meter(unit: int, said: str) -> logging.LogRecord:
    return record(FLAP, {"bus": "b", "unit": unit, "point": f"p{unit}", "said": said})


@pytest.mark.requirement("agent.log.pace")
def test_a_meter_that_flaps_is_written_five_times_and_then_once_a_minute() -> None:
    """Others' messages go through meanwhile; numbers make no difference."""
    now, counts = [0.0], Counts()
    pace = Pace(counts, lambda: now[0])
    written: list[str] = []
    for second in range(0, 600, 2):
        now[0] = float(second)
        passed = [one for said in ("timeout", "answers") if pace.filter(one := meter(3, said))]
        written += map(TextLines(journald=False).format, passed)
    assert len(written) == 2 * (5 + 9)
    assert counts.totals() == {"log_left_out": 2 * (300 - 14)}
    assert written[-1].endswith("bus b unit 3 (p3): answers (29 like it left out)")
    assert pace.filter(meter(4, "timeout"))
    for count in range(10):
        pace.filter(record("dropped a batch, %d so far", count))
    assert counts.totals()["log_left_out"] == 2 * (300 - 14) + 5


@pytest.mark.requirement("agent.log.pace")
def test_what_is_remembered_of_messages_is_bounded() -> None:
    """However many kinds there are; the oldest is forgotten."""
    pace = Pace(Counts(), lambda: 0.0)
    for number in range(2000):
        assert pace.filter(record("%s", f"kind {number}"))
    assert len(pace._kinds) <= 512


def test_a_message_is_one_line_whatever_it_quotes() -> None:
    """Nobody can forge a line of the log by a name or a reason."""
    text = TextLines(journald=False).format(record("refused: %s", "x\n2026-01-01T00:00:00Z INFO all is well"))
    assert "\n" not in text
    assert json.loads(JsonLines().format(record("%s", "a\nb")))["message"] == "a\nb"


def test_journald_gets_the_level_of_every_line() -> None:
    """Of a traceback's lines too, and no second time."""
    try:
        raise ValueError("odd")  # a traceback is wanted
    except ValueError:
        error = logging.LogRecord("agent.x", logging.ERROR, "x.py", 1, "it failed", (), sys.exc_info())
    lines = TextLines(journald=True).format(error).splitlines()
    assert lines[0] == "<3>ERROR agent.x: it failed"
    assert len(lines) > 3
    assert all(line.startswith("<3>") for line in lines)
    assert json.loads(JsonLines().format(error))["traceback"].endswith("ValueError: odd")


def test_journald_is_recognised_by_its_stream(tmp_path: Path) -> None:
    """Not by the variable alone: a pipe may lie between."""
    with (tmp_path / "stream").open("w") as stream:
        status = os.fstat(stream.fileno())
        assert _is_journal({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}, stream.fileno())
        assert not _is_journal({"JOURNAL_STREAM": "1:2"}, stream.fileno())
        assert not _is_journal({}, stream.fileno())


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Process]:
    command = [sys.executable, "-m", "stillcold_agent.cli", "run", "--config", str(tmp_path / "agent.toml")]
    one = Process(command, tmp_path / "agent.log")
    yield one
    if one.alive:
        one.kill()


@pytest.mark.requirement("agent.log.json")
@pytest.mark.requirement("agent.log.secrets")
async def test_every_line_of_a_run_is_an_object_without_a_secret(
    tmp_path: Path, sdm630: Profile, agent: Process
) -> None:
    """At the most talkative level, with a meter that answers, one that does not, and no broker."""
    (tmp_path / "secret").write_text("correct horse\n")
    shown = Registers(sdm630, {})
    async with RawMeter(lambda r: shown(r) if r.unit == 1 else None) as far:
        mqtt = f'[mqtt]\nport = {free_port()}\nusername = "gw"\npassword_file = "secret"\n'
        bus = f'[[bus]]\nid = "b"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {far.port}\ntimeout = 0.2\n'
        device = '[[device]]\nbus = "b"\nprofile = "eastron-sdm630"\n'
        devices = "".join(device + f'unit = {unit}\npoint = "p{unit}"\n' for unit in (1, 2))
        head = 'gateway = "gw-1"\ndata_dir = "data"\nlog_level = "debug"\nlog_format = "json"\n'
        (tmp_path / "agent.toml").write_text(head + mqtt + bus + devices)
        agent.start()
        await wait_for_async(lambda: '"unit":2' in agent.output and "cannot reach the broker" in agent.output)
        assert agent.stop() == 0
    lines = [json.loads(line) for line in agent.output.splitlines()]
    for line in lines:
        assert {"time", "level", "logger", "message"} <= set(line)
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    about = [line for line in lines if line.get("unit") == 2]
    assert (about[0]["bus"], about[0]["point"], about[0]["said"], about[0]["level"]) == (
        "b",
        "p2",
        "timeout",
        "warning",
    )
    key = (tmp_path / "data" / "gateway-key.pem").read_text().splitlines()[1]
    assert "correct horse" not in agent.output
    assert key not in agent.output
