"""What one bus has done since the agent started."""

from dataclasses import dataclass

from stillcold_core.readings import Absence


@dataclass(slots=True)
class BusStats:
    """Counters and gauges of one bus, written by its one owner.

    Attributes
    ----------
    bus : str
        Its id.
    requests, timeouts, exceptions, bad_replies : int
        Requests sent, those that nobody answered in time, those answered with a Modbus exception, and those whose
        answer was none (wrong unit, transaction, length or checksum).
    reconnects : int
        Connections made after the first.
    breakers_open : int
        Meters that are left alone now because they did not answer.
    lateness_last, lateness_max : float
        s from the moment that a reading was due to its first request: of the last one, and the most so far.
    busy : float
        s spent on requests, waiting for their answers included.
    """

    bus: str
    requests: int = 0
    timeouts: int = 0
    exceptions: int = 0
    bad_replies: int = 0
    reconnects: int = 0
    breakers_open: int = 0
    lateness_last: float = 0.0
    lateness_max: float = 0.0
    busy: float = 0.0

    def count(self, cause: Absence | None, seconds: float) -> None:
        """One request: why it gave nothing (None: it was answered), and how long it took."""
        self.requests += 1
        self.busy += seconds
        match cause:
            case None:
                pass
            case Absence.TIMEOUT:
                self.timeouts += 1
            case Absence.EXCEPTION:
                self.exceptions += 1
            case Absence.BAD_REPLY:
                self.bad_replies += 1

    def late(self, seconds: float) -> None:
        """One reading began ``seconds`` after it was due."""
        self.lateness_last = seconds
        self.lateness_max = max(self.lateness_max, seconds)
