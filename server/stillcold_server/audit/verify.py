"""Looking the audit log over: is every entry what it was, and is none missing?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from stillcold_core.evidence.note import NoteKey
from stillcold_server.audit.chain import FIRST, entry_hash
from stillcold_server.audit.checkpoints import is_signed
from stillcold_server.store import schema


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found.

    Attributes
    ----------
    first, last : int
        Numbers of the entries that are there; 0 of a log that is empty, or was cut as a whole.
    checkpoints : int
        Signed checkpoints that agree with them.
    faults : tuple of str
        What is wrong; nothing of a good log.
    """

    first: int
    last: int
    checkpoints: int
    faults: tuple[str, ...]


def verify(connection: Connection, key: NoteKey) -> Verdict:
    """Check each entry, the links between them, the head, and every checkpoint with the key that signs them."""
    faults: list[str] = []
    signed = _checkpoints(connection, key, faults)
    e, first, number, link = schema.audit_entry, 0, 0, FIRST
    for row in connection.execute(select(e).order_by(e.c.number)).yield_per(1000):
        if not first:
            first, number, link = row.number, row.number - 1, _begin(row, signed, faults)
        faults.extend(_look(row, number + 1, link))
        if signed.get(row.number, row.hash) != row.hash:
            faults.append(f"entry {row.number} is not the one that its checkpoint names")
        number, link = row.number, row.hash
    head = connection.execute(select(schema.audit_head)).one()
    if not first and signed.get(head.number) == head.hash:
        number, link = head.number, head.hash  # all of it is old, and was cut at its end
    if (head.number, head.hash) != (number, link):
        faults.append(f"the head names entry {head.number}, the last one is {number}")
    faults.extend(f"checkpoint {n} names an entry that is not there" for n in signed if n > number)
    return Verdict(first, number if first else 0, len(signed), tuple(faults))


def _checkpoints(connection: Connection, key: NoteKey, faults: list[str]) -> dict[int, bytes]:
    good: dict[int, bytes] = {}
    for row in connection.execute(select(schema.audit_checkpoint)):
        if is_signed(row, key):
            good[row.number] = row.hash
        else:
            faults.append(f"checkpoint {row.number} is not signed with the key of {key.name}")
    return good


def _begin(row: Row[Any], signed: dict[int, bytes], faults: list[str]) -> bytes:
    """The hash that the first entry must name: a signed checkpoint's, where older entries were cut."""
    if row.number == 1:
        return FIRST
    digest = signed.get(row.number - 1)
    if digest is None:
        faults.append(f"entries before {row.number} are missing, and no signed checkpoint ends them")
        return bytes(row.previous)
    return digest


def _look(row: Row[Any], number: int, link: bytes) -> Iterator[str]:
    if row.number != number:
        yield f"entries {number} to {row.number - 1} are missing"
    elif row.previous != link:
        yield f"entry {row.number} does not name the hash of the one before it"
    if entry_hash(row._asdict(), row.previous) != row.hash:
        yield f"entry {row.number} was changed"
