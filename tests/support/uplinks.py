"""A journal with its uplink, and who acknowledges what comes of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stillcold_agent.config import Mqtt
from stillcold_agent.counts import Counts
from stillcold_agent.journal.entries import Bounds, Link
from stillcold_agent.journal.store import Journal
from stillcold_agent.uplink.uplink import Uplink
from stillcold_core.contract.batch import CONTENT_TYPE, Batch, encode_batch
from stillcold_core.evidence.envelope import seal
from stillcold_core.evidence.keys import Ed25519PrivateKey
from support.acker import Acker
from support.journals import entry
from support.mosquitto import Mosquitto
from support.waiting import wait_for

KEY = Ed25519PrivateKey.generate()
GATEWAY = "gw-1"


def signed(link: Link) -> bytes:
    """An empty batch."""
    batch = Batch(GATEWAY, link.epoch, link.sequence, link.previous, bytes(16), True, {}, [], link.gaps)
    return seal(encode_batch(batch), kid=GATEWAY, content_type=CONTENT_TYPE, key=KEY)


class Line:
    """A journal and its uplink."""

    def __init__(self, folder: Path, mqtt: Mqtt, patience: float) -> None:
        self.counts = Counts()
        self.failures: list[BaseException] = []
        self.journal = Journal(folder / "journal.db", Bounds(10**9), self.counts)
        self.uplink = Uplink(
            mqtt, GATEWAY, self.journal, on_failure=self.failures.append, counts=self.counts, patience=patience
        )

    def add(self, count: int) -> None:
        """Journal batches, and say so."""
        for _ in range(count):
            self.uplink.offer(self.journal.append([entry(signed)]))

    def wait_until_empty(self) -> None:
        """Wait until everything is acknowledged."""
        wait_for(lambda: self.journal.count_pending() == 0, what="an empty journal")


@contextmanager
def line(folder: Path, mqtt: int | Mqtt, *, patience: float = 10.0) -> Iterator[Line]:
    """One at work with the broker at a port, or with a configured one."""
    one = Line(folder, Mqtt(port=mqtt) if isinstance(mqtt, int) else mqtt, patience)
    one.uplink.start()
    try:
        yield one
    finally:
        one.uplink.stop(0.0)
        one.journal.close()
        assert one.failures == []


def acker(broker: Mosquitto) -> Acker:
    """The server's part."""
    return Acker(broker.port, GATEWAY, KEY.public_key())
