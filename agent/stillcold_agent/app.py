"""The agent put together: register → bus → edge rule → batch → journal → broker."""

import asyncio
import fcntl
import functools
import gc
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from stillcold_agent import loop
from stillcold_agent.batcher import Batcher, Collected
from stillcold_agent.boot import now
from stillcold_agent.clock import Clock
from stillcold_agent.config import Config, listen_address
from stillcold_agent.counts import Counts
from stillcold_agent.edge import Verdict, Watch
from stillcold_agent.identity import load_or_make_key
from stillcold_agent.journal.entries import Bounds
from stillcold_agent.journal.keeper import Keeper
from stillcold_agent.journal.sealing import Sealer
from stillcold_agent.journal.store import JOURNAL_FILE, Journal
from stillcold_agent.local.outputs import Outputs
from stillcold_agent.meters import Meter, meters_of
from stillcold_agent.modbus.bus import Bus
from stillcold_agent.modbus.poller import Poller
from stillcold_agent.observe.http import Listener
from stillcold_agent.observe.live import Live
from stillcold_agent.observe.pages import pages
from stillcold_agent.observe.progress import Progress
from stillcold_agent.observe.snapshot import Observer
from stillcold_agent.observe.status import Reporter
from stillcold_agent.observe.systemd import Systemd
from stillcold_agent.observe.window import Window
from stillcold_agent.thinning import Thinner
from stillcold_agent.uplink.uplink import Uplink
from stillcold_core.evidence.keys import format_public_key
from stillcold_core.files import BadFile
from stillcold_core.readings import Sample

log = logging.getLogger(__name__)
_LOOK = 1.0
"""s between looks at the wall clock, at whole seconds: most meters are read then, and to wake a core that sleeps costs
more than to look."""
_DRAIN = 5.0  # s that the server gets to acknowledge what is left


