"""What the doctor says of a machine, its files, meters, broker and server."""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from stillcold_agent.app import sole_use
from stillcold_agent.boot import ClockState
from stillcold_agent.cli import main
from stillcold_agent.config import Config, load_config
from stillcold_agent.counts import Counts
from stillcold_agent.identity import load_or_make_key
from stillcold_agent.journal.entries import Bounds
from stillcold_agent.journal.store import JOURNAL_FILE, Journal
from stillcold_agent.tools.doctor.broker import broker
from stillcold_agent.tools.doctor.files import files
from stillcold_agent.tools.doctor.finding import Finding, State, fail, good, lines_of
from stillcold_agent.tools.doctor.machine import clock, disk, service
from stillcold_agent.tools.doctor.meters import meters
from stillcold_agent.tools.doctor.server import server
from stillcold_core.contract.messages import Acknowledgement
from stillcold_core.evidence.envelope import digest
from stillcold_core.profiles import Profile
from support import Authority, Mosquitto, Process, free_port, wait_for_async
from support.authority import Certificate
from support.journals import fill
from support.raw_meter import RawMeter, Registers, frame

GATEWAY = "gw-1"
METER = """
[[bus]]
id = "b"
kind = "tcp"
host = "127.0.0.1"
port = {port}
timeout = 0.3
[[device]]
bus = "b"
unit = 1
profile = "eastron-sdm630"
point = "p1"
"""


def configured(folder: Path, mqtt: str = "", port: int = 502) -> Path:
    text = f'gateway = "{GATEWAY}"\ndata_dir = "data"\n[mqtt]\n{mqtt}[journal]\nmax_megabytes = 1\n'
    (folder / "agent.toml").write_text(text + METER.format(port=port))
    return folder / "agent.toml"


def tls(broker_port: int, ca_file: Path, mine: Certificate, host: str = "localhost") -> str:
    return (
        f'host = "{host}"\nport = {broker_port}\nca_file = "{ca_file}"\n'
        f'cert_file = "{mine.cert_file}"\nkey_file = "{mine.key_file}"\n'
    )


def states(findings: Iterable[Finding]) -> dict[str, State]:
    return {f.check: f.state for f in findings}


def only(findings: Iterable[Finding], state: State = State.FAIL) -> Finding:
    """The one that is so bad; it says what to do."""
    (found,) = [f for f in findings if f.state is state]
    assert found.do
    return found


def config_of(folder: Path, mqtt: str = "", port: int = 502) -> Config:
    return load_config(configured(folder, mqtt, port))


# Machine


@pytest.mark.requirement("agent.doctor.machine")
@pytest.mark.parametrize(
    ("synchronised", "error", "state"), [(True, 0.01, "OK"), (True, 3.0, "WARN"), (False, 0.01, "FAIL")]
)
def test_a_clock_must_be_synchronised_and_close(synchronised: bool, error: float, state: str) -> None:
    """A second is the most."""
    (found,) = clock(ClockState(synchronised, 0.0, error))
    assert found.state == state


@pytest.mark.requirement("agent.doctor.machine")
def test_a_disk_must_be_there_with_room_for_the_journal(tmp_path: Path) -> None:
    """As much as the journal may still grow."""
    config = config_of(tmp_path)
    assert "is not there" in only(disk(config)).found
    (tmp_path / "data").mkdir()
    assert states(disk(config, tmp_path)) == {"disk": "OK"}
    large = msgspec.structs.replace(config, journal=msgspec.structs.replace(config.journal, max_megabytes=1_000_000))
    assert "max_megabytes" in only(disk(large, tmp_path), State.WARN).do


@pytest.mark.requirement("agent.doctor.machine")
def test_a_card_that_wears_out_is_said(tmp_path: Path) -> None:
    """As the kernel tells it: errors of the file system, and the life that an eMMC has used."""
    config, sys = config_of(tmp_path), tmp_path / "sys"
    (tmp_path / "data").mkdir()
    device = (tmp_path / "data").stat().st_dev
    partition = sys / "devices" / "mmcblk0" / "mmcblk0p2"
    for folder in (partition, partition.parent / "device", sys / "fs" / "ext4" / "mmcblk0p2", sys / "dev" / "block"):
        folder.mkdir(parents=True)
    (sys / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}").symlink_to(partition)
    (sys / "fs" / "ext4" / "mmcblk0p2" / "errors_count").write_text("0\n")
    (partition.parent / "device" / "life_time").write_text("0x02 0x03\n")
    assert states(disk(config, sys)) == {"disk": "OK", "wear": "OK"}
    (partition.parent / "device" / "life_time").write_text("0x0a 0x03\n")
    assert "100 % of its life" in only(disk(config, sys), State.WARN).found
    (sys / "fs" / "ext4" / "mmcblk0p2" / "errors_count").write_text("7\n")
    assert "7 errors" in only(disk(config, sys)).found


