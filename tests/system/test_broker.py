"""The broker as ``render-broker`` sets it up: a real mosquitto with real certificates."""

import os
import signal
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from stillcold_core.contract.batch import MAX_ENVELOPE
from stillcold_core.contract.topics import ack_topic, ahead_topic, batch_topic, replay_topic, status_topic
from support import Authority, Mosquitto, wait_for
from support.mqtt import Client, Refused

SERVER = "stillcold-server"
GRANTED, FAILURE, NOT_AUTHORISED = 1, 0x80, 0x87
OF_A_GATEWAY, OF_THE_SERVER = (batch_topic, ahead_topic, status_topic), (ack_topic, replay_topic)
Topic = Callable[[str], str]
each_topic = pytest.mark.parametrize("topic", [*OF_A_GATEWAY, *OF_THE_SERVER], ids=lambda t: t.__name__)


class People:
    """Those whom the broker knows, connected once each."""

    def __init__(self, broker: Mosquitto, authority: Authority) -> None:
        self.broker, self.authority = broker, authority
        self._clients: dict[str, Client] = {}

    def __getitem__(self, name: str) -> Client:
        if name not in self._clients:
            self._clients[name] = self.another(name, client_id=name)  # as agent and server do
        return self._clients[name]

    def another(self, name: str, *, client_id: str = "", will: str = "", clean: bool = True) -> Client:
        """One more connection with a certificate of this name."""
        files, ca = self.authority.client(name), self.authority.ca_file
        return Client(self.broker.port, ca, files, client_id=client_id, will=will, clean=clean)

    def close(self) -> None:
        """All leave."""
        for client in self._clients.values():
            client.close()


@pytest.fixture
def people(mosquitto_tls: Mosquitto, authority: Authority) -> Iterator[People]:
    """Any gateway and the server."""
    found = People(mosquitto_tls, authority)
    yield found
    found.close()


@pytest.mark.requirement("broker.way")
@each_topic
def test_what_belongs_to_a_topic_s_own_two_arrives(people: People, topic: Topic) -> None:
    """From the gateway to the server, or from the server to the gateway."""
    speaker, hearer = ("gw-1", SERVER) if topic in OF_A_GATEWAY else (SERVER, "gw-1")
    assert people[hearer].subscribe(topic("gw-1")) == GRANTED
    assert people[speaker].publish(topic("gw-1"), b"mine") == 0
    wait_for(lambda: people[hearer].messages)
    assert people[hearer].messages == [(topic("gw-1"), b"mine")]


@pytest.mark.requirement("broker.own-topics-only")
@each_topic
def test_another_gateway_cannot_publish_for_this_one(people: People, topic: Topic) -> None:
    """Neither a batch nor a status nor an acknowledgement: neither the server nor this gateway hears it."""
    for hearer, kinds in ((SERVER, OF_A_GATEWAY), ("gw-1", OF_THE_SERVER)):
        for kind in kinds:
            assert people[hearer].subscribe(kind("gw-1")) == GRANTED
    assert people["gw-2"].publish(topic("gw-1"), b"forged") == NOT_AUTHORISED
    assert people["gw-2"].publish(topic("gw-1"), b"forged and kept", retain=True) == NOT_AUTHORISED
    _nothing_but_the_truth(people, topic)


def _nothing_but_the_truth(people: People, topic: Topic) -> None:
    """What is said rightly afterwards is all that is heard."""
    speaker, hearer = ("gw-1", SERVER) if topic in OF_A_GATEWAY else (SERVER, "gw-1")
    assert people[speaker].publish(topic("gw-1"), b"true") == 0
    wait_for(lambda: people[hearer].messages)
    assert people[hearer].messages == [(topic("gw-1"), b"true")]


@pytest.mark.requirement("broker.own-topics-only")
@pytest.mark.parametrize("topic", OF_THE_SERVER, ids=lambda t: t.__name__)
def test_a_gateway_cannot_say_what_only_the_server_says(people: People, topic: Topic) -> None:
    """Not even to itself; nor the server what only a gateway says."""
    assert people["gw-1"].publish(topic("gw-1")) == NOT_AUTHORISED
    for elsewhere in ("elsewhere", "$SYS/broker/uptime", "stillcold/v1/gw-1", "stillcold/v1/gw-1/batch/more"):
        assert people["gw-1"].publish(elsewhere) == NOT_AUTHORISED, elsewhere
    for kind in OF_A_GATEWAY:
        assert people[SERVER].publish(kind("gw-1")) == NOT_AUTHORISED


