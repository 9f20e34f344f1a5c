"""Slowing down those who guess passwords."""

import ipaddress
import threading
from collections import OrderedDict, deque


class Throttle:
    """Counts failures by key and says how long a key must wait.

    Parameters
    ----------
    failures : int
        Failures that are free in a window.
    window : float
        s.
    keys : int
        Most keys remembered; the one that failed longest ago is forgotten first.
    """

    def __init__(self, failures: int, window: float, keys: int = 10_000) -> None:
        self._failures, self._window, self._keys = failures, window, keys
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """s until a key may try again; 0 when it may now."""
        with self._lock:
            times = self._failed.get(key)
            if times is None or len(times) < self._failures:
                return 0.0
            return max(0.0, times[0] + self._window - now)

    def failed(self, key: str, now: float) -> None:
        """Count a failure."""
        with self._lock:
            self._failed.setdefault(key, deque(maxlen=self._failures)).append(now)
            self._failed.move_to_end(key)
            if len(self._failed) > self._keys:
                self._failed.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget the failures of a key."""
        with self._lock:
            self._failed.pop(key, None)


class LoginThrottle:
    """Five wrong passwords of one name from one place, or thirty from one place, in five minutes.

    A name alone is never shut out: a stranger could keep the duty officer from logging in. But ten wrong codes of one
    name in a quarter of an hour, wherever from, are: whoever tries codes has the password already, and a code has six
    digits only.
    """

    def __init__(self) -> None:
        self._pair, self._place, self._codes = Throttle(5, 300.0), Throttle(30, 300.0), Throttle(10, 900.0)

    def wait(self, name: str, address: str, now: float) -> float:
        """s until this name may try again from this address."""
        place = place_of(address)
        return max(self._pair.wait(f"{place} {name}", now), self._place.wait(place, now))

    def failed(self, name: str, address: str, now: float) -> None:
        """Count a wrong password."""
        place = place_of(address)
        self._pair.failed(f"{place} {name}", now)
        self._place.failed(place, now)

    def wait_for_code(self, name: str, now: float) -> float:
        """s until a code of this name is looked at again."""
        return self._codes.wait(name, now)

    def failed_code(self, name: str, now: float) -> None:
        """Count a wrong code behind a right password."""
        self._codes.failed(name, now)

    def succeeded(self, name: str, address: str) -> None:
        """Forget this name's failures; those of others from the same place stay."""
        self._codes.succeeded(name)
        self._pair.succeeded(f"{place_of(address)} {name}")


def place_of(address: str) -> str:
    """An address, or the /64 of an IPv6 address: one subscriber has all of it.

    Examples
    --------
    >>> place_of("192.0.2.7"), place_of("2001:db8::7")
    ('192.0.2.7', '2001:db8::/64')
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)
