"""A gateway from its keys to the broker, by the commands that the installer's page gives."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from stillcold_agent.cli import main
from stillcold_agent.config import load_config
from stillcold_agent.tools.doctor.broker import broker
from stillcold_agent.tools.doctor.finding import State
from support import Authority, Mosquitto, require_program

PAGE = Path(__file__).parents[2] / "docs" / "installer.md"


def documented(beginning: str) -> str:
    """The one command of the page that begins so."""
    (command,) = re.findall(rf"^{re.escape(beginning)}.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return str(command)


@pytest.mark.requirement("system.enrolment")
def test_a_certificate_that_the_page_s_commands_issue_lets_the_gateway_in(
    tmp_path: Path, authority: Authority, mosquitto_tls: Mosquitto
) -> None:
    """The fingerprint that is read over the phone is the one that the authority computes from what came by mail."""
    config = tmp_path / "agent.toml"
    config.write_text(
        f'gateway = "kc-017-gw"\ndata_dir = "data"\n[mqtt]\nhost = "localhost"\nport = {mosquitto_tls.port}\n'
        'ca_file = "ca.crt"\ncert_file = "gateway.crt"\nkey_file = "gateway.key"\n'
        '[[bus]]\nid = "b"\nkind = "tcp"\nhost = "127.0.0.1"\n'
        '[[device]]\nbus = "b"\nunit = 1\nprofile = "eastron-sdm630"\npoint = "p1"\n'
    )
    asked = CliRunner().invoke(main, ["enrol", "--config", str(config)])
    desk = authority.folder
    (desk / "gateway.csr").write_bytes((tmp_path / "gateway.csr").read_bytes())
    (desk / "stillcold-ca.crt").write_bytes(authority.ca_file.read_bytes())
    (desk / "stillcold-ca.key").write_bytes(authority.ca_key.read_bytes())
    require_program("openssl")
    computed = subprocess.run(
        ["sh", "-c", documented("openssl req -in gateway.csr")], cwd=desk, capture_output=True, text=True, check=True
    ).stdout
    spoken = re.search(r"to read over the phone: (.*)", asked.stdout)
    assert spoken
    assert spoken[1].replace(" ", "") == computed.strip()
    issue = shlex.split(documented("openssl x509 -req"))
    subprocess.run(issue, cwd=desk, capture_output=True, check=True)
    came = ["--certificate", str(desk / "gateway.crt"), "--ca", str(desk / "stillcold-ca.crt")]
    installed = CliRunner().invoke(main, ["enrol", "--config", str(config), *came])
    assert installed.exit_code == 0, installed.output
    found = {f.check: f.state for f in broker(load_config(config))}
    assert found["certificate"] is State.OK
    assert found["broker login"] is State.OK
