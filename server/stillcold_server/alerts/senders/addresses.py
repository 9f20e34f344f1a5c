"""Which addresses a channel may connect to: public ones, and those that the configuration allows by name.

A target is chosen by whoever writes the configuration, and of browser push by each user's browser. Without this check
either could have the server ask its own services, its neighbours, or a cloud's metadata service (SSRF).
"""

import ipaddress
import socket
from collections.abc import Iterable, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that IANA has given out of IPv6 as global unicast. NAT64 (64:ff9b::/96, 64:ff9b:1::/48) lies outside."""
_TUNNELS = (ipaddress.IPv6Network("2001::/32"), ipaddress.IPv6Network("2002::/16"))
"""Teredo and 6to4: IPv6 addresses that stand for an IPv4 one."""


class Refused(Exception):
    """None of a target's addresses may be connected to."""


def permitted(text: str, allow: Sequence[Network] = ()) -> bool:
    """Whether a connection to an address is allowed.

    Parameters
    ----------
    text : str
        The address; an IPv4 address inside an IPv6 one (``::ffff:…``) is judged as itself.
    allow : sequence of networks
        Allowed though they are not public.

    Examples
    --------
    >>> permitted("203.119.25.1"), permitted("127.0.0.1"), permitted("::ffff:10.0.0.1"), permitted("100.100.100.200")
    (True, False, False, False)
    >>> permitted("10.0.0.1", [ipaddress.ip_network("10.0.0.0/24")])
    True
    """
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in allow) or _public(address)


def _public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (
        address not in _UNICAST or any(address in tunnel for tunnel in _TUNNELS)
    ):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def checked(addresses: Iterable[str], allow: Sequence[Network]) -> list[str]:
    """Those that may be connected to.

    Raises
    ------
    Refused
        When there are none, naming those that were found.
    """
    found = list(dict.fromkeys(addresses))
    good = [a for a in found if permitted(a, allow)]
    if not good:
        raise Refused(f"{', '.join(found)} is not public; a network of the office's own must stand in allow")
    return good


def resolved(host: str, port: int, *, literal: bool = False) -> list[str]:
    """Addresses of a host, an address in any notation included (``0x7f.1``, ``2130706433``).

    Parameters
    ----------
    literal : bool
        Ask nobody: a name has no addresses then.

    Raises
    ------
    OSError
        When it cannot be found out.
    """
    flags = socket.AI_NUMERICHOST if literal else 0
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except socket.gaierror:
        if literal:
            return []
        raise
    except UnicodeError as error:  # a label that is too long or empty
        raise OSError(f"{host[:60]!r} is no host name") from error
    return [str(address[0]) for *_, address in found]
