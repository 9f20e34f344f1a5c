"""What a proxy file says, as types."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stillcold_core.files import Step, TomlFile
from stillcold_core.registry import Id
from stillcold_sim.scenario.times import Seconds, seconds

Milliseconds = Annotated[float, Meta(ge=0, le=600_000)]
Direction = Literal["up", "down"]
"""From the client to the server, or back."""
OF_PACKETS = frozenset({"duplicate", "disorder"})
"""Need to know where a message ends."""


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address that leads to another one.

    Attributes
    ----------
    id : str
        Name in this file.
    host, port : str, int
        Where to listen; port 0 takes a free one.
    to_host, to_port : str, int
        The server.
    mqtt : bool
        Whether the bytes are MQTT, whose packets are then kept whole.
    """

    id: Id
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    to_host: str = "127.0.0.1"
    to_port: Annotated[int, Meta(ge=1, le=65535)]
    mqtt: bool = True


class Trouble(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"lasts": "for"}):
    """Something that is wrong with the network for a time.

    Attributes
    ----------
    at : float or str
        s of real time from the start.
    lasts : float or str, optional
        s; ``for`` in a file. None: to the end.
    every : float or str, optional
        s after which it comes again, and again.
    what : str
        The kind; ``docs/bad-network.md`` says what each does.
    route : str, optional
        Where; everywhere by default.
    direction : "up", "down" or "both"
        Of the bytes that it happens to.
    share : float
        Of the pieces (packets, where it is MQTT) that it happens to, by chance.
    delay_ms, jitter_ms : float
        ms by which pieces come late, and up to so many more.
    rate : float
        Bytes a second that pass.
    """

    at: Seconds
    lasts: Seconds | None = None
    every: Seconds | None = None
    what: Literal["outage", "stall", "latency", "bandwidth", "loss", "reset", "duplicate", "disorder"]
    route: Id | None = None
    direction: Literal["up", "down", "both"] = "both"
    share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    delay_ms: Milliseconds = 200.0
    jitter_ms: Milliseconds = 0.0
    rate: Annotated[float, Meta(gt=0)] = 10_000.0

    def rest(self, t: float) -> float:
        """s until it is over; 0 where it is not there at ``t``."""
        since = t - seconds(self.at)
        if since >= 0 and self.every is not None:
            since %= seconds(self.every)
        lasts = float("inf") if self.lasts is None else seconds(self.lasts)
        return max(0.0, lasts - since) if since >= 0 else 0.0

    def concerns(self, route: str, direction: Direction) -> bool:
        """Whether it happens there."""
        return self.route in {None, route} and self.direction in {"both", direction}


class ProxyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole proxy file.

    Attributes
    ----------
    seed : int
        Of what comes by chance.
    route : sequence of Route
        What leads where.
    trouble : sequence of Trouble
        What goes wrong, and when; s of real time from the start.
    """

    seed: Annotated[int, Meta(ge=0)] = 1
    route: Annotated[tuple[Route, ...], Meta(min_length=1)]
    trouble: tuple[Trouble, ...] = ()


def load_proxy(path: Path) -> ProxyFile:
    """Read and check a proxy file.

    Raises
    ------
    BadFile
        Naming file, line, field and value of the first thing that does not fit.
    """
    toml = TomlFile(path)
    file = toml.convert(ProxyFile)
    for steps, expected in _problems(file):
        raise toml.bad(steps, expected)
    return file


def _problems(file: ProxyFile) -> Iterator[tuple[Sequence[Step], str]]:
    routes: dict[str, Route] = {}
    for i, route in enumerate(file.route):
        if routes.setdefault(route.id, route) is not route:
            yield ["route", i, "id"], "must be unique"
    for i, trouble in enumerate(file.trouble):
        if trouble.every is not None and (trouble.lasts is None or seconds(trouble.every) <= seconds(trouble.lasts)):
            yield ["trouble", i, "every"], "must be longer than for"
        if trouble.route is not None and trouble.route not in routes:
            yield ["trouble", i, "route"], "must be the id of a [[route]] in this file"
        elif trouble.what in OF_PACKETS and not all(r.mqtt for r in _concerned(trouble, routes)):
            yield ["trouble", i, "what"], "only a route with mqtt = true knows packets"


def _concerned(trouble: Trouble, routes: dict[str, Route]) -> Sequence[Route]:
    return tuple(routes.values()) if trouble.route is None else (routes[trouble.route],)
