"""The one owner of a serial line or socket: asks its meters in order, and keeps the connection."""

import logging
import time
from collections.abc import Sequence

from stillcold_agent.boot import Moment, now
from stillcold_agent.config import Bus as Settings
from stillcold_agent.config import speaks_rtu
from stillcold_agent.meters import Answer, Meter
from stillcold_agent.modbus.breaker import Breaker
from stillcold_agent.modbus.connection import Connection
from stillcold_agent.modbus.frames import Question, question
from stillcold_agent.modbus.lines import line_of
from stillcold_agent.modbus.stats import BusStats
from stillcold_core.readings import Absence, Sample

log = logging.getLogger(__name__)
_UNANSWERED = (Absence.TIMEOUT, Absence.BAD_REPLY)
GIVEN_UP = frozenset((*_UNANSWERED, Absence.DISCONNECTED, Absence.BREAKER_OPEN))
"""Absences of a meter that did not answer."""
_PROBES = 4.0
"""s that probes pause for each second that one cost in vain, while other meters answer: a fifth of the time at most."""


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
        self._settings, self._line = settings, line_of(settings)
        self._connection: Connection | None = None
        self.stats = BusStats(settings.id)
        # Where frames have no number, a late answer may still come in that time and be taken for the next one's.
        rest = settings.timeout if speaks_rtu(settings) else 0.0
        self._breakers = {m.unit: Breaker(rest) for m in meters}
        self._questions = {m.point: _questions(m) for m in meters}
        self._probes = {m.unit: _probe(m) for m in meters}
        self._silent, self._was_connected, self._probe_after = 0, False, 0.0
        self._connect_after, self._wait, self._complained = 0.0, 1.0, False
        self._said: dict[int, Absence | None] = {}

    async def read(self, meter: Meter, *, slow: bool = True) -> Sample:
        """One reading of a meter, which always comes: what could not be read is absent with its cause.

        Parameters
        ----------
        meter : Meter
            Which.
        slow : bool
            Whether to ask for what changes slowly, too.
        """
        return meter.sample(*await self.ask(meter, slow=slow))

    async def ask(self, meter: Meter, *, slow: bool = True) -> tuple[Moment, list[Answer]]:
        """The moment of a reading, and an answer to each of its requests, in order; see :meth:`read`."""
        if not self._connected:
            await self._connect_if_due()
        moment = now()
        questions = self._questions[meter.point]
        answers = await self._ask(meter, questions if slow else questions[: len(meter.reads)], moment.monotonic)
        self._say(meter, answers)
        return moment, answers

    def close(self) -> None:
        """Give the connection up."""
        self._hang_up()
        self._line.close()

    async def _ask(self, meter: Meter, questions: Sequence[Question], monotonic: float) -> list[Answer]:
        breaker = self._breakers[meter.unit]
        if not self._connected:
            return [Absence.DISCONNECTED] * len(questions)
        if not breaker.allows(monotonic) or (breaker.is_open and monotonic < self._probe_after):
            return [Absence.BREAKER_OPEN] * len(questions)
        # One small request tells whether a meter that was silent answers again.
        last: Answer | None = await self._request(self._probes[meter.unit]) if breaker.is_open else None
        answers: list[Answer] = []
        for asked in questions:
            if last in GIVEN_UP:
                # The rest is not asked: a meter that is silent costs the others one timeout, not one a request.
                break
            last = await self._request(asked)
            answers.append(last)
        self._judge(breaker, last, monotonic)
        return answers + [last or Absence.TIMEOUT] * (len(questions) - len(answers))

    async def _request(self, asked: Question) -> Answer:
        if self._connection is None:
            return Absence.DISCONNECTED
        began = time.monotonic()
        answer = await self._connection.ask(asked)
        self.stats.count(answer if isinstance(answer, Absence) else None, time.monotonic() - began)
        return answer

    def _judge(self, breaker: Breaker, last: Answer | None, began: float) -> None:
        if last is Absence.DISCONNECTED:
            return
        was_open = breaker.is_open
        if last in _UNANSWERED:
            ended = now().monotonic
            breaker.failed(ended)
            if was_open and not all(b.is_open for b in self._breakers.values()):
                self._probe_after = ended + _PROBES * (ended - began)
            self._note_silence()
        else:
            self._silent = 0
            breaker.succeeded()
        self.stats.breakers_open += breaker.is_open - was_open

    def _note_silence(self) -> None:
        self._silent += 1
        if self._silent > len(self._breakers) + 2:
            # Not one meter has answered for more than a round: the far end may have restarted without telling us.
            log.warning("bus %(bus)s: no meter answers, connecting anew", {"bus": self._settings.id})
            self._hang_up()

    @property
    def _connected(self) -> bool:
        return self._connection is not None and self._connection.open

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _connect_if_due(self) -> None:
        """The one place that connects, whatever the kind of bus and the reason that the connection was lost for."""
        if now().monotonic < self._connect_after:
            return
        self._hang_up()
        why = "nobody has dialled in yet"
        try:
            self._connection = await self._line.connect()
        except OSError as error:
            why = str(error) or type(error).__name__
        if self._connection is not None:
            self._begin()
            return
        self._wait = min(self._wait, self._line.patience)
        log.log(
            logging.DEBUG if self._complained else logging.WARNING,
            "bus %(bus)s: not connected (%(why)s); tried again every %(patience).0f s at most",
            {"bus": self._settings.id, "why": why, "patience": self._line.patience},
        )
        self._complained = True
        self._connect_after = now().monotonic + self._wait
        self._wait *= 2

    def _begin(self) -> None:
        """A connection has been made."""
        log.info("bus %(bus)s: connected", {"bus": self._settings.id})
        self.stats.reconnects += self._was_connected
        self._was_connected, self._complained = True, False
        self._silent, self._wait, self._connect_after = 0, 1.0, 0.0
        for breaker in self._breakers.values():
            breaker.ask_soon(now().monotonic)

    def _say(self, meter: Meter, answers: Sequence[Answer]) -> None:
        """Log when a meter begins or ceases to answer, once each."""
        cause = next((a for a in answers if isinstance(a, Absence)), None)
        if cause is Absence.BREAKER_OPEN or (meter.unit in self._said and cause is self._said[meter.unit]):
            return
        self._said[meter.unit] = cause
        said = {"bus": self._settings.id, "unit": meter.unit, "point": meter.point, "said": cause or "answers"}
        log.log(logging.WARNING if cause else logging.INFO, "bus %(bus)s unit %(unit)d (%(point)s): %(said)s", said)


def _questions(meter: Meter) -> list[Question]:
    """One for each of its requests."""
    return [question(meter.unit, r.function, r.address, r.count) for r in meter.all_reads]


def _probe(meter: Meter) -> Question:
    """The smallest request that a meter answers; of another length than its readings' where it has one.

    So a late answer to a reading is not taken for the probe's, nor the probe's for a reading's, where frames have no
    number.
    """
    sizes = {(r.function, r.count) for r in meter.reads}
    places = [(r.function, r.address + offset, register.words) for r in meter.reads for register, offset in r.registers]
    function, address, count = min(places, key=lambda p: ((p[0], p[2]) in sizes, p[2]))
    return question(meter.unit, function, address, count)
