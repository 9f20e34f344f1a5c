"""Days of quiet meters in simulated time: through the agent's rules, its batches and its journal, and out again."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stillcold_agent.batcher import Batcher, Collected
from stillcold_agent.config import Batch, Config, Device, Mqtt, TcpBus
from stillcold_agent.counts import Counts
from stillcold_agent.edge import Watch
from stillcold_agent.journal.entries import Bounds
from stillcold_agent.journal.sealing import Sealer
from stillcold_agent.journal.store import Journal
from stillcold_agent.meters import Meter, meters_of
from stillcold_agent.thinning import Thinner
from stillcold_agent.uplink.uplink import Uplink
from stillcold_core.evidence.keys import Ed25519PrivateKey
from stillcold_core.profiles import load_profile
from stillcold_core.readings import Sample, Value
from support.acker import Acker
from support.mosquitto import Mosquitto
from support.waiting import wait_for

GATEWAY, METERS, VALUES = "gw-1", 4, 20
START = 1_800_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """A journal that is full of quiet days, and the key that signed them."""

    journal: Journal
    key: Ed25519PrivateKey


def meters() -> list[Meter]:
    """Four on sealed lines before the cut, so that they show the grid's noise; 20 values each."""
    model = "eastron-sdm630"
    only = tuple(r.quantity for r in load_profile(model).register)[:VALUES]
    assert len(only) == VALUES
    devices = tuple(
        Device("b", i + 1, model, f"kc-017-p{i + 1}", sealed=True, rated_power=750e3, power_cut=False, only=only)
        for i in range(METERS)
    )
    return meters_of(Config(GATEWAY, bus=(TcpBus("b", "h"),), device=devices))


def quiet_days(path: Path, seconds: int) -> Line:
    """Read so long, and write what the agent would."""
    key, journal, read = Ed25519PrivateKey.generate(), Journal(path, Bounds(10**9), Counts()), meters()
    sealer, batcher = Sealer(GATEWAY, key, {m.point: m for m in read}), Batcher(Batch())
    each = [(m, Watch(m), Thinner(m.quiet, m.interval) if m.quiet else None, _grid(m, i)) for i, m in enumerate(read)]

    def keep(collected: Collected | None) -> None:
        if collected:
            journal.append([sealer.entry(collected)])

    for second in range(seconds):
        for meter, watch, thinner, grid in each:
            sample = Sample(meter.point, START + second, next(grid), float(second))
            verdict = watch.judge(sample)
            kept = thinner.take(sample, verdict) if thinner else [sample]
            keep(batcher.add(kept, verdict, float(second)))
        keep(batcher.due(float(second)))
    keep(batcher.close("stop"))
    return Line(journal, key)


def drain(line: Line, folder: Path) -> float:
    """Send all of it through a real broker to somebody who acknowledges it; s."""
    with Mosquitto(folder / "mosquitto") as broker, Acker(broker.port, GATEWAY, line.key.public_key()):
        began, failed = time.monotonic(), list[BaseException]()
        uplink = Uplink(Mqtt(port=broker.port), GATEWAY, line.journal, on_failure=failed.append, counts=Counts())
        uplink.start()
        try:
            wait_for(lambda: failed or not line.journal.count_pending(), seconds=900, what="an empty journal")
        finally:
            uplink.stop(0.0)
        assert not failed
        return time.monotonic() - began


def _grid(meter: Meter, seed: int) -> Iterator[dict[str, Value]]:
    """What a meter before the cut shows of a dead line: voltages and frequency that wander, and next to no current."""
    chance, drift, hertz = random.Random(seed), [0.0, 0.0, 0.0], 0.0
    while True:
        drift = [0.98 * d + chance.gauss(0, 0.15) for d in drift]
        hertz = 0.97 * hertz + chance.gauss(0, 0.004)
        values: dict[str, Value] = {}
        for name, exponent in meter.exponents.items():
            phase = "123".find(name[-1])
            if name.startswith("voltage"):
                x = 230.0 + drift[phase]
            elif name == "frequency":
                x = 50.0 + hertz
            elif name.startswith("active_energy"):
                x = 123_456_780.0
            elif name.startswith("power_factor"):
                x = 1.0
            else:
                x = max(0.0, chance.gauss(0, 0.4)) * 10.0**exponent
            values[name] = round(x, -exponent) if exponent < 0 else float(round(x / 10**exponent) * 10**exponent)
        yield values
