"""The far end of a gateway: takes its batches from the broker and acknowledges them, or not."""

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from stillcold_core.contract.batch import CONTENT_TYPE, Batch, decode_batch
from stillcold_core.contract.messages import Acknowledgement, Status, decode_status, encode_ack
from stillcold_core.contract.topics import ack_topic, ahead_topic, batch_topic, replay_topic, status_topic
from stillcold_core.evidence.envelope import digest, open_envelope
from stillcold_core.evidence.keys import PublicKey
from support.waiting import LONG, wait_for

Reply = Callable[[Batch, bytes], Acknowledgement | None]


def accept(batch: Batch, envelope: bytes) -> Acknowledgement:
    """What a server says of a batch that it has on disk."""
    return Acknowledgement(batch.epoch, {batch.sequence: digest(envelope)})


class Acker:
    """A server's side of one gateway.

    Parameters
    ----------
    port : int
        Of the broker on loopback.
    gateway : str
        Whose batches to take.
    key : PublicKey
        The gateway's; a batch whose signature is not its own fails the test that waits for it.

    Attributes
    ----------
    batches : list of Batch
        Every batch that came, in order, repeated ones included.
    envelopes : list of bytes
        The same as they came.
    ahead : list of Batch
        Copies that came ahead of their place.
    statuses : list of Status
        What the gateway said of itself.
    reply : callable
        Gives the answer to a batch; None keeps silent.
    """

    def __init__(self, port: int, gateway: str, key: PublicKey, reply: Reply = accept) -> None:
        self._port, self._gateway, self._key, self.reply = port, gateway, key, reply
        self.batches: list[Batch] = []
        self.envelopes: list[bytes] = []
        self.ahead: list[Batch] = []
        self.statuses: list[Status] = []
        self._errors: queue.Queue[Exception] = queue.Queue()
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="acker", protocol=mqtt.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message

    @property
    def sequences(self) -> list[int]:
        """The sequences that came, in order, repeated ones included."""
        return [b.sequence for b in self.batches]

    def wait_for_batches(self, count: int, *, seconds: float = LONG) -> list[Batch]:
        """The batches, once ``count`` different ones have come."""
        wait_for(lambda: len(set(self.sequences)) >= count, seconds=seconds, what=f"{count} batches")
        self.check()
        return list(self.batches)

    def check(self) -> None:
        """Fail with the first thing that was wrong with a message."""
        if not self._errors.empty():
            raise self._errors.get()

    def send(self, payload: bytes) -> None:
        """Say anything to the gateway."""
        self._client.publish(ack_topic(self._gateway), payload, qos=1).wait_for_publish(10)

    def ask(self, payload: bytes) -> None:
        """Ask for a replay, or for anything."""
        self._client.publish(replay_topic(self._gateway), payload, qos=1).wait_for_publish(10)

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port, clean_start=True)
        self._client.loop_start()
        assert self._subscribed.wait(LONG)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        topics = (batch_topic, ahead_topic, status_topic)
        client.subscribe([(topic(self._gateway), 1) for topic in topics])

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            self._take(message.topic, bytes(message.payload))
        except Exception as error:  # noqa: BLE001  # the thread that waits raises it
            self._errors.put(error)

    def _take(self, topic: str, payload: bytes) -> None:
        if topic == status_topic(self._gateway):
            self.statuses.append(decode_status(payload))
            return
        opened = open_envelope(payload, content_type=CONTENT_TYPE, key_of={self._gateway: self._key}.get)
        batch = decode_batch(opened.payload)
        if topic == ahead_topic(self._gateway):
            self.ahead.append(batch)
            return
        self.envelopes.append(payload)
        self.batches.append(batch)
        if answer := self.reply(batch, payload):
            self._client.publish(ack_topic(self._gateway), encode_ack(answer), qos=1)
