"""The examples of configurations load, and what they name is there before the first start."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from stillcold_agent.cli import main as agent_main
from stillcold_agent.config import load_config as load_agent_config
from stillcold_server.config import load_config as load_server_config
from support import Authority, require_program
from support.firmware import rendered_broker

FOLDER = Path(__file__).parents[2] / "firmware_config"


def local(name: str, folder: Path, authority: Authority) -> Path:
    """An example with the paths of the connection to the broker changed to files that exist here."""
    files = authority.client("kc-017-gw")
    text = (FOLDER / name).read_text(encoding="utf-8")
    for key, value in {
        "ca_file": authority.ca_file,
        "cert_file": files.cert_file,
        "key_file": files.key_file,
    }.items():
        text, found = re.subn(rf'^{key} = ".*?"', f'{key} = "{value}"', text, count=1, flags=re.MULTILINE)
        assert found == 1, key
    file = folder / name
    file.write_text(f'data_dir = "{folder / "data"}"\n{text}' if name == "agent.toml" else text, encoding="utf-8")
    return file


@pytest.mark.requirement("firmware.examples")
def test_the_agent_s_example_is_a_good_configuration(tmp_path: Path, authority: Authority) -> None:
    """``check-config`` takes it and prints what the server must know."""
    file = local("agent.toml", tmp_path, authority)
    assert load_agent_config(file).mqtt.port == 8883
    result = CliRunner().invoke(agent_main, ["check-config", "--config", str(file)])
    assert result.exit_code == 0, result.output
    assert 'public_key = "ed25519:' in result.output


@pytest.mark.requirement("firmware.examples")
def test_the_server_s_example_is_a_good_configuration(tmp_path: Path, authority: Authority) -> None:
    """All that its commands and its unit write lies where they may."""
    config = load_server_config(local("server.toml", tmp_path, authority))
    assert config.ca
    for written in (config.database.removeprefix("sqlite:///"), config.ca.folder, config.evidence.key_file):
        assert written.startswith("/var/lib/stillcold-server/")
    assert config.http.secure_cookies


@pytest.mark.requirement("firmware.folders")
def test_the_server_s_commands_find_its_folders_before_its_first_start(tmp_path: Path) -> None:
    """Those of its example, with the real tools: whose they are, and what others may do there."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    root = rendered_broker(tmp_path)
    (root / "etc" / "sysusers.d" / "mosquitto.conf").write_text('u mosquitto - "of its package"\n')
    for program, *words in (("systemd-sysusers",), ("systemd-tmpfiles", "--create", "stillcold-broker.conf")):
        subprocess.run([require_program(program), f"--root={root}", *words], capture_output=True, check=True)
    listed = [line.split(":")[:4] for line in (root / "etc" / "passwd").read_text().splitlines()]
    users = {name: (int(user), int(group)) for name, _, user, group in listed}
    own, shared = (root / "var" / "lib" / name for name in ("stillcold-server", "stillcold-broker"))
    assert (own.stat().st_mode & 0o7777, shared.stat().st_mode & 0o7777) == (0o700, 0o2750)
    assert (own.stat().st_uid, own.stat().st_gid) == users["stillcold-server"]
    assert (shared.stat().st_uid, shared.stat().st_gid) == (users["stillcold-server"][0], users["mosquitto"][1])