@pytest.mark.requirement("agent.doctor.machine")
@pytest.mark.parametrize(
    ("active", "enabled", "state"),
    [("active", "enabled", "OK"), ("active", "disabled", "WARN"), ("failed", "enabled", "FAIL"), ("", "", "WARN")],
)
def test_the_service_must_run_now_and_after_a_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, active: str, enabled: str, state: str
) -> None:
    """As systemctl says; where it says nothing, nobody knows."""
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\n[ "$1" = is-active ] && echo {active} || echo {enabled}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (found,) = service()
    assert found.state == state


# Files


@pytest.mark.requirement("agent.doctor.files")
def test_who_may_read_the_keys_is_said(tmp_path: Path, authority: Authority) -> None:
    """The service alone; a group at most."""
    mine = authority.client(GATEWAY)
    path = configured(tmp_path, tls(1, authority.ca_file, mine))
    config = load_config(path)
    mine.key_file.chmod(0o600)
    assert "is not there" in only(files(path, config)).found
    (tmp_path / "data").mkdir()
    load_or_make_key(tmp_path / "data")
    assert set(states(files(path, config)).values()) == {"OK"}
    mine.key_file.chmod(0o640)
    assert only(files(path, config), State.WARN).check == "mqtt.key_file"
    mine.key_file.chmod(0o644)
    assert only(files(path, config)).check == "mqtt.key_file"
    mine.key_file.unlink()
    assert "cannot be read" in only(files(path, config)).found
    mine.key_file.touch(0o600)
    path.chmod(0o666)
    assert only(files(path, config)).check == "configuration"
    path.chmod(0o644)
    (tmp_path / "data" / "gateway-key.pem").chmod(0o644)
    assert only(files(path, config)).check == "signing key"


# Meters


@pytest.mark.requirement("agent.doctor.meters")
async def test_each_meter_is_read_once(tmp_path: Path, sdm630: Profile) -> None:
    """All, some, or nothing of it, with the cause and what to do."""
    async with RawMeter(Registers(sdm630, {"frequency": 50.0})) as far:
        config = config_of(tmp_path, port=far.port)
        assert states(await asyncio.to_thread(lambda: list(meters(config)))) == {"meter": "OK"}
        shown = far.respond
        far.respond = lambda r: frame(r, b"\x84\x02") if r.address <= 70 < r.address + r.count else shown(r)
        some = only(await asyncio.to_thread(lambda: list(meters(config))), State.WARN)
        assert "frequency" in some.found
        far.respond = lambda _: None
        none = only(await asyncio.to_thread(lambda: list(meters(config))))
    assert none.found == "p1 (b unit 1): timeout"


@pytest.mark.requirement("agent.doctor.meters")
async def test_of_a_running_agent_its_own_readings_are_judged(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile
) -> None:
    """Its bus is left alone: there is one connection."""
    async with RawMeter(Registers(sdm630, {"frequency": 50.0})) as far:
        path = configured(tmp_path, f"port = {mosquitto.port}\n", far.port)
        command = [str(Path(sys.executable).with_name("stillcold-agent")), "run", "--config", str(path)]
        with Process(command, tmp_path / "log") as agent:
            await wait_for_async(lambda: len(far.requests) > 8 or not agent.alive)
            healthy = await asyncio.to_thread(lambda: list(meters(load_config(path))))
            far.respond = lambda _: None
            asked = len(far.requests)
            await wait_for_async(lambda: len(far.requests) > asked + 3 or not agent.alive)
            ill = await asyncio.to_thread(lambda: list(meters(load_config(path))))
            assert await asyncio.to_thread(agent.stop) == 0
    assert [(f.check, f.state) for f in healthy] == [("bus", "OK"), ("meter", "OK")]
    assert healthy[0].found.startswith("b: 0 of ")
    assert [(f.check, f.state) for f in ill] == [("bus", "WARN"), ("meter", "FAIL")]
    assert far.connections == 1


