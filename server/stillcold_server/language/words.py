"""Times, lengths of time and figures in words."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import urlsplit

from stillcold_server.language.texts import Texts

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")  # no daylight saving time since 1991
MISSING = "—"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_VOCABULARIES = {
    "state": ("line_state", "seal_state", "permit_state"), "stage": ("life",), "measures": ("measure",),
    "role": ("role",), "standard": ("standard",),
}  # fmt: skip
"""By field of the ledger, where the words of its values stand."""


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
    form = "second" if s < 60 else "minute" if m < 60 else "hour" if h < 24 else "day"
    rest = {"minute": s % 60, "hour": m % 60}
    if table == "duration" and rest.get(form) == 0:
        form += "s"
    return texts(f"{table}.{form}", s=s % 60, m=m % 60, h=h % 24, d=d)


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
            return f"{plain(value / 1e6, 3)} M{unit}"
        return f"{plain(value / 1e3, 2)} k{unit}" if abs(value) >= 1e3 or unit == "Wh" else f"{plain(value, 1)} {unit}"
    return f"{plain(value, 1)} {unit}".removesuffix(" 1")


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


def shown(value: object, texts: Texts, field: str = "") -> str:
    """A value of a field of the ledger's history in one line; what holds values, as a list of them.

    Examples
    --------
    >>> texts = Texts("en", {"measure.sealed": "Sealed", "field.name": "Name"})
    >>> shown(None, texts), shown(["power_cut", "sealed"], texts, "measures"), shown({"name": "轧机"}, texts)
    ('—', 'power_cut Sealed', 'Name 轧机')
    >>> shown("2026-01-01T00:00:00Z", texts, "sealed_at"), shown(750000.0, texts, "rated_power")
    ('2026-01-01 08:00', '750,000')
    >>> shown("2026-13-01T00:00Z", texts, "name"), shown("9999-12-31T23:00Z", texts, "name")
    ('2026-13-01T00:00Z', '9999-12-31T23:00Z')
    """
    match value:
        case None | "" | []:
            return MISSING
        case dict():
            return " · ".join(f"{texts.known(f'field.{n}', n)} {shown(inner, texts, n)}" for n, inner in value.items())
        case list():
            return " ".join(shown(inner, texts, field) for inner in value)
        case float():
            return plain(value, 6)
        case str() if _MOMENT.fullmatch(value):
            return _moment(value)
    tables = _VOCABULARIES.get(field, ())
    return next((w for table in tables if (w := texts.known(f"{table}.{value}", ""))), str(value))


def _moment(text: str) -> str:
    try:
        return f"{datetime.fromisoformat(text).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):  # a name that only looks like one
        return text


def element_id(name: str) -> str:
    """An id of the database as the id of an element that a selector can name without escapes.

    Examples
    --------
    >>> element_id("f1:p1:restart.power")
    'f1¦p1¦restart·power'
    """
    return name.translate({ord(":"): "¦", ord("."): "·"})


def push_service(address: str) -> str:
    """The hosts of the push services of some browsers' subscriptions; empty where there are none.

    Examples
    --------
    >>> push_service('[{"endpoint": "https://push.example.org/send/abc"}]'), push_service("13800000000")
    ('push.example.org', '')
    """
    try:
        found = json.loads(address)
        browsers = found if isinstance(found, list) else [found]
        return ", ".join(urlsplit(one["endpoint"]).hostname or "" for one in browsers)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ""


def plain(value: float, digits: int) -> str:
    """A number with so many digits behind the point at most.

    Examples
    --------
    >>> plain(1234.5, 2), plain(3.0, 1)
    ('1,234.5', '3')
    """
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
