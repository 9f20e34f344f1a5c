"""The broker's production configuration, on a real mosquitto with real certificates."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from stillcold_core.contract.batch import MAX_ENVELOPE
from stillcold_core.contract.topics import ack_topic, ahead_topic, batch_topic, replay_topic, status_topic
from support import Authority, Mosquitto, wait_for

SERVER = "stillcold-server"
FAILURE, NOT_AUTHORISED = 0x80, 0x87


class Client:
    """A client that remembers every answer."""

    def __init__(self, broker: Mosquitto, authority: Authority, name: str = "", client_id: str = "") -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.answers: dict[int, int] = {}
        self.connected = self.disconnected = False
        self._mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
        self._mqtt.on_connect = self._on_connect
        self._mqtt.on_disconnect = self._on_disconnect
        self._mqtt.on_message = self._on_message
        self._mqtt.on_publish = self._on_publish
        self._mqtt.on_subscribe = self._on_subscribe
        cert, key = _files(authority, name)
        self._mqtt.tls_set(str(authority.ca_file), cert, key)
        self._mqtt.connect("127.0.0.1", broker.port)
        self._mqtt.loop_start()
        wait_for(lambda: self.connected or self.disconnected, what=f"{name} connects")

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> int:
        """The broker's reason code."""
        return self._answer(self.send(topic, payload, retain=retain))

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Publish, and give the message id without waiting for an answer."""
        return self._mqtt.publish(topic, payload, 1, retain).mid

    def subscribe(self, topic: str) -> int:
        """The broker's reason code; what is granted may still be filtered at delivery."""
        _, mid = self._mqtt.subscribe(topic, 1)
        assert mid is not None
        return self._answer(mid)

    def close(self) -> None:
        """Leave."""
        self._mqtt.disconnect()
        self._mqtt.loop_stop()

    def _answer(self, mid: int) -> int:
        wait_for(lambda: mid in self.answers, what="the broker's answer")
        return self.answers.pop(mid)

    def _on_connect(self, _c: mqtt.Client, _d: object, _f: ConnectFlags, code: ReasonCode, _p: object) -> None:
        self.connected = not code.is_failure

    def _on_disconnect(self, _c: mqtt.Client, _d: object, _f: DisconnectFlags, _r: ReasonCode, _p: object) -> None:
        self.disconnected = True

    def _on_message(self, _c: mqtt.Client, _d: object, message: MQTTMessage) -> None:
        self.messages.append((message.topic, bytes(message.payload)))

    def _on_publish(self, _c: mqtt.Client, _d: object, mid: int, code: ReasonCode, _p: Properties) -> None:
        self.answers[mid] = code.value

    def _on_subscribe(self, _c: mqtt.Client, _d: object, mid: int, codes: list[ReasonCode], _p: object) -> None:
        self.answers[mid] = codes[0].value


def _files(authority: Authority, name: str) -> tuple[str, str] | tuple[None, None]:
    if not name:
        return None, None
    files = authority.client(name)
    return str(files.cert_file), str(files.key_file)


@pytest.fixture
def clients(mosquitto_tls: Mosquitto, authority: Authority) -> Iterator[dict[str, Client]]:
    """Two gateways and the server."""
    found = {name: Client(mosquitto_tls, authority, name) for name in ("gw-1", "gw-2", SERVER)}
    yield found
    for client in found.values():
        client.close()


