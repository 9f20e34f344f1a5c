"""What ``render-gateway`` writes, taken by the programs that it is for."""

import configparser
import subprocess
from pathlib import Path

import pytest

from support import require_program
from support.firmware import rendered_gateway
from support.namespace import in_namespaces, passing

SSH_FROM = "192.168.1.50/32"


@pytest.mark.requirement("firmware.firewall")
def test_nft_takes_the_firewall(tmp_path: Path) -> None:
    """With networks and hosts of both families."""
    out = rendered_gateway(tmp_path, ssh_from="fd00:1::/32")
    done = in_namespaces([require_program("nft"), "--check", "--file", out / "etc" / "nftables.conf"])
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.requirement("firmware.firewall")
def test_the_firewall_lets_through_what_is_needed_and_nothing_else(tmp_path: Path) -> None:
    """Real connections over a cable, from a neighbour that may use ssh, and to it: it is the meters' converter."""
    rules = rendered_gateway(tmp_path, ssh_from=SSH_FROM) / "etc" / "nftables.conf"
    ports = [(".50", 80), (".50", 502), (".50", 8443), (".51", 502), (".51", 8443), (".51", 8883)]
    outward = [(f"192.168.1{end}", port) for end, port in ports]
    way_out = {"out 192.168.1.50:502", "out 192.168.1.51:8443", "out 192.168.1.51:8883"}
    assert passing(rules, [22, 80, 9001, 9464], outward) == {"in 22"} | way_out


@pytest.mark.requirement("firmware.firewall")
def test_without_a_network_for_ssh_nobody_gets_in(tmp_path: Path) -> None:
    """And transmitters only from where they may come from."""
    rules = rendered_gateway(tmp_path) / "etc" / "nftables.conf"
    assert passing(rules, [22, 9001], []) == set()
    text = rules.read_text(encoding="utf-8")
    assert "10.8.0.0/16" in text
    rules.write_text(text.replace("10.8.0.0/16", "192.168.1.0/24"), encoding="utf-8")
    assert passing(rules, [22, 9001], []) == {"in 9001"}


@pytest.mark.requirement("firmware.udev")
def test_udev_takes_the_rules(tmp_path: Path) -> None:
    """It names what it does not understand, and goes on: nothing of this file may be named."""
    udevadm = require_program("udevadm")
    out = rendered_gateway(tmp_path) / "etc" / "udev" / "rules.d"
    script = 'mount --bind "$1" /etc/udev/rules.d && exec "$2" test /sys/class/mem/null'
    done = in_namespaces(["/bin/sh", "-c", script, "sh", out, udevadm], mounts=True)
    assert "Reading rules file: /etc/udev/rules.d/70-stillcold.rules" in done.stderr, done.stderr
    assert "/etc/udev/rules.d/70-stillcold.rules:" not in done.stderr


@pytest.mark.requirement("firmware.system")
@pytest.mark.parametrize(
    ("name", "program"), [("system", "/lib/systemd/systemd"), ("journald", "/lib/systemd/systemd-journald")]
)
def test_systemd_s_own_settings_are_known_to_it(tmp_path: Path, name: str, program: str) -> None:
    """It ignores what it does not know with no more than a line in the log; its keys stand in the program."""
    if not Path(program).exists():
        pytest.skip("systemd is not installed")
    file = rendered_gateway(tmp_path) / "etc" / "systemd" / f"{name}.conf.d" / "stillcold.conf"
    known = Path(program).read_bytes()
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # the documented way to keep the keys' case
    parser.read(file)
    keys = [key for section in parser.sections() for key in parser[section]]
    assert keys
    for key in keys:
        assert key.encode() + b"\0" in known, key


@pytest.mark.requirement("firmware.system")
def test_the_kernel_knows_its_settings(tmp_path: Path) -> None:
    """Those of the protocols that this machine has."""
    file = rendered_gateway(tmp_path) / "etc" / "sysctl.d" / "90-stillcold.conf"
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    places = [Path("/proc/sys", *line.split(" = ")[0].split(".")) for line in lines]
    assert places
    for place in places:
        assert place.exists() or not Path(*place.parts[:5]).exists(), place


@pytest.mark.requirement("firmware.system")
def test_systemd_makes_the_user(tmp_path: Path) -> None:
    """The one that the unit names."""
    file = rendered_gateway(tmp_path) / "etc" / "sysusers.d" / "stillcold-agent.conf"
    (tmp_path / "root" / "etc").mkdir(parents=True)
    command = [require_program("systemd-sysusers"), f"--root={tmp_path / 'root'}", "--dry-run", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "stillcold-agent" in done.stderr
