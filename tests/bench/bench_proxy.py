"""What a network without trouble costs, and how exact one with trouble is; before a real mosquitto."""

import json
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from support import Mosquitto, Process, wait_for

COMMAND = [sys.executable, "-c", "from stillcold_sim.cli import main; main()", "proxy"]
MESSAGES, BYTES, IN_FLIGHT = 5000, 500, 100
ASKED, PAUSE = 200, 0.005


@contextmanager
def _client(port: int) -> Iterator[mqtt.Client]:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(IN_FLIGHT)
    ready = threading.Event()
    client.on_connect = lambda *_: ready.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert ready.wait(20)
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


@contextmanager
def _proxy(folder: Path, broker: int, trouble: str = "") -> Iterator[int]:
    folder.mkdir()
    file, ports = folder / "proxy.toml", folder / "ports.json"
    file.write_text(f'[[route]]\nid = "b"\nto_port = {broker}\n{trouble}', encoding="utf-8")
    with Process([*COMMAND, str(file), "--ports-file", str(ports)], folder / "log") as process:
        wait_for(ports.exists)
        yield int(json.loads(ports.read_text())["b"][1])
        assert process.stop() == 0


def _rate(port: int) -> float:
    """Messages of quality 1 a second, each acknowledged."""
    with _client(port) as client:
        began = time.monotonic()
        sent = [client.publish("t", bytes(BYTES), qos=1) for _ in range(MESSAGES)]
        for message in sent:
            message.wait_for_publish(60)
        return MESSAGES / (time.monotonic() - began)


def _delays(port: int) -> list[float]:
    """ms from publishing to the acknowledgement, one message after the other."""
    delays = []
    with _client(port) as client:
        for _ in range(ASKED):
            began = time.perf_counter()
            client.publish("t", bytes(BYTES), qos=1).wait_for_publish(60)
            delays.append(1e3 * (time.perf_counter() - began))
            time.sleep(PAUSE)
    return delays


def test_cost_and_truth_of_the_proxy(tmp_path: Path) -> None:
    """With and without the proxy in the same run."""
    late = '[[trouble]]\nat = 0\nwhat = "latency"\ndelay_ms = 20\n'
    with Mosquitto(tmp_path / "broker") as broker:
        with _proxy(tmp_path / "plain", broker.port) as port:
            rates = _rate(broker.port), _rate(port)
            delays = [_delays(broker.port), _delays(port)]
        with _proxy(tmp_path / "late", broker.port, late) as port:
            delays.append(_delays(port))
    print(f"\n{BYTES} B at quality 1: {rates[0]:.0f} messages/s direct, {rates[1]:.0f} through the proxy")
    for name, found in zip(("direct", "through the proxy", "20 ms each way"), delays, strict=True):
        cuts = statistics.quantiles(found, n=100)
        print(f"{name:18} publish to PUBACK: p50 {cuts[49]:6.2f} ms, p99 {cuts[98]:6.2f} ms")
    assert min(delays[2]) >= 40
