"""Readings, where missing is a value with a cause."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Absence(StrEnum):
    """Why a reading has no number. Never read as zero."""

    TIMEOUT = "timeout"
    """The device did not answer in time."""
    EXCEPTION = "exception"
    """The device answered with a Modbus exception."""
    BAD_REPLY = "bad_reply"
    """The answer was not one: wrong unit, wrong length, wrong checksum."""
    OUT_OF_RANGE = "out_of_range"
    """A number came that is NaN or outside the quantity's plausible bounds."""
    NOT_SUPPORTED = "not_supported"
    """This device has no such register."""
    BREAKER_OPEN = "breaker_open"
    """Not asked: the device has not answered lately, and asking costs the others time."""
    DISCONNECTED = "disconnected"
    """Not asked: the bus is not connected."""


Value = float | Absence


class Sample(msgspec.Struct, frozen=True):
    """What one point showed at one moment.

    Attributes
    ----------
    point : str
        Id of the point in the registry.
    time : float
        UTC, seconds since 1970-01-01.
    values : mapping of str to float or Absence
        One entry per quantity that was asked for; see :mod:`stillcold_core.quantities`.
    monotonic : float
        Seconds of the gateway's monotonic clock at the same moment; comparable within one boot only.
    raw : mapping of str to tuple of int
        Register words as they came, for the quantities whose profile keeps them.

    Notes
    -----
    One is made of every reading: a Struct takes a fifth of the time of a frozen dataclass.
    """

    point: str
    time: float
    values: Mapping[str, Value]
    monotonic: float = 0.0
    raw: Mapping[str, tuple[int, ...]] = msgspec.field(default_factory=dict)

    def number(self, quantity: str) -> float | None:
        """The number read for ``quantity``, or None where it is absent or was not asked for.

        Examples
        --------
        >>> Sample("p", 0.0, {"frequency": 50.0, "active_power": Absence.TIMEOUT}).number("frequency")
        50.0
        """
        value = self.values.get(quantity)
        return None if isinstance(value, str) else value  # an Absence: asked so, it takes half the time

    def numbers(self, *quantities: str) -> list[float]:
        """The numbers read among ``quantities``, absent ones left out."""
        get = self.values.get
        return [v for q in quantities if (v := get(q)) is not None and not isinstance(v, str)]
