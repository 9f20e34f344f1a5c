"""What one bus makes of a serial line: the share of the wire's time, and what a dead and a slow slave cost others.

``PYTHONPATH=tests python -m bench.bench_bus`` prints both as tables. The line is :mod:`bench.bus_line`, in a process of
its own, paced by the baud rate; answers are of 40 registers, as 20 values of 32 bits take.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.bus_line import SLOW
from stillcold_agent import loop
from stillcold_agent.config import Bus as Settings
from stillcold_agent.config import RtuBus, RtuOverTcpBus
from stillcold_agent.counts import Counts
from stillcold_agent.meters import Meter
from stillcold_agent.modbus.bus import Bus
from stillcold_agent.modbus.poller import Poller
from stillcold_core.profiles import Profile, load_profile_file
from stillcold_core.readings import Sample
from support.meters import meter

LINE = Path(__file__).with_name("bus_line.py")
REGISTERS, METERS = 40, 50
SATURATED = 10.0  # s of each measurement of the wire's limit
LASTS = 30.0  # s of each measurement of lateness
TIMEOUT = 0.3  # s
_FAST = 115_200  # baud: 50 meters fit into a second
_HEAD = 'model = "bench"\ntitle = "20 values of 32 bits"\nkind = "meter"\nsource = "bus_line.py"\nfunction = 3\n'
_QUANTITIES = [f"{q}_{p}" for q in ("voltage", "current", "current_thd", "voltage_thd") for p in ("l1", "l2", "l3")] + [
    f"current_h{n}_{p}" for n in (5, 7) for p in ("l1", "l2", "l3")
]


@contextlib.contextmanager
def line(kind: str, baud_rate: int) -> Iterator[str]:
    """A line in a process of its own; its device or port."""
    process = subprocess.Popen(
        [sys.executable, str(LINE), kind, str(baud_rate)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(10)


def profile(folder: Path) -> Profile:
    """Twenty numbers in one request."""
    names = [*_QUANTITIES, "active_power", "frequency"]
    text = "".join(
        f'[[register]]\nquantity = "{q}"\naddress = {2 * i}\ntype = "float32"\nunit = "{_unit(q)}"\nresolution = 0.1\n'
        'source = "bench"\n'
        for i, q in enumerate(names)
    )
    file = folder / "bench.toml"
    file.write_text(_HEAD + text)
    return load_profile_file(file)


def _unit(quantity: str) -> str:
    head = quantity.partition("_l")[0]
    return {"voltage": "V", "current": "A", "active_power": "W", "frequency": "Hz"}.get(head, "%")


def limit(baud_rate: int) -> float:
    """Requests a second that the wire allows: request, silence, answer, silence; characters of 10 bits."""
    silence = max(3.5 * 11 / baud_rate, 0.00175)
    return 1 / (10 * (8 + 5 + 2 * REGISTERS) / baud_rate + 2 * silence)


async def saturate(settings: Settings, meters: Sequence[Meter]) -> float:
    """Requests a second, read one after the other."""
    bus, done = Bus(settings, meters), 0
    await bus.read(meters[0])
    begun = time.perf_counter()
    while time.perf_counter() - begun < SATURATED:
        sample = await bus.read(meters[done % len(meters)])
        assert sample.number("active_power") is not None, sample.values
        done += 1
    spent = time.perf_counter() - begun
    bus.close()
    return done / spent


async def poll(settings: Settings, meters: Sequence[Meter]) -> tuple[list[Sample], Bus, Counts]:
    """What the meters showed while they were polled once a second."""
    samples: list[Sample] = []
    bus, counts = Bus(settings, meters), Counts()
    work = asyncio.create_task(Poller(bus, meters, samples.append, counts).run())
    await asyncio.sleep(LASTS)
    work.cancel()
    await asyncio.wait([work])
    return samples, bus, counts


def lateness_of(samples: Sequence[Sample], points: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """s from a slot's begin to the reading's request; of a slot that was missed, to the next reading's."""
    late = []
    for point in points:
        times = [s.time for s in samples if s.point == point]
        read = {int(t): t - int(t) for t in reversed(times)}
        first, last = int(times[0]) + 1, int(times[-1])
        ahead = 0.0
        for slot in range(last, first - 1, -1):
            ahead = read.get(slot, ahead + 1.0)
            late.append(ahead)
    return np.array(late)


def saturation(folder: Path) -> None:
    """Print the share of the wire's limit that is reached."""
    print("| baud rate | limit, requests/s | reached | share |\n|---|---|---|---|")
    for baud_rate in (9600, 38_400):
        with line("pty", baud_rate) as device:
            meters = [meter(profile(folder), unit) for unit in range(1, 41)]
            reached = loop.run(saturate(RtuBus("b", device, baud_rate, timeout=TIMEOUT), meters))
        most = limit(baud_rate)
        print(f"| {baud_rate} | {most:.1f} | {reached:.1f} | {reached / most:.1%} |", flush=True)


def neighbours(folder: Path) -> None:
    """Print how late 48 meters are read beside a slow and a dead one."""
    print(f"\nunit 49 answers after {SLOW:g} s, unit 50 never; timeout {TIMEOUT + SLOW:g} s; {LASTS:g} s each\n")
    print("| on the bus | lateness of the 48: p50, ms | p99 | max | missed slots | slow one read | dead one asked |")
    print("|---|---|---|---|---|---|---|")
    cases = {"48 meters": 48, "and a slow one": 49, "and a dead one": 50}
    for name, count in cases.items():
        units = [*range(1, 49), *range(49, count + 1)]
        with line("tcp", _FAST) as port:
            meters = [meter(profile(folder), unit) for unit in units]
            settings = RtuOverTcpBus("b", "127.0.0.1", int(port), _FAST, TIMEOUT + SLOW)
            samples, bus, _ = loop.run(poll(settings, meters))
        late = 1000 * lateness_of(samples, [f"p{u}" for u in range(1, 49)])
        slow = sum(s.point == "p49" for s in samples)
        print(
            f"| {name} | {np.median(late):.0f} | {np.percentile(late, 99):.0f} | {late.max():.0f} "
            f"| {np.count_nonzero(late >= 1000)} of {late.size} | {slow} | {bus.stats.timeouts} |",
            flush=True,
        )


def main() -> None:
    """Both, at a high priority where that is allowed: other programs' work is not what is measured."""
    with contextlib.suppress(PermissionError):
        os.nice(-15)
    with tempfile.TemporaryDirectory() as folder:
        saturation(Path(folder))
        neighbours(Path(folder))


if __name__ == "__main__":
    main()
