"""What the journal says of itself, for whoever shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_IO = Path("/proc/self/io")


@dataclass(frozen=True, slots=True)
class JournalStats:
    """The journal at one moment.

    Attributes
    ----------
    depth : int
        Batches that wait for the server.
    bytes : int
        Of their envelopes.
    kept_bytes : int
        Of the envelopes that are kept though the server has them or refused them.
    oldest : float or None
        UTC, s since 1970: when the oldest of the waiting batches was written; None where none waits.
    written_kb : float or None
        kB that this process has caused to be written to storage since its start; None where the kernel does not say.
    dropped : mapping of str to int
        Batches lost since the start, by reason.
    ack_lag : float or None
        s from the writing of the batch that was acknowledged last to its acknowledgement; None before the first.
    """

    depth: int
    bytes: int
    kept_bytes: int
    oldest: float | None
    written_kb: float | None
    dropped: Mapping[str, int] = field(default_factory=dict)
    ack_lag: float | None = None


def written_kb() -> float | None:
    """What this process has caused to be written to storage, kB (``write_bytes`` of proc_pid_io(5)).

    The kernel counts it where pages become dirty, so it is what wears a card, and not what stays in its cache.
    """
    try:
        lines = _IO.read_text().splitlines()
    except OSError:
        return None
    found = dict(line.split(": ", 1) for line in lines)
    return int(found["write_bytes"]) / 1000