@pytest.mark.requirement("broker.own-topics-only")
def test_a_gateway_publishes_for_itself_only(clients: dict[str, Client]) -> None:
    """Its batches and its status arrive; what it says in another's name does not."""
    gateway, server = clients["gw-1"], clients[SERVER]
    assert server.subscribe(batch_topic("+")) == 1
    assert server.subscribe(status_topic("+")) == 1
    foreign = (batch_topic("gw-2"), ahead_topic("gw-2"), status_topic("gw-2"), ack_topic("gw-2"), replay_topic("gw-2"))
    for topic in (*foreign, ack_topic("gw-1"), replay_topic("gw-1"), "elsewhere"):
        assert gateway.publish(topic) == NOT_AUTHORISED, topic
    assert server.subscribe(ahead_topic("+")) == 1
    assert gateway.publish(ahead_topic("gw-1"), b"mine too") == 0
    assert gateway.publish(batch_topic("gw-1"), b"mine") == 0
    assert gateway.publish(status_topic("gw-1"), b"online", retain=True) == 0
    wait_for(lambda: len(server.messages) >= 3)
    mine = [(ahead_topic("gw-1"), b"mine too"), (batch_topic("gw-1"), b"mine"), (status_topic("gw-1"), b"online")]
    assert server.messages == mine


@pytest.mark.requirement("broker.own-acks-only")
def test_a_gateway_hears_its_own_acknowledgements_only(clients: dict[str, Client]) -> None:
    """And requests for its own batches; also when it asks for everybody's with a wildcard."""
    gateway, server = clients["gw-1"], clients[SERVER]
    for topic in ("#", "stillcold/v1/#", ack_topic("+"), ack_topic("gw-2"), ack_topic("gw-1"), batch_topic("gw-2")):
        gateway.subscribe(topic)
    for topic in (replay_topic("+"), replay_topic("gw-2"), replay_topic("gw-1")):
        gateway.subscribe(topic)
    clients["gw-2"].publish(batch_topic("gw-2"), b"private")
    server.publish(ack_topic("gw-2"), b"not yours")
    server.publish(replay_topic("gw-2"), b"not yours")
    server.publish(replay_topic("gw-1"), b"yours too")
    server.publish(ack_topic("gw-1"), b"yours")
    wait_for(lambda: (ack_topic("gw-1"), b"yours") in gateway.messages)
    assert set(gateway.messages) == {(ack_topic("gw-1"), b"yours"), (replay_topic("gw-1"), b"yours too")}


@pytest.mark.requirement("broker.no-takeover")
def test_a_gateway_cannot_throw_out_another_by_its_client_id(
    mosquitto_tls: Mosquitto, authority: Authority, clients: dict[str, Client]
) -> None:
    """A client id is worth nothing: the certificate's name is taken for it."""
    Client(mosquitto_tls, authority, "gw-3", client_id="gw-2").close()
    assert clients["gw-2"].publish(batch_topic("gw-2")) < FAILURE
    assert not clients["gw-2"].disconnected


@pytest.mark.requirement("broker.certificate-required")
def test_no_certificate_or_a_stranger_s_is_refused(
    mosquitto_tls: Mosquitto, authority: Authority, tmp_path: Path
) -> None:
    """Before MQTT begins, or right after the handshake (TLS 1.3 tells the client late)."""
    stranger = Authority(tmp_path / "stranger", "Another CA")
    stranger.ca_file = authority.ca_file  # it trusts our broker; our broker must not trust it
    for maker, name in ((authority, ""), (stranger, "gw-1")):
        try:
            client = Client(mosquitto_tls, maker, name)
        except (ssl.SSLError, ConnectionError):
            continue
        assert not client.connected
        client.close()


@pytest.mark.requirement("broker.message-limit")
def test_a_message_beyond_the_limit_ends_its_sender_s_connection_and_the_largest_batch_passes(
    clients: dict[str, Client],
) -> None:
    """Nothing of it is forwarded, and nobody else is disturbed."""
    server = clients[SERVER]
    server.subscribe(batch_topic("+"))
    clients["gw-1"].send(batch_topic("gw-1"), bytes(2 * MAX_ENVELOPE))
    wait_for(lambda: clients["gw-1"].disconnected)
    clients["gw-1"].close()
    assert clients["gw-2"].publish(batch_topic("gw-2"), bytes(MAX_ENVELOPE)) < FAILURE
    wait_for(lambda: server.messages)
    assert [(topic, len(payload)) for topic, payload in server.messages] == [(batch_topic("gw-2"), MAX_ENVELOPE)]
