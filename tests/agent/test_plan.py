"""Which requests are sent, and what they cost a bus."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stillcold_agent.cli import main
from stillcold_agent.config import DialInBus, RtuBus, RtuOverTcpBus, TcpBus
from stillcold_agent.tools.plan import cost_of
from stillcold_core.profiles import Read, load_profile, plan_reads, profile_names

HEAD = 'gateway = "gw-1"\ndata_dir = "data"\n'
LINE = '[[bus]]\nid = "b"\nkind = "rtu"\ndevice = "/dev/ttyUSB0"\nbaud_rate = {baud_rate}\n'
SEALED = 'sealed = true\nrated_power = 1e3\nonly = ["frequency", "voltage_l1"]\n'


def planned(folder: Path, text: str, *options: str) -> Result:
    (folder / "agent.toml").write_text(HEAD + text)
    return CliRunner().invoke(main, ["plan", "--config", str(folder / "agent.toml"), *options])


def device(unit: int, rest: str = "", model: str = "eastron-sdm630") -> str:
    return f'[[device]]\nbus = "b"\nprofile = "{model}"\nunit = {unit}\npoint = "p{unit}"\n{rest}'


@pytest.mark.requirement("agent.plan.requests")
def test_each_request_is_printed_with_its_bytes_and_time(tmp_path: Path) -> None:
    """At 9600 baud, 10 bits a character: 17 bytes and two silences of 3.5 characters take 25 ms."""
    result = planned(tmp_path, LINE.format(baud_rate=9600) + device(1, SEALED), "--answer-time", "0.05")
    assert result.stdout.splitlines() == [
        "bus b: /dev/ttyUSB0",
        "  9600 baud 8N1",
        "  p1: unit 1, eastron-sdm630, every 1 s, sealed",
        "    function 4, 2 from 0: 8+9 bytes, 75 ms",
        "      voltage_l1",
        "    function 4, 2 from 70: 8+9 bytes, 75 ms",
        "      frequency",
        "    a reading: 2 requests, 16+18 bytes, 150 ms",
        "  busy 15% of the time",
    ]
    assert result.exit_code == 0
    assert not (tmp_path / "data").exists()


def test_what_is_read_over_and_what_a_socket_carries_is_counted() -> None:
    """Bits are packed; a Modbus TCP frame has another head and no checksum."""
    adl400 = plan_reads(load_profile("acrel-adl400"))[0]
    wanted = sum(register.words for register, _ in adl400.registers)
    cost = cost_of(adl400, TcpBus("b", "localhost"), 0.02)
    assert (cost.sent, cost.received, cost.gap) == (12, 9 + 2 * adl400.count, adl400.count - wanted)
    assert cost.seconds == 0.02
    bits = cost_of(Read(2, 0, 9, ()), RtuBus("b", "/dev/null", parity="E", stop_bits=2), 0.0)
    assert bits.received == 5 + 2
    assert bits.seconds == pytest.approx((8 + 7 + 2 * 3.5) * 12 / 9600)


def test_a_line_behind_a_transparent_converter_has_a_speed_too() -> None:
    """Frames of the serial line, characters of 11 bits; behind Modbus TCP nothing is known."""
    read = Read(3, 0, 2, ())
    assert cost_of(read, RtuOverTcpBus("b", "localhost", baud_rate=2400), 0.0).seconds == pytest.approx(
        (8 + 9 + 2 * 3.5) * 11 / 2400
    )
    assert cost_of(read, DialInBus("b", 1, frames="tcp"), 0.0).seconds == 0


@pytest.mark.requirement("agent.plan.requests")
def test_what_is_read_now_and_then_stands_apart(tmp_path: Path) -> None:
    """It takes its share at its own interval."""
    rest = 'only = ["frequency", "ct_ratio"]\nslow_interval = 10\n'
    text = LINE.format(baud_rate=9600) + device(1, rest, "chint-dtsu666")
    lines = planned(tmp_path, text, "--answer-time", "0.975").stdout
    assert re.search(r"    function 3, 1 from \d+, slow: 8\+7 bytes, 998 ms\n      ct_ratio\n", lines)
    assert "    a reading: 1 requests, 8+9 bytes, 1000 ms\n    every 10 s: 1 more, 8+7 bytes, 998 ms\n" in lines
    assert "  busy 110% of the time\n" in lines


@pytest.mark.requirement("agent.plan.busy")
@pytest.mark.parametrize(
    ("meters", "answer_time", "said", "code"),
    [
        (2, 0.02, [], 0),
        (2, 0.08, ["hardly time for a meter that does not answer (1 s)"], 0),
        (8, 0.02, ["this bus cannot keep its intervals"], 1),
    ],
)
def test_a_bus_that_is_too_busy_is_said(
    tmp_path: Path, meters: int, answer_time: float, said: list[str], code: int
) -> None:
    """Nothing where there is time enough."""
    only = 'only = ["voltage_l1", "active_power", "active_energy_import", "voltage_thd_l1", "current_thd_l1"]\n'
    text = LINE.format(baud_rate=9600) + "".join(device(u + 1, only) for u in range(meters))
    result = planned(tmp_path, text, "--answer-time", str(answer_time))
    warnings = [line for line in result.stdout.splitlines() if "WARNING" in line]
    assert len(warnings) == len(said)
    assert all(words in " ".join(result.stdout.split()) for words in said)
    assert result.exit_code == code


@pytest.mark.requirement("agent.plan.busy")
def test_slow_meters_that_make_a_fast_one_late_are_said(tmp_path: Path) -> None:
    """On average there is time enough, but not when all are due."""
    slow = "".join(device(u, "interval = 60\n") for u in range(2, 9))
    result = planned(tmp_path, LINE.format(baud_rate=9600) + device(1, 'only = ["voltage_l1"]\n') + slow)
    assert "and p1 is late" in " ".join(result.stdout.split())
    assert result.exit_code == 0


def test_the_plan_of_any_meter_fits_80_columns(tmp_path: Path) -> None:
    """As on a laptop in a switch room."""
    meters = [device(unit, "sealed = true\nrated_power = 1e3\n", m) for unit, m in enumerate(profile_names(), 1)]
    result = planned(tmp_path, LINE.format(baud_rate=9600) + "".join(meters))
    assert max(map(len, result.stdout.splitlines())) <= 80
