"""One connection to the broker, on asyncio, for one gateway or for many.

The sockets are watched by the event loop instead of a thread each, so that one process holds thousands of them.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from stillcold_core.contract.messages import Status, encode_status
from stillcold_core.contract.topics import ack_topic, gateway_of, status_topic
from stillcold_core.files import read_text
from stillcold_sim.fleet.model import Broker

_log = logging.getLogger(__name__)
_KEEPALIVE = 30  # s
_HOUSEKEEPING = 1.0  # s between two looks at the keep-alive
_PAUSE = 2.0  # s between two tries to connect
_PATIENCE = 10.0  # s that the event loop may take to do a thread a favour
_TOPICS = 100  # in one SUBSCRIBE
_INFLIGHT = 2000  # messages without a PUBACK


class Connection:
    """Keeps a connection for as long as it is wanted.

    Parameters
    ----------
    broker : Broker
        Where.
    client_id : str
        Name at the broker.
    gateways : sequence of str
        Whose acknowledgements come over it; a connection of one gateway has its last will.
    on_ack : callable
        Called with gateway and payload.
    on_ready : callable
        Called when it is connected and subscribed, each time.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        gateways: Sequence[str],
        *,
        on_ack: Callable[[str, bytes], None],
        on_ready: Callable[[], None],
    ) -> None:
        self._broker, self._client_id, self._gateways = broker, client_id, gateways
        self._on_ack, self._on_ready = on_ack, on_ready
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._tls = _tls_context(broker)
        self._client: mqtt.Client | None = None
        self._wanted, self._ready, self._lost = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._wanted.set()
        self._unconfirmed: set[int] = set()

    @property
    def ready(self) -> bool:
        """Whether something can be sent, and an acknowledgement would come back."""
        return self._ready.is_set()

    async def became_ready(self) -> None:
        """Wait until :attr:`ready`."""
        await self._ready.wait()

    async def run(self) -> None:
        """Connect, and again whenever the connection is lost, until cancelled."""
        while True:
            await self._wanted.wait()
            if await self._connect():
                await self._keep()
            else:
                await asyncio.sleep(_PAUSE)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand a message over with QoS 1; False when it cannot be sent now."""
        if self._client is None or not self.ready:
            return False
        return self._client.publish(topic, payload, qos=1, retain=retain).rc == mqtt.MQTT_ERR_SUCCESS

    def cut(self) -> None:
        """Break the connection off as a power cut would; :meth:`mend` lets it come back."""
        self._wanted.clear()
        found = self._client.socket() if self._client else None
        if isinstance(found, socket.socket):
            with contextlib.suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Connect again."""
        self._wanted.set()

    def end(self) -> None:
        """Say that the gateways are offline, and close."""
        for gateway in self._gateways:
            self.publish(status_topic(gateway), encode_status(Status("offline")), retain=True)
        self._wanted.clear()
        if self._client:
            self._client.disconnect()

    async def _connect(self) -> bool:
        self._ready.clear()
        self._lost.clear()
        self._client = client = self._make_client()
        try:
            # The loop's few threads also keep a thousand connections from being made at once.
            await asyncio.to_thread(
                client.connect, self._broker.host, self._broker.port, keepalive=_KEEPALIVE, clean_start=True
            )
        except OSError as error:
            _log.warning("cannot reach the broker at %s:%s: %s", self._broker.host, self._broker.port, error)
            return False
        return True

    async def _keep(self) -> None:
        assert self._client is not None  # noqa: S101
        while not self._lost.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._lost.wait(), _HOUSEKEEPING)
            self._client.loop_misc()
        self._ready.clear()
        if self._wanted.is_set():
            await asyncio.sleep(_PAUSE)

    def _make_client(self) -> mqtt.Client:
        """A new one each time: what was on its way is sent again by its owner, not by the library."""
        broker = self._broker
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=self._client_id, protocol=mqtt.MQTTv5)
        if broker.username:
            password = read_text(Path(broker.password_file)).strip() if broker.password_file else None
            client.username_pw_set(broker.username, password)
        if self._tls:
            client.tls_set_context(self._tls)
        if len(self._gateways) == 1:
            client.will_set(status_topic(self._gateways[0]), encode_status(Status("offline")), qos=1, retain=True)
        client.max_inflight_messages_set(_INFLIGHT)
        client.on_connect, client.on_disconnect = self._connected, self._disconnected
        client.on_subscribe, client.on_message = self._subscribed, self._received
        client.on_socket_open, client.on_socket_close = self._watch, self._unwatch
        client.on_socket_register_write = self._watch_write
        client.on_socket_unregister_write = self._unwatch_write
        return client

    # Called by the library, in the event loop's thread.

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            _log.error("the broker refused the login of %s: %s", self._client_id, reason)
            return
        topics = [(ack_topic(g), 1) for g in self._gateways]
        for first in range(0, len(topics), _TOPICS):
            _, mid = client.subscribe(topics[first : first + _TOPICS])
            self._unconfirmed.add(mid or 0)

    def _subscribed(self, _client: mqtt.Client, _data: Any, mid: int, _codes: Any, _properties: Any) -> None:
        self._unconfirmed.discard(mid)
        if self._unconfirmed:
            return
        self._ready.set()
        for gateway in self._gateways:
            self.publish(status_topic(gateway), encode_status(Status("online")), retain=True)
        self._on_ready()

    def _received(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        if gateway := gateway_of(message.topic):
            self._on_ack(gateway, bytes(message.payload))

    def _disconnected(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self._wanted.is_set():
            _log.warning("%s lost the broker: %s", self._client_id, reason)
        self._unconfirmed.clear()
        self._ready.clear()
        self._lost.set()

    # Called by the library in the thread that connects, or in the event loop's.

    def _watch(self, client: mqtt.Client, _data: Any, opened: Any) -> None:
        self._in_loop(lambda: self._loop.add_reader(opened, _read, client, opened))

    def _unwatch(self, _client: mqtt.Client, _data: Any, closing: Any) -> None:
        self._in_loop(lambda: self._loop.remove_writer(closing))
        self._in_loop(lambda: self._loop.remove_reader(closing))

    def _watch_write(self, client: mqtt.Client, _data: Any, opened: Any) -> None:
        self._in_loop(lambda: self._loop.add_writer(opened, client.loop_write))

    def _unwatch_write(self, _client: mqtt.Client, _data: Any, opened: Any) -> None:
        self._in_loop(lambda: self._loop.remove_writer(opened))

    def _in_loop(self, call: Callable[[], object]) -> None:
        """Call it in the event loop's thread before going on: the next thing may be that the socket is closed."""
        if threading.get_ident() == self._thread:
            call()
            return
        done = threading.Event()

        def do() -> None:
            call()
            done.set()

        self._loop.call_soon_threadsafe(do)
        done.wait(_PATIENCE)


def _read(client: mqtt.Client, opened: Any) -> None:
    client.loop_read()
    # What TLS has decrypted already makes the socket readable no more.
    while client.socket() is opened and isinstance(opened, ssl.SSLSocket) and opened.pending():
        client.loop_read()


def _tls_context(broker: Broker) -> ssl.SSLContext | None:
    if not broker.ca_file:
        return None
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=broker.ca_file)
    if broker.cert_file:
        context.load_cert_chain(broker.cert_file, broker.key_file)
    return context
