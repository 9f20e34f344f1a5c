"""Leases: of several servers on one database one does a piece of work, and another one goes on when it is gone.

A lease is a row with its owner and an end. The owner moves the end on; when it has passed, anybody may take the lease.
Who writes under a lease asks :func:`hold` in the same transaction: a server that was frozen and wakes up after another
one has taken over cannot commit. The servers' clocks must agree to a few seconds.
"""

import os
import socket
import uuid

from sqlalchemy import Connection, update

from stillcold_server.store.database import insert_missing
from stillcold_server.store.schema import lease

SECONDS = 15.0
"""Of a lease: how long work rests when its owner was killed."""


def new_owner() -> str:
    """A name of this server that no other one has, nor this one after its next start."""
    return f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"


def hold(connection: Connection, name: str, owner: str, now: int, seconds: float = SECONDS) -> bool:
    """Take a lease or keep it, in a transaction that writes.

    Parameters
    ----------
    connection : Connection
        A transaction of :func:`~stillcold_server.store.database.write`.
    name : str
        Of the work.
    owner : str
        Who asks, by :func:`new_owner`.
    now : int
        ms
    seconds : float
        From now until somebody else may have it.

    Returns
    -------
    bool
        Whether the owner has it until then. False: another one's has not ended.
    """
    until = now + round(seconds * 1000)
    free = (lease.c.name == name) & ((lease.c.owner == owner) | (lease.c.until <= now))
    taken = connection.execute(update(lease).where(free).values(owner=owner, until=until)).rowcount == 1
    return taken or insert_missing(connection, lease, [{"name": name, "owner": owner, "until": until}]) == 1


def release(connection: Connection, name: str, owner: str) -> None:
    """Give a lease up: whoever asks next has it."""
    mine = (lease.c.name == name) & (lease.c.owner == owner)
    connection.execute(update(lease).where(mine).values(until=0))
