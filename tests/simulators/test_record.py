"""Taking a running meter down, and playing it again."""

import json
import re
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from stillcold_core.profiles import Ratios, load_profile, plan_reads, profile_names
from stillcold_sim.cli import main
from stillcold_sim.plant import Plant
from stillcold_sim.recorder import Tally, open_sheet, record
from stillcold_sim.scenario import load_scenario
from stillcold_sim.serve import serving
from stillcold_sim.wire.library import Place, Reader
from support import Process, wait_for

COMMAND = [sys.executable, "-c", "from stillcold_sim.cli import main; main()"]
RATIOS = Ratios(ct=40, pt=10)


def _text(profile: str, kind: str = "tcp") -> str:
    meter = load_profile(profile).kind == "meter"
    given = {"current_n": 1.25} if meter else {"water_volume": 12.5, "water_flow": 3.25}
    given |= {"seal_closed": 1, "door_closed": 0, "breaker_closed": 1}
    values = ", ".join(f"{q} = {v}" for q, v in given.items() if q in load_profile(profile).by_quantity)
    load = 'load = { kind = "motor", power = 2e3, loaded = 2, unloaded = 1 }' if meter else ""
    return f"""
name = "test"
step = 0.05
[[port]]
id = "bus"
kind = "{kind}"
[[meter]]
id = "m"
profile = "{profile}"
port = "bus"
unit = 3
point = "p7"
ratios = {{ ct = 40, pt = 10 }}
energy = 4_711_000
values = {{ {values} }}
{load}
"""


class Listener:
    """A reader that keeps the words of each cycle."""

    def __init__(self, reader: Reader, each: int) -> None:
        self._reader, self._each = reader, each
        self.cycles: list[list[Sequence[int] | None]] = []

    async def read(self, unit: int, function: int, address: int, count: int) -> Sequence[int] | None:
        """As the reader does."""
        words = await self._reader.read(unit, function, address, count)
        if not self.cycles or len(self.cycles[-1]) == self._each:
            self.cycles.append([])
        self.cycles[-1].append(words)
        return words


async def _take(text: Path, out: Path, rows: int) -> list[list[Sequence[int] | None]]:
    async with serving(load_scenario(text)) as served:
        (plan,) = served.scenario.meters
        kind = served.scenario.file.port[0].kind
        place = Place(device=served.pty("bus")) if kind == "rtu" else Place(*served.tcp("bus"), kind == "rtu_over_tcp")
        reader = Reader(place, 5)
        listener = Listener(reader, len(plan_reads(plan.profile)))
        with open_sheet(out, "p7", sorted(plan.profile.by_quantity)) as sheet:
            tally = Tally()
            await record(listener, 3, plan.profile, RATIOS, sheet, tally, interval=0.1, count=rows)
        reader.close()
    assert tally == Tally(rows=rows, answered=rows, whole=rows, skipped=tally.skipped)
    return listener.cycles


@pytest.mark.requirement("sim.record.replays")
@pytest.mark.parametrize(
    ("profile", "suffix"), [*((p, ".csv") for p in profile_names()), ("eastron-sdm630", ".parquet")]
)
async def test_play_record_replay_gives_equal_registers(
    profile: str, suffix: str, write: Callable[[str], Path], tmp_path: Path
) -> None:
    """Word by word, of every model, through both kinds of file."""
    out = tmp_path / f"taken{suffix}"
    cycles = await _take(write(_text(profile)), out, 3)
    saved = tmp_path / "again.toml"
    options = ["--profile", profile, "--unit", "3", "--point", "p7", "--ct", "40", "--pt", "10", "--step", "0.001"]
    result = CliRunner().invoke(main, ["replay", str(out), *options, "--save", str(saved)])
    assert result.exit_code == 0, result.output
    scenario = load_scenario(saved)
    recording = scenario.meters[0].recording
    assert recording is not None
    plant = Plant(scenario, None, lambda _: None)
    for at, words in zip(recording.times, cycles, strict=True):
        plant.advance(at + 0.002)
        meter = plant.meters["meter"]
        assert [meter.read(r.function, r.address, r.count) for r in plan_reads(meter.plan.profile)] == words


@pytest.mark.requirement("sim.record.replays")
@pytest.mark.parametrize("kind", ["rtu", "rtu_over_tcp"])
async def test_a_serial_line_is_recorded(kind: str, write: Callable[[str], Path], tmp_path: Path) -> None:
    """Over a pseudo-terminal, and over TCP."""
    cycles = await _take(write(_text("eastron-sdm630", kind)), tmp_path / "taken.csv", 2)
    assert all(words is not None for cycle in cycles for words in cycle)