@pytest.mark.requirement("agent.doctor.meters")
async def test_the_bus_of_an_agent_that_does_not_tell_is_left_alone(tmp_path: Path) -> None:
    """Two masters would disturb each other."""
    async with RawMeter() as far:
        config = config_of(tmp_path, port=far.port)
        with sole_use(tmp_path / "data"):
            found = await asyncio.to_thread(lambda: list(meters(config)))
    assert "does not tell" in only(found, State.WARN).found
    assert far.connections == 0


# Broker


@pytest.mark.requirement("agent.doctor.broker")
def test_a_broker_in_order(tmp_path: Path, authority: Authority, mosquitto_tls: Mosquitto) -> None:
    """Its certificates are good for a day more, which somebody should know."""
    mine = authority.client(GATEWAY)
    found = states(broker(config_of(tmp_path, tls(mosquitto_tls.port, authority.ca_file, mine))))
    assert found == {"certificate": "WARN", "broker": "OK", "broker TLS": "WARN", "broker login": "OK"}


@pytest.mark.requirement("agent.doctor.broker")
def test_the_login_leaves_a_running_agent_s_session_alone(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """It has another name, and no last will that would say that the gateway is offline."""
    config = config_of(tmp_path, f"port = {mosquitto.port}\n")
    assert states(broker(config)) == {"broker": "OK", "broker TLS": "WARN", "broker login": "OK"}
    assert f"as {GATEWAY}-doctor (p5, c1" in mosquitto.output
    assert f"as {GATEWAY} (" not in mosquitto.output
    assert "Will message" not in mosquitto.output


@pytest.mark.requirement("agent.doctor.broker")
async def test_a_running_agent_s_login_is_taken_for_proved(
    tmp_path: Path, authority: Authority, mosquitto_tls: Mosquitto, sdm630: Profile
) -> None:
    """The broker names a session by its certificate: a second login would end the agent's."""
    mine = authority.client(GATEWAY)
    async with RawMeter(Registers(sdm630, {"frequency": 50.0})) as far:
        path = configured(tmp_path, tls(mosquitto_tls.port, authority.ca_file, mine), far.port)
        command = [str(Path(sys.executable).with_name("stillcold-agent")), "run", "--config", str(path)]
        with Process(command, tmp_path / "log") as agent:
            await wait_for_async(lambda: "connected to the broker" in agent.output or not agent.alive)
            found = await asyncio.to_thread(lambda: list(broker(load_config(path))))
            assert await asyncio.to_thread(agent.stop) == 0
    assert "already connected" not in mosquitto_tls.output
    assert found[-1] == good("broker login", "the running agent is logged in")


@pytest.mark.requirement("agent.doctor.broker")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"life": -timedelta(days=2)}, "its certificate has expired"),
        ({"host": "elsewhere.example", "address": "192.0.2.1"}, "its certificate is another host's"),
    ],
)
def test_a_broker_s_bad_certificate_is_said(
    tmp_path: Path, authority: Authority, changes: dict[str, object], said: str
) -> None:
    """Expired, or of another host."""
    theirs, mine = authority.server(**changes), authority.client(GATEWAY)  # type: ignore[arg-type]
    with Mosquitto.production(tmp_path / "mosquitto", authority, theirs) as running:
        found = only(broker(config_of(tmp_path, tls(running.port, authority.ca_file, mine))))
    assert found.check == "broker TLS"
    assert said in found.found


@pytest.mark.requirement("agent.doctor.broker")
def test_an_authority_that_is_not_the_broker_s_is_said(
    tmp_path: Path, authority: Authority, mosquitto_tls: Mosquitto
) -> None:
    """Ours is wrong, or a stranger answers."""
    stranger = Authority(tmp_path / "stranger")
    found = list(broker(config_of(tmp_path, tls(mosquitto_tls.port, stranger.ca_file, stranger.client(GATEWAY)))))
    assert "is not of the authority in mqtt.ca_file" in only(found).found
    assert "broker login" not in states(found)


@pytest.mark.requirement("agent.doctor.broker")
def test_a_certificate_that_the_broker_does_not_take_is_said(
    tmp_path: Path, authority: Authority, mosquitto_tls: Mosquitto
) -> None:
    """It is of another authority: this gateway sees that, and the broker refuses it."""
    stranger = Authority(tmp_path / "stranger")
    text = tls(mosquitto_tls.port, authority.ca_file, stranger.client(GATEWAY))
    found = states(broker(config_of(tmp_path, text)))
    assert found == {"certificate": "FAIL", "broker": "OK", "broker TLS": "WARN", "broker login": "FAIL"}


