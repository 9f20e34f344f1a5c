"""What a fleet file says, as types."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from stillcold_core.files import TomlFile
from stillcold_core.profiles import load_profile, profile_names
from stillcold_core.registry import Id

Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


class Broker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the broker is, and how the gateways hang on it.

    Attributes
    ----------
    host, port : str, int
        Of the broker.
    username, password_file, ca_file, cert_file, key_file : str
        Login and TLS, the same for all connections; empty for none.
    connections : int
        Over which all gateways are spread; 0 gives each its own, with its own last will.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    connections: Annotated[int, Meta(ge=0, le=20_000)] = 8


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much is sent, and when.

    Attributes
    ----------
    interval : float
        s from reading to reading of a point.
    batch : float
        s of readings in a batch.
    spread : float
        Share of ``batch`` over which the gateways' batches are spread: 1 evenly, 0 all at the same moment.
    speed : float
        Simulated seconds in a real one; the last reading is taken when the run ends, none lies in the future.
    """

    interval: Positive = 1.0
    batch: Positive = 60.0
    spread: Share = 1.0
    speed: Positive = 1.0


class Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong between gateway and broker.

    Attributes
    ----------
    disorder : float
        Share of the batches that are held back and sent behind the one after them.
    duplicate : float
        Share of the batches that are sent twice.
    patience : float
        s of real time without an acknowledgement after which a batch is sent again, as a gateway does.
    window : int
        Batches of one gateway that may be on their way.
    backlog : int
        Batches that a gateway keeps while it is cut off; beyond it the oldest are dropped and counted.
    """

    disorder: Share = 0.0
    duplicate: Share = 0.0
    patience: Positive = 10.0
    window: Annotated[int, Meta(ge=1, le=1000)] = 16
    backlog: Annotated[int, Meta(ge=1)] = 1440


class Outage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"lasts": "for"}):
    """A part of the run in which some gateways are cut off from the broker.

    Attributes
    ----------
    at, lasts : float
        s of simulated time: when it begins, how long it is (``for`` in the file).
    share : float
        Of the gateways.
    """

    at: Annotated[float, Meta(ge=0)]
    lasts: Positive
    share: Share = 1.0


class FleetFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole fleet file.

    Attributes
    ----------
    name : str
        Begins every id: gateways are ``name-0001``, their points ``name-0001-p1``.
    seed : int
        Of every random number, keys included.
    gateways, points : int
        How many gateways, and points on each.
    duration : float
        s of simulated time in which readings are taken; whole batches only.
    start : datetime, optional
        Time of the first reading; now by default. With it, two runs send the same bytes.
    profile : str
        Model of all meters.
    live : float
        Share of the lines that are permitted and run; the others are sealed and dead.
    restarts : float
        Share of the sealed lines that start to run at some time of the run.
    settle : float
        s of real time that acknowledgements may take after the last batch.
    """

    name: Id = "fleet"
    seed: Annotated[int, Meta(ge=0)] = 1
    gateways: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    points: Annotated[int, Meta(ge=1, le=64)] = 1
    duration: Positive = 600.0
    start: Annotated[datetime, Meta(tz=True)] | None = None
    profile: str = "eastron-sdm630"
    live: Share = 0.2
    restarts: Share = 0.0
    settle: Positive = 30.0
    broker: Broker = Broker()
    rate: Rate = Rate()
    wire: Wire = Wire()
    outage: tuple[Outage, ...] = ()

    @property
    def batches(self) -> int:
        """Batches that each gateway makes."""
        return int(self.duration // self.rate.batch)

    def gateway_id(self, index: int) -> str:
        """Id of a gateway, counted from 0.

        Examples
        --------
        >>> FleetFile(name="a", gateways=500).gateway_id(6)
        'a-007'
        """
        return f"{self.name}-{index + 1:0{len(str(self.gateways))}}"

    def line_id(self, index: int, point: int) -> str:
        """Id of the line that a gateway's point is on, both counted from 0."""
        return f"{self.gateway_id(index)}-l{point + 1}"

    def point_id(self, index: int, point: int) -> str:
        """Id of a gateway's point, both counted from 0."""
        return f"{self.gateway_id(index)}-p{point + 1}"


def load_fleet(path: Path) -> FleetFile:
    """Read and check a fleet file; relative file names in it are taken from its folder.

    Raises
    ------
    BadFile
        Naming file, line, field and value of the first thing that does not fit.
    """
    toml = TomlFile(path)
    fleet = toml.convert(FleetFile)
    if fleet.profile not in profile_names():
        raise toml.bad(["profile"], f"expected one of: {', '.join(profile_names())}")
    if "active_power" not in load_profile(fleet.profile).by_quantity:
        raise toml.bad(["profile"], "expected a meter of electricity")
    if fleet.rate.batch < fleet.rate.interval:
        raise toml.bad(["rate", "batch"], f"must hold at least one reading ({fleet.rate.interval} s)")
    if fleet.batches == 0:
        raise toml.bad(["duration"], f"must hold at least one batch ({fleet.rate.batch} s)")
    if len(fleet.point_id(fleet.gateways, fleet.points)) > 64:
        raise toml.bad(["name"], "too long: ids of points have at most 64 characters")
    return msgspec.structs.replace(fleet, broker=_anchored(fleet.broker, path.resolve().parent))


def _anchored(broker: Broker, folder: Path) -> Broker:
    names = ("password_file", "ca_file", "cert_file", "key_file")
    found = {name: str(folder / value) for name in names if (value := getattr(broker, name))}
    return msgspec.structs.replace(broker, **found)
