"""A bad network, before a real broker and before an echo."""

import asyncio
import json
import queue
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from stillcold_core.files import BadFile
from stillcold_sim.proxy import Counts, Proxies, ProxyFile, Route, Trouble, load_proxy, proxying
from stillcold_sim.proxy.packets import NotMqtt, Packets, again
from support import Mosquitto, Process, wait_for

DOCS = Path(__file__).parents[2] / "docs" / "bad-network.md"
PUBLISH = b"\x32\x08\x00\x01t\x00\x07abc"
COMMAND = [sys.executable, "-c", "from stillcold_sim.cli import main; main()", "proxy"]


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A server that says what it hears; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def through(*troubles: Trouble, packets: bool = False) -> AsyncIterator[tuple[Proxies, Callable[[], Any]]]:
    """An echo behind a proxy, and how to connect to it."""
    opened: list[asyncio.StreamWriter] = []
    async with echo() as port:
        file = ProxyFile(route=(Route(id="r", to_port=port, mqtt=packets),), trouble=troubles)
        async with proxying(file) as proxies:

            async def connect() -> Streams:
                reader, writer = await asyncio.open_connection(*proxies.ports["r"])
                opened.append(writer)
                return reader, writer

            try:
                yield proxies, connect
            finally:
                for writer in opened:
                    writer.close()
                await asyncio.gather(*(w.wait_closed() for w in opened), return_exceptions=True)


async def _answer(streams: Streams, data: bytes, length: int | None = None) -> bytes:
    reader, writer = streams
    writer.write(data)
    async with asyncio.timeout(60):
        return await reader.readexactly(len(data) if length is None else length)


@pytest.mark.requirement("sim.proxy.transparent")
async def test_without_trouble_bytes_pass_as_they_are() -> None:
    """Both ways, to the end of the connection."""
    async with through() as (proxies, connect):
        streams = await connect()
        data = bytes(range(256)) * 1000
        assert await _answer(streams, data) == data
        streams[1].write_eof()
        assert await streams[0].read() == b""
    assert proxies.counts["r"].bytes == 2 * len(data)
    assert proxies.counts["r"].broken == 0


@pytest.mark.requirement("sim.proxy.latency")
@pytest.mark.parametrize("what", ["latency", "loss"])
async def test_latency(what: str) -> None:
    """Both ways; in order, although it jitters."""
    async with through(Trouble(at=0, what=what, delay_ms=100, jitter_ms=50)) as (_, connect):  # type: ignore[arg-type]  # a name of the list
        streams = await connect()
        began = time.monotonic()
        assert await _answer(streams, b"1") == b"1"
        assert time.monotonic() - began >= 0.2
        for digit in b"23456":
            streams[1].write(bytes([digit]))
            await asyncio.sleep(0.01)
        assert await _answer(streams, b"7", 6) == b"234567"


@pytest.mark.requirement("sim.proxy.bandwidth")
async def test_bandwidth() -> None:
    """20 kB at 50 kB/s."""
    async with through(Trouble(at=0, what="bandwidth", rate=50_000, direction="up")) as (_, connect):
        streams = await connect()
        began = time.monotonic()
        await _answer(streams, bytes(20_000))
        assert time.monotonic() - began >= 0.05  # the last chunk passes before its time is waited for
        await _answer(streams, bytes(1))
        assert time.monotonic() - began >= 0.4


@pytest.mark.requirement("sim.proxy.stall")
async def test_stall() -> None:
    """The connection is made, nothing passes, and then it does."""
    began = time.monotonic()
    async with through(Trouble(at=0, lasts=0.5, what="stall")) as (_, connect):
        assert await _answer(await connect(), b"x") == b"x"
    assert time.monotonic() - began >= 0.5


@pytest.mark.requirement("sim.proxy.outage")
async def test_outage_breaks_off_connections_and_refuses_new_ones() -> None:
    """Until it is over; it is counted, and the number stays."""
    async with through() as (proxies, connect):
        reader, _ = await connect()
        proxies.troubles.append(Trouble(at=0, what="outage"))
        async with asyncio.timeout(60):
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
        with pytest.raises(ConnectionRefusedError):
            await connect()
        proxies.troubles.clear()
        async with asyncio.timeout(60):
            while True:
                try:
                    assert await _answer(await connect(), b"x") == b"x"
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)
    assert proxies.counts["r"].broken >= 1


