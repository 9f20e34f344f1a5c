"""From collected samples to a signed envelope."""

import functools
from collections.abc import Mapping

from stillcold_agent.batcher import Collected
from stillcold_agent.boot import boot_id
from stillcold_agent.journal.entries import Entry, Link
from stillcold_agent.journal.gaps import Loss
from stillcold_agent.meters import Meter
from stillcold_core.contract.packing import CONTENT_TYPE, pack_batch, pack_samples
from stillcold_core.evidence.envelope import seal
from stillcold_core.evidence.keys import PrivateKey


class Sealer:
    """Signs as one gateway.

    Parameters
    ----------
    gateway : str
        Its id.
    key : PrivateKey
        Its key.
    meters : mapping of str to Meter
        By point.
    """

    def __init__(self, gateway: str, key: PrivateKey, meters: Mapping[str, Meter]) -> None:
        self._gateway, self._key, self._meters = gateway, key, meters
        self._boot = boot_id()

    def entry(self, collected: Collected) -> Entry:
        """What the journal writes of ``collected``."""
        make = functools.partial(self.seal, collected)
        return Entry(make, collected.importance, *_span(collected), tuple(collected.samples))

    def seal(self, collected: Collected, link: Link) -> bytes:
        """The envelope that carries ``collected`` as the chain's next link."""
        meters = {point: self._meters[point] for point in collected.samples}
        payload = pack_batch(
            gateway=self._gateway,
            epoch=link.epoch,
            sequence=link.sequence,
            previous=link.previous,
            boot=self._boot,
            synced=collected.synced,
            steps=collected.steps,
            gaps=link.gaps,
            profiles={m.profile.model: m.profile.version for m in meters.values()},
            points=[
                pack_samples(collected.samples[point], meter.profile.model, meter.exponents)
                for point, meter in meters.items()
            ],
        )
        return seal(payload, kid=self._gateway, content_type=CONTENT_TYPE, key=self._key)


def loss_of(collected: Collected, reason: str) -> Loss:
    """What is lost with ``collected``."""
    return Loss(reason, *_span(collected), tuple(collected.samples))


def _span(collected: Collected) -> tuple[int, int]:
    """Time of the first and last sample, ms."""
    times = [s.time for samples in collected.samples.values() for s in samples]
    return round(min(times) * 1000), round(max(times) * 1000)
