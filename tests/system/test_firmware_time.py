"""The gateway's time from the broker's machine: two real chronyd with the rendered files."""

import subprocess
from pathlib import Path

import pytest

from support import Authority, require_program
from support.authority import Certificate
from support.firmware import GATEWAY, rendered_broker, rendered_gateway
from support.namespace import in_namespaces

SCRIPT = Path(__file__).parents[1] / "support" / "nts.sh"


def ask(folder: Path, authority: Authority, broker: Certificate) -> subprocess.CompletedProcess[str]:
    """A gateway that trusts this authority asks a broker's machine that has this certificate."""
    require_program("chronyd")
    config = GATEWAY.replace("broker.example.org", "localhost").replace("/etc/stillcold/ca.crt", str(authority.ca_file))
    machines = [rendered_broker(folder), broker.cert_file, broker.key_file, rendered_gateway(folder, config)]
    return in_namespaces(["/bin/sh", SCRIPT, *machines], mounts=True)


@pytest.mark.requirement("firmware.time")
def test_a_gateway_gets_the_time_from_the_broker_s_machine(tmp_path: Path, authority: Authority) -> None:
    """Without any other server, and without the internet."""
    asked = ask(tmp_path, authority, authority.server())
    assert asked.returncode == 0, asked.stderr
    assert "System clock wrong by" in asked.stderr


@pytest.mark.requirement("firmware.time")
def test_a_gateway_takes_no_time_from_whom_the_authority_does_not_know(tmp_path: Path, authority: Authority) -> None:
    """As somebody who answers in the broker's place."""
    asked = ask(tmp_path, authority, Authority(tmp_path / "stranger").server())
    assert asked.returncode != 0
    assert "The certificate is NOT trusted" in asked.stderr


@pytest.mark.requirement("firmware.time")
def test_chronyd_takes_another_server_beside(tmp_path: Path) -> None:
    """Asked only where the authenticated one does not answer."""
    file = rendered_gateway(tmp_path, time_server="10.8.0.1") / "etc" / "chrony" / "chrony.conf"
    command = [require_program("chronyd"), "-p", "-f", str(file)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "authselectmode prefer" in printed
    assert [line for line in printed if line.startswith(("server", "pool", "sourcedir"))] == [
        "server broker.example.org iburst nts",
        "server 10.8.0.1 iburst",
    ]
