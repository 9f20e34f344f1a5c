"""From collected samples to a signed envelope."""

from collections.abc import Mapping

from stillcold_agent.batcher import Collected
from stillcold_agent.boot import boot_id, clock_is_synchronised
from stillcold_agent.journal.store import Link
from stillcold_agent.meters import Meter
from stillcold_core.contract.batch import CONTENT_TYPE, Batch, block_of, encode_batch
from stillcold_core.evidence.envelope import seal
from stillcold_core.evidence.keys import Ed25519PrivateKey


class Sealer:
    """Signs as one gateway.

    Parameters
    ----------
    gateway : str
        Its id.
    key : Ed25519PrivateKey
        Its key.
    meters : mapping of str to Meter
        By point.
    """

    def __init__(self, gateway: str, key: Ed25519PrivateKey, meters: Mapping[str, Meter]) -> None:
        self._gateway, self._key, self._meters = gateway, key, meters
        self._boot = boot_id()

    def seal(self, collected: Collected, link: Link) -> bytes:
        """The envelope that carries ``collected`` as the chain's next link."""
        meters = {point: self._meters[point] for point in collected.samples}
        batch = Batch(
            gateway=self._gateway,
            epoch=link.epoch,
            sequence=link.sequence,
            previous=link.previous,
            boot=self._boot,
            synced=clock_is_synchronised(),
            profiles={m.profile.model: m.profile.version for m in meters.values()},
            blocks=[
                block_of(collected.samples[point], meter.profile.model, meter.exponents)
                for point, meter in meters.items()
            ],
        )
        return seal(encode_batch(batch), kid=self._gateway, content_type=CONTENT_TYPE, key=self._key)
