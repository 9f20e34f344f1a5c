"""The configuration file: what it says, and what is wrong with it."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from stillcold_agent import config as module
from stillcold_agent.cli import main
from stillcold_agent.config import Batch, Config, RtuBus, load_config
from stillcold_agent.meters import meters_of
from stillcold_core.files import BadFile
from support import Authority
from support.settings import documented_settings, settings_of

GOOD = """\
gateway = "gw-1"
data_dir = "data"

[mqtt]
host = "127.0.0.1"

[[bus]]
id = "b1"
kind = "tcp"
host = "127.0.0.1"

[[bus]]
id = "b2"
kind = "rtu"
device = "/dev/ttyUSB0"

[[device]]
bus = "b1"
unit = 1
profile = "eastron-sdm630"
point = "p1"
sealed = true
rated_power = 750e3

[[device]]
bus = "b2"
unit = 1
profile = "waveshare-8di"
point = "p2"
"""
DOCUMENT = Path(__file__).parents[2] / "docs" / "agent-config.md"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(GOOD)
    return path


def changed(file: Path, old: str, new: str) -> Path:
    assert old in GOOD
    file.write_text(GOOD.replace(old, new, 1))
    return file


def test_a_good_file_gives_defaults_and_absolute_names(file: Path) -> None:
    """Relative names are taken from the file's folder."""
    config = load_config(file)
    assert config.data_dir == str(file.parent / "data")
    assert config.batch == Batch(quiet=60, change=5, live=5)
    assert [d.interval for d in config.device] == [1.0, 1.0]
    assert isinstance(config.bus[1], RtuBus)


@pytest.mark.requirement("agent.config.clear-errors")
@pytest.mark.parametrize(
    ("old", "new", "line", "field", "expected"),
    [
        ('gateway = "gw-1"', "", 0, "", "missing required field `gateway`"),
        ('gateway = "gw-1"', 'gateway = "a b"', 1, "gateway", "Expected `str` matching regex"),
        ('data_dir = "data"', 'data_dri = "data"', 2, "data_dri", "unknown field `data_dri`"),
        ("[mqtt]\n", "[mqtt]\nport = 70000\n", 5, "mqtt.port", "65535"),
        ("[mqtt]\n", '[mqtt]\npassword_file = "x"\n', 4, "mqtt.username", "password_file needs it"),
        ("[mqtt]\n", '[mqtt]\ncert_file = "x"\n', 4, "mqtt.ca_file", "cert_file needs it"),
        ("[mqtt]\n", '[mqtt]\nca_file = "nowhere.pem"\n', 5, "mqtt.ca_file", "nowhere.pem: cannot be read"),
        (
            "[mqtt]\n",
            '[observe]\nlisten = "localhost"\n[mqtt]\n',
            5,
            "observe.listen",
            "an address and a port, e.g. 127",
        ),
        ("[mqtt]\n", '[observe]\nlisten = "::1:9464"\n[mqtt]\n', 5, "observe.listen", "an address and a port"),
        ('kind = "tcp"', 'kind = "udp"', 9, "bus[0].kind", "udp"),
        ('kind = "tcp"', "", 7, "bus[0]", "kind"),
        ('kind = "tcp"', 'kind = "tcp"\nbaud_rate = 9600', 10, "bus[0].baud_rate", "unknown field `baud_rate`"),
        ('id = "b2"', 'id = "b1"', 13, "bus[1].id", "bus[0] has it already"),
        ('"/dev/ttyUSB0"', '"/dev/ttyUSB0"\nparity = "X"', 16, "bus[1].parity", "expected one of E, N, O"),
        ('bus = "b2"', 'bus = "b3"', 26, "device[1].bus", "must be the id of a [[bus]]: b1, b2"),
        ('bus = "b2"', 'bus = "b1"', 27, "device[1].unit", "device[0] has it already"),
        ('bus = "b2"\nunit = 1', 'bus = "b2"\nunit = 0', 27, "device[1].unit", "1 to 247"),
        ('point = "p2"', 'point = "p1"', 29, "device[1].point", "device[0] has it already"),
        ('"waveshare-8di"', '"waveshare"', 28, "device[1].profile", "expected one of: "),
        ('"waveshare-8di"', '"mine/x.toml"', 28, "device[1].profile", "cannot be read"),
        ("rated_power = 750e3", "", 17, "device[0].rated_power", "a sealed line needs its rated power in W"),
        ("rated_power = 750e3", "rated_power = -1.0", 23, "device[0].rated_power", "> 0.0"),
        ('point = "p2"', 'point = "p2"\nonly = ["frequency"]', 30, "device[1].only[0]", "waveshare-8di has only:"),
        ('point = "p2"', 'point = "p2"\ninterval = 0', 30, "device[1].interval", ">= 0.01"),
    ],
)
def test_what_is_wrong_is_named(file: Path, old: str, new: str, line: int, field: str, expected: str) -> None:
    """File, line, field, and what would be right."""
    with pytest.raises(BadFile) as caught:
        load_config(changed(file, old, new))
    assert caught.value.file == str(file)
    assert (caught.value.line, caught.value.field) == (line, field)
    assert expected in str(caught.value)


_CALLER = 'kind = "dial_in"\nlisten_port = 15020\n'


