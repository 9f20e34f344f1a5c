"""The gateway's clocks: which boot it is, monotonic time within it, and whether the wall clock can be trusted."""

import ctypes
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import msgspec

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STA_UNSYNC = 0x0040  # linux/timex.h
_STA_NANO = 0x2000  # linux/timex.h
_TIME_ERROR = 5  # linux/timex.h
_LIBC = ctypes.CDLL(None)


class Moment(msgspec.Struct, frozen=True):
    """One moment by both clocks, in seconds: ``time`` is UTC since 1970, ``monotonic`` counts since the boot."""

    time: float
    monotonic: float


def now() -> Moment:
    """This moment. The monotonic clock counts on while the machine sleeps (CLOCK_BOOTTIME)."""
    return Moment(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))


def boot_id() -> bytes:
    """16 bytes that name this boot of the machine, from the kernel."""
    return uuid.UUID(_BOOT_ID.read_text().strip()).bytes


class _Timex(ctypes.Structure):
    """The head of ``struct timex``, and room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


@dataclass(frozen=True, slots=True)
class ClockState:
    """What the kernel knows of the wall clock.

    Attributes
    ----------
    synced : bool
        Whether a time service disciplines it.
    offset, error : float
        s that it is still to be corrected by, and that it may be wrong by at most; they mean something only where it is
        synced.
    """

    synced: bool
    offset: float
    error: float


def clock_state() -> ClockState:
    """What the kernel says of the wall clock.

    Notes
    -----
    chrony, ntpd and systemd-timesyncd all clear the kernel's STA_UNSYNC flag, and the kernel sets it again when none
    has done so for long (adjtimex(2)). Asking needs no privilege. chrony corrects the clock itself: the kernel's offset
    is 0 with it.
    """
    timex = _Timex()  # modes = 0: only asks
    state = _LIBC.adjtimex(ctypes.byref(timex))
    synced = state not in (-1, _TIME_ERROR) and not timex.status & _STA_UNSYNC
    unit = 1e-9 if timex.status & _STA_NANO else 1e-6
    return ClockState(synced, timex.offset * unit, timex.maxerror * 1e-6)


def clock_is_synchronised() -> bool:
    """Whether a time service disciplines the wall clock."""
    return clock_state().synced