@pytest.mark.requirement("agent.doctor.broker")
def test_a_password_that_the_broker_does_not_take_is_said(tmp_path: Path) -> None:
    """With the word that the broker has for it."""
    (tmp_path / "password").write_text("wrong")
    text = "listener {port} 127.0.0.1\nallow_anonymous false\n"
    with Mosquitto(tmp_path / "mosquitto", text) as running:
        login = f'port = {running.port}\nusername = "u"\npassword_file = "password"\n'
        found = only(broker(config_of(tmp_path, login)))
    assert found.check == "broker login"
    assert "refused: Not authorized" in found.found
    assert "wrong" not in found.found


@pytest.mark.requirement("agent.doctor.broker")
def test_a_broker_that_is_not_there_is_said(tmp_path: Path, authority: Authority) -> None:
    """No such name, nobody at the port, no TLS there, no certificate here."""
    mine = authority.client(GATEWAY)
    nameless = only(broker(config_of(tmp_path, 'host = "no-such-host.invalid"\n')))
    assert "no-such-host.invalid has no address" in nameless.found
    nobody = only(broker(config_of(tmp_path, f"port = {free_port()}\n")))
    assert "cannot be reached (Connection refused)" in nobody.found
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        config = config_of(tmp_path, tls(deaf.getsockname()[1], authority.ca_file, mine, "127.0.0.1"))
        mine.cert_file.unlink()
        assert only(broker(config)).check == "certificate"


def test_a_port_without_tls_is_said(tmp_path: Path, authority: Authority, mosquitto: Mosquitto) -> None:
    """The usual mistake: 1883 instead of 8883."""
    mine = authority.client(GATEWAY)
    found = only(broker(config_of(tmp_path, tls(mosquitto.port, authority.ca_file, mine))))
    assert "no handshake" in found.found


# Server


@pytest.mark.requirement("agent.doctor.server")
def test_what_the_server_has_not_acknowledged_is_said(tmp_path: Path) -> None:
    """Nothing yet, nothing any more, something for a moment, something for too long; the journal stays as it is."""
    config, now = config_of(tmp_path), time.time()
    assert "no batch has been signed yet" in only(server(config, now), State.WARN).found
    (tmp_path / "data").mkdir()
    journal = Journal(tmp_path / "data" / JOURNAL_FILE, Bounds(1_000_000), Counts())
    (one,) = fill(journal, 1)
    (waiting,) = server(config, now)
    assert waiting.state is State.OK
    assert waiting.found.startswith("1 of 1 batches wait")
    assert "for 60" in only(server(config, now + 600)).found
    journal.settle([Acknowledgement(journal.epoch, {1: digest(one)})])
    (done,) = server(config, now + 600)
    assert done.state is State.OK
    assert done.found.startswith("it has acknowledged all 1 batches; the newest that it has is 60")
    journal.close()


@pytest.mark.requirement("agent.doctor.server")
def test_a_journal_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """And is not touched."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / JOURNAL_FILE).write_bytes(b"no database at all, but long enough" * 10)
    assert "cannot be read" in only(server(config_of(tmp_path), time.time())).found
    assert [p.name for p in (tmp_path / "data").iterdir()] == [JOURNAL_FILE]


# All of it


def examined(path: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["doctor", "--config", str(path), *options])


@pytest.mark.requirement("agent.doctor.report")
async def test_the_report_is_for_people_and_for_programs(tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile) -> None:
    """In the same order; the exit code is 1 where something fails."""
    async with RawMeter(Registers(sdm630, {"frequency": 50.0})) as far:
        path = configured(tmp_path, f"port = {mosquitto.port}\n", far.port)
        people, program = [await asyncio.to_thread(examined, path, *o) for o in ((), ("--json",))]
    found = [Finding(State(f["state"]), f["check"], f["found"], f["do"]) for f in json.loads(program.stdout)]
    checks = [line[6:19].strip() for line in people.stdout.splitlines() if line[:1] != " "]
    assert checks == [f.check for f in found]
    assert {"configuration", "signing key", "clock", "disk", "service", "meter", "broker", "server"} <= set(checks)
    assert only(f for f in found if f.check == "signing key").found.endswith("is not there")
    assert (people.exit_code, program.exit_code) == (1, 1)


def test_the_report_fits_80_columns() -> None:
    """Whatever is said."""
    lines = list(lines_of([fail("configuration", "much " * 40, "to do " * 40)]))
    assert max(map(len, lines)) <= 80
    assert sum("→" in line for line in lines) == 1