class Agent:
    """One gateway at work.

    Parameters
    ----------
    config : Config
        Checked.
    counts : Counts
        Of everything in it.

    Raises
    ------
    BadFile
        When the key, the journal or a certificate cannot be used.
    """

    def __init__(self, config: Config, counts: Counts) -> None:
        data_dir = Path(config.data_dir)
        self._counts = counts
        self._failure: asyncio.Future[None] | None = None
        meters = {m.point: m for m in meters_of(config)}
        self._watches = {point: Watch(meter) for point, meter in meters.items()}
        self._thinners = {point: Thinner(m.quiet, m.interval) for point, m in meters.items() if m.quiet}
        self._batcher = Batcher(config.batch)
        key = load_or_make_key(data_dir)
        sealer, signer = Sealer(config.gateway, key, meters), format_public_key(key.public_key())
        self._journal = Journal(data_dir / JOURNAL_FILE, _bounds(config), self._counts, signer)
        self._clock = Clock(self._journal.newest(), config.batch.clock_wait, counts)
        self._uplink = Uplink(
            config.mqtt,
            config.gateway,
            self._journal,
            on_failure=self._fail_from_thread,
            counts=self._counts,
            heartbeat=config.batch.quiet,
        )
        self._keeper = Keeper(
            sealer,
            self._journal,
            on_kept=self._uplink.offer,
            on_failure=self._fail_from_thread,
            counts=self._counts,
        )
        self._pollers = _pollers(config, list(meters.values()), self._take, self._counts)
        self._progress = Progress(config.bus, meters.values(), now().monotonic)
        buses = [p.stats for p in self._pollers]
        self._observer = Observer(self._counts, self._progress, buses, self._journal, self._uplink.stats)
        self._reporter = Reporter(self._observer, self._uplink.report, config.observe.status_interval)
        self._live = Live(config.gateway, meters.values(), buses, now().time)
        self._window = Window(data_dir, self._live, self._observer)
        self._outputs = Outputs(config.local, config.gateway, meters.values(), self._journal.count_pending, counts)
        self._systemd = Systemd(os.environ, self._counts)
        self._listeners = _listeners(config, self._observer, self._counts)
        self._renewals = _renewals(config, counts)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set: sinks start before sources, and stop after them.

        Raises
        ------
        Exception
            Whatever ended one of the parts; the others are stopped in order first.
        """
        self._failure = asyncio.get_running_loop().create_future()
        _spare_collector()
        self._uplink.start()
        self._keeper.start()
        shown = [self._window.run(), self._reporter.run(), *(one.run() for one in self._listeners)]
        sources = [*(p.run() for p in self._pollers), *shown, *(one.run() for one in self._renewals)]
        work = [*sources, *self._outputs.work(), self._close_when_due(), self._watch_clock(), _until(stop)]
        tasks: list[asyncio.Future[None]] = [asyncio.ensure_future(w) for w in work]
        feeding = asyncio.ensure_future(self._systemd.feed(self._progress))  # may end at once
        self._systemd.say("READY=1")
        try:
            done, _ = await asyncio.wait({self._failure, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._systemd.say("STOPPING=1")
            await self._stop([feeding, *tasks])

    async def _stop(self, tasks: list[asyncio.Future[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._record_rest()
        self._hand_over(self._batcher.close("stop"))
        await asyncio.to_thread(self._keeper.stop)
        await asyncio.to_thread(self._uplink.stop, _DRAIN)
        self._journal.close()
        log.info("stopped; counted: %s", self._counts.totals() or "nothing")

    def _take(self, sample: Sample) -> None:
        monotonic = now().monotonic
        verdict = self._watches[sample.point].judge(sample)
        self._progress.take(sample, monotonic, answered=verdict.answered)
        self._live.take(sample)
        self._outputs.take(sample, verdict)
        self._hand_over(self._batcher.add(self._kept(sample, verdict), verdict, monotonic))

    def _kept(self, sample: Sample, verdict: Verdict) -> Sequence[Sample]:
        thinner = self._thinners.get(sample.point)
        return thinner.take(sample, verdict) if thinner else [sample]

    def _record_rest(self) -> None:
        for thinner in self._thinners.values():
            self._hand_over(self._batcher.add(thinner.rest(), Verdict(), now().monotonic))

    async def _close_when_due(self) -> None:
        while True:
            held = self._clock.holds(now().monotonic)
            await asyncio.sleep(max(self._batcher.wait(now().monotonic), _LOOK if held else 0.0))
            self._hand_over(self._batcher.due(now().monotonic, held=self._clock.holds(now().monotonic)))

    async def _watch_clock(self) -> None:
        while True:
            await loop.sleep(_LOOK - now().time % _LOOK)
            if self._clock.look():
                self._hand_over(self._batcher.close("clock"))

    def _hand_over(self, collected: Collected | None) -> None:
        if collected is not None:
            self._keeper.put(self._clock.settled(collected))

    def _fail_from_thread(self, error: BaseException) -> None:
        failure = self._failure
        if failure is not None:
            failure.get_loop().call_soon_threadsafe(functools.partial(_set_failure, failure, error))


def _spare_collector() -> None:
    """Keep the collector from looking through what was imported: that took 20 ms each time, and all threads wait."""
    gc.collect()
    gc.freeze()


class _Runs(Protocol):
    async def run(self) -> None: ...


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


def _set_failure(failure: asyncio.Future[None], error: BaseException) -> None:
    if not failure.done():
        failure.set_exception(error)


def _bounds(config: Config) -> Bounds:
    journal = config.journal
    return Bounds(journal.max_megabytes * 1_000_000, journal.keep_days, journal.max_days)


def _pollers(config: Config, meters: list[Meter], take: Callable[[Sample], None], counts: Counts) -> list[Poller]:
    pollers = []
    for settings in config.bus:
        mine = [m for m in meters if m.bus == settings.id]
        if mine:
            pollers.append(Poller(Bus(settings, mine), mine, take, counts))
    return pollers


def _renewals(config: Config, counts: Counts) -> list[_Runs]:
    if not config.enrolment.url:
        return []
    from stillcold_agent.enrolment.renewal import Renewal  # noqa: PLC0415  # reading certificates takes 2 MB

    return [Renewal(config, counts)]


def _listeners(config: Config, observer: Observer, counts: Counts) -> list[Listener]:
    if not config.observe.listen:
        return []
    return [Listener(*listen_address(config.observe.listen), pages(observer), counts)]


@contextmanager
def sole_use(data_dir: Path) -> Iterator[None]:
    """The folder, made if needed, for one agent only: two would publish under one name.

    Raises
    ------
    BadFile
        When another agent runs in it, or it cannot be made.
    """
    make_data_dir(data_dir)
    descriptor = os.open(data_dir, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BadFile(data_dir, "another agent runs in it; expected one folder for each") from error
    finally:
        os.close(descriptor)


def make_data_dir(data_dir: Path) -> None:
    """Make the folder, for its owner only, if there is none.

    Raises
    ------
    BadFile
        When it cannot be made or written to.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadFile(data_dir, f"cannot be made ({error.strerror}); expected a folder to write to") from error
    if not os.access(data_dir, os.W_OK | os.X_OK):
        raise BadFile(data_dir, "cannot be written to; expected a folder of the user that runs the agent")
