"""Whom to call when nobody is left whom a policy names: better everybody than nobody."""

from sqlalchemy import Connection, select

from stillcold_server.duty.reach import Channels, call_person
from stillcold_server.duty.roster import Roster
from stillcold_server.people.rights import permissions_of
from stillcold_server.store.schema import alert, site, user


def call_anybody(
    connection: Connection, alert_id: str, page: int, roster: Roster | None, channels: Channels, now: int
) -> bool:
    """Call everybody on the roster; where none of them can be reached, whoever may act on the alert.

    Returns
    -------
    bool
        Whether there was anybody.
    """
    for names in (_on_roster(roster) if roster else [], _who_may_act(connection, alert_id)):
        called = [call_person(connection, alert_id, page, name, channels, now) for name in names]
        if any(called):
            return True
    return False


def _on_roster(roster: Roster) -> list[str]:
    named = [name for shift in roster.shifts for names in shift.people.values() for name in names]
    return list(dict.fromkeys([*named, *([roster.supervisor] if roster.supervisor else [])]))


def _who_may_act(connection: Connection, alert_id: str) -> list[str]:
    """Active accounts that may act on alerts of the alert's site."""
    here = select(site.c.district).join(alert, alert.c.site == site.c.id).where(alert.c.id == alert_id)
    district = connection.scalar(here)
    rows = connection.execute(select(user).where(user.c.disabled.is_(False)).order_by(user.c.name))
    return [
        row.name
        for row in rows
        if "act" in permissions_of(row.roles) and (row.districts is None or district in row.districts)
    ]
