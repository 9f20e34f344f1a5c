"""From a register's change to the alert's row and to the delivered webhook: 50 meters at 1 Hz on one agent.

The baseline in the same run is what no system of this kind can be faster than: the dwell of the rule.
"""

import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from stillcold_core.detect.deadpoint import RestartRules
from stillcold_core.registry import Line, Point, Registry, Site, save_registry
from support import Mosquitto, WebhookReceiver, wait_for
from support.house import House

METERS = 50
PORTS = 5
FIRST = 30.0  # s
EVERY = 1.3  # s between two restarts
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def house(tmp_path: Path, mosquitto_tls: Mosquitto, webhook: WebhookReceiver) -> Iterator[House]:
    sealed = datetime.fromisoformat("2026-01-01T00:00:00Z")
    ids = [f"f{i:02}" for i in range(METERS)]
    save_registry(
        Registry(
            site=(Site("s", "五十条线"),),
            line=tuple(Line(i, "s", i, "sealed", 750e3, sealed_at=sealed, measures=("sealed",)) for i in ids),
            point=tuple(Point(f"{i}-p", i, "feeder") for i in ids),
        ),
        tmp_path / "fifty.toml",
    )
    (tmp_path / "bench.toml").write_text(_scenario(ids))
    with House(tmp_path, str(tmp_path / "bench.toml"), broker=mosquitto_tls, hook=webhook.url) as house:
        yield house


def _scenario(ids: list[str]) -> str:
    parts = ['name = "bench"\nregistry = "fifty.toml"\n', *(f'[[port]]\nid = "bus{i}"\n' for i in range(PORTS))]
    for i, name in enumerate(ids):
        parts.append(
            f'[[meter]]\nid = "{name}"\nprofile = "eastron-sdm630"\nport = "bus{i % PORTS}"\n'
            f'unit = {1 + i // PORTS}\npoint = "{name}-p"\nload = {{ kind = "furnace", power = 700e3, ramp = 2 }}\n'
            f"running = false\nct_noise = 0.4\nenergy = 31_904_120\n"
            f'[[event]]\nat = {FIRST + i * EVERY}\nmeter = "{name}"\nwhat = "run"\n'
        )
    return "\n".join(parts)


class Usage:
    """CPU seconds and resident memory of a process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._from, self._cpu = time.monotonic(), self._seconds()

    def _seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def report(self, name: str) -> None:
        share = (self._seconds() - self._cpu) / (time.monotonic() - self._from)
        resident = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE / 1e6
        print(f"{name}: CPU {100 * share:.1f} % of one core, RSS {resident:.0f} MB")


def _show(name: str, delays: list[float]) -> None:
    p50, p99 = np.percentile(delays, [50, 99])
    dwell = RestartRules().on_delay
    print(
        f"{name}: p50 {p50:.2f} s, p99 {p99:.2f} s; {p50 / dwell:.2f} and {p99 / dwell:.2f} dwells ({len(delays)} runs)"
    )


def test_latency(house: House, webhook: WebhookReceiver) -> None:
    """Print the figures."""
    house.start_server()
    house.start_meters()
    wait_for(lambda: time.time() > house.started + 10)
    usage = {"agent": Usage(house.agents[0].pid), "server": Usage(house.server.pid)}
    wait_for(lambda: time.time() > house.started + FIRST - 1, seconds=60)
    for name, used in usage.items():
        used.report(f"{name}, 50 dead lines")
    end = FIRST + METERS * EVERY + 15
    wait_for(lambda: time.time() > house.started + end, seconds=end + 30)
    for name, used in usage.items():
        used.report(f"{name}, whole run")
    began = {f"f{i:02}": house.started + FIRST + i * EVERY for i in range(METERS)}
    alerts = [a for a in house.console.alerts() if a["kind"] == "restart.power"]
    assert len(alerts) == METERS
    print(f"baseline: dwell {RestartRules().on_delay} s")
    _show("register to alert", [datetime.fromisoformat(a["raised_at"]).timestamp() - began[a["line"]] for a in alerts])
    first = {r.json["line"]: r.at for r in reversed(webhook.requests)}
    _show("register to webhook", [first[line] - began[line] for line in first])
