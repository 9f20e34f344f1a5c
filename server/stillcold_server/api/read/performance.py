"""The alarm system's figures beside what EEMUA 191 and ISA-18.2 recommend."""

from sqlalchemy import Connection

from stillcold_server.alerts.performance import Offender as Counted
from stillcold_server.alerts.performance import Performance, measure
from stillcold_server.api.models.performance import AlarmPerformance, Mark, Offender
from stillcold_server.duty.staffing import answering, officer_hours
from stillcold_server.people.scope import Scope

_ISA = "ISA-18.2-2016, table of performance metrics"
_EEMUA = "EEMUA 191, 3rd ed."
RECOMMENDED: dict[str, tuple[float, str]] = {
    "per_officer_hour": (6.0, f"{_ISA}; {_EEMUA}: one in ten minutes"),
    "peak": (10.0, f"{_ISA}; {_EEMUA}: in ten minutes"),
    "standing": (10.0, f"{_EEMUA}: fewer than ten"),
    "stale": (5.0, f"{_ISA}: fewer than five on any day"),
    "chattering": (0.0, f"{_ISA}; three within a minute by ISA-TR18.2.5"),
    "share_of_top": (0.05, f"{_ISA}: 1 % to 5 %"),
    "share_critical": (0.05, f"{_ISA}; {_EEMUA}: about 5 % of the highest priority"),
}
"""By name of the figure, the most that is recommended and who says so."""


def load_performance(
    connection: Connection, scope: Scope, start: int, end: int, now: int, given: int | None = None
) -> AlarmPerformance:
    """The figures of some districts in a period (ms); ``given``: how many officers count instead of the roster's."""
    found = measure(connection, scope, start, end, now)
    on_duty = officer_hours(connection, answering(connection, scope), start, end) / found.hours if given is None else 0
    officers = given or on_duty or 1.0
    values = _values(found, officers)
    return AlarmPerformance(
        start=start,
        end=end,
        officers=officers,
        officers_by="given" if given else "roster" if on_duty else "assumed",
        announced=found.announced,
        marks=[
            Mark(name=name, value=values[name], recommended=most, good=values[name] <= most, source=source)
            for name, (most, source) in RECOMMENDED.items()
        ],
        offenders=[_offender(o) for o in found.offenders],
        chattering=[_offender(o) for o in found.chattering],
        acknowledged_p50=found.acknowledged_p50,
        acknowledged_p90=found.acknowledged_p90,
    )


def _values(found: Performance, officers: float) -> dict[str, float]:
    critical = found.by_severity.get("critical", 0)
    return {
        "per_officer_hour": found.per_hour / officers, "peak": found.peak, "standing": found.standing,
        "stale": found.stale, "chattering": len(found.chattering), "share_of_top": found.share_of_top,
        "share_critical": critical / found.announced if found.announced else 0.0,
    }  # fmt: skip


def _offender(counted: Counted) -> Offender:
    return Offender(**counted.alarm._asdict(), count=counted.count)
