"""The gateway's clocks: which boot it is, monotonic time within it, and whether the wall clock can be trusted."""

import ctypes
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STA_UNSYNC = 0x0040  # linux/timex.h
_TIME_ERROR = 5  # linux/timex.h


@dataclass(frozen=True, slots=True)
class Moment:
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


def clock_is_synchronised() -> bool:
    """Whether the kernel says that a time service disciplines the wall clock.

    Notes
    -----
    chrony, ntpd and systemd-timesyncd all clear the kernel's STA_UNSYNC flag, and the kernel sets it again when none
    has done so for long (adjtimex(2)). Reading the flag needs no privilege.
    """
    state, timex = _asked()
    return state not in (-1, _TIME_ERROR) and not timex.status & _STA_UNSYNC


def clock_error() -> float:
    """The most that the wall clock can be off, s: the kernel's bound, which grows until a time service corrects it.

    It means something only where :func:`clock_is_synchronised`.
    """
    return float(_asked()[1].maxerror) / 1e6


def _asked() -> tuple[int, _Timex]:
    timex = _Timex()  # modes = 0: only asks
    return int(ctypes.CDLL(None).adjtimex(ctypes.byref(timex))), timex