def test_trouble_comes_again() -> None:
    """Every so often, for so long."""
    trouble = Trouble(at=10, lasts=5, every=60, what="stall")
    rests = [trouble.rest(t) for t in (0, 10, 14, 15, 69, 71, 600, 612)]
    assert rests == [0, 5, 1, 0, 0, 4, 0, 3]
    assert Trouble(at="0:00:10", what="stall").rest(11) == float("inf")


@pytest.mark.requirement("sim.proxy.reset")
async def test_reset() -> None:
    """Instead of the bytes comes the end; the next connection is another throw."""
    async with through(Trouble(at=0, what="reset", direction="up")) as (proxies, connect):
        for n in (1, 2):
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await _answer(await connect(), b"x")
            assert proxies.counts["r"].broken == n


async def test_server_that_is_not_there_is_counted() -> None:
    """The client sees its connection end."""
    file = ProxyFile(route=(Route(id="r", to_port=1),))
    async with proxying(file) as proxies:
        reader, writer = await asyncio.open_connection(*proxies.ports["r"])
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    assert proxies.counts["r"].refused_upstream == 1


@pytest.mark.requirement("sim.proxy.duplicate")
async def test_duplicate_is_marked_on_the_wire() -> None:
    """The second PUBLISH has its flag; nothing else comes twice."""
    async with through(Trouble(at=0, what="duplicate", direction="up"), packets=True) as (proxies, connect):
        streams = await connect()
        got = await _answer(streams, b"\xc0\x00" + PUBLISH, 2 + 2 * len(PUBLISH))
    assert got == b"\xc0\x00" + PUBLISH + b"\x3a" + PUBLISH[1:]
    assert proxies.counts["r"].duplicated == 1


async def test_what_is_not_mqtt_ends_the_connection() -> None:
    """Where the file says that it is."""
    async with through(packets=True) as (proxies, connect):
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await _answer(await connect(), b"\x10\xff\xff\xff\xff\xff")
    assert proxies.counts["r"].broken == 1


def test_packets_are_cut_wherever_the_stream_was() -> None:
    """Byte by byte or all at once."""
    stream = [b"\xc0\x00", PUBLISH, b"\x30\x80\x01" + bytes(128), b"\xd0\x00"]
    whole = b"".join(stream)
    assert list(Packets().feed(whole)) == stream
    packets = Packets()
    assert [p for byte in whole for p in packets.feed(bytes([byte]))] == stream
    with pytest.raises(NotMqtt):
        list(Packets().feed(b"\x30\xff\xff\xff\x7f"))
    assert again(b"\x30\x03\x00\x01t") == b"\x30\x03\x00\x01t"