@pytest.mark.requirement("agent.config.clear-errors")
@pytest.mark.parametrize(
    ("keys", "field", "expected"),
    [
        (_CALLER, "registration", "without it and allow anybody could dial in"),
        (_CALLER + 'registration = "x"', "registration", "expected 2 to 64 bytes"),
        (_CALLER + 'registration = "0xabc"', "registration", "whole bytes in hexadecimal"),
        (_CALLER + 'registration = "KC-1"\nheartbeat = "0xzz"', "heartbeat", "whole bytes in hexadecimal"),
        (_CALLER + 'allow = ["10.8.0.1/16"]', "allow[0]", "a network such as 10.8.0.0/16"),
        (_CALLER + 'allow = ["10.8.0.0/16"]\nframes = "ascii"', "frames", "rtu, tcp"),
        ('kind = "dial_in"\nregistration = "KC-1"', "", "listen_port"),
        ('kind = "rtu_over_tcp"\nhost = "h"\nparity = "N"', "parity", "unknown field"),
    ],
)
def test_what_is_wrong_with_a_bus_is_named(file: Path, keys: str, field: str, expected: str) -> None:
    """Of a transmitter that dials in, and of a converter."""
    with pytest.raises(BadFile) as caught:
        load_config(changed(file, 'kind = "rtu"\ndevice = "/dev/ttyUSB0"\n', keys + "\n"))
    assert caught.value.field == ("bus[1]." + field).rstrip(".")
    assert expected in str(caught.value)


def test_two_transmitters_need_two_ports(file: Path) -> None:
    """Who calls is known by the port."""
    text = GOOD.replace('kind = "rtu"\ndevice = "/dev/ttyUSB0"\n', _CALLER + 'registration = "KC-1"\n')
    file.write_text(text.replace('kind = "tcp"\nhost = "127.0.0.1"\n', _CALLER + 'registration = "KC-2"\n'))
    with pytest.raises(BadFile, match=r"listen_port.*same place"):
        load_config(file)


def test_only_and_skip_exclude_each_other(file: Path) -> None:
    """Either says what is read."""
    both = 'rated_power = 750e3\nonly = ["frequency"]\nskip = ["active_power"]'
    with pytest.raises(BadFile, match="at most one of only and skip"):
        load_config(changed(file, "rated_power = 750e3", both))


def test_skipping_everything_is_refused(file: Path) -> None:
    """A device that reads nothing is a mistake."""
    quantities = str([r.quantity for r in meters_of(load_config(file))[1].profile.register])
    with pytest.raises(BadFile, match="leaves nothing to read"):
        load_config(changed(file, 'point = "p2"', f'point = "p2"\nskip = {quantities}'))


def test_only_and_skip_choose_what_is_read(file: Path) -> None:
    """The plan asks for nothing else."""
    changed(file, "rated_power = 750e3", 'rated_power = 750e3\nonly = ["active_power", "frequency"]')
    assert set(meters_of(load_config(file))[0].exponents) == {"active_power", "frequency"}
    changed(file, "rated_power = 750e3", 'rated_power = 750e3\nskip = ["active_power"]')
    quantities = set(meters_of(load_config(file))[0].exponents)
    assert "active_power" not in quantities
    assert "frequency" in quantities


def test_a_profile_of_ones_own_is_a_path_and_its_mistakes_are_named_in_its_own_file(file: Path) -> None:
    """Whoever wrote it sees where to look."""
    own = file.parent / "own.toml"
    own.write_text('model = "own"\ntitle = 3\n')
    with pytest.raises(BadFile) as caught:
        load_config(changed(file, '"waveshare-8di"', '"own.toml"'))
    assert (caught.value.file, caught.value.line) == (str(own), 2)


@pytest.mark.requirement("agent.config.checked-first")
@pytest.mark.parametrize("command", ["run", "check-config", "read-once"])
def test_a_bad_file_is_one_line_and_exit_code_2_before_anything_is_made(file: Path, command: str) -> None:
    """Nothing is opened or written for a file that cannot be used."""
    result = CliRunner().invoke(main, [command, "--config", str(changed(file, 'bus = "b2"', 'bus = "b3"'))])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"stillcold-agent: {file}:26: device[1].bus: got 'b3'; ")
    assert result.stderr.count("\n") == 1
    assert not (file.parent / "data").exists()


@pytest.mark.parametrize("wrong", ["ca_file", "cert_file", "key_file"])
def test_certificates_that_are_none_are_named(file: Path, authority: Authority, wrong: str) -> None:
    """A file with the wrong content is found before anything is opened, too."""
    mine = authority.client("gw-1")
    names = {"ca_file": authority.ca_file, "cert_file": mine.cert_file, "key_file": mine.key_file}
    names[wrong].write_text("no certificate\n")
    lines = "".join(f'{key} = "{path}"\n' for key, path in names.items())
    result = CliRunner().invoke(main, ["check-config", "--config", str(changed(file, "[mqtt]\n", "[mqtt]\n" + lines))])
    assert result.exit_code == 2
    assert str(names[wrong]) in result.stderr


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """So is a folder without one."""
    with pytest.raises(BadFile, match="cannot be read"):
        load_config(tmp_path / "agent.toml")


@pytest.mark.requirement("agent.config.documented")
def test_every_key_is_documented_with_its_default() -> None:
    """docs/agent-config.md has a row for each key and no other."""
    settings = {key.partition(" (")[0]: default for key, default in settings_of(Config).items()}  # of any kind of bus
    assert documented_settings(DOCUMENT) == settings


def test_the_document_shows_a_file_that_loads(tmp_path: Path) -> None:
    """The example can be copied."""
    blocks = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        (tmp_path / "agent.toml").write_text(block)
        (tmp_path / "broker-password").write_text("x")
        assert module.load_config(tmp_path / "agent.toml").device
