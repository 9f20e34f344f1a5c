"""Programs in namespaces of their own, where they may do what they like; also without root, if the kernel allows."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.process import require_program


def in_namespaces(command: Sequence[str | Path], *, mounts: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a program as root of a network, and of mounts, that nobody else sees.

    Parameters
    ----------
    command : sequence of str or Path
        The program, by its whole path, and its arguments.
    mounts : bool
        Whether it also gets mounts of its own.
    """
    unshare = [require_program("unshare"), "--map-root-user", "--net", *(["--mount"] if mounts else [])]
    if subprocess.run([*unshare, "/bin/true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no namespaces")
    return subprocess.run([*unshare, *command], capture_output=True, text=True, check=False)


def passing(rules: Path, inward: Sequence[int], outward: Sequence[tuple[str, int]]) -> set[str]:
    """Which new TCP connections rules of nftables let through, on a gateway with a cable to one neighbour.

    Parameters
    ----------
    rules : Path
        The gateway's; it is 192.168.1.2 there, the neighbour 192.168.1.50 and 192.168.1.51.
    inward : sequence of int
        Ports of the gateway for the neighbour to try.
    outward : sequence of (str, int)
        The neighbour's addresses and ports for the gateway to try.

    Returns
    -------
    set of str
        Such as ``in 22`` and ``out 192.168.1.50:502``.
    """
    for program in ("ip", "nft", "sh"):
        require_program(program)
    ways = [["in", "192.168.1.2", port] for port in inward] + [["out", host, port] for host, port in outward]
    inner = Path(__file__).with_name("cable.sh")
    done = in_namespaces(["/bin/sh", inner, rules, json.dumps(ways)], mounts=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines())
