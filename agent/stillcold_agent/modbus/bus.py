"""The one owner of a serial line or socket: asks its meters in order, and keeps the connection."""

import asyncio
import logging
import time
from collections.abc import Sequence

from stillcold_agent.boot import Moment, now
from stillcold_agent.config import Bus as Settings
from stillcold_agent.config import RtuBus
from stillcold_agent.meters import Answer, Meter
from stillcold_agent.modbus.breaker import Breaker
from stillcold_agent.modbus.client import Client
from stillcold_agent.modbus.stats import BusStats
from stillcold_core.profiles import Read
from stillcold_core.readings import Absence, Sample

log = logging.getLogger(__name__)
_UNANSWERED = (Absence.TIMEOUT, Absence.BAD_REPLY)
_LONGEST_WAIT = 30.0  # s between attempts to connect


class Bus:
    """One bus.

    Parameters
    ----------
    settings : Bus
        Where it leads.
    meters : sequence of Meter
        All meters on it.

    Attributes
    ----------
    stats : BusStats
        What it has done so far.
    """

    def __init__(self, settings: Settings, meters: Sequence[Meter]) -> None:
        self._settings, self._client = settings, Client(settings)
        self.stats = BusStats(settings.id)
        serial = isinstance(settings, RtuBus)
        self._breakers = {m.unit: Breaker(settings.timeout if serial else 0.0) for m in meters}
        self._gap = _frame_gap(settings.baud_rate) if isinstance(settings, RtuBus) else 0.0
        self._silent, self._was_connected = 0, False
        self._connect_after, self._wait = 0.0, 1.0
        self._said: dict[int, Absence | None] = {}

    async def read(self, meter: Meter) -> Sample:
        """One reading of a meter, which always comes: what could not be read is absent with its cause."""
        return meter.sample(*await self.ask(meter))

    async def ask(self, meter: Meter) -> tuple[Moment, list[Answer]]:
        """The moment of a reading, and an answer to each of its requests."""
        await self._connect_if_due()
        moment = now()
        answers = await self._ask(meter)
        self._say(meter, answers)
        return moment, answers

    def close(self) -> None:
        """Give the connection up."""
        self._client.close()

    async def _ask(self, meter: Meter) -> list[Answer]:
        if not self._client.connected:
            return [Absence.DISCONNECTED] * len(meter.reads)
        breaker = self._breakers[meter.unit]
        if not breaker.allows(now().monotonic):
            return [Absence.BREAKER_OPEN] * len(meter.reads)
        answers: list[Answer] = []
        for read in meter.reads:
            answers.append(await self._ask_once(meter.unit, read))
            if answers[-1] in _UNANSWERED or answers[-1] is Absence.DISCONNECTED:
                break
        # The rest is not asked: a meter that is silent costs the others one timeout, not one a request.
        answers += [answers[-1]] * (len(meter.reads) - len(answers))
        self._judge(breaker, answers[-1])
        self.stats.breakers_open = sum(b.is_open for b in self._breakers.values())
        return answers

    async def _ask_once(self, unit: int, read: Read) -> Answer:
        if self._gap:
            await asyncio.sleep(self._gap)
        began = time.monotonic()
        answer = await self._client.read(unit, read.function, read.address, read.count)
        self.stats.count(answer if isinstance(answer, Absence) else None, time.monotonic() - began)
        return answer

    def _judge(self, breaker: Breaker, last: Answer) -> None:
        if last is Absence.DISCONNECTED:
            return
        if last not in _UNANSWERED:
            self._silent = 0
            breaker.succeeded()
            return
        breaker.failed(now().monotonic)
        self._silent += 1
        if self._silent > len(self._breakers) + 2:
            # Not one meter has answered for more than a round: the far end may have restarted without telling us.
            log.warning("bus %s: no meter answers, connecting anew", self._settings.id)
            self._client.close()

    async def _connect_if_due(self) -> None:
        if self._client.connected or now().monotonic < self._connect_after:
            return
        if await self._client.connect():
            log.info("bus %s: connected", self._settings.id)
            self.stats.reconnects += self._was_connected
            self._was_connected = True
            self._silent, self._wait, self._connect_after = 0, 1.0, 0.0
            for breaker in self._breakers.values():
                breaker.ask_soon(now().monotonic)
            return
        log.warning("bus %s: cannot connect, next attempt in %.0f s", self._settings.id, self._wait)
        self._connect_after = now().monotonic + self._wait
        self._wait = min(2 * self._wait, _LONGEST_WAIT)

    def _say(self, meter: Meter, answers: Sequence[Answer]) -> None:
        """Log when a meter begins or ceases to answer, once each."""
        cause = next((a for a in answers if isinstance(a, Absence)), None)
        if cause is Absence.BREAKER_OPEN or (meter.unit in self._said and cause is self._said[meter.unit]):
            return
        self._said[meter.unit] = cause
        if cause is None:
            log.info("bus %s unit %d (%s): answers", self._settings.id, meter.unit, meter.point)
        else:
            log.warning("bus %s unit %d (%s): %s", self._settings.id, meter.unit, meter.point, cause)


def _frame_gap(baud_rate: int) -> float:
    """Seconds of silence before a frame: 3.5 characters, 1.75 ms at least (Modbus over Serial Line V1.02, 2.5.1.1)."""
    return max(3.5 * 11 / baud_rate, 0.00175)
