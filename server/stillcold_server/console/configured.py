"""The server's configuration as its administrator may see it: without anything secret."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import make_url

from stillcold_server.config import Config

_SECRET = ("password", "secret", "token", "key")
_PLACES = ("_file", "folder", "_dir")
_OF_CHANNEL = ("id", "kind")
HIDDEN = "•••"


def configured(config: Config) -> list[tuple[str, str]]:
    """Every setting by its name in ``server.toml``, with its value.

    Of a channel only what it is called and its kind: its address is often all that one needs to send. Of other
    addresses only the host.

    Examples
    --------
    >>> from stillcold_server.config import Influx
    >>> shown = dict(configured(Config("postgresql+psycopg://u:hush@db/x", influx=Influx("http://i:hush@tsdb:8428/"))))
    >>> shown["database"], shown["influx.url"], shown["http.port"]
    ('postgresql+psycopg://u:***@db/x', 'http://tsdb:8428', '8080')
    >>> shown["people.second_factor"]
    ''
    """
    told = msgspec.to_builtins(config)
    channels = told.pop("channel")
    database = make_url(config.database).set(query={})  # a password may stand there too
    told["database"] = database.render_as_string(hide_password=True)
    found = list(_flat(told, ""))
    return [*found, *((f"channel.{c['id']}", " · ".join(str(c[n]) for n in _OF_CHANNEL)) for c in channels)]


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield prefix + name, _shown(name, value)


def _shown(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    if name.endswith(_PLACES) or not text:
        return text
    if name.endswith("url") and "://" in text:
        parts = urlsplit(text)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    return HIDDEN if any(word in name for word in _SECRET) else text
