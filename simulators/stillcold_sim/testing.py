"""pytest fixtures for whoever writes a Modbus master: real meters on real sockets, and what goes wrong with them.

Put ``pytest_plugins = ["stillcold_sim.testing"]`` into ``conftest.py``; ``docs/testing-your-master.md`` shows the rest.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import pytest
import tomli_w

from stillcold_core.profiles import decode, encode, load_profile
from stillcold_core.readings import Value
from stillcold_sim.loads.steady import Steady
from stillcold_sim.meter import Refused, SimMeter
from stillcold_sim.plant import Happening
from stillcold_sim.scenario import Event, Fault, Scenario, find_scenario, load_scenario
from stillcold_sim.scenario.check import missing_quantities
from stillcold_sim.scenario.evasion import AnyEvasion
from stillcold_sim.scenario.model import Meter
from stillcold_sim.serve import Served, serving

T = TypeVar("T")
_PATIENCE = 10.0  # s that the plant's thread may take for anything
_STANDING = 1e-6  # simulated s in a real one until the clock is held
_NAME = "test"  # of every scenario that is given as text


class RunningPlant:
    """A plant that runs in a thread of its own until it is closed; made by the fixtures.

    Its time stands still, so that two reads show the same, until :meth:`skip` moves it on; with a ``speed`` it runs.
    """

    def __init__(self, scenario: Scenario, *, speed: float | None, seed: int | None) -> None:
        self._scenario, self._speed, self._seed = scenario, speed, seed
        self._begun: Future[tuple[asyncio.AbstractEventLoop, Served, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="modbus-plant", daemon=True)
        self._thread.start()
        self._loop, self._served, self._over = self._begun.result(_PATIENCE)

    def close(self) -> None:
        """Close its ports."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(_PATIENCE)

    def address(self, port: str | None = None) -> tuple[str, int]:
        """Host and number of a TCP port; of the first port by default."""
        return self._served.tcp(port or self._scenario.file.port[0].id)

    def device(self, port: str | None = None) -> str:
        """Path of a serial port; of the first port by default."""
        return self._served.pty(port or self._scenario.file.port[0].id)

    def values(self, meter: str | None = None) -> dict[str, Value]:
        """What a master must read now, by quantity in SI units, as far as the registers resolve it.

        It is what the registers hold before any fault spoils them.
        """
        return self._do(self._values(self._meter(meter)))

    def registers(self, function: int, address: int, count: int, meter: str | None = None) -> list[int]:
        """What a read must return now: register words, or bits.

        Raises
        ------
        ValueError
            When the meter refuses such a read.
        """
        found = self._do(self._read(self._meter(meter), function, address, count))
        if isinstance(found, Refused):
            raise ValueError(f"the meter answers exception {found.value}")
        return found

    def skip(self, seconds: float) -> None:
        """Move simulated time on by so much at once."""
        self._do(self._skip(seconds))

    @contextmanager
    def fault(self, what: str, *, meter: str | None = None, port: str | None = None, **fields: Any) -> Iterator[None]:
        """Something goes wrong for as long as the block lasts.

        Parameters
        ----------
        what : str
            A kind of fault in ``docs/scenarios.md``.
        meter, port : str, optional
            What it happens to; the first meter by default.
        **fields
            The fault's other keys, as in a scenario.
        """
        target = {"port": port} if port else {"meter": self._meter(meter).plan.spec.id}
        with self._going_on(Fault, {"what": what, **target, **fields}):
            yield

    @contextmanager
    def event(self, what: str, *, meter: str | None = None, **fields: Any) -> Iterator[None]:
        """``run``, ``stop``, ``cut``, ``energise`` or another event of ``docs/scenarios.md`` while the block lasts."""
        with self._going_on(Event, {"what": what, "meter": self._meter(meter).plan.spec.id, **fields}):
            yield

    @contextmanager
    def evasion(self, what: str, *, meter: str | None = None, **fields: Any) -> Iterator[None]:
        """``ct_bypass``, ``rollback`` or another evasion of ``docs/scenarios.md`` while the block lasts."""
        with self._going_on(AnyEvasion, {"what": what, "meter": self._meter(meter).plan.spec.id, **fields}):
            yield

    @contextmanager
    def showing(self, values: Mapping[str, float], *, meter: str | None = None) -> Iterator[None]:
        """The meter shows these values, whatever its load does, while the block lasts."""
        with self.event("set", meter=meter, values=dict(values)):
            yield

    @contextmanager
    def _going_on(self, kind: Any, fields: Mapping[str, Any]) -> Iterator[None]:
        name = self._do(self._begin(kind, fields))
        try:
            yield
        finally:
            self._do(self._end(name))

    def _meter(self, name: str | None) -> SimMeter:
        meters = self._served.plant.meters
        return meters[name] if name else next(iter(meters.values()))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    # In the plant's thread.

    async def _run(self) -> None:
        over = asyncio.Event()
        try:
            async with serving(self._scenario, speed=self._speed or _STANDING, seed=self._seed) as served:
                if self._speed is None:
                    served.clock.pause()
                self._begun.set_result((asyncio.get_running_loop(), served, over))
                await over.wait()
        except BaseException as error:  # the test's thread waits for it
            if self._begun.done():
                raise
            self._begun.set_exception(error)

    async def _values(self, meter: SimMeter) -> dict[str, Value]:
        await self._skip(0)
        spec, profile, shown = meter.plan.spec, meter.plan.profile, meter.values or {}
        return {
            r.quantity: decode(profile, r, encode(profile, r, shown[r.quantity], spec.ratios), spec.ratios)
            for r in profile.register
            if r.quantity in shown
        }

    async def _read(self, meter: SimMeter, function: int, address: int, count: int) -> list[int] | Refused:
        await self._skip(0)
        return meter.read(function, address, count)

    async def _skip(self, seconds: float) -> None:
        clock = self._served.clock
        if seconds:
            clock.skip(seconds)
        await self._served.reached(clock.now())

    async def _begin(self, kind: Any, fields: Mapping[str, Any]) -> str:
        await self._skip(0)
        window: Happening = msgspec.convert({"at": self._served.clock.now(), **fields}, kind)
        name = self._served.plant.begin(window)
        await self._skip(self._scenario.file.step)  # the next state of the meters is the first that shows it
        return name

    async def _end(self, name: str) -> None:
        self._served.plant.end(name, self._served.clock.now())
        await self._skip(self._scenario.file.step)


