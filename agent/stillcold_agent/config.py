"""The agent's one configuration file, ``agent.toml``."""

import ipaddress
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stillcold_agent.enrolment.settings import Enrolment, check_enrolment
from stillcold_agent.local.settings import Local, check_local
from stillcold_core.files import BadFile, Step, TomlFile, read_text, repeated
from stillcold_core.profiles import Profile, load_profile, load_profile_file
from stillcold_core.registry import Id

Seconds = Annotated[float, Meta(ge=0.05, le=3600)]
Interval = Annotated[float, Meta(ge=0.01, le=3600)]
Timeout = Annotated[float, Meta(ge=0.05, le=30)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Text = Annotated[str, Meta(min_length=1)]
_LONGEST_PACKET = 64  # bytes of a registration or heartbeat
Baud = Annotated[int, Meta(ge=300, le=1_000_000)]


class Mqtt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the broker is and how to log in to it."""

    host: Text = "127.0.0.1"
    port: Port = 1883
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    """Certificate authority of the broker; with it the connection is TLS."""
    cert_file: str = ""
    """This gateway's certificate."""
    key_file: str = ""
    """The key of that certificate; not the key that signs batches."""
    drain_rate: Annotated[float, Meta(gt=0, le=1000)] = 50.0
    """Batches a second at most."""


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the open batch is closed, signed and sent: seconds."""

    quiet: Seconds = 60.0
    """After it was opened, where nothing happened."""
    change: Seconds = 5.0
    """After something changed."""
    live: Seconds = 5.0
    """After the last one, while a sealed line is energised; the first goes out at once."""
    clock_wait: Annotated[float, Meta(ge=0, le=3600)] = 300.0
    """For which a clock that is behind may hold up batches in which no sealed line shows life."""


class Journal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept until the server has it, and for some days after."""

    max_megabytes: Annotated[int, Meta(ge=1, le=1_000_000)] = 1024
    max_days: Annotated[int, Meta(ge=1, le=3650)] = 365
    """For what the server does not have."""
    keep_days: Annotated[int, Meta(ge=0, le=365)] = 7
    """For what the server has."""


class Observe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the gateway tells of itself."""

    listen: str = ""
    """Address and port of ``/metrics`` and ``/health``; nothing listens where it is empty."""
    status_interval: Annotated[float, Meta(ge=1, le=3600)] = 60.0
    """s from one report in the status to the next at least."""


class TcpBus(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="tcp"):
    """Meters behind one Modbus TCP address."""

    id: Id
    host: Text
    port: Port = 502
    timeout: Timeout = 1.0


class RtuBus(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="rtu"):
    """Meters on one serial line."""

    id: Id
    device: Text
    """Path; one of ``/dev/serial/by-id/`` stays the same when adapters are plugged in another order."""
    baud_rate: Baud = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    timeout: Timeout = 1.0


class RtuOverTcpBus(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="rtu_over_tcp"):
    """Meters on a serial line behind a transparent converter: frames of Modbus RTU over TCP."""

    id: Id
    host: Text
    port: Port = 502
    baud_rate: Baud = 9600
    """Of the line behind the converter."""
    timeout: Timeout = 1.0


class DialInBus(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="dial_in"):
    """Meters behind a transmitter on the mobile network that dials in."""

    id: Id
    listen_port: Port
    listen: Text = "0.0.0.0"  # noqa: S104  # a transmitter comes from outside; see allow and registration
    frames: Literal["rtu", "tcp"] = "rtu"
    registration: str = ""
    """What it sends first."""
    heartbeat: str = ""
    """What it sends now and then."""
    allow: tuple[str, ...] = ()
    """Networks that it may come from."""
    baud_rate: Baud = 9600
    """Of the line behind it."""
    timeout: Timeout = 1.0


Bus = TcpBus | RtuBus | RtuOverTcpBus | DialInBus


def wire_bytes(text: str) -> bytes:
    """Bytes that a transmitter sends: ``0x`` and hexadecimal digits, or the text itself.

    Raises
    ------
    ValueError
        When what follows ``0x`` is not whole bytes in hexadecimal.

    Examples
    --------
    >>> wire_bytes("0xfe fe"), wire_bytes("KC-017")
    (b'\\xfe\\xfe', b'KC-017')
    """
    return bytes.fromhex(text[2:]) if text.startswith("0x") else text.encode()


def speaks_rtu(bus: Bus) -> bool:
    """Whether its meters are on a serial line whose frames we make, with the addresses of one."""
    return isinstance(bus, RtuBus | RtuOverTcpBus) or (isinstance(bus, DialInBus) and bus.frames == "rtu")


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One meter, and the point that it measures."""

    bus: Id
    unit: Annotated[int, Meta(ge=0, le=255)]
    profile: Text
    point: Id
    interval: Interval = 1.0
    slow_interval: Annotated[float, Meta(ge=1, le=86400)] = 60.0
    ct: Annotated[float, Meta(gt=0)] = 1.0
    pt: Annotated[float, Meta(gt=0)] = 1.0
    sealed: bool = False
    rated_power: Annotated[float, Meta(gt=0)] | None = None
    """W"""
    nominal_voltage: Annotated[float, Meta(gt=0)] = 220.0
    """V, phase to neutral"""
    power_cut: bool = True
    water_cut: bool = False
    quiet_interval: Seconds | None = None
    """s, most between two readings that are kept while the line is at rest; up to ``interval`` all are kept"""
    deadband: dict[str, Annotated[float, Meta(ge=0)]] = {}
    """By quantity, in its SI unit: by how much it moves at rest"""
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the agent is told."""

    gateway: Id
    data_dir: Text = "/var/lib/stillcold-agent"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    mqtt: Mqtt = Mqtt()
    batch: Batch = Batch()
    journal: Journal = Journal()
    enrolment: Enrolment = Enrolment()
    observe: Observe = Observe()
    local: Local = Local()
    bus: tuple[Bus, ...] = ()
    device: tuple[Device, ...] = ()


def load_config(path: Path, *, enrolled: bool = True) -> Config:
    """Read and check a configuration file; relative file names in it are taken from its folder.

    Parameters
    ----------
    enrolled : bool
        Whether the certificates and the key that it names must be there already.

    Raises
    ------
    BadFile
        Naming file, line, field and value of the first thing that does not fit.
    """
    file = TomlFile(path)
    config = _anchored(file.convert(Config), path.resolve().parent)
    _check_mqtt(file, config.mqtt, enrolled)
    check_enrolment(file, config.enrolment, config.mqtt.cert_file)
    _check_observe(file, config.observe)
    check_local(file, config.local)
    _check_buses(file, config)
    _check_devices(file, config)
    return config


def profile_of(device: Device) -> Profile:
    """The profile that a device names: a shipped one, or a file's.

    Raises
    ------
    BadFile
        When there is none, or the file is no profile.
    """
    if _is_path(device.profile):
        return load_profile_file(Path(device.profile))
    return load_profile(device.profile)


def _is_path(profile: str) -> bool:
    return "/" in profile or profile.endswith(".toml")


def _check_mqtt(file: TomlFile, mqtt: Mqtt, enrolled: bool) -> None:
    for name, needed in (("cert_file", "ca_file"), ("cert_file", "key_file"), ("key_file", "cert_file")):
        if getattr(mqtt, name) and not getattr(mqtt, needed):
            raise file.bad(["mqtt", needed], f"missing; {name} needs it")
    if mqtt.password_file and not mqtt.username:
        raise file.bad(["mqtt", "username"], "missing; password_file needs it")
    for name in ("password_file", *(("ca_file", "cert_file", "key_file") if enrolled else ())):
        if getattr(mqtt, name):
            _check_readable(file, ["mqtt", name], Path(getattr(mqtt, name)))


def _check_readable(file: TomlFile, steps: list[Step], path: Path) -> None:
    try:
        read_text(path)
    except BadFile as error:
        raise file.bad(steps, f"{path}: {error.expected}") from error


def listen_address(listen: str) -> tuple[str, int]:
    """Host and port of an address like ``127.0.0.1:9464`` or ``[::1]:9464``.

    Raises
    ------
    ValueError
        When it is none.

    Examples
    --------
    >>> listen_address("[::1]:9464")
    ('::1', 9464)
    """
    host, _, port = listen.rpartition(":")
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise ValueError(listen)
    bare = host.removeprefix("[").removesuffix("]")
    if (ipaddress.ip_address(bare).version == 6) != (host == f"[{bare}]"):
        raise ValueError(listen)
    return bare, int(port)


def _check_observe(file: TomlFile, observe: Observe) -> None:
    try:
        if observe.listen:
            listen_address(observe.listen)
    except ValueError as error:
        raise file.bad(["observe", "listen"], "expected an address and a port, e.g. 127.0.0.1:9464") from error


def _check_buses(file: TomlFile, config: Config) -> None:
    if not config.bus:
        raise file.bad(["bus"], "missing; expected at least one [[bus]]")
    _check_unique(file, "bus", "id", [b.id for b in config.bus])
    places = [_place(b) for b in config.bus]
    for i, (field, place) in enumerate(places):
        if (first := places.index((field, place))) != i:
            raise file.bad(["bus", i, field], f"must be unique; bus[{first}] is the same place")
    for i, bus in enumerate(config.bus):
        if isinstance(bus, DialInBus):
            _check_dial_in(file, i, bus)


def _place(bus: Bus) -> tuple[str, str]:
    """The field that says where a bus leads, and the place: a device, an address, or a port of our own."""
    match bus:
        case RtuBus():
            return "device", bus.device
        case DialInBus():
            return "listen_port", str(bus.listen_port)
        case _:
            return "host", f"{bus.host}:{bus.port}"


def _check_dial_in(file: TomlFile, i: int, bus: DialInBus) -> None:
    for j, network in enumerate(bus.allow):
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise file.bad(["bus", i, "allow", j], f"expected a network such as 10.8.0.0/16 ({error})") from error
    for name in ("registration", "heartbeat"):
        _check_wire_bytes(file, ["bus", i, name], getattr(bus, name))
    if not bus.registration and not bus.allow:
        raise file.bad(["bus", i, "registration"], "missing; without it and allow anybody could dial in")


def _check_wire_bytes(file: TomlFile, steps: list[Step], text: str) -> None:
    try:
        size = len(wire_bytes(text))
    except ValueError as error:
        raise file.bad(steps, "expected text, or 0x and whole bytes in hexadecimal") from error
    # A single byte could be the first one of an answer.
    if text and not 2 <= size <= _LONGEST_PACKET:
        raise file.bad(steps, f"expected 2 to {_LONGEST_PACKET} bytes")


def _check_devices(file: TomlFile, config: Config) -> None:
    if not config.device:
        raise file.bad(["device"], "missing; expected at least one [[device]]")
    _check_unique(file, "device", "point", [d.point for d in config.device])
    _check_unique(file, "device", "unit", [(d.bus, d.unit) for d in config.device])
    buses = {b.id: b for b in config.bus}
    for i, device in enumerate(config.device):
        if device.bus not in buses:
            raise file.bad(["device", i, "bus"], f"must be the id of a [[bus]]: {', '.join(buses)}")
        if speaks_rtu(buses[device.bus]) and not 1 <= device.unit <= 247:
            raise file.bad(["device", i, "unit"], "expected 1 to 247 on a serial line")
        if device.sealed and device.rated_power is None:
            raise file.bad(["device", i, "rated_power"], "missing; a sealed line needs its rated power in W")
        if device.quiet_interval is not None and device.rated_power is None:
            raise file.bad(["device", i, "rated_power"], "missing; quiet_interval needs the line's rated power in W")
        _check_profile(file, i, device)


def _check_profile(file: TomlFile, i: int, device: Device) -> None:
    try:
        profile = profile_of(device)
    except BadFile as error:
        if _is_path(device.profile) and Path(device.profile).exists():
            raise  # the profile's own file says more
        raise file.bad(["device", i, "profile"], error.expected) from error
    if device.only and device.skip:
        raise file.bad(["device", i, "skip"], "expected at most one of only and skip")
    named: list[tuple[list[Step], str]] = [(["deadband", quantity], quantity) for quantity in device.deadband]
    for name in ("only", "skip"):
        named += [([name, j], quantity) for j, quantity in enumerate(getattr(device, name))]
    for steps, quantity in named:
        if quantity not in profile.by_quantity:
            known = ", ".join(profile.by_quantity)
            raise file.bad(["device", i, *steps], f"{profile.model} has only: {known}")
    if set(device.skip) >= set(profile.by_quantity):
        raise file.bad(["device", i, "skip"], "leaves nothing to read")


def _check_unique(file: TomlFile, table: str, field: str, keys: Iterable[object]) -> None:
    for steps, expected in repeated(table, field, keys):
        raise file.bad(steps, expected)


def _anchored(config: Config, folder: Path) -> Config:
    """The configuration with every relative file name made absolute."""

    def at(name: str) -> str:
        return str(folder / name) if name else ""

    replace = msgspec.structs.replace
    mqtt = config.mqtt
    return replace(
        config,
        data_dir=at(config.data_dir),
        local=replace(config.local, status_file=at(config.local.status_file)),
        mqtt=replace(
            mqtt,
            password_file=at(mqtt.password_file),
            ca_file=at(mqtt.ca_file),
            cert_file=at(mqtt.cert_file),
            key_file=at(mqtt.key_file),
        ),
        device=tuple(replace(d, profile=at(d.profile)) if _is_path(d.profile) else d for d in config.device),
    )
