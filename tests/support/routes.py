"""Every route of API and console, called as somebody."""

import re
from collections.abc import Iterator

import httpx
from sqlalchemy import update

from stillcold_server.api.matrix import Rule, rules
from stillcold_server.people.rights import ROLES
from stillcold_server.store import schema
from stillcold_server.store.database import write
from support.web import Web

_VALUES = {"name": "nobody", "number": "1"}
_STREAMS = ("/api/v1/events",)
"""They have no end."""


def routes(web: Web) -> Iterator[Rule]:
    """Those that end."""
    return (rule for rule in rules(web.app) if rule.path not in _STREAMS)


def call(client: httpx.Client, rule: Rule, **named: str) -> httpx.Response:
    """Call a route about things that there are not, or about those that are named; of a stream, begin it only."""
    path = re.sub(r"\{(\w+)\}", lambda m: named.get(m[1], _VALUES.get(m[1], "nothing")), rule.path)
    if rule.path in _STREAMS:
        with client.stream("GET", path) as answer:
            if answer.is_error:
                answer.read()
            return answer
    if rule.method == "GET":
        return client.get(path)
    return client.request(rule.method, path, json={} if path.startswith("/api/") else None)


def all_mighty(web: Web) -> httpx.Client:
    """A browser of somebody with every role, whom no security administrator could make."""
    client = web.browser("duty_officer", "everybody")
    with write(web.engine) as connection:
        connection.execute(update(schema.user).where(schema.user.c.name == "everybody").values(roles=list(ROLES)))
    return client
