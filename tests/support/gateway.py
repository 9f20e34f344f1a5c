"""A gateway without an agent: makes signed batches, one after another, of whatever samples it is given."""

from collections.abc import Mapping, Sequence

from stillcold_core.contract.batch import CONTENT_TYPE, Batch, block_of, encode_batch
from stillcold_core.evidence.envelope import GENESIS, digest, seal
from stillcold_core.evidence.keys import Ed25519PrivateKey, PrivateKey, format_public_key
from stillcold_core.readings import Sample, Value

EXPONENTS = {
    "voltage_l1": -1, "voltage_l2": -1, "voltage_l3": -1, "current_l1": -2, "current_l2": -2, "current_l3": -2,
    "active_power": 0, "active_energy_import": 0,
}  # fmt: skip


class SignedGateway:
    """Signs batches under one name.

    Parameters
    ----------
    name : str
        Id of the gateway.
    epoch : bytes, 8
        Of its journal.
    exponents : mapping of str to int
        Power of ten of each quantity that is read.
    key : PrivateKey, optional
        Its key; a new Ed25519 key where it is None.
    """

    def __init__(
        self,
        name: str = "gw-1",
        epoch: bytes = b"epoch--1",
        exponents: Mapping[str, int] = EXPONENTS,
        key: PrivateKey | None = None,
    ) -> None:
        self.name, self.epoch, self.exponents = name, epoch, exponents
        self.key = key or Ed25519PrivateKey.generate()
        self.sequence, self.previous = 0, GENESIS

    @property
    def public_key(self) -> str:
        """As the registry has it."""
        return format_public_key(self.key.public_key())

    def batch(self, samples: Sequence[Sample], **changes: object) -> bytes:
        """The next envelope of the chain; ``changes`` overwrite fields of the batch."""
        self.sequence += 1
        points = dict.fromkeys(s.point for s in samples)
        blocks = [block_of([s for s in samples if s.point == p], "test-meter", self.exponents) for p in points]
        fields: dict[str, object] = {
            "gateway": self.name, "epoch": self.epoch, "sequence": self.sequence, "previous": self.previous,
            "boot": bytes(16), "synced": True, "profiles": {"test-meter": "0" * 16}, "blocks": blocks,
        }  # fmt: skip
        batch = Batch(**{**fields, **changes})  # type: ignore[arg-type]
        envelope = self.seal(encode_batch(batch))
        self.previous = digest(envelope)
        return envelope

    def seal(self, payload: bytes, content_type: str = CONTENT_TYPE, kid: str | None = None) -> bytes:
        """Any payload, signed."""
        return seal(payload, kid=kid or self.name, content_type=content_type, key=self.key)


def steady(
    values: Mapping[str, Value],
    *,
    start: float = 1_800_000_000.0,
    count: int = 10,
    every: float = 1.0,
    point: str = "p1",
) -> list[Sample]:
    """Samples that all show the same."""
    return [Sample(point, start + i * every, dict(values), i * every) for i in range(count)]


DEAD: dict[str, Value] = {
    "voltage_l1": 0.0, "voltage_l2": 0.0, "voltage_l3": 0.0, "current_l1": 0.5, "current_l2": 0.4, "current_l3": 0.6,
    "active_power": 0.0, "active_energy_import": 5_009_660_000.0,
}  # fmt: skip
LIVE: dict[str, Value] = {
    "voltage_l1": 221.0, "voltage_l2": 222.0, "voltage_l3": 220.0, "current_l1": 900.0, "current_l2": 905.0,
    "current_l3": 899.0, "active_power": 590_000.0, "active_energy_import": 5_009_661_000.0,
}  # fmt: skip
