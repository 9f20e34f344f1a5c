"""HTTP to the outside: to checked addresses only, one connection a request, with an end to everything.

Redirects are not followed and no proxy of the environment is used. A name is resolved once, its addresses are checked,
and the connection goes to the checked address while TLS verifies the name: an answer of the DNS that changes in between
(rebinding) changes nothing.
"""

import ipaddress
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from stillcold_server.alerts.senders.addresses import Network, Refused, checked, resolved
from stillcold_server.alerts.senders.base import NotDelivered

_TIMEOUT = 10.0
"""s for each step."""
_DEADLINE = 15.0
"""s for the whole exchange, also with a side that answers a byte at a time."""
_MOST = 65_536
"""Bytes of an answer that are read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def fine(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


class Outbound:
    """Asks one channel's target.

    Parameters
    ----------
    allow : sequence of str
        Networks that may be connected to though they are not public.
    ca_file : str
        Certificate authority to trust instead of the public ones; none where it is empty.
    deadline : float
        s for an exchange.

    Raises
    ------
    OSError
        When ``ca_file`` cannot be used.
    """

    def __init__(self, allow: Sequence[str] = (), ca_file: str = "", *, deadline: float = _DEADLINE) -> None:
        self._allow: list[Network] = [ipaddress.ip_network(network) for network in allow]
        self._tls = ssl.create_default_context(cafile=ca_file) if ca_file else httpx.create_ssl_context()
        self._deadline = deadline

    def check(self, url: str) -> None:
        """Refuse a URL that can never be asked, without asking anybody.

        Raises
        ------
        ValueError
            Saying what would be right; the URL, which may carry a secret, is not in it.
        """
        parts = _parts(url)
        try:
            literal = resolved(parts.host, parts.port or 0, literal=True)
            if literal or parts.host.rstrip(".").lower().rpartition(".")[2] == "localhost":
                checked(literal or ["127.0.0.1"], self._allow)
        except Refused as error:
            raise ValueError(str(error)) from error

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST a body; see :meth:`get`."""
        return self._ask("POST", url, body, headers)

    def get(self, url: str) -> Answer:
        """GET a URL; any answer, whatever its status.

        Raises
        ------
        NotDelivered
            When there is no answer.
        """
        return self._ask("GET", url, b"", {})

    def _ask(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            self.check(url)
        except ValueError as error:
            raise NotDelivered(f"the target is refused: {error}", permanent=True) from error
        network = _Checked(self._allow, time.monotonic() + self._deadline)
        try:
            with httpcore.ConnectionPool(self._tls, network_backend=network, max_connections=1) as pool:
                return self._read(pool, method, _parts(url), body, headers)
        except Refused as error:
            raise NotDelivered(f"the target is refused: {error}") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise NotDelivered(f"{type(error).__name__}: {error}".rstrip(": ")) from error

    @staticmethod
    def _read(
        pool: httpcore.ConnectionPool, method: str, url: httpx.URL, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        sent = {"host": url.netloc.decode(), "user-agent": "stillcold", "connection": "close"}
        sent |= {name.lower(): value for name, value in headers.items()}
        limits = dict.fromkeys(("connect", "read", "write", "pool"), _TIMEOUT)
        with pool.stream(
            method, target, headers=list(sent.items()), content=body, extensions={"timeout": limits}
        ) as response:
            content = bytearray()
            for part in response.iter_stream():
                content += part
                if len(content) >= _MOST:
                    break
            said = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Answer(response.status, said, bytes(content[:_MOST]).decode(errors="replace"))


def _parts(url: str) -> httpx.URL:
    """The parts of a URL that can be asked.

    Raises
    ------
    ValueError
        Saying what would be right.
    """
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError("expected an http or https URL") from None
    if parts.scheme not in ("http", "https") or not parts.host:
        raise ValueError("expected an http or https URL")
    if parts.userinfo:
        raise ValueError("expected a URL without user and password")
    return parts


class _Checked(httpcore.NetworkBackend):
    """Connects to checked addresses; its streams end at a time."""

    def __init__(self, allow: Sequence[Network], until: float) -> None:
        self._allow, self._until = allow, until
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """To the first of the host's checked addresses that answers."""
        refused: Exception | None = None
        for address in checked(resolved(host, port), self._allow):
            try:
                left = _left(self._until, timeout, httpcore.ConnectTimeout)
                stream = self._inner.connect_tcp(address, port, left, local_address, socket_options)
                return _Ending(stream, self._until)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                refused = error
        raise refused or httpcore.ConnectError("no address")


class _Ending(httpcore.NetworkStream):
    """A stream on which everything together ends at a time, not only each step."""

    def __init__(self, inner: httpcore.NetworkStream, until: float) -> None:
        self._inner, self._until = inner, until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(self._until, timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._until, timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._until, timeout, httpcore.ConnectTimeout)
        return _Ending(self._inner.start_tls(ssl_context, server_hostname, left), self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(until: float, timeout: float | None, late: type[httpcore.TimeoutException]) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise late("no whole answer in time")
    return left if timeout is None else min(left, timeout)
