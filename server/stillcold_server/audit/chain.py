"""Entries of the audit log and the chain of their hashes.

The hash of an entry is the SHA-256 of its fields and the hash of the one before it as canonical JSON: keys in order,
no spaces, UTF-8 (for these types, that is RFC 8785).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, select, update

from stillcold_server.store import schema
from stillcold_server.store.database import write

DONE = "done"
FIRST = b"\0" * 32
"""What the first entry names as the hash before it."""
_LONGEST = 1000
_SIGNED = ("number", "at", "actor", "address", "action", "subject", "outcome", "note")


class Who(Protocol):
    """Somebody who does something."""

    @property
    def name(self) -> str:
        """Of the account, or of what acts in its place."""

    @property
    def address(self) -> str:
        """Where the request came from; empty for a command on the server."""


@contextmanager
def acting(
    engine: Engine, who: Who, action: str, subject: str = "", *, note: str = "", now: int
) -> Iterator[Connection]:
    """A transaction that writes, with the entry that says so: both are committed, or neither.

    Parameters
    ----------
    who : Who
        Who does it.
    action : str
        A stable word such as ``alert.acknowledge``.
    subject : str
        What it is done to.
    note : str
        What they say of it.
    now : int
        ms UTC.
    """
    with write(engine) as connection:
        yield connection
        append(connection, who, action, subject, note=note, now=now)


def append(
    connection: Connection, who: Who, action: str, subject: str, *, outcome: str = DONE, note: str = "", now: int
) -> None:
    """Add an entry to the end of the log; other writers wait until the transaction ends."""
    head = schema.audit_head
    last = connection.execute(select(head.c.number, head.c.hash).with_for_update()).one()
    row = {
        "number": last.number + 1, "at": now, "actor": who.name, "address": who.address, "action": action,
        "subject": subject[:_LONGEST], "outcome": outcome, "note": note[:_LONGEST],
    }  # fmt: skip
    digest = entry_hash(row, last.hash)
    connection.execute(schema.audit_entry.insert(), row | {"previous": last.hash, "hash": digest})
    connection.execute(update(head).values(number=row["number"], hash=digest))


def entry_hash(entry: Mapping[str, Any], previous: bytes) -> bytes:
    """Hash of an entry."""
    fields = {name: entry[name] for name in _SIGNED} | {"previous": previous.hex()}
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