@pytest.mark.requirement("broker.own-topics-only")
def test_a_last_will_in_another_s_name_is_never_sent(people: People) -> None:
    """It would tell the server that this gateway is offline."""
    people[SERVER].subscribe(status_topic("+"))
    with suppress(Refused):
        people.another("gw-2", will=status_topic("gw-1")).vanish()
    people.another("gw-3", will=status_topic("gw-3")).vanish()
    wait_for(lambda: people[SERVER].messages, what="the will of the one that may have it")
    assert people[SERVER].messages == [(status_topic("gw-3"), b"will")]


@pytest.mark.requirement("broker.own-acks-only")
@each_topic
@pytest.mark.parametrize("form", ["{}", "$share/group/{}"])
def test_another_gateway_cannot_read_what_is_this_one_s(people: People, topic: Topic, form: str) -> None:
    """By its name, with wildcards, or as one of a group; also what is retained."""
    speaker = "gw-1" if topic in OF_A_GATEWAY else SERVER
    assert people[speaker].publish(topic("gw-1"), b"kept", retain=True) < FAILURE
    for name in (topic("gw-1"), topic("+"), "stillcold/v1/gw-1/#", "#", "+/+/+/+"):
        people["gw-2"].subscribe(form.format(name))
    assert people["gw-2"].subscribe(ack_topic("gw-2")) == GRANTED
    assert people[speaker].publish(topic("gw-1"), b"private") < FAILURE
    assert people[SERVER].publish(ack_topic("gw-2"), b"yours") == 0
    wait_for(lambda: people["gw-2"].messages)
    assert set(people["gw-2"].messages) == {(ack_topic("gw-2"), b"yours")}


@pytest.mark.requirement("broker.own-acks-only")
@pytest.mark.parametrize("name", ["+", "#", "gw-1/batch", "+/+"])
def test_a_name_with_wildcards_opens_nothing(people: People, name: str) -> None:
    """Though an authority would have to issue such a certificate first."""
    for topic in (*OF_A_GATEWAY, *OF_THE_SERVER):
        people[name].subscribe(topic("gw-1"))
        people[name].subscribe(topic("+"))
        assert people[name].publish(topic("gw-1")) == NOT_AUTHORISED
    assert people["gw-1"].publish(batch_topic("gw-1"), b"private") < FAILURE
    people["gw-1"].subscribe(ack_topic("gw-1"))
    assert people[SERVER].publish(ack_topic("gw-1"), b"private") == 0
    wait_for(lambda: people["gw-1"].messages)
    assert people[name].messages == []


@pytest.mark.requirement("broker.no-takeover")
def test_a_gateway_cannot_throw_out_another_by_its_client_id(people: People) -> None:
    """A client id is worth nothing: the certificate's name is taken for it."""
    assert people["gw-2"].publish(batch_topic("gw-2")) < FAILURE
    people.another("gw-3", client_id="gw-2").close()
    assert people["gw-2"].publish(batch_topic("gw-2")) < FAILURE
    assert not people["gw-2"].disconnected


@pytest.mark.requirement("broker.certificate-required")
def test_nobody_enters_without_a_certificate_of_the_authority_for_clients(
    mosquitto_tls: Mosquitto, authority: Authority, tmp_path: Path
) -> None:
    """None, another authority's, and that of a server: refused before MQTT begins, or right after the handshake."""
    stranger = Authority(tmp_path / "stranger")
    for certificate in (None, stranger.client("gw-1"), stranger.client(SERVER), authority.server("gw-1")):
        with pytest.raises(Refused):
            Client(mosquitto_tls.port, authority.ca_file, certificate)


@pytest.mark.requirement("broker.certificate-required")
def test_old_tls_is_refused(mosquitto_tls: Mosquitto, authority: Authority) -> None:
    """Nothing before TLS 1.2."""
    files = authority.client("gw-1")
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    context.load_cert_chain(files.cert_file, files.key_file)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    for version, taken in ((ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_1, False)):
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = version
        assert _shakes_hands(context, mosquitto_tls.port) == taken, version


