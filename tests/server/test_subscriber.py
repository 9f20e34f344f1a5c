"""Ingest from a real broker."""

import threading
from collections.abc import Callable, Iterator

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from stillcold_core.contract.messages import (
    Acknowledgement,
    ReplayRequest,
    Status,
    decode_ack,
    decode_replay,
    encode_status,
)
from stillcold_core.contract.topics import ack_topic, ahead_topic, batch_topic, replay_topic, status_topic
from stillcold_core.evidence.envelope import digest
from stillcold_core.registry import Registry
from stillcold_server.config import Mqtt
from stillcold_server.ingest.subscriber import Subscriber
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.store import schema
from stillcold_server.store.database import read
from support import Mosquitto, wait_for
from support.gateway import DEAD, SignedGateway, steady

AHEAD: list[tuple[str, bytes]] = []
"""What came ahead of its place, of all tests."""


class Client:
    """A gateway's MQTT side that collects acknowledgements."""

    def __init__(self, port: int) -> None:
        self.acks: list[Acknowledgement] = []
        self._mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="gw-1", protocol=mqtt.MQTTv5)
        self._mqtt.on_message = lambda _c, _d, m: self.acks.append(decode_ack(bytes(m.payload)))
        self._mqtt.on_connect = lambda c, *_: c.subscribe(ack_topic("gw-1"), 1)
        self._mqtt.connect("127.0.0.1", port)
        self._mqtt.loop_start()

    def publish(self, payload: bytes, topic: str = batch_topic("gw-1")) -> None:
        self._mqtt.publish(topic, payload, qos=1).wait_for_publish(10)

    def hear(self, topic: str, take: Callable[[bytes], None]) -> None:
        heard = threading.Event()
        self._mqtt.message_callback_add(topic, lambda _c, _d, m: take(bytes(m.payload)))
        self._mqtt.on_subscribe = lambda *_: heard.set()
        self._mqtt.subscribe(topic, 1)
        assert heard.wait(10)

    def stored(self) -> dict[int, bytes]:
        return {s: h for ack in self.acks for s, h in ack.stored.items()}

    def close(self) -> None:
        self._mqtt.disconnect()
        self._mqtt.loop_stop()


@pytest.fixture
def client(mosquitto: Mosquitto) -> Iterator[Client]:
    client = Client(mosquitto.port)
    yield client
    client.close()


@pytest.fixture
def subscriber(engine: Engine, plant: Registry, mosquitto: Mosquitto) -> Iterator[Subscriber]:
    made = make_subscriber(engine, mosquitto.port)
    started(made)
    yield made
    made.stop()


def make_subscriber(
    engine: Engine, port: int, on_status: Callable[[str, Status], None] = lambda *_: None
) -> Subscriber:
    return Subscriber(
        Mqtt(port=port),
        Writer(engine, Metrics()),
        on_stored=lambda: None,
        on_status=on_status,
        on_ahead=lambda gateway, message: AHEAD.append((gateway, message)),
        metrics=Metrics(),
    )


def started(subscriber: Subscriber) -> None:
    subscriber.start()
    wait_for(lambda: subscriber.connected, what="the subscriptions")


def stored(engine: Engine) -> int:
    with read(engine) as connection:
        return connection.scalar(select(func.count()).select_from(schema.batch)) or 0


@pytest.mark.requirement("ingest.ack-after-commit")
def test_what_is_acknowledged_is_on_disk(
    engine: Engine, subscriber: Subscriber, client: Client, gateway: SignedGateway
) -> None:
    envelopes = [gateway.batch(steady(DEAD, start=1.8e9 + 10 * i)) for i in range(50)]
    for envelope in envelopes:
        client.publish(envelope)
    wait_for(lambda: len(client.stored()) == 50, what="50 acknowledgements")
    assert client.stored() == {i: digest(e) for i, e in enumerate(envelopes, 1)}
    assert stored(engine) == 50


@pytest.mark.requirement("ingest.broker-keeps")
def test_what_comes_while_the_server_is_away_is_stored_when_it_is_back(
    engine: Engine, plant: Registry, mosquitto: Mosquitto, client: Client, gateway: SignedGateway
) -> None:
    first = make_subscriber(engine, mosquitto.port)
    started(first)
    client.publish(gateway.batch(steady(DEAD)))
    wait_for(lambda: stored(engine) == 1)
    first.stop()
    client.publish(gateway.batch(steady(DEAD, start=1.8e9 + 10)))
    second = make_subscriber(engine, mosquitto.port)
    started(second)
    wait_for(lambda: len(client.stored()) == 2)
    second.stop()
    assert stored(engine) == 2


