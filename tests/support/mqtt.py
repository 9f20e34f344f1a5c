"""An MQTT client that remembers every answer of the broker."""

import ssl
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from support.authority import Certificate
from support.waiting import wait_for


class Refused(Exception):
    """The broker ended the connection before it was one."""


class Client:
    """A client of MQTT 5 over TLS, connected.

    Parameters
    ----------
    port : int
        Of the broker on this machine.
    ca_file : Path
        The authority that it trusts.
    certificate : Certificate, optional
        Its own.
    client_id : str
        Empty: the broker gives one.
    will : str
        Topic of its last will; none where it is empty.
    clean : bool
        Whether its session begins anew, and ends with the connection.

    Raises
    ------
    Refused
        When the broker lets it not in.
    """

    def __init__(
        self,
        port: int,
        ca_file: Path,
        certificate: Certificate | None = None,
        *,
        client_id: str = "",
        will: str = "",
        clean: bool = True,
    ) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.answers: dict[int, int] = {}
        self.connected = self.disconnected = False
        self._mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
        self._mqtt.on_connect = self._on_connect
        self._mqtt.on_disconnect = self._on_disconnect
        self._mqtt.on_message = self._on_message
        self._mqtt.on_publish = self._on_publish
        self._mqtt.on_subscribe = self._on_subscribe
        mine = (str(certificate.cert_file), str(certificate.key_file)) if certificate else (None, None)
        self._mqtt.tls_set(str(ca_file), *mine)
        if will:
            self._mqtt.will_set(will, b"will", 1)
        self._connect(port, clean)

    def _connect(self, port: int, clean: bool) -> None:
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own gap
        session.SessionExpiryInterval = 0 if clean else 3600
        try:
            self._mqtt.connect("127.0.0.1", port, clean_start=clean, properties=session)
        except (ssl.SSLError, ConnectionError) as error:
            raise Refused(str(error)) from error
        self._mqtt.loop_start()
        wait_for(lambda: self.connected or self.disconnected, what="the broker's answer to a connection")
        if not self.connected:
            self._mqtt.loop_stop()
            raise Refused("by the broker")

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

    def vanish(self) -> None:
        """Leave without a word, so that the broker sends the last will."""
        self._mqtt.loop_stop()
        connection = self._mqtt.socket()
        assert connection is not None
        connection.close()

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
