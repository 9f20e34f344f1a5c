"""The image of a gateway: a root that is only read, a data partition, and updates, with the real tools."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from stillcold_agent.tools.doctor.finding import Finding, fail, good, lines_of
from support import Authority, require_program
from support.authority import Certificate
from support.firmware import GATEWAY, rendered_gateway
from support.namespace import in_namespaces

SUPPORT = Path(__file__).parents[1] / "support"


def in_image(folder: Path, rendered: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a gateway's root; ``folder`` is /folder there."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount what a gateway mounts")
    unshare = [require_program("unshare"), "--mount", "/bin/sh", str(SUPPORT / "image.sh")]
    return subprocess.run(
        [*unshare, str(rendered), str(folder), *command], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The rendered files."""
    return rendered_gateway(tmp_path, image="")


@pytest.mark.requirement("firmware.read-only")
def test_only_the_data_partition_and_memory_are_written(tmp_path: Path, image: Path) -> None:
    """What is to last lies on the partition, each part of it where its program looks for it."""
    require_program("systemd-tmpfiles")
    shutil.copy(SUPPORT / "mounted.sh", tmp_path)
    done = in_image(tmp_path, image, "/bin/sh", "/folder/mounted.sh")
    assert done.returncode == 0, done.stderr
    written, kept = done.stdout.split("kept\n")
    in_memory = ["/tmp", "/var/log", "/var/lib"]
    lasting = ["/var/lib/stillcold-agent", "/var/lib/chrony", "/var/lib/systemd"]
    lasting += ["/etc/stillcold", "/etc/NetworkManager/system-connections"]
    assert written.splitlines() == in_memory + lasting
    *files, agent = kept.splitlines()
    assert sorted(files) == [f"./{name}/written" for name in ("agent", "chrony", "network", "stillcold", "systemd")]
    assert agent == "stillcold-agent 700 agent"


@pytest.mark.requirement("firmware.owner")
def test_an_image_whose_users_have_other_numbers_takes_over_what_lasts(tmp_path: Path, image: Path) -> None:
    """Its agent can read journal and keys; nobody else can, as before."""
    program = require_program("systemd-tmpfiles")
    if os.geteuid() != 0:
        pytest.skip("only root can give files to others")
    (tmp_path / "etc").mkdir()
    users = {"root": 0, "stillcold-agent": 901, "_chrony": 902}
    (tmp_path / "etc" / "passwd").write_text("".join(f"{n}:x:{i}:{i}::/:/bin/sh\n" for n, i in users.items()))
    (tmp_path / "etc" / "group").write_text("".join(f"{n}:x:{i}:\n" for n, i in users.items()))
    places = {"agent/gateway.key": 901, "chrony/chrony.drift": 902}
    for place in places:
        file = tmp_path / "data" / place
        file.parent.mkdir(parents=True)
        file.touch(0o600)
        for made in (file.parent, file):
            os.chown(made, 955, 955)  # the number that the image before gave
    rules = image / "etc" / "tmpfiles.d" / "stillcold.conf"
    subprocess.run([program, "--create", f"--root={tmp_path}", "--prefix=/data", rules], check=True)
    found = {place: (tmp_path / "data" / place).stat() for place in places}
    assert {place: stat.st_uid for place, stat in found.items()} == places
    assert {oct(stat.st_mode & 0o777) for stat in found.values()} == {"0o600"}