class PlantMaker(Protocol):
    """What ``modbus_plant`` is."""

    def __call__(self, scenario: str | Path, *, speed: float | None = None, seed: int | None = None) -> RunningPlant:
        """Start a scenario: a file, the name of a shipped one, or the text of one that is named test."""


class MeterMaker(Protocol):
    """What ``modbus_meter`` is."""

    def __call__(
        self,
        profile: str = "eastron-sdm630",
        *,
        unit: int = 1,
        kind: str = "tcp",
        power: float = 40e3,
        values: Mapping[str, float] | None = None,
    ) -> RunningPlant:
        """Start one meter of a profile.

        Parameters
        ----------
        profile : str
            Model, or a file.
        unit : int
            Its address.
        kind : str
            Of the port: ``tcp``, ``rtu`` (a pseudo-terminal) or ``rtu_over_tcp``.
        power : float
            W that its load takes, three-phase and steady.
        values : mapping of str to float, optional
            What it shows instead, by quantity.
        """


@pytest.fixture
def modbus_plant(tmp_path: Path) -> Iterator[PlantMaker]:
    """Start plants that end with the test."""
    with ExitStack() as stack:

        def start(scenario: str | Path, *, speed: float | None = None, seed: int | None = None) -> RunningPlant:
            path = _path(scenario, tmp_path)
            plant = RunningPlant(load_scenario(path), speed=speed, seed=seed)
            stack.callback(plant.close)
            return plant

        yield start


@pytest.fixture
def modbus_meter(modbus_plant: PlantMaker) -> MeterMaker:
    """Start single meters that end with the test."""

    def start(
        profile: str = "eastron-sdm630",
        *,
        unit: int = 1,
        kind: str = "tcp",
        power: float = 40e3,
        values: Mapping[str, float] | None = None,
    ) -> RunningPlant:
        return modbus_plant(tomli_w.dumps(_one_meter(profile, unit, kind, power, values or {})))

    return start


def _path(scenario: str | Path, folder: Path) -> Path:
    if isinstance(scenario, Path):
        return scenario
    if "\n" not in scenario:
        return find_scenario(scenario)
    path = folder / f"{_NAME}.toml"
    path.write_text(scenario, encoding="utf-8")
    return path


def _one_meter(profile: str, unit: int, kind: str, power: float, values: Mapping[str, float]) -> dict[str, Any]:
    """A scenario file's content."""
    spec = Meter(id="meter", profile=profile, port="bus", unit=unit, point="point", energy=12_345_670)
    found = load_profile(profile)
    if "active_power" in found.by_quantity:
        spec = msgspec.structs.replace(spec, load=Steady(power=power, noise=0))
    spec = msgspec.structs.replace(spec, values=dict.fromkeys(missing_quantities(spec, found), 0.0))
    content = {"name": _NAME, "port": [{"id": "bus", "kind": kind}], "meter": [_plain(spec)]}
    return (
        content | {"event": [{"at": 0, "meter": "meter", "what": "set", "values": dict(values)}]} if values else content
    )


def _plain(spec: Meter) -> dict[str, Any]:
    """A meter as a file has it: what TOML cannot say is what is not there."""
    return {key: value for key, value in msgspec.to_builtins(spec).items() if value is not None}
