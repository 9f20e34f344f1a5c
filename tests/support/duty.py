"""A week of duty, as a district plans it."""

from datetime import date

from sqlalchemy import Connection, select, update

from stillcold_server.alerts.lifecycle import WAITING
from stillcold_server.days import HOUR
from stillcold_server.duty.changes import Part, ask, decide, note_absence, read_calendar, save_calendar
from stillcold_server.duty.contacts import save_contact
from stillcold_server.duty.escalation import begin, call_if_due, due_alerts
from stillcold_server.duty.handover import sign_in, sign_out
from stillcold_server.duty.reach import Channels
from stillcold_server.duty.roster import Roster, Shift
from stillcold_server.duty.rosters import save_roster
from stillcold_server.store.schema import alert, contact, user

CHANNELS = Channels(groups=("值班群",), personal=("sms", "mail"))
PEOPLE = ("李强", "王芳", "陈刚", "赵敏")


def tick(connection: Connection, channels: Channels, now: int) -> int:
    """Make every call that is due, as the server's job does; for how many alerts somebody was called."""
    return sum(call_if_due(connection, alert_id, channels, now) for alert_id in due_alerts(connection, now))


def plan(connection: Connection, now: int) -> None:
    """Four people in two shifts, one of them away without a substitute; a swap that is asked for, one approved."""
    for name in PEOPLE:
        row = {"name": name, "roles": ["duty_officer"], "password_hash": "", "must_change": False, "disabled": False}
        connection.execute(user.insert(), row | {"created_at": now})
    for i, name in enumerate(PEOPLE[:3]):
        save_contact(connection, name, "sms", f"1380000123{i}", CHANNELS, now)
    connection.execute(update(contact).values(verified_at=now - 24 * HOUR))
    day = Shift("白班", 480, 720, "all", {"first": PEOPLE[:2], "second": PEOPLE[2:3]})
    night = Shift("夜班", 1200, 720, "all", {"first": PEOPLE[2:], "second": PEOPLE[:1]})
    save_roster(connection, Roster("kc", "宽城区", None, 480, True, 1, date(2027, 1, 1), PEOPLE[0], (day, night)))
    note_absence(connection, PEOPLE[2], now + 24 * HOUR, now + 60 * HOUR, reason="培训", by=PEOPLE[0])
    for night_of, taker in ((date(2027, 1, 16), PEOPLE[1]), (date(2027, 1, 18), PEOPLE[0])):
        number = ask(connection, Part("kc", night_of, "夜班", "first"), taker, reason="家事", by=PEOPLE[3], now=now)
    decide(connection, number, approved=True, by=PEOPLE[0], now=now)
    save_calendar(connection, read_calendar("day,kind,name\n2027-02-06,off,春节\n2027-02-20,work,调休上班"))


def work(connection: Connection, now: int) -> None:
    """An alert that is called for, and two shifts that were handed over, the second not taken over yet."""
    waits = select(alert.c.id).where(alert.c.state.in_(WAITING)).order_by(alert.c.id)
    begin(connection, connection.scalars(waits).first() or "", CHANNELS, now)
    first = sign_out(connection, "kc", PEOPLE[0], "1 号炉门封条松动，已拍照，明早复核。", now - 12 * HOUR)
    sign_in(connection, first, PEOPLE[2], "收到，夜里巡查一次。", now - 12 * HOUR + 120_000)
    sign_out(connection, "kc", PEOPLE[2], "夜班无异常，06:10 有一次断电告警，已确认。", now - 60_000)