@pytest.mark.requirement("firmware.read-only")
def test_systemd_makes_mounts_of_the_table_that_wait_for_one_another(tmp_path: Path, image: Path) -> None:
    """Its generator takes every line, and no unit waits for itself."""
    analyze, generator = (
        require_program("systemd-analyze"),
        "/usr/lib/systemd/system-generators/systemd-fstab-generator",
    )
    units = tmp_path / "units"
    units.mkdir()
    table = image / "etc" / "fstab"
    made = subprocess.run(
        [generator, units, units, units],
        env={"SYSTEMD_FSTAB": str(table), "SYSTEMD_LOG_TARGET": "console"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stderr) == (0, "")
    lines = [line for line in table.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert len(list(units.glob("*.mount"))) == len(lines)
    path = f"{units}:{image / 'etc' / 'systemd' / 'system'}:"
    checked = subprocess.run(
        [analyze, "verify", "local-fs.target"],
        env=os.environ | {"SYSTEMD_UNIT_PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.requirement("firmware.one-image")
@pytest.mark.parametrize(
    ("name", "own", "given"),
    [
        (
            "/etc/nftables.conf",
            "ip daddr 192.168.9.9 tcp dport 502 accept",
            "ip6 saddr fd00:9::/32 tcp dport 22 accept",
        ),
        ("/etc/chrony/chrony.conf", "server broker.kc-017.example iburst nts", "server 10.8.0.9 iburst"),
    ],
)
def test_firewall_and_time_of_one_image_follow_each_gateway_s_own_configuration(
    tmp_path: Path, name: str, own: str, given: str
) -> None:
    """Rendered anew at each start, with the options that the image was rendered with."""
    if not Path(name).exists():
        pytest.skip(f"no {name} to mount over (make test installs it on Debian when run as root)")
    prefix = Path(sys.executable).parent.parent
    image = rendered_gateway(tmp_path, image="", prefix=prefix, ssh_from="fd00:9::/32", time_server="10.8.0.9")
    mine = GATEWAY.replace("192.168.1.50", "192.168.9.9").replace("broker.example.org", "broker.kc-017.example")
    (tmp_path / "agent.toml").write_text(mine, encoding="utf-8")
    unit = (image / "etc" / "systemd" / "system" / "stillcold-machine.service").read_text(encoding="utf-8")
    start = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert start
    script = f'set -e\nmount -t tmpfs tmpfs /run\n{start[1]} >&2\nmount -T "$1" "$2"\ncat "$2"'
    done = in_namespaces(["/bin/sh", "-c", script, "sh", image / "etc" / "fstab", name], mounts=True)
    assert done.returncode == 0, done.stderr
    assert {own, given} <= {line.strip() for line in done.stdout.splitlines()}
    assert own not in (image / name[1:]).read_text(encoding="utf-8")


def bundle(folder: Path, name: str, signer: Certificate) -> None:
    """An update to systems that begin with ``new`` and ``NEW``."""
    content = folder / f"content-{name}"
    content.mkdir()
    (content / "root.img").write_bytes(b"new" + bytes(4093))
    (content / "boot.img").write_bytes(b"NEW" + bytes(4093))
    (content / "manifest.raucm").write_text(
        "[update]\ncompatible=stillcold-gateway\nversion=2\n[image.root]\nfilename=root.img\n[image.boot]\nfilename=boot.img\n"
    )
    signing = [f"--cert={signer.cert_file}", f"--key={signer.key_file}"]
    signing += [f"--intermediate={signer.cert_file.with_name('issuing.crt')}"]
    command = [require_program("rauc"), "bundle", *signing]
    subprocess.run([*command, str(content), str(folder / f"{name}.raucb")], capture_output=True, check=True)


@pytest.mark.requirement("firmware.update")
def test_an_update_is_started_on_trial_and_kept_once_it_is_good(
    tmp_path: Path, image: Path, authority: Authority
) -> None:
    """Only a signed one, for signing; a start that is no trial goes back; the kept system is never overwritten."""
    for program in ("mksquashfs", "dbus-run-session"):
        require_program(program)
    for name, signer in {
        "good": authority.signer("updates"),
        "gateway": authority.client("gw-1"),
        "stranger": Authority(tmp_path / "stranger").signer("updates"),
    }.items():
        bundle(tmp_path, name, signer)
    changed = bytearray((tmp_path / "good.raucb").read_bytes())
    changed[len(changed) // 4] ^= 1
    (tmp_path / "changed.raucb").write_bytes(changed)
    shutil.copy(authority.ca_file, tmp_path / "keyring.pem")
    shutil.copy(SUPPORT / "updated.sh", tmp_path)
    bus = ["dbus-run-session", "--", "env", "DBUS_STARTER_BUS_TYPE=session"]
    done = in_image(tmp_path, image, *bus, "/bin/sh", "/folder/updated.sh")
    assert done.returncode == 0, done.stderr
    old, new = "." * 12, "......newNEW"
    assert done.stdout.splitlines() == [
        f"plain bundle refused: keeps 2, on trial no, next start no, {old}",
        f"a stranger's refused: keeps 2, on trial no, next start no, {old}",
        f"a changed one refused: keeps 2, on trial no, next start no, {old}",
        f"a gateway's refused: keeps 2, on trial no, next start no, {old}",
        f"a good one done: keeps 2, on trial no, next start 0 tryboot, {new}",
        f"power cut: keeps 2, on trial no, next start no, {new}",
        f"another on trial refused: keeps 2, on trial yes, next start no, {new}",
        f"commit done: keeps 3, on trial no, next start no, {new}",
        f"started: keeps 3, on trial no, next start no, {new}",
    ]
    for reason in (
        "Bundle format 'plain' not allowed",
        "unable to get local issuer certificate",
        "verification failure",
    ):
        assert reason in done.stderr
    for reason in ("unsuitable certificate purpose", "system A is the one that is kept"):
        assert reason in done.stderr


WELL = [good("service", "runs"), good("broker login", "accepted"), good("server", "it has acknowledged all 7 batches")]


@pytest.mark.requirement("firmware.update")
@pytest.mark.parametrize(
    ("findings", "inactive", "healthy"),
    [
        (WELL, "", True),
        ([*WELL, fail("meter", "p1 does not answer", "its power")], "", True),
        ([*WELL[:2], fail("server", "3 of 7 batches wait", "does it run?")], "", False),
        (WELL[1:], "", False),
        (WELL[::2], "", False),
        (WELL, "nftables", False),
        ([], "", False),
    ],
)
def test_a_system_is_good_that_reaches_the_server_behind_its_firewall(
    tmp_path: Path, findings: Sequence[Finding], inactive: str, healthy: bool
) -> None:
    """By the doctor's own lines; meters do not count."""
    program(tmp_path / "systemctl", f'for unit; do :; done; [ "$unit" != "{inactive}" ]')
    lines = "\n".join(lines_of(findings))
    program(tmp_path / "bin" / "stillcold-agent", f"cat <<'END'\n{lines}\nEND\nexit 1")
    script = rendered_gateway(tmp_path, image="", prefix=tmp_path) / "usr" / "local" / "lib" / "stillcold" / "healthy"
    done = subprocess.run([script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, check=False)
    assert (done.returncode == 0) == healthy, done


def program(path: Path, text: str) -> None:
    """A program in the place of a real one."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
