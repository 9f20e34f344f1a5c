"""The far end: one subscriber that writes down what comes, and answers where the contestant needs an answer."""

import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

Reply = Callable[[str, bytes], tuple[str, bytes] | None]


class Message(NamedTuple):
    """What came, and when: ns of the monotonic clock."""

    at: int
    topic: str
    payload: bytes


class FarEnd:
    """Takes everything, with a session that outlives a broker's absence.

    Parameters
    ----------
    port : int
        Of the broker on loopback.
    reply : callable
        Gives topic and payload of the answer to a message, or None.

    Attributes
    ----------
    messages : list of Message
        In order.
    """

    def __init__(self, port: int, reply: Reply) -> None:
        self._reply = reply
        self.messages: list[Message] = []
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="far-end", protocol=mqtt.MQTTv311, clean_session=False
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.max_inflight_messages_set(1000)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._unanswered: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._answer, name="far-end")

    def __enter__(self) -> Self:
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._unanswered.put(None)
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        # A message must not wait for its time until those before it are answered.
        self.messages.append(Message(time.monotonic_ns(), message.topic, bytes(message.payload)))
        self._unanswered.put(self.messages[-1])

    def _answer(self) -> None:
        while message := self._unanswered.get():
            if answer := self._reply(message.topic, message.payload):
                self._client.publish(*answer, qos=1)
