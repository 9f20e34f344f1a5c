"""Hands a night over as gateways do that come back to the network, and then goes on as it happens.

``python -m stillcold_sim.demo.deliver`` runs it.
"""

import asyncio
import itertools
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import click
import numpy as np

from stillcold_core.contract.batch import block_of
from stillcold_core.contract.messages import BadMessage, decode_ack
from stillcold_core.profiles import Profile
from stillcold_core.readings import Sample
from stillcold_sim.demo.files import Plant as Site
from stillcold_sim.demo.files import plants_of
from stillcold_sim.demo.night import Night, key_of
from stillcold_sim.fleet.connection import Connection
from stillcold_sim.fleet.gateway import Chain, Link
from stillcold_sim.fleet.model import Broker, Wire
from stillcold_sim.fleet.outbox import Outbox
from stillcold_sim.fleet.tally import Tally
from stillcold_sim.judging.reader import Reader
from stillcold_sim.plant import Plant
from stillcold_sim.scenario import find_scenario, load_scenario
from stillcold_sim.whole import write_whole

_BATCH = 15  # readings of a point in a batch, while there is much to hand over
_UPTIME = 3600.0  # s that the gateways had been up when the night began


class KeptGateway:
    """A gateway of a site, and what it has read since its last batch.

    Parameters
    ----------
    site : Site
        Its meters.
    night : Night
        What happened.
    plant : Plant
        The simulated meters.

    Attributes
    ----------
    id : str
        In the registry.
    epoch : bytes, 8
        Of its journal.
    """

    def __init__(self, site: Site, night: Night, plant: Plant) -> None:
        self.id = site.gateway
        self.epoch = os.urandom(8)
        self._night, self._plant = night, plant
        self._chain = Chain(self.id, self.epoch, key_of(night.scenario, self.id))
        ports = {p.id: p for p in night.scenario.file.port}
        meters = [plant.meters[m.id] for m in site.meters]
        self._readers = [Reader(m, ports[m.plan.spec.port], night.scenario.file.seed) for m in meters]
        self._profiles: dict[str, Profile] = {m.plan.spec.point: m.plan.profile for m in meters}
        self._samples: dict[str, list[Sample]] = {point: [] for point in self._profiles}

    def read(self, t: float) -> None:
        """Read all meters at ``t``, s of the night."""
        for reader, (point, samples) in zip(self._readers, self._samples.items(), strict=True):
            values = reader.read(self._plant, t)
            samples.append(Sample(point, self._night.began + t, values, _UPTIME + t))

    def make(self) -> Link:
        """The batch of what was read since the last one."""
        blocks = [
            block_of(samples, self._profiles[point].model, self._profiles[point].exponents)
            for point, samples in self._samples.items()
        ]
        self._samples = {point: [] for point in self._samples}
        return self._chain.link({p.model: p.version for p in self._profiles.values()}, blocks)


async def deliver(night: Night, broker_of: Callable[[str], Broker], *, within: float, caught_up: Path) -> None:
    """Hand the night over until cancelled.

    Parameters
    ----------
    broker_of : callable
        Where the broker is for a gateway, by its id, and its certificate there.
    within : float
        s of real time for what has happened up to now; what happens later is told as it happens.
    caught_up : Path
        Is written when the server has everything up to now.
    """
    plant = Plant(night.scenario, None, lambda _: None)
    gateways = [KeptGateway(site, night, plant) for site in plants_of(night.scenario, Path())]
    tally = Tally()
    lines = [_Line(gateway, broker_of(gateway.id), tally) for gateway in gateways]
    tasks = [asyncio.create_task(line.connection.run()) for line in lines]
    try:
        for line in lines:
            await line.connection.became_ready()
        await _play(night, plant, lines, tally, within=within, caught_up=caught_up)
    finally:
        for line, task in zip(lines, tasks, strict=True):
            line.connection.end()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _play(
    night: Night, plant: Plant, lines: Sequence["_Line"], tally: Tally, *, within: float, caught_up: Path
) -> None:
    interval = night.scenario.file.interval
    started, now = time.monotonic(), time.time()
    speed = max(1.0, (now - night.began) / within)
    told = False
    for n in itertools.count():
        t = n * interval
        ahead = night.began + t - now  # s of real time until it happens; negative where it has
        await asyncio.sleep(started + max(t / speed, ahead) - time.monotonic())
        plant.advance(t)
        live = ahead > 0
        for line in lines:
            line.gateway.read(t)
            if live or n % _BATCH == _BATCH - 1:
                tally.counts["made"] += 1
                line.outbox.offer(line.gateway.make())
            line.outbox.send_again()
        if live and not told:
            await _settled(lines, tally)
            write_whole(caught_up, "")
            told = True


async def _settled(lines: Sequence["_Line"], tally: Tally) -> None:
    while tally.unsettled:  # acknowledgements come on the connections' tasks
        await asyncio.sleep(0.1)
        for line in lines:
            line.outbox.send_again()


class _Line:
    """A gateway with its connection and what it still has to send."""

    def __init__(self, gateway: KeptGateway, broker: Broker, tally: Tally) -> None:
        self.gateway = gateway
        self.connection = Connection(
            broker, gateway.id, [gateway.id], on_ack=self._acknowledged, on_ready=self._send_again
        )
        self.outbox = Outbox(gateway, Wire(), np.random.default_rng(1), self.connection.publish, tally)

    def _acknowledged(self, _gateway: str, payload: bytes) -> None:
        with suppress(BadMessage):
            self.outbox.acknowledged(decode_ack(payload))

    def _send_again(self) -> None:
        self.outbox.send_again(all_of_it=True)


@click.command()
@click.argument("scenario")
@click.option("--began", type=float, required=True, help="UTC of its beginning, s since 1970-01-01.")
@click.option("--broker", type=int, required=True, help="Port of the broker, on loopback.")
@click.option("--certificates", type=click.Path(path_type=Path), help="Folder of each gateway's; without it no TLS.")
@click.option("--within", type=float, default=60.0, show_default=True, help="Real s for what has happened up to now.")
@click.option("--caught-up", type=click.Path(path_type=Path), required=True, help="File to write when that is done.")
def main(scenario: str, began: float, broker: int, certificates: Path | None, within: float, caught_up: Path) -> None:
    """Hand a night over to a server."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    night = Night(load_scenario(find_scenario(scenario)), began)
    with suppress(KeyboardInterrupt):
        asyncio.run(deliver(night, partial(_broker, broker, certificates), within=within, caught_up=caught_up))


def _broker(port: int, certificates: Path | None, gateway: str) -> Broker:
    if certificates is None:
        return Broker(port=port, connections=0)
    ca, cert, key = (str(certificates / gateway / name) for name in ("ca.crt", "gateway.crt", "gateway.key"))
    return Broker(port=port, connections=0, ca_file=ca, cert_file=cert, key_file=key)


if __name__ == "__main__":
    main()
