"""The server's one configuration file, ``server.toml``."""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stillcold_core.files import TomlFile, repeated
from stillcold_server.alerts.channels import Channel, anchored, faults
from stillcold_server.people.rights import Role

Seconds = Annotated[float, Meta(gt=0)]
Days = Annotated[int, Meta(ge=184, le=36600)]


class Mqtt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the broker is and how to log in to it."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    client_id: str = "stillcold-server"
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


class Http(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the console and the API are served."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    public_url: str = ""
    """Address that officers reach the console under; links in messages begin with it."""
    secure_cookies: bool = False
    """Set behind a proxy that speaks HTTPS."""
    session_hours: Annotated[float, Meta(gt=0, le=168)] = 12.0
    idle_minutes: Annotated[float, Meta(gt=0, le=1440)] = 120.0
    """A session that nobody uses ends after these; an open console is used."""


class People(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accounts."""

    key_file: str = "people.key"
    """Key that seals the secrets of second factors; made at the first use."""
    second_factor: tuple[Role, ...] = ()
    """Roles that need a second factor."""


class Ca(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The certificate authority that ``stillcold-server ca init`` makes."""

    folder: str
    """For the server only."""
    broker_folder: str
    """What the broker reads: written by the server, readable for the broker."""


class Influx(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A server for the Influx protocol that gets a copy of every stored sample."""

    url: str
    bucket: str = "stillcold"
    org: str = "stillcold"
    token_file: str = ""


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The log of receipts, and what is made of it for others to verify."""

    origin: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9./:_-]{0,127}$")] = "stillcold"
    """Name of the log."""
    key_file: str = "evidence.key"
    """Key that signs checkpoints and bundles."""


class Backup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The copy of the database that is made every night."""

    folder: str
    """Better on another disk."""
    keep: Annotated[int, Meta(ge=1, le=1000)] = 14
    """How many; older ones are deleted."""


class Silence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a gateway is silent."""

    heartbeat: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    """s; the longest interval of its batches that a gateway is believed: its status is not signed."""


class Keep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how many days what can be made again, or is no evidence, is kept."""

    minute_rollups_days: Days = 400
    quarter_hour_rollups_days: Days = 3660
    deliveries_days: Days = 400
    """The log of messages to officers: at least six months."""
    job_runs_days: Annotated[int, Meta(ge=1, le=3660)] = 30


class Watchdog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dead-man's switch outside, which alarms when the server's sign of life stays away."""

    url_file: str
    """File that holds the URL: whoever knows it can keep the switch quiet."""
    seconds: Annotated[float, Meta(ge=10, le=3600)] = 60.0


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the server is told."""

    database: str = "sqlite:///stillcold.db"
    language: Literal["zh", "en"] = "zh"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    cache_dir: str = ""
    """Where compiled detectors are kept; the user's cache folder where it is empty."""
    mqtt: Mqtt = Mqtt()
    http: Http = Http()
    people: People = People()
    ca: Ca | None = None
    evidence: Evidence = Evidence()
    backup: Backup | None = None
    silence: Silence = Silence()
    keep: Keep = Keep()
    influx: Influx | None = None
    watchdog: Watchdog | None = None
    channel: tuple[Channel, ...] = ()


def load_config(path: Path) -> Config:
    """Read and check a configuration file; relative file names in it are taken from its folder.

    Raises
    ------
    BadFile
        Naming file, line, field and value of the first thing that does not fit.
    """
    file = TomlFile(path)
    config = file.convert(Config)
    _check_http(file, config.http)
    _check_channels(file, config.channel)
    return _anchored(config, path.resolve().parent)


def _check_http(file: TomlFile, http: Http) -> None:
    try:
        ipaddress.ip_address(http.host)
    except ValueError:
        raise file.bad(["http", "host"], "expected an IP address to listen on, e.g. 127.0.0.1 or 0.0.0.0") from None


def _check_channels(file: TomlFile, channels: tuple[Channel, ...]) -> None:
    for steps, expected in repeated("channel", "id", (c.id for c in channels)):
        raise file.bad(steps, expected)
    for i, channel in enumerate(channels):
        for inner, expected in faults(channel):
            raise file.bad(["channel", i, *inner], expected)


def _anchored(config: Config, folder: Path) -> Config:
    """The configuration with every relative file name made absolute."""

    def at(name: str) -> str:
        return str(folder / name) if name else ""

    replace = msgspec.structs.replace
    mqtt, prefix = config.mqtt, "sqlite:///"
    database = (
        prefix + at(config.database.removeprefix(prefix)) if config.database.startswith(prefix) else config.database
    )
    return replace(
        config,
        database=database,
        cache_dir=at(config.cache_dir),
        mqtt=replace(
            mqtt,
            password_file=at(mqtt.password_file),
            ca_file=at(mqtt.ca_file),
            cert_file=at(mqtt.cert_file),
            key_file=at(mqtt.key_file),
        ),
        ca=config.ca and Ca(at(config.ca.folder), at(config.ca.broker_folder)),
        people=replace(config.people, key_file=at(config.people.key_file)),
        evidence=replace(config.evidence, key_file=at(config.evidence.key_file)),
        backup=config.backup and replace(config.backup, folder=at(config.backup.folder)),
        influx=config.influx and replace(config.influx, token_file=at(config.influx.token_file)),
        watchdog=config.watchdog and replace(config.watchdog, url_file=at(config.watchdog.url_file)),
        channel=tuple(anchored(c, folder) for c in config.channel),
    )
