"""Playing a fleet: batches fall due, go out, and are acknowledged."""

import asyncio
import heapq
import itertools
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np

from stillcold_core.contract.messages import BadMessage, decode_ack
from stillcold_core.profiles import load_profile
from stillcold_sim.fleet.connection import Connection
from stillcold_sim.fleet.gateway import FleetGateway
from stillcold_sim.fleet.model import FleetFile
from stillcold_sim.fleet.outbox import Outbox
from stillcold_sim.fleet.tally import Report, Tally

_LOOK = 0.25  # s between two looks at outages and at what was not acknowledged
_CONNECT = 60.0  # s within which every connection must stand
_FILES = 100  # descriptors beside the connections' own
_FILES_EACH = 3  # descriptors of a connection


class NoBroker(Exception):
    """The broker could not be reached, or refused some connections."""


async def run_fleet(fleet: FleetFile) -> Report:
    """Run a fleet to its end.

    Parameters
    ----------
    fleet : FleetFile
        A checked fleet whose registry the server has imported.

    Raises
    ------
    NoBroker
        When not every connection stands in time; nothing has been sent then.
    """
    run = _Run(fleet)
    tasks = [asyncio.create_task(c.run()) for c in run.connections]
    try:
        await run.connect()
        return await run.play()
    finally:
        for connection in run.connections:
            connection.end()
        await asyncio.sleep(_LOOK)  # for what is still in the sockets
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Run:
    def __init__(self, fleet: FleetFile) -> None:
        self._fleet, self._tally = fleet, Tally()
        length = fleet.batches * fleet.rate.batch
        latest = time.time() + length / fleet.rate.speed
        self._start = fleet.start.timestamp() if fleet.start else round(latest - length)
        self._groups = list(_groups(fleet))
        _allow_files(len(self._groups))
        self.connections = [self._connection(n, group) for n, group in enumerate(self._groups)]
        self._outboxes = [self._outbox(i, c) for c, group in self._paired() for i in group]
        self._by_id = {o.gateway.id: o for o in self._outboxes}
        self._first_ready = 0
        self._all_made, self._over = False, asyncio.Event()
        self._down: set[int] = set()
        self._hit = [_struck(fleet, n) for n in range(len(fleet.outage))]

    def _paired(self) -> Iterator[tuple[Connection, Sequence[int]]]:
        return zip(self.connections, self._groups, strict=True)

    def _connection(self, number: int, group: Sequence[int]) -> Connection:
        fleet = self._fleet
        own = fleet.broker.connections == 0
        return Connection(
            fleet.broker,
            fleet.gateway_id(group[0]) if own else f"{fleet.name}-connection-{number}",
            [fleet.gateway_id(i) for i in group],
            on_ack=self._acknowledged,
            on_ready=lambda: self._ready(group),
        )

    def _outbox(self, index: int, connection: Connection) -> Outbox:
        fleet = self._fleet
        gateway = FleetGateway(fleet, load_profile(fleet.profile), index, self._start)
        rng = np.random.default_rng([fleet.seed, index, 2**20])
        return Outbox(gateway, fleet.wire, rng, connection.publish, self._tally)

    async def connect(self) -> None:
        deadline = time.monotonic() + _CONNECT
        for connection in self.connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(connection.became_ready(), max(0.0, deadline - time.monotonic()))
        if missing := sum(not c.ready for c in self.connections):
            broker = self._fleet.broker
            raise NoBroker(f"{missing} of {len(self.connections)} connections to {broker.host}:{broker.port} fail")

    async def play(self) -> Report:
        self._began = time.monotonic()
        watch = asyncio.create_task(self._watch())
        try:
            await self._make_all()
            self._cut_off(float("inf"))
            for outbox in self._outboxes:
                outbox.close()
            await self._settled()
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
        return self._tally.report(
            gateways=self._fleet.gateways,
            connections=len(self.connections),
            reconnects=max(0, self._first_ready - len(self.connections)),
            seconds=round(time.monotonic() - self._began, 3),
        )

    async def _make_all(self) -> None:
        """Each gateway's batches when they are due: a batch at its end, and the gateways one after another."""
        rate, due = self._fleet.rate, list[tuple[float, int, int]]()
        for i in range(self._fleet.gateways):
            shift = rate.spread * rate.batch * i / self._fleet.gateways
            due.append((rate.batch + shift, i, 1))
        heapq.heapify(due)
        while due:
            at, index, sequence = heapq.heappop(due)
            late = time.monotonic() - (self._began + at / rate.speed)
            await asyncio.sleep(max(0.0, -late))
            self._tally.behind.append(max(0.0, late))
            self._make(self._outboxes[index])
            if sequence < self._fleet.batches:
                heapq.heappush(due, (at + rate.batch, index, sequence + 1))

    def _make(self, outbox: Outbox) -> None:
        link, rate = outbox.gateway.make(), self._fleet.rate
        counts = self._tally.counts
        counts["made"] += 1
        counts["bytes"] += len(link.envelope)
        counts["values"] += round(rate.batch / rate.interval) * self._fleet.points * self._quantities
        outbox.offer(link)

    @property
    def _quantities(self) -> int:
        return len(load_profile(self._fleet.profile).exponents)

    async def _watch(self) -> None:
        while True:
            self._cut_off((time.monotonic() - self._began) * self._fleet.rate.speed)
            for outbox in self._outboxes:
                outbox.send_again()
            await asyncio.sleep(_LOOK)

    def _cut_off(self, t: float) -> None:
        """Cut off the gateways whose outage is at simulated time ``t``, and let the others back."""
        down = set[int]()
        for outage, hit in zip(self._fleet.outage, self._hit, strict=True):
            if outage.at <= t < outage.at + outage.lasts:
                down |= hit
        for i in down ^ self._down:
            self._outboxes[i].cut(i in down)
            if self._fleet.broker.connections == 0:
                (self.connections[i].cut if i in down else self.connections[i].mend)()
        self._down = down

    async def _settled(self) -> None:
        self._all_made = True
        if self._tally.unsettled:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), self._fleet.settle)

    def _ready(self, group: Sequence[int]) -> None:
        self._first_ready += 1
        for i in group:
            self._outboxes[i].send_again(all_of_it=True)

    def _acknowledged(self, gateway: str, payload: bytes) -> None:
        try:
            self._by_id[gateway].acknowledged(decode_ack(payload))
        except (BadMessage, KeyError):
            self._tally.counts["bad_acks"] += 1
        if self._all_made and not self._tally.unsettled:
            self._over.set()


def _groups(fleet: FleetFile) -> Iterator[range]:
    """Indices of the gateways of each connection."""
    count = min(fleet.broker.connections or fleet.gateways, fleet.gateways)
    edges = [fleet.gateways * n // count for n in range(count + 1)]
    yield from (range(a, b) for a, b in itertools.pairwise(edges))


def _struck(fleet: FleetFile, outage: int) -> set[int]:
    """The gateways that an outage cuts off."""
    drawn = np.random.default_rng([fleet.seed, outage, 2**21]).random(fleet.gateways)
    return {int(i) for i in np.flatnonzero(drawn < fleet.outage[outage].share)}


def _allow_files(connections: int) -> None:
    """Raise this process's limit on open files as far as the connections need and the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES + _FILES_EACH * connections
    if soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )
