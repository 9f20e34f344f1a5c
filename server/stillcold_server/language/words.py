"""Times, lengths of time, figures and alerts in words."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Protocol

from stillcold_core.quantities import QUANTITIES
from stillcold_server.api.models import Alert
from stillcold_server.language.texts import Texts

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")  # no daylight saving time since 1991
MISSING = "—"
_LIMIT_UNITS = {"restart.power": "W", "restart.current": "A", "restart.voltage": "V", "restart.energy": "Wh"}
_UNITS = {
    "current": "A", "voltage": "V", "advanced": "Wh", "from_reading": "Wh", "mean_power": "W",
    **{q.name: q.unit for q in QUANTITIES.values()},
}  # fmt: skip


def local_time(ms: int | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time as an officer's clock shows it.

    Examples
    --------
    >>> local_time(1767225600250)
    '2026-01-01 08:00:00'
    """
    if ms is None:
        return MISSING
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(SHANGHAI).strftime(form)


def length(seconds: float, texts: Texts, table: str = "duration") -> str:
    """A length of time in two units; with the table ``age``, how long ago."""
    s = max(0, int(seconds))
    m, h, d = s // 60, s // 3600, s // 86400
    if table == "age" and s < 1:
        return texts("age.now")
    if s < 60:
        return texts(f"{table}.second", s=s)
    if m < 60:
        return texts(f"{table}.minute", m=m, s=s % 60)
    if h < 24:
        return texts(f"{table}.hour", h=h, m=m % 60)
    return texts(f"{table}.day", d=d, h=h % 24)


def figure(value: float | None, unit: str) -> str:
    """A number with its unit, four digits or what stands before the point.

    Examples
    --------
    >>> figure(90350.0, "W"), figure(7500.0, "W"), figure(12.25, "A"), figure(None, "V"), figure(-90350.0, "W")
    ('90.35 kW', '7.5 kW', '12.2 A', '—', '-90.35 kW')
    """
    if value is None:
        return MISSING
    if unit in ("W", "Wh"):
        if abs(value) >= 1e6 and unit == "W":
            return f"{_plain(value / 1e6, 3)} M{unit}"
        return (
            f"{_plain(value / 1e3, 2)} k{unit}" if abs(value) >= 1e3 or unit == "Wh" else f"{_plain(value, 1)} {unit}"
        )
    return f"{_plain(value, 1)} {unit}".removesuffix(" 1")


def share(value: float | None) -> str:
    """A share in per cent, never rounded up to the whole.

    Examples
    --------
    >>> share(0.99999), share(1.0), share(0.5), share(None)
    ('99.99 %', '100 %', '50.00 %', '—')
    """
    if value is None:
        return MISSING
    return "100 %" if value >= 1 else f"{int(value * 10_000) / 100:.2f} %"


class Told(Protocol):
    """An alert, as far as words are made of it: one of the API's, or a row of its table."""

    @property
    def kind(self) -> str:
        """A word of the alert kinds."""

    @property
    def reason(self) -> str:
        """The detector's own sentence."""

    @property
    def began(self) -> int:
        """ms"""

    @property
    def evidence(self) -> Mapping[str, float | str]:
        """Figures by name."""


def what(alert: Told, texts: Texts) -> str:
    """What happened, in a sentence; the detector's own reason where there are no words for the kind."""
    values = {name: evidence(alert.kind, name, value) for name, value in alert.evidence.items()}
    return texts.known(f"what.{alert.kind}", alert.reason, **values, began=local_time(alert.began))


def evidence(kind: str, name: str, value: float | str) -> str:
    """One value of an alert's evidence with its unit."""
    if isinstance(value, str):
        return value
    unit = _LIMIT_UNITS.get(kind, "1") if name == "limit" else _UNITS.get(name, "1")
    return figure(value, unit)


def limits(alert: Alert) -> Mapping[str, float]:
    """Limit of an alert by the curve that it belongs to: ``power``, ``current`` or ``voltage``."""
    curve, limit = alert.kind.removeprefix("restart."), alert.evidence.get("limit")
    return {curve: limit} if curve in ("power", "current", "voltage") and isinstance(limit, int | float) else {}


def element_id(name: str) -> str:
    """An id of the database as the id of an element that a selector can name without escapes.

    Examples
    --------
    >>> element_id("f1:p1:restart.power")
    'f1¦p1¦restart·power'
    """
    return name.translate({ord(":"): "¦", ord("."): "·"})


def _plain(value: float, digits: int) -> str:
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
