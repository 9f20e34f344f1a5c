"""The broker's side of ingest: what arrives waits in a bounded queue and is acknowledged only when it is on disk."""

import logging
import queue
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from sqlalchemy.exc import OperationalError

from stillcold_core.contract.messages import BadMessage, ReplayRequest, Status, decode_status, encode_ack, encode_replay
from stillcold_core.contract.topics import ack_topic, ahead_topic, batch_topic, gateway_of, replay_topic, status_topic
from stillcold_server.config import Mqtt
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.store.clock import wall_clock

log = logging.getLogger(__name__)
_WINDOW = 200
"""Messages that the broker may have on the way to us (MQTT 5 receive maximum): the queue below never overflows."""
_TOGETHER = 100
_SESSION = 7 * 86400  # s that the broker keeps our session while we are away
_RETRY = 1.0  # s between tries at a database that does not answer


class Subscriber:
    """Receives batches and status messages.

    Parameters
    ----------
    config : Mqtt
        Broker and login.
    writer : Writer
        Stores batches.
    on_stored : callable
        Called after each commit that stored something.
    on_status : callable
        Called with gateway and status.
    on_ahead : callable
        Called with gateway and message that came ahead of its place.
    metrics : Metrics
        Counts what failed.
    """

    def __init__(
        self,
        config: Mqtt,
        writer: Writer,
        *,
        on_stored: Callable[[], None],
        on_status: Callable[[str, Status], None],
        on_ahead: Callable[[str, bytes], None],
        metrics: Metrics,
    ) -> None:
        self._config, self._writer, self._metrics = config, writer, metrics
        self._on_stored, self._on_status, self._on_ahead = on_stored, on_status, on_ahead
        self._waiting: queue.Queue[mqtt.MQTTMessage] = queue.Queue(2 * _WINDOW)
        self._subscribed = threading.Event()
        self._stopping = threading.Event()
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker has confirmed the subscriptions."""
        return self._subscribed.is_set() and self._client.is_connected()

    def start(self) -> None:
        """Begin; the connection is made, and made again, in the background."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.SessionExpiryInterval = _SESSION
        properties.ReceiveMaximum = _WINDOW
        self._thread.start()
        self._client.connect_async(
            self._config.host, self._config.port, keepalive=30, clean_start=False, properties=properties
        )
        self._client.loop_start()

    def stop(self) -> None:
        """End; what is stored is acknowledged, the rest the broker keeps."""
        self._stopping.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def ask(self, gateway: str, request: ReplayRequest) -> bool:
        """Ask a gateway for batches again; whether the request is on its way."""
        if not self._client.is_connected():
            return False  # the library would keep it, and send it beside the next one
        info = self._client.publish(replay_topic(gateway), encode_replay(request), qos=1)
        return bool(info.rc == mqtt.MQTT_ERR_SUCCESS)

    def _make_client(self) -> mqtt.Client:
        config = self._config
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=config.client_id, protocol=mqtt.MQTTv5, manual_ack=True
        )
        if config.username:
            password = Path(config.password_file).read_text().strip() if config.password_file else None
            client.username_pw_set(config.username, password)
        if config.ca_file:
            context = ssl.create_default_context(cafile=config.ca_file)
            _load_certificate(context, config)
            client.tls_set_context(context)
            client.on_pre_connect = lambda *_: self._load_renewed(context)
        client.reconnect_delay_set(1, 30)
        client.on_connect = self._on_connect
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.error("broker refused the login: %s", reason)
            return
        log.info("connected to the broker at %s:%s", self._config.host, self._config.port)
        client.subscribe([(batch_topic("+"), 1), (ahead_topic("+"), 1), (status_topic("+"), 1)])

    def _load_renewed(self, context: ssl.SSLContext) -> None:
        """Show the certificate that lies there now: it may have been renewed."""
        try:
            _load_certificate(context, self._config)
        except OSError as error:  # an ssl.SSLError is one too
            log.error("%s cannot be loaded anew, the one before is shown: %s", self._config.cert_file, error)

    def _on_disconnect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._subscribed.clear()
        if not self._stopping.is_set():
            log.warning("lost the broker: %s", reason)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self._waiting.put(message)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                messages = [self._waiting.get(timeout=0.2)]
            except queue.Empty:
                continue
            while len(messages) < _TOGETHER and not self._waiting.empty():
                messages.append(self._waiting.get_nowait())
            self._handle(messages)

    def _handle(self, messages: Sequence[mqtt.MQTTMessage]) -> None:
        batches = [m for m in messages if m.topic.endswith("/batch")]
        for message in messages:
            if message.topic.endswith("/status"):
                if not self._take_status(message):
                    return  # as below
            elif message.topic.endswith("/ahead"):
                self._take_ahead(message)
        if batches and not self._store(batches):
            return  # not on disk: the broker keeps them
        for message in messages:
            self._client.ack(message.mid, message.qos)

    def _store(self, batches: Sequence[mqtt.MQTTMessage]) -> bool:
        """Store them, however long it takes; False when we are stopped before it is done."""
        try:
            return self._insist(lambda: self._take(batches))
        except Exception:
            # One message that nobody foresaw must not stop the others: find it, count it, go on.
            log.exception("storing %d messages together failed; each is tried alone", len(batches))
            for message in batches:
                self._store_alone(message)
            return True

    def _insist(self, keep: Callable[[], None]) -> bool:
        """Try until the database takes it; False when we are stopped before it does."""
        while not self._stopping.is_set():
            try:
                keep()
            except OperationalError as error:
                log.error("the database does not take what came, trying again: %s", error.orig)
                self._stopping.wait(_RETRY)
            else:
                return True
        return False

    def _store_alone(self, message: mqtt.MQTTMessage) -> None:
        try:
            self._take([message])
        except Exception:
            log.exception("a message on %s cannot be stored", message.topic)
            self._metrics.refused("internal")

    def _take(self, batches: Sequence[mqtt.MQTTMessage]) -> None:
        pairs = [(gateway_of(m.topic) or "", bytes(m.payload)) for m in batches]
        acks = self._writer.take(pairs, wall_clock())
        if acks:
            self._on_stored()
        for gateway, replies in acks.items():
            for reply in replies:
                self._client.publish(ack_topic(gateway), encode_ack(reply), qos=1)

    def _take_ahead(self, message: mqtt.MQTTMessage) -> None:
        """It comes again in its place: nothing is lost when it cannot be judged now."""
        try:
            self._on_ahead(gateway_of(message.topic) or "", bytes(message.payload))
        except Exception:
            log.exception("a message on %s cannot be judged ahead of its place", message.topic)
            self._metrics.refused("internal")

    def _take_status(self, message: mqtt.MQTTMessage) -> bool:
        """Hand it on, however long it takes; False when we are stopped before it is done."""
        gateway = gateway_of(message.topic) or ""
        try:
            status = decode_status(bytes(message.payload))
            return self._insist(lambda: self._on_status(gateway, status))
        except BadMessage as error:
            log.warning("status of %s refused: %s", gateway, error)
            self._metrics.refused("status")
        except Exception:
            log.exception("a message on %s cannot be kept", message.topic)
            self._metrics.refused("internal")
        return True


def _load_certificate(context: ssl.SSLContext, config: Mqtt) -> None:
    if config.cert_file:
        context.load_cert_chain(config.cert_file, config.key_file or None)
