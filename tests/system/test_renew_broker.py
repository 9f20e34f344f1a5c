"""The script by which the broker takes what the server has written: nothing that comes while it runs is passed over."""

import subprocess
from pathlib import Path

import pytest

from support.firmware import rendered_broker

FILES = ("crl.pem", "broker.crt", "ca.crt", "revoked")


class Machine:
    """A broker's machine on which ``systemctl`` only notes what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.programs, self.seen = folder / "broker", folder / "programs", folder / "seen"
        for made in (self.folder, self.programs, self.seen):
            made.mkdir()
        self.told = folder / "told"
        self.told.touch()
        self.program("systemctl", f'echo "$1" >> {self.told}')
        self.program("sleep", "true")
        rendered = rendered_broker(folder, crl=self.folder / "crl.pem")
        self.script = rendered / "usr" / "local" / "lib" / "stillcold" / "renew-broker"
        for name in FILES:
            (self.folder / name).write_text("1\n")
        self.run()
        self.told.write_text("")

    def program(self, name: str, does: str) -> None:
        """One that stands before the machine's own."""
        file = self.programs / name
        file.write_text(f"#!/bin/sh\n{does}\n")
        file.chmod(0o755)

    def run(self) -> int:
        """What the path unit starts; its exit code."""
        environment = {"PATH": f"{self.programs}:/usr/bin:/bin", "STATE_DIRECTORY": str(self.seen)}
        return subprocess.run([self.script], env=environment, check=False, timeout=60).returncode


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Where everything is seen already."""
    return Machine(tmp_path)


@pytest.mark.requirement("broker.renewed")
def test_a_revocation_that_comes_while_another_news_is_taken_restarts_the_broker(machine: Machine) -> None:
    """The server writes the list first: the script runs already when it says that somebody is to be cut off."""
    came = machine.folder / "revoked"
    once = f'case "$*" in */revoked*) [ "$(cat {came})" = 2 ] || echo 2 > {came} ;; esac'
    machine.program("cmp", f'/usr/bin/cmp "$@" && same=0 || same=1\n{once}\nexit $same')
    (machine.folder / "crl.pem").write_text("2\n")
    assert machine.run() == 0
    assert machine.told.read_text().split() == ["reload", "restart"]


@pytest.mark.requirement("broker.renewed")
def test_what_the_broker_could_not_be_told_is_told_the_next_time(machine: Machine) -> None:
    """And once only."""
    works = (machine.programs / "systemctl").read_text()
    machine.program("systemctl", "exit 1")
    (machine.folder / "revoked").write_text("2\n")
    assert machine.run() != 0
    (machine.programs / "systemctl").write_text(works)
    assert (machine.run(), machine.run()) == (0, 0)
    assert machine.told.read_text().split() == ["restart"]