def test_a_broker_that_restarts_is_found_again(
    engine: Engine, subscriber: Subscriber, mosquitto: Mosquitto, client: Client, gateway: SignedGateway
) -> None:
    wait_for(lambda: subscriber.connected)
    mosquitto.restart()
    wait_for(lambda: subscriber.connected)
    client.publish(gateway.batch(steady(DEAD)))
    wait_for(lambda: client.stored().keys() == {1})


@pytest.mark.requirement("ingest.hostile-goes-on")
def test_garbage_on_every_topic_stops_nothing(
    engine: Engine, subscriber: Subscriber, client: Client, gateway: SignedGateway
) -> None:
    for topic in (batch_topic("gw-1"), status_topic("gw-1"), batch_topic("nobody"), status_topic("nobody")):
        client.publish(b"\xff" * 1000, topic)
        client.publish(b"", topic)
    client.publish(bytes(10 << 20))
    client.publish(gateway.batch(steady(DEAD)))
    wait_for(lambda: client.stored().keys() == {1})
    with read(engine) as connection:
        r = schema.refusal.c
        counted = {tuple(x) for x in connection.execute(select(r.reason, r.gateway, r.count))}
    assert counted == {("not_cose", "gw-1", 2), ("not_cose", "?", 2), ("too_large", "gw-1", 1)}


def test_a_gateways_status_is_handed_on(engine: Engine, plant: Registry, mosquitto: Mosquitto, client: Client) -> None:
    statuses: dict[str, Status] = {}
    subscriber = make_subscriber(engine, mosquitto.port, statuses.__setitem__)
    started(subscriber)
    client.publish(encode_status(Status("online", "0.1.0")), status_topic("gw-1"))
    wait_for(lambda: statuses)
    subscriber.stop()
    assert statuses == {"gw-1": Status("online", "0.1.0")}


def test_what_comes_ahead_of_its_place_is_handed_on_and_neither_stored_nor_acknowledged(
    engine: Engine, subscriber: Subscriber, client: Client, gateway: SignedGateway
) -> None:
    """It comes again."""
    early, envelope = gateway.batch(steady(DEAD)), gateway.batch(steady(DEAD, start=1.9e9))
    client.publish(early, ahead_topic("gw-1"))
    client.publish(envelope)
    wait_for(client.stored)
    assert AHEAD[-1] == ("gw-1", early)
    assert client.stored() == {2: digest(envelope)}
    assert stored(engine) == 1


@pytest.mark.requirement("ingest.hostile-goes-on")
@pytest.mark.parametrize("error", [OperationalError("UPDATE", {}, Exception("away")), ValueError("nobody foresaw it")])
def test_a_status_that_cannot_be_kept_stops_nothing(
    engine: Engine,
    plant: Registry,
    mosquitto: Mosquitto,
    client: Client,
    gateway: SignedGateway,
    error: Exception,
) -> None:
    """What the database does not take now is tried again; what it never takes is left."""
    tries: list[str] = []

    def refuse_first(name: str, _: Status) -> None:
        tries.append(name)
        if len(tries) == 1:
            raise error

    subscriber = make_subscriber(engine, mosquitto.port, on_status=refuse_first)
    started(subscriber)
    client.publish(encode_status(Status("online")), status_topic("gw-1"))
    client.publish(gateway.batch(steady(DEAD)))
    wait_for(client.stored)
    subscriber.stop()
    assert len(tries) == (2 if isinstance(error, OperationalError) else 1)


@pytest.mark.requirement("ingest.replay")
def test_a_request_for_a_replay_waits_for_the_broker_where_it_is_kept(
    engine: Engine, plant: Registry, mosquitto: Mosquitto, client: Client
) -> None:
    """A try while the broker is away leaves nothing behind that would be sent beside the next one."""
    came: list[ReplayRequest] = []
    subscriber = make_subscriber(engine, mosquitto.port)
    for sequence in (1, 2, 3):
        assert not subscriber.ask("gw-1", ReplayRequest(b"epoch--1", [(sequence, sequence)]))
    client.hear(replay_topic("gw-1"), lambda payload: came.append(decode_replay(payload)))
    started(subscriber)
    assert subscriber.ask("gw-1", ReplayRequest(b"epoch--1", [(4, 4)]))
    wait_for(lambda: any(r.ranges == ((4, 4),) for r in came))
    subscriber.stop()
    assert [r.ranges for r in came] == [((4, 4),)]
