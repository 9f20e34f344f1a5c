"""The log: one line a message on standard error, as text or as JSON, and no flood of it.

An SD card wears out by what is written to it, and a meter that flaps would have a line written every few seconds. So of
messages that differ in numbers only, a few are written at once and then one a minute, with how many were left out.
"""

import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from stillcold_agent.counts import Counts

Format = Literal["text", "json"]
_BURST = 5
_PACE = 60.0  # s for one more of the same
_MOST_KINDS = 512
_PRIORITIES = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}
"""Of syslog(3), as journald takes them at the beginning of a line (sd-daemon(3))."""


def set_up_log(level: str, form: Format = "text", counts: Counts | None = None) -> None:
    """Send the log to standard error; call once.

    Parameters
    ----------
    level : str
        ``debug``, ``info``, ``warning`` or ``error``.
    form : "text" or "json"
        Of a line.
    counts : Counts, optional
        ``log_left_out`` counts messages that were not written; where it is missing all are written.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines(journald=_is_journal(os.environ, 2)))
    if counts is not None:
        handler.addFilter(Pace(counts))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    # The bus says in its own words what the library says request by request.
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class TextLines(logging.Formatter):
    """Time (UTC), level, logger and message. journald knows the time, and gets the level as it wants it.

    Parameters
    ----------
    journald : bool
        Whether it reads the lines.
    """

    def __init__(self, *, journald: bool) -> None:
        super().__init__()
        self._journald = journald

    def format(self, record: logging.LogRecord) -> str:
        """One line, and those of a traceback."""
        text = f"{record.levelname} {record.name}: {_message(record)}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        if not self._journald:
            return f"{_moment(record)} {text}"
        priority = f"<{_PRIORITIES.get(record.levelno, 6)}>"
        return priority + text.replace("\n", "\n" + priority)


class JsonLines(logging.Formatter):
    """An object a line: ``time``, ``level``, ``logger``, ``message``, and the message's named arguments by their names.

    ``left_out`` counts messages like it that were not written before it; ``traceback`` is that of an error.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        named = record.args if isinstance(record.args, Mapping) else {}
        line: dict[str, Any] = {
            **named,
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if left_out := getattr(record, "left_out", 0):
            line["left_out"] = left_out
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class Pace(logging.Filter):
    """Lets five messages of a kind through and then one a minute. A kind is logger, text and all that is no number.

    Parameters
    ----------
    counts : Counts
        ``log_left_out`` counts the others.
    clock : callable
        Monotonic s.
    """

    def __init__(self, counts: Counts, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._counts, self._clock = counts, clock
        self._lock = threading.Lock()
        self._kinds: OrderedDict[tuple[str, ...], _Kind] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written."""
        with self._lock:
            kind = self._kind_of(record)
            written = kind.take(self._clock())
            if written:
                record.left_out, kind.left_out = kind.left_out, 0
            else:
                kind.left_out += 1
        if not written:
            self._counts.add("log_left_out")
        return written

    def _kind_of(self, record: logging.LogRecord) -> "_Kind":
        words = record.args.values() if isinstance(record.args, Mapping) else record.args or ()
        key = (record.name, str(record.msg), *(str(w) for w in words if not isinstance(w, int | float)))
        kind = self._kinds.setdefault(key, _Kind(self._clock()))
        self._kinds.move_to_end(key)
        if len(self._kinds) > _MOST_KINDS:
            self._kinds.popitem(last=False)
        return kind


class _Kind:
    """Messages of one kind: how many may be written now, and how many were not."""

    def __init__(self, now: float) -> None:
        self._allowed, self._at, self.left_out = float(_BURST), now, 0

    def take(self, now: float) -> bool:
        self._allowed = min(self._allowed + (now - self._at) / _PACE, _BURST)
        self._at = now
        if self._allowed < 1:
            return False
        self._allowed -= 1
        return True


def _message(record: logging.LogRecord) -> str:
    """On one line, whatever a broker or a server wrote into it."""
    text = record.getMessage().replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
    left_out = getattr(record, "left_out", 0)
    return f"{text} ({left_out} like it left out)" if left_out else text


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_journal(environment: Mapping[str, str], descriptor: int) -> bool:
    """Whether journald reads what is written to ``descriptor`` (systemd.exec(5), JOURNAL_STREAM)."""
    status = os.fstat(descriptor)
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