@contextmanager
def _client(port: int, topic: str = "") -> Iterator[tuple[mqtt.Client, "queue.Queue[bytes]"]]:
    """A client of a broker, and what it received."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    heard: queue.Queue[bytes] = queue.Queue()
    ready: queue.Queue[None] = queue.Queue()
    client.reconnect_delay_set(1, 1)
    client.on_message = lambda *a: heard.put(a[2].payload)
    client.on_subscribe = lambda *_: ready.put(None)
    client.on_connect = lambda c, *_: c.subscribe(topic, 1) if topic else ready.put(None)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        ready.get(timeout=60)
        yield client, heard
    finally:
        client.disconnect()
        client.loop_stop()


def _said(broker: int, port: int, count: int) -> list[int]:
    """Numbers published to ``port`` as a subscriber of the broker gets them."""
    with _client(broker, "t") as (_, heard), _client(port) as (publisher, _unused):
        for n in range(count):
            publisher.publish("t", str(n), qos=1)
        got: list[int] = []
        while not set(got) >= set(range(count)):
            got.append(int(heard.get(timeout=60)))
        with suppress(queue.Empty):
            while True:
                got.append(int(heard.get(timeout=0.5)))
    return got


async def _played(broker: int, trouble: Trouble, count: int) -> tuple[list[int], Counts]:
    """The same through a bad network, and what happened there."""
    async with proxying(ProxyFile(route=(Route(id="broker", to_port=broker),), trouble=(trouble,))) as proxies:
        got = await asyncio.to_thread(_said, broker, proxies.ports["broker"][1], count)
    return got, proxies.counts["broker"]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """Port of a real mosquitto."""
    with Mosquitto(tmp_path / "mosquitto") as mosquitto:
        yield mosquitto.port


@pytest.mark.requirement("sim.proxy.duplicate")
@pytest.mark.requirement("sim.proxy.command")
def test_broker_hears_twice(broker: int, tmp_path: Path) -> None:
    """From a process of its own; a subscriber gets each message twice."""
    file, ports = tmp_path / "proxy.toml", tmp_path / "ports.json"
    text = f'[[route]]\nid = "broker"\nto_port = {broker}\n[[trouble]]\nat = 0\nwhat = "duplicate"\ndirection = "up"\n'
    file.write_text(text, encoding="utf-8")
    with Process([*COMMAND, str(file), "--ports-file", str(ports)], tmp_path / "log") as process:
        wait_for(ports.exists)
        got = _said(broker, json.loads(ports.read_text())["broker"][1], 20)
        assert process.stop() == 0
        counts = json.loads(process.output.splitlines()[-1])["broker"]
    assert sorted(got) == sorted([*range(20), *range(20)])
    assert counts["duplicated"] == 20


@pytest.mark.requirement("sim.proxy.disorder")
async def test_broker_hears_out_of_order(broker: int) -> None:
    """Everything comes, some of it overtaken."""
    trouble = Trouble(at=0, what="disorder", direction="up", share=0.3, delay_ms=300)
    got, counts = await _played(broker, trouble, 50)
    assert sorted(got) == list(range(50))
    assert got != sorted(got)
    assert 5 < counts.held < 30


@pytest.mark.requirement("sim.proxy.reset")
async def test_client_that_comes_back_loses_nothing(broker: int) -> None:
    """Connections break, and all messages of quality 1 arrive in the end."""
    got, counts = await _played(broker, Trouble(at=0, what="reset", direction="up", share=0.05), 40)
    assert set(got) == set(range(40))
    assert counts.broken >= 1


@pytest.mark.requirement("sim.proxy.checked")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"p.toml: .*route"),
        ('[[route]]\nid = "a"\nto_port = 0\n', r"p.toml:3: route\[0\].to_port: got 0"),
        ('[[route]]\nid = "a"\nto_port = 1\n' * 2, r"p.toml:5: route\[1\].id: got 'a'; must be unique"),
        (
            '[[route]]\nid = "a"\nto_port = 1\n[[trouble]]\nat = 0\nroute = "b"\nwhat = "stall"\n',
            r"p.toml:6: trouble\[0\].route: got 'b'; must be the id of a \[\[route\]\]",
        ),
        (
            '[[route]]\nid = "a"\nto_port = 1\n[[trouble]]\nat = 0\nfor = 9\nevery = 5\nwhat = "stall"\n',
            r"p.toml:7: trouble\[0\].every: got 5; must be longer than for",
        ),
        (
            '[[route]]\nid = "a"\nto_port = 1\nmqtt = false\n[[trouble]]\nat = 0\nwhat = "disorder"\n',
            r"p.toml:7: trouble\[0\].what: got 'disorder'; only a route with mqtt = true",
        ),
    ],
)
def test_mistake_is_named(tmp_path: Path, text: str, message: str) -> None:
    """Before anything is opened."""
    (tmp_path / "p.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadFile, match=message):
        load_proxy(tmp_path / "p.toml")


@pytest.mark.requirement("sim.proxy.checked")
@pytest.mark.parametrize(("heading", "kind"), [("The file", ProxyFile), ("[[route]]", Route), ("[[trouble]]", Trouble)])
def test_every_key_is_described(heading: str, kind: type[msgspec.Struct]) -> None:
    """In the section of its table; and every kind of trouble."""
    section = DOCS.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", section))))
    assert {f.encode_name for f in msgspec.structs.fields(kind)} - words == set()
    if kind is Trouble:
        assert set(Trouble.__annotations__["what"].__args__) - words == set()


def test_example_of_the_description_loads(tmp_path: Path) -> None:
    """As it stands."""
    (tmp_path / "p.toml").write_text(DOCS.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0])
    assert load_proxy(tmp_path / "p.toml").route[0].to_port == 1883
