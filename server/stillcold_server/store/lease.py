"""Leases: of several servers on one database one does a piece of work, and another one goes on when it is gone.

A lease is a row with its owner and an end. The owner moves the end on; when it has passed, anybody may take the lease,
and at once where the owner was a process of the same machine that is gone. Who writes under a lease keeps it in the
same transaction: a server that was frozen and wakes up after another one has taken over cannot commit. The servers'
clocks must agree to a few seconds.

::

    LeaseLost (Exception)       another server has taken over
"""

import os
import socket
import uuid
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine, select, update

from stillcold_server.store.clock import wall_clock
from stillcold_server.store.database import upsert, write
from stillcold_server.store.schema import lease

SECONDS = 15.0
"""Of a lease: how long work rests when its owner's machine is gone."""
LONGEST_MS = 600_000
"""No lease ends so much later: one that does was given before the clock was set back, and binds nobody."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES = Path("/proc/self/ns/pid")  # two containers do not see each other's


class LeaseLost(Exception):
    """Another server has taken over."""


def new_owner() -> str:
    """A name of this process that no other one has, nor this one after its next start."""
    return f"{_machine()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"


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
    row = connection.execute(select(lease).where(lease.c.name == name)).one_or_none()
    if row is not None and row.owner != owner and now < row.until <= now + LONGEST_MS and not is_gone(row.owner):
        return False
    upsert(connection, lease, [{"name": name, "owner": owner, "until": until}])  # one transaction at a time writes
    return True


def is_gone(owner: str) -> bool:
    """Whether an owner was a process of this machine, since it was started, and is there no more."""
    machine, process, _ = owner.rsplit("/", 2)
    return machine == _machine() and not Path(f"/proc/{process}").exists()


class Lease:
    """One server's hold on a piece of work.

    Parameters
    ----------
    name : str
        Of the work.
    owner : str
        Name of the server.
    now : callable, optional
        ms
    """

    def __init__(self, name: str, owner: str, now: Callable[[], int] = wall_clock) -> None:
        self._name, self._owner, self._now = name, owner, now
        self._until = 0

    def mine(self, engine: Engine) -> bool:
        """Whether the work is ours; the database is asked when half of the time has passed."""
        now = self._now()
        if not SECONDS * 500 <= self._until - now <= SECONDS * 1000:  # more: the clock was set back
            with write(engine) as connection:
                held = hold(connection, self._name, self._owner, now)
            self._until = now + round(SECONDS * 1000) if held else 0
        return self._until > now

    def keep(self, connection: Connection) -> None:
        """Keep it, in the transaction that writes what was worked out.

        Raises
        ------
        LeaseLost
        """
        if not hold(connection, self._name, self._owner, self._now()):
            self._until = 0
            raise LeaseLost(f"another server has taken over {self._name}")

    def give_up(self, engine: Engine) -> None:
        """Let another one have it at once."""
        self._until = 0
        mine = (lease.c.name == self._name) & (lease.c.owner == self._owner)
        with write(engine) as connection:
            connection.execute(update(lease).where(mine).values(until=0))


def _machine() -> str:
    """This machine since it was started, as far as a process number means the same."""
    try:
        return f"{socket.gethostname()}/{_BOOT.read_text()[:8]}-{_PROCESSES.readlink().name[5:-1]}"
    except OSError:  # not Linux
        return f"{socket.gethostname()}/{uuid.getnode():x}"
