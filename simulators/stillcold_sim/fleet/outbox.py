"""What one gateway still has to send, and what is on its way."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stillcold_core.contract.messages import Acknowledgement
from stillcold_core.contract.topics import batch_topic
from stillcold_sim.fleet.gateway import Link
from stillcold_sim.fleet.model import Wire
from stillcold_sim.fleet.tally import Tally


class Gateway(Protocol):
    """Makes the batches of one chain."""

    id: str
    epoch: bytes

    def make(self) -> Link:
        """The next batch."""


@dataclass(slots=True)
class _Sent:
    link: Link
    first: float
    deadline: float


class Outbox:
    """Sends the batches of a gateway in order, but for the disorder that is wanted, until each is acknowledged.

    Parameters
    ----------
    gateway : Gateway
        Whose batches they are.
    wire : Wire
        What goes wrong on purpose.
    rng : numpy.random.Generator
        Decides when.
    publish : callable
        Takes topic and payload; False when it cannot be sent now.
    tally : Tally
        Counts.
    """

    def __init__(
        self,
        gateway: Gateway,
        wire: Wire,
        rng: np.random.Generator,
        publish: Callable[[str, bytes], bool],
        tally: Tally,
    ) -> None:
        self.gateway = gateway
        self._wire, self._rng, self._publish, self._tally = wire, rng, publish, tally
        self._waiting: deque[Link] = deque()
        self._held: Link | None = None
        self._window: dict[int, _Sent] = {}
        self._cut = False

    def offer(self, link: Link) -> None:
        """Take a new batch."""
        held, self._held = self._held, None
        if held is None and self._rng.random() < self._wire.disorder:
            self._held = link
            return
        self._waiting.append(link)
        if held:
            self._waiting.append(held)
        while len(self._waiting) > self._wire.backlog:
            self._waiting.popleft()
            self._tally.dropped["backlog_full"] += 1
        self.send()

    def close(self) -> None:
        """No other batch comes: one that was held back goes now."""
        if self._held:
            self._waiting.append(self._held)
            self._held = None
        self.send()

    def cut(self, cut: bool) -> None:
        """Begin or end an outage of this gateway."""
        self._cut = cut
        if not cut:
            self.send()

    def send(self) -> None:
        """Send what waits, as far as the window lets it."""
        while self._waiting and not self._cut and len(self._window) < self._wire.window:
            link = self._waiting[0]
            if not self._put(link):
                return
            self._waiting.popleft()
            now = time.monotonic()
            self._window[link.sequence] = _Sent(link, now, now + self._wire.patience)
            if self._rng.random() < self._wire.duplicate and self._put(link):
                self._tally.counts["duplicates"] += 1

    def send_again(self, *, all_of_it: bool = False) -> None:
        """Send again what was not acknowledged in time, or all that is on its way: the connection is a new one."""
        if self._cut:
            return
        now = time.monotonic()
        for sent in self._window.values():
            if (all_of_it or now >= sent.deadline) and self._put(sent.link):
                sent.deadline = now + self._wire.patience
                self._tally.counts["again"] += 1
        self.send()

    def acknowledged(self, ack: Acknowledgement) -> None:
        """Settle what an acknowledgement names, where epoch and hash are right."""
        if ack.epoch != self.gateway.epoch:
            self._tally.counts["foreign_acks"] += 1
            return
        now = time.monotonic()
        for sequence, digest in ack.stored.items():
            if (sent := self._window.get(sequence)) and sent.link.hash == digest:
                del self._window[sequence]
                self._tally.counts["acknowledged"] += 1
                self._tally.latencies.append(now - sent.first)
        for sequence, reason in ack.refused.items():
            if self._window.pop(sequence, None):
                self._tally.refused[reason] += 1
        self.send()

    def _put(self, link: Link) -> bool:
        if not self._publish(batch_topic(link.gateway), link.envelope):
            return False
        self._tally.counts["sent"] += 1
        return True
