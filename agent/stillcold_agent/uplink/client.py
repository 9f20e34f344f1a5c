"""The connection to the broker, as configured."""

import logging
import socket
import ssl
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from stillcold_agent.config import Mqtt
from stillcold_core.contract.messages import Status, encode_status
from stillcold_core.contract.topics import status_topic
from stillcold_core.files import BadFile, read_text

log = logging.getLogger(__name__)
_MOST_QUEUED = 64


def make_client(config: Mqtt, gateway: str) -> mqtt.Client:
    """An MQTT 5 client that is not connected yet; its last will says that the gateway is offline.

    Raises
    ------
    BadFile
        When a certificate, key or password file cannot be used.
    """
    client = new_client(config, gateway)
    client.will_set(status_topic(gateway), encode_status(Status("offline")), qos=1, retain=True)
    client.reconnect_delay_set(1, 10)
    client.max_queued_messages_set(_MOST_QUEUED)
    return client


def new_client(config: Mqtt, name: str) -> mqtt.Client:
    """A client of that name with the login that is configured, and nothing else.

    Raises
    ------
    BadFile
        When a certificate, key or password file cannot be used.
    """
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
    client.on_socket_open = _without_delay
    if config.username:
        password = read_text(Path(config.password_file)).strip() if config.password_file else None
        client.username_pw_set(config.username, password)
    if context := tls_context(config):
        client.tls_set_context(context)
        client.on_pre_connect = lambda *_: _load_renewed(context, config)
    return client


def _without_delay(_client: mqtt.Client, _data: Any, sock: Any) -> None:
    """Send small packets at once: the kernel would hold a second one back for 40 ms."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _load_renewed(context: ssl.SSLContext, config: Mqtt) -> None:
    """Show the certificate that lies there now: it may have been renewed."""
    try:
        if config.cert_file:
            context.load_cert_chain(config.cert_file, config.key_file, password="")
    except OSError as error:  # an ssl.SSLError is one too
        log.error("%s cannot be loaded anew, the one before is shown: %s", config.cert_file, error)


def tls_context(config: Mqtt) -> ssl.SSLContext | None:
    """What TLS trusts and shows; None without ``ca_file``.

    Raises
    ------
    BadFile
        When a file is no certificate, no key, or the key is another certificate's.
    """
    if not config.ca_file:
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=config.ca_file)
    except ssl.SSLError as error:
        raise BadFile(config.ca_file, f"expected certificates in PEM ({error.reason})") from error
    if config.cert_file:
        try:
            context.load_cert_chain(config.cert_file, config.key_file, password="")
        except ssl.SSLError as error:
            right = f"expected a certificate in PEM whose key is {config.key_file}, without a password"
            raise BadFile(config.cert_file, f"{right} ({error.reason})") from error
    return context
