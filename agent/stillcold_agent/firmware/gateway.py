"""What the templates of a gateway are told: what its configuration says, and what whoever renders them adds."""

import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path

from stillcold_agent.config import Config, DialInBus, RtuOverTcpBus, TcpBus
from stillcold_core.files import BadFile

PLACE = "an absolute path without blanks"
_PLACE = re.compile(r"(/[\w.+@-]+)+")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


def gateway_values(
    path: Path, config: Config, ssh_from: Sequence[str], time_servers: Sequence[str]
) -> dict[str, object]:
    """Values for the templates of ``gateway``.

    Parameters
    ----------
    path : Path
        The configuration's file.
    config : Config
        What it says.
    ssh_from : sequence of str
        Networks from which ssh is let in.
    time_servers : sequence of str
        Time servers beside the broker's machine.

    Raises
    ------
    BadFile
        Where the configuration has no TLS, or a host that is none.
    """
    if not config.mqtt.ca_file:
        raise BadFile(path, "missing; a gateway speaks TLS with its broker", field="mqtt.ca_file")
    for field, place in (("mqtt.ca_file", config.mqtt.ca_file), ("--config", str(path))):
        if not is_place(place):
            raise BadFile(path, f"expected {PLACE}", field=field, value=place)
    _check_host(path, "mqtt.host", config.mqtt.host)
    if address := config.enrolment.address:
        _check_host(path, "enrolment.url", address.host)
    buses = [b for b in config.bus if isinstance(b, TcpBus | RtuOverTcpBus)]
    for bus in buses:
        _check_host(path, f"bus {bus.id}: host", bus.host)
    return {
        "config": path,
        "host": config.mqtt.host,
        "port": config.mqtt.port,
        "ca_file": config.mqtt.ca_file,
        "enrolment": config.enrolment.address,
        "buses": buses,
        "dial_in": [b for b in config.bus if isinstance(b, DialInBus)],
        "ssh_from": ssh_from,
        "time_servers": time_servers,
    }


def is_place(text: str) -> bool:
    """Whether it is a path that every configuration takes as it stands: some know neither blanks nor quotes.

    Examples
    --------
    >>> is_place("/etc/stillcold/ca.crt"), is_place("ca.crt"), is_place("/etc/my ca.crt")
    (True, False, False)
    """
    return bool(_PLACE.fullmatch(text))


def is_host(text: str) -> bool:
    """Whether it is the name of a host, or an IP address.

    Examples
    --------
    >>> is_host("broker.example.org"), is_host("2001:db8::1"), is_host("broker; accept")
    (True, True, False)
    """
    return bool(_HOST.fullmatch(text)) or _address(text) is not None


def family(network: str) -> str:
    """The word by which nftables matches addresses of a network.

    Examples
    --------
    >>> family("10.8.0.0/16"), family("fd00::/8")
    ('ip', 'ip6')
    """
    return "ip" if ipaddress.ip_network(network).version == 4 else "ip6"


def destination(host: str) -> str:
    """The part of a rule of nftables that names where a packet goes; nothing for a name, whose address may change.

    Examples
    --------
    >>> destination("192.168.1.50"), destination("broker.example.org")
    ('ip daddr 192.168.1.50 ', '')
    """
    return f"{family(host)} daddr {host} " if _address(host) else ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _check_host(path: Path, field: str, host: str) -> None:
    if not is_host(host):
        raise BadFile(path, "expected the name of a host, or an IP address", field=field, value=host)
