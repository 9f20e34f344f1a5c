"""Days as people count them here: midnight to midnight in Asia/Shanghai, 24 hours each since 1991."""

from datetime import date, datetime, timedelta

from stillcold_server.language.words import SHANGHAI

HOUR, DAY = 3_600_000, 86_400_000
"""ms"""


def begin_of(day: date) -> int:
    """ms of a day's first moment.

    Examples
    --------
    >>> begin_of(date(2027, 1, 15))
    1799942400000
    """
    return round(datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).timestamp() * 1000)


def day_of(ms: int) -> date:
    """The day that a moment lies in.

    Examples
    --------
    >>> day_of(1799942400000), day_of(1799942399999)
    (datetime.date(2027, 1, 15), datetime.date(2027, 1, 14))
    """
    return datetime.fromtimestamp(ms / 1000, SHANGHAI).date()


def days_from(first: date, last: date) -> list[date]:
    """All days from one to another, both included."""
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]