def _shakes_hands(context: ssl.SSLContext, port: int) -> bool:
    try:
        with (
            socket.create_connection(("127.0.0.1", port)) as raw,
            context.wrap_socket(raw, server_hostname="localhost"),
        ):
            return True
    except (ssl.SSLError, ConnectionError):
        return False


@pytest.mark.requirement("broker.message-limit")
def test_a_message_beyond_the_limit_ends_its_sender_s_connection_and_the_largest_batch_passes(people: People) -> None:
    """Nothing of it is forwarded, and nobody else is disturbed."""
    server = people[SERVER]
    server.subscribe(batch_topic("+"))
    people["gw-1"].send(batch_topic("gw-1"), bytes(2 * MAX_ENVELOPE))
    wait_for(lambda: people["gw-1"].disconnected)
    people["gw-1"].close()
    assert people["gw-2"].publish(batch_topic("gw-2"), bytes(MAX_ENVELOPE)) == 0
    wait_for(lambda: server.messages)
    assert [(topic, len(payload)) for topic, payload in server.messages] == [(batch_topic("gw-2"), MAX_ENVELOPE)]


@pytest.mark.requirement("broker.queue")
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_waits_for_the_server_outlives_the_broker_s_end_as_far_as_the_snapshot_goes(
    people: People, mosquitto_tls: Mosquitto, end: str
) -> None:
    """A stop in good order writes one and loses nothing; a kill loses what came after the last one."""
    server = people.another(SERVER, clean=False)
    server.subscribe(batch_topic("+"))
    server.close()
    assert people["gw-1"].publish(batch_topic("gw-1"), b"before") == 0
    os.kill(mosquitto_tls.pid, signal.SIGUSR1)
    snapshot = mosquitto_tls.folder / "mosquitto.db"
    wait_for(lambda: snapshot.exists() and b"before" in snapshot.read_bytes(), what="the snapshot")
    assert people["gw-1"].publish(batch_topic("gw-1"), b"after") == 0
    mosquitto_tls.stop() if end == "stop" else mosquitto_tls.kill()
    mosquitto_tls.start()
    server = people.another(SERVER, clean=False)
    people.another("gw-3").publish(batch_topic("gw-3"), b"last")
    wait_for(lambda: (batch_topic("gw-3"), b"last") in server.messages)
    server.close()
    found = {payload for _, payload in server.messages}
    assert found == {b"before", b"last"} | ({b"after"} if end == "stop" else set())


@pytest.mark.requirement("broker.queue")
def test_what_overflows_the_queue_of_a_server_that_is_away_is_the_newest(
    people: People, mosquitto_tls: Mosquitto
) -> None:
    """And the broker's log says that something was dropped: the sender is told nothing."""
    server = people.another(SERVER, clean=False)
    server.subscribe(batch_topic("+"))
    server.close()
    for number in range(20_100):
        last = people["gw-1"].send(batch_topic("gw-1"), str(number).encode())
    wait_for(lambda: last in people["gw-1"].answers, what="the broker's word that it has the last message")
    assert people["gw-1"].answers[last] == 0
    mosquitto_tls.wait_for_output(f"Outgoing messages are being dropped for client {SERVER}")
    server = people.another(SERVER, clean=False)
    wait_for(lambda: len(server.messages) >= 20_000)
    assert people["gw-1"].publish(batch_topic("gw-1"), b"last") == 0
    wait_for(lambda: server.messages[-1][1] == b"last")
    assert [payload for _, payload in server.messages[:-1]] == [str(number).encode() for number in range(20_000)]
    server.close()


@pytest.mark.requirement("broker.revoked")
def test_whose_certificate_is_in_the_list_of_revoked_ones_does_not_enter(tmp_path: Path, authority: Authority) -> None:
    """And the others do."""
    good, bad = authority.client("gw-1"), authority.client("gw-2")
    with Mosquitto.production(tmp_path / "mosquitto", authority, crl=authority.revoked(bad)) as broker:
        Client(broker.port, authority.ca_file, good).close()
        with pytest.raises(Refused):
            Client(broker.port, authority.ca_file, bad)