@pytest.mark.requirement("sim.record.absent")
async def test_no_answer_is_an_empty_row(write: Callable[[str], Path], tmp_path: Path) -> None:
    """And the next one is read again, over a new connection."""
    fault = '[[fault]]\nat = 0\nmeter = "m"\n'
    faults = fault + 'what = "exception"\nregisters = [70, 71]\n' + fault + 'what = "drop"\nafter = 1\n'
    out = tmp_path / "taken.csv"
    profile = load_profile("eastron-sdm630")
    async with serving(load_scenario(write(_text("eastron-sdm630") + faults))) as served:
        with open_sheet(out, "p", ["frequency", "voltage_l1"]) as sheet:
            reader, tally = Reader(Place(*served.tcp("bus")), 1), Tally()
            await record(reader, 3, profile, RATIOS, sheet, tally, interval=0.05, count=3)
            reader.close()
    rows = [line.split(",") for line in out.read_text().splitlines()]
    assert rows[0] == ["time", "point", "frequency", "voltage_l1"]
    assert [row[1:3] for row in rows[1:]] == [["p", ""]] * 3
    assert tally.rows == 3
    assert tally.whole == 0


def _frequency(port: int) -> float:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(struct.pack(">HHHBBHH", 1, 0, 6, 3, 4, 0x46, 2))
        data = b""
        while len(data) < 13:
            data += connection.recv(100)
    return float(struct.unpack(">f", data[9:])[0])


@pytest.mark.requirement("sim.replay.command")
def test_commands_from_a_table_to_a_meter_and_back(tmp_path: Path) -> None:
    """A foreign table with columns of its own is played, read by anybody, and recorded."""
    table, ports, out = tmp_path / "log.csv", tmp_path / "ports.json", tmp_path / "taken.csv"
    quantities = set(load_profile("eastron-sdm630").by_quantity) - {"active_energy_import", "active_energy_export"}
    zeros = [f"--value={q}=0" for q in sorted(quantities - {"frequency", "active_power", "meter_serial"})]
    table.write_text("when,kW,f\n2024-10-13 22:55:00,125.5,49.75\n2024-10-13 23:55:00,,\n", encoding="utf-8")
    maps = ["--map", "active_power=kW:kW", "--map", "frequency=f", "--time", "when"]
    options = ["--profile", "eastron-sdm630", "--unit", "3", *maps, *zeros, "--ports-file", str(ports)]
    with Process([*COMMAND, "replay", str(table), *options], tmp_path / "log") as process:
        wait_for(lambda: ports.exists() or not process.alive)
        assert process.alive, process.output
        port = json.loads(ports.read_text())["ports"]["bus"]["port"]
        assert _frequency(port) == 49.75
        place = ["--host", "127.0.0.1", "--port", str(port), "--unit", "3"]
        taken = ["record", str(out), "--profile", "eastron-sdm630", *place, "--count", "2", "--interval", "0.1"]
        result = CliRunner().invoke(main, taken)
        assert json.loads(result.output)["whole"] == 2, result.output
        assert process.stop() == 0
    heading, row, _ = (line.split(",") for line in out.read_text().splitlines())
    assert float(row[heading.index("active_power")]) == 125500


@pytest.mark.requirement("sim.replay.command")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], r"nothing gives .*voltage_l1.*; say them with --value"),
        (["--value", "water_flow=1"], r"eastron-sdm630 has no water_flow"),
        (["--map", "frequency"], r"expected QUANTITY=COLUMN"),
        (["--map", "frequency=f:parsec"], r"expected a unit among"),
        (["--map", "frequency=g"], r"log.csv:1: has no column g|nothing gives"),
        (["--value", "frequency=many"], r"expected QUANTITY=NUMBER"),
        (["--profile", "none"], r"expected a .toml file or one of"),
    ],
)
def test_what_cannot_be_played_is_one_line(tmp_path: Path, options: list[str], message: str) -> None:
    """Exit code 2."""
    table = tmp_path / "log.csv"
    table.write_text("time,frequency\n0,50\n", encoding="utf-8")
    result = CliRunner().invoke(main, ["replay", str(table), "--profile", "eastron-sdm630", *options])
    assert result.exit_code == 2
    assert re.search(message, result.output)


def test_nobody_there_is_exit_code_1(tmp_path: Path) -> None:
    """Rows without values, and no traceback."""
    options = ["--profile", "eastron-sdm630", "--host", "127.0.0.1", "--port", "1", "--count", "1"]
    result = CliRunner().invoke(main, ["record", str(tmp_path / "out.csv"), *options])
    assert result.exit_code == 1
    assert json.loads(result.output.splitlines()[-1]) == {"rows": 1, "answered": 0, "whole": 0, "skipped": 0}
