"""The way to the broker, step by step: name, connection, certificates, login."""

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from stillcold_agent import loop
from stillcold_agent.config import Config, Mqtt
from stillcold_agent.enrolment.certificate import load_certificates, problem_of
from stillcold_agent.enrolment.request import load_key
from stillcold_agent.observe.window import look_in
from stillcold_agent.tools.doctor.finding import Finding, State, fail, good, warn
from stillcold_agent.tools.running import agent_runs
from stillcold_agent.uplink.client import new_client, tls_context
from stillcold_core.files import BadFile

_PATIENCE = 10.0  # s for each step
_SOON = timedelta(days=20)  # a gateway renews its own 30 days before its end
_CAUSES = {
    10: ("has expired", "whoever runs the broker must renew it; is this gateway's clock right?"),
    9: ("is not valid yet", "is this gateway's clock right?"),
    62: ("is another host's", "mqtt.host must be a name that stands in the broker's certificate"),
    64: ("is another host's", "mqtt.host must be an address that stands in the broker's certificate"),
}
"""What OpenSSL's verification errors mean (x509_vfy.h)."""
_OPEN = warn("broker TLS", "none: everybody on the way can read along and change it", "mqtt.ca_file")
_STRANGE = ("is not of the authority in mqtt.ca_file", "wrong ca_file, or somebody else answers there")


def broker(config: Config) -> Iterator[Finding]:
    """Each step until one fails."""
    mqtt = config.mqtt
    try:
        context = tls_context(mqtt)
    except (BadFile, OSError) as error:
        yield fail("certificate", str(error), "sudo stillcold-agent enrol")
        return
    if mqtt.cert_file:
        yield _own_certificate(config)
    try:
        connected = _connect(mqtt)
    except socket.gaierror as error:
        yield fail("broker", f"{mqtt.host} has no address ({error.strerror})", "mqtt.host; DNS; the network")
        return
    except OSError as error:
        do = "is the broker running, is mqtt.port right, does a firewall let it through?"
        yield fail("broker", f"{mqtt.host}:{mqtt.port} cannot be reached ({error.strerror or error})", do)
        return
    with connected:
        yield good("broker", f"{mqtt.host}:{mqtt.port} is reached ({connected.getpeername()[0]})")
        secured = _handshake(connected, context, mqtt.host) if context else _OPEN
    yield secured
    if secured.state is not State.FAIL:
        yield _of_agent(Path(config.data_dir)) or _login(config)


def _connect(mqtt: Mqtt) -> socket.socket:
    return socket.create_connection((mqtt.host, mqtt.port), _PATIENCE)


def _own_certificate(config: Config) -> Finding:
    chain, trusted = load_certificates(Path(config.mqtt.cert_file)), load_certificates(Path(config.mqtt.ca_file))
    key = load_key(Path(config.mqtt.key_file)).public_key()
    if problem := problem_of(chain, trusted, key, config.gateway, datetime.now(UTC)):
        return fail("certificate", problem, "sudo stillcold-agent enrol makes a request for a new one")
    by_itself = "journalctl --unit stillcold-agent says why it was not renewed"
    do = by_itself if config.enrolment.url else "sudo stillcold-agent enrol; send the request"
    return _until("certificate", chain[0].not_valid_after_utc, do)


def _handshake(connected: socket.socket, context: ssl.SSLContext, host: str) -> Finding:
    try:
        with context.wrap_socket(connected, server_hostname=host) as wrapped:
            der = wrapped.getpeercert(binary_form=True)
    except ssl.SSLCertVerificationError as error:
        what, do = _CAUSES.get(error.verify_code, _STRANGE)
        return fail("broker TLS", f"its certificate {what} ({error.verify_message})", do)
    except OSError as error:
        return fail("broker TLS", f"no handshake ({error})", "mqtt.port: does the broker speak TLS there (8883)?")
    assert der is not None  # noqa: S101  # the context demands one
    ends = x509.load_der_x509_certificate(der).not_valid_after_utc
    return _until("broker TLS", ends, "whoever runs the broker must renew its certificate")


def _until(check: str, ends: datetime, do: str) -> Finding:
    found = f"certificate good until {ends:%Y-%m-%d}"
    return good(check, found) if ends - datetime.now(UTC) > _SOON else warn(check, found, do)


def _of_agent(data_dir: Path) -> Finding | None:
    """What a running agent's login proves; None where there is none, and so nothing that another one would end.

    A broker that names sessions by certificates (mosquitto's use_username_as_clientid) takes both for the same client.
    """
    if not agent_runs(data_dir):
        return None
    try:
        state = loop.run(look_in(data_dir))
    except OSError as error:
        return warn("broker login", f"the agent runs and does not tell ({error})", "journalctl --unit stillcold-agent")
    logged_in = state.uplink is not None and state.uplink.connected
    return good("broker login", "the running agent is logged in") if logged_in else None


def _login(config: Config) -> Finding:
    """Log in, under another name where certificates are not names."""
    answered, said = threading.Event(), []

    def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        said.append(reason)
        answered.set()

    def on_disconnect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        said.append(reason)
        answered.set()

    client = new_client(config.mqtt, f"{config.gateway}-doctor")
    client.on_connect, client.on_disconnect = on_connect, on_disconnect
    try:
        client.connect(config.mqtt.host, config.mqtt.port, clean_start=True)
        client.loop_start()
        answered.wait(_PATIENCE)
    except OSError as error:
        return fail("broker login", f"the connection broke ({error})", _refused(config.mqtt))
    finally:
        client.disconnect()
        client.loop_stop()
    if not said:
        return fail("broker login", f"no answer for {_PATIENCE:.0f} s", "does the broker speak MQTT 5 on that port?")
    if said[0].is_failure:
        return fail("broker login", f"refused: {said[0]}", _refused(config.mqtt))
    return good("broker login", "accepted")


def _refused(mqtt: Mqtt) -> str:
    if mqtt.cert_file:
        return "the broker does not take this certificate: its authority, its expiry, its common name"
    return "mqtt.username and mqtt.password_file; the broker's list of logins"
