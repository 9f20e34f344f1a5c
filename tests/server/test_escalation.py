"""Calling people until somebody acknowledges."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, Engine, Row, select, update

from stillcold_core.detect.findings import Severity
from stillcold_core.registry import Registry
from stillcold_server.alerts import claims
from stillcold_server.alerts.channels import WebhookChannel
from stillcold_server.alerts.delivery import Outbox
from stillcold_server.alerts.lifecycle import acknowledge, record
from stillcold_server.alerts.pipeline import take
from stillcold_server.alerts.senders import make_sender
from stillcold_server.alerts.shelving import shelve
from stillcold_server.alerts.stages import IN_HAND_MS
from stillcold_server.config import Config
from stillcold_server.duty.calling import call_on
from stillcold_server.duty.contacts import ContactError, answer, save_contact, send_tests, working_channels
from stillcold_server.duty.escalation import LONGEST_PAUSE, begin, call_if_due, due_alerts, failed, page_by
from stillcold_server.duty.outlook import look_ahead
from stillcold_server.duty.policy import DEFAULTS, BadPolicy, Step, calls_of, load_policy, save_policy
from stillcold_server.duty.reach import Channels
from stillcold_server.duty.roster import BadRoster, Roster, Shift
from stillcold_server.duty.rosters import delete_roster, load_rosters, save_roster
from stillcold_server.jobs.each import SomeFailed
from stillcold_server.jobs.model import JobContext
from stillcold_server.language.texts import load_texts
from stillcold_server.metrics import Metrics
from stillcold_server.store.database import read, write
from stillcold_server.store.schema import alert, contact, delivery, delivery_try, escalation, user
from support.alerts import found
from support.duty import tick

CHANNELS = Channels(groups=("robot",), personal=("sms", "mail"))
NOW = 1_800_000_000_000
MINUTE = 60_000
LOOPBACK = ("127.0.0.0/8",)
ALL_DAY = (480, 1440)


@pytest.fixture
def open_(engine: Engine, plant: Registry) -> Iterator[Connection]:
    """A transaction over a plant with people, their contacts and a roster: li, then wang, then chief zhao."""
    with write(engine) as connection:
        for name in ("li", "wang", "zhao", "new"):
            row = {
                "name": name,
                "roles": ["duty_officer"],
                "password_hash": "",
                "must_change": False,
                "disabled": False,
            }
            connection.execute(user.insert(), row | {"created_at": 0})
        for name in ("li", "wang", "zhao"):
            save_contact(connection, name, "sms", f"1380000{name}", CHANNELS, NOW)
        save_contact(connection, "li", "mail", "li@example.org", CHANNELS, NOW)
        save_roster(connection, roster({"first": ["li"], "second": ["wang"]}))
        yield connection


def roster(people: dict[str, list[str]], supervisor: str | None = "zhao") -> Roster:
    shifts = [Shift("day", *ALL_DAY, "all", people)]
    return Roster("r", "R", None, 480, True, 1, date(2027, 1, 1), supervisor, shifts)


def raised(connection: Connection, line: str = "f1", point: str = "p1", *, now: int = NOW) -> str:
    finding = found(100.0, line, point)
    assert record(connection, finding, now) is not None
    begin(connection, finding.id, CHANNELS, now)
    return finding.id


def calls(connection: Connection) -> list[tuple[int, str, str, str]]:
    d = delivery.c
    rows = connection.execute(select(d.page, d.recipient, d.channel, d.state, d.detail).order_by(d.id))
    return [(r.page, r.recipient, r.channel, r.detail if r.state == "skipped" else r.state) for r in rows]


def waits(connection: Connection, channel: str) -> bool:
    d = delivery.c
    return connection.scalar(select(d.id).where(d.channel == channel, d.state == "waiting").limit(1)) is not None


def tried(connection: Connection, channel: str, outcome: str, at: int = NOW) -> None:
    """The newest message of a channel comes to its end, with nothing left to try."""
    row = claims.claim(connection, channel, "me", NOW * 2, 100)[-1]
    if outcome == "delivered":
        claims.delivered(connection, row, NOW, "ok")
    elif claims.refused(connection, row, NOW, "no", final=True):
        failed(connection, row, CHANNELS, at + 1000)


@pytest.mark.requirement("duty.escalation")
def test_from_the_one_on_duty_to_the_supervisor(open_: Connection) -> None:
    """As the policy says, by the minute; the groups hear of it once."""
    raised(open_)
    assert calls(open_) == [(0, "", "robot", "waiting"), (0, "li", "sms", "waiting")]
    at = NOW
    for call in calls_of(DEFAULTS["critical"])[:-1]:
        assert tick(open_, CHANNELS, at + call.wait_ms - 1) == 0
        at += call.wait_ms
        assert due_alerts(open_, at)
        assert tick(open_, CHANNELS, at) == 1
    assert [(page, name) for page, name, *_ in calls(open_)[1:]] == [
        (0, "li"), (1, "li"), (2, "li"), (3, "wang"), (4, "wang"), (5, "zhao"), (6, "zhao"), (7, "zhao"),
    ]  # fmt: skip
    assert tick(open_, CHANNELS, at * 2) == 0
    assert open_.execute(select(escalation.c.state, escalation.c.reason)).one() == ("exhausted", "all_called")


@pytest.mark.requirement("duty.acknowledged")
def test_acknowledgement_stops_it(open_: Connection) -> None:
    name = raised(open_)
    acknowledge(open_, name, actor="li", note="", now=NOW + 1000)
    assert tick(open_, CHANNELS, NOW + 5 * MINUTE) == 0
    assert not due_alerts(open_, NOW * 2)
    assert len(calls(open_)) == 2


def told(connection: Connection, now: int, kind: str = "restart.power", severity: Severity = "critical") -> str:
    """A new alert of the line goes through the stages."""
    finding = msgspec.structs.replace(found(now / 1000, severity=severity), kind=kind)
    assert take(connection, finding, now, page_by(CHANNELS))
    return finding.id


def called_for(connection: Connection) -> list[tuple[str, str]]:
    """The alerts that people were called for and how far that has come, in order."""
    e = escalation.c
    rows = connection.execute(select(e.alert, e.state).join(alert, alert.c.id == e.alert).order_by(alert.c.raised_at))
    return [(row.alert, row.state) for row in rows]


@pytest.mark.requirement("duty.incident")
def test_an_incident_is_called_for_once_and_again_when_nobody_has_it_in_hand(open_: Connection) -> None:
    first = told(open_, NOW)
    joined = told(open_, NOW + 12 * MINUTE, "restart.current")
    assert called_for(open_) == [(first, "running")], "while it is called for, however long"
    acknowledge(open_, joined, actor="li", note="", now=NOW + 13 * MINUTE)
    assert tick(open_, CHANNELS, NOW + 14 * MINUTE) == 0
    assert called_for(open_) == [(first, "stopped")], "whichever of its alerts was taken up"
    told(open_, NOW + 13 * MINUTE + IN_HAND_MS - 1, "restart.energy")
    assert len(called_for(open_)) == 1
    later = told(open_, NOW + 13 * MINUTE + IN_HAND_MS, "restart.voltage")
    assert called_for(open_)[1:] == [(later, "running")]


@pytest.mark.requirement("duty.incident")
def test_a_graver_alert_calls_again_in_place_of_the_others(open_: Connection) -> None:
    lesser, at = told(open_, NOW, "tamper.ct", "warning"), NOW + MINUTE
    restart = told(open_, at)
    assert called_for(open_) == [(lesser, "stopped"), (restart, "running")]
    acknowledge(open_, lesser, actor="li", note="", now=at)
    assert tick(open_, CHANNELS, at + 5 * MINUTE) == 1, "nobody has taken up the restart by that"
    acknowledge(open_, restart, actor="li", note="", now=at)
    assert tick(open_, CHANNELS, at + 10 * MINUTE) == 0


@pytest.mark.requirement("duty.incident")
def test_what_had_joined_an_alert_that_is_shelved_is_called_for(open_: Connection) -> None:
    first, joined = told(open_, NOW, "tamper.ct", "warning"), told(open_, NOW + 1, "tamper.frozen", "warning")
    assert called_for(open_) == [(first, "running")]
    until, page = NOW + 60 * MINUTE, page_by(CHANNELS)
    shelve(open_, first, actor="li", reason="待修", until=until, now=NOW + MINUTE, page=page)
    assert called_for(open_) == [(first, "stopped"), (joined, "running")]
    assert calls(open_)[2:] == [(0, "", "robot", "waiting"), (0, "li", "sms", "waiting")]


@pytest.mark.requirement("duty.incident")
def test_calls_that_ended_since_another_alert_was_taken_up_begin_again_when_that_is_hidden(open_: Connection) -> None:
    first, joined = told(open_, NOW, "tamper.ct", "warning"), told(open_, NOW + 1, "tamper.frozen", "warning")
    acknowledge(open_, joined, actor="li", note="", now=NOW + MINUTE)
    assert tick(open_, CHANNELS, NOW + 30 * MINUTE) == 0
    assert called_for(open_) == [(first, "stopped")]
    at = NOW + 31 * MINUTE
    shelve(open_, joined, actor="li", reason="待修", until=at + MINUTE, now=at, page=page_by(CHANNELS))
    assert called_for(open_) == [(first, "running")]


@pytest.mark.requirement("duty.incident")
def test_what_was_taken_up_before_the_clock_was_set_back_holds_nothing(open_: Connection) -> None:
    first = told(open_, NOW)
    acknowledge(open_, first, actor="li", note="", now=NOW + MINUTE)
    joined = told(open_, NOW + 2 * MINUTE, "restart.current")
    later = told(open_, NOW - 24 * 60 * MINUTE, "restart.energy")
    assert {name for name, _ in called_for(open_)} == {first, later}
    assert joined not in {name for name, _ in called_for(open_)}


@pytest.mark.requirement("duty.nobody-on")
def test_where_nobody_is_on_the_next_one_is_called_at_once(open_: Connection) -> None:
    save_roster(open_, roster({"first": [], "second": []}))
    raised(open_)
    assert calls(open_) == [
        (0, "", "robot", "waiting"), (0, "", "", "nobody_on_duty"), (1, "", "", "nobody_on_duty"),
        (2, "", "", "nobody_on_duty"), (3, "", "", "nobody_on_duty"), (4, "", "", "nobody_on_duty"),
        (5, "zhao", "sms", "waiting"),
    ]  # fmt: skip


def test_who_cannot_be_called_by_name_is_called_through_the_groups(open_: Connection) -> None:
    save_roster(open_, roster({"first": ["new"], "second": ["wang"]}))
    raised(open_)
    assert calls(open_) == [(0, "", "robot", "waiting"), (0, "new", "", "no_contact")]
    tick(open_, CHANNELS, NOW + 5 * MINUTE)
    assert calls(open_)[2:] == [(1, "new", "", "no_contact"), (1, "", "robot", "waiting")]


@pytest.mark.requirement("duty.second-channel")
def test_a_channel_that_fails_brings_the_next_contact_and_then_the_next_person(open_: Connection) -> None:
    raised(open_)
    tried(open_, "sms", "refused")
    assert calls(open_)[1:] == [(0, "li", "sms", "failed"), (0, "li", "mail", "waiting")]
    tried(open_, "mail", "refused")
    assert calls(open_)[3:] == [(1, "wang", "sms", "waiting")], "at once, and li not again"
    tried(open_, "sms", "refused")
    assert calls(open_)[4:] == [(2, "zhao", "sms", "waiting")]
    tried(open_, "sms", "delivered")
    assert tick(open_, CHANNELS, NOW + 5 * MINUTE) == 0
    assert tick(open_, CHANNELS, NOW + 20 * MINUTE) == 1


@pytest.mark.requirement("delivery.channel-removed")
def test_what_waits_for_a_channel_that_is_gone_is_given_up_and_the_person_called_otherwise(
    engine: Engine, open_: Connection
) -> None:
    raised(open_)
    open_.commit()
    metrics = Metrics()
    left = Channels(CHANNELS.groups, ("mail",))

    def on_failed(connection: Connection, row: Row[Any], now: int) -> None:
        failed(connection, row, left, now)

    senders = {
        channel: make_sender(WebhookChannel(channel, url="http://127.0.0.1:1", allow=LOOPBACK))
        for channel in ("robot", "mail")
    }
    box = Outbox(engine, senders, metrics, texts=load_texts()["en"], on_failed=on_failed)
    assert box.give_up_left(NOW + claims.LEFT_MS) == 0, "another server may have it"
    assert box.give_up_left(NOW + claims.LEFT_MS + 1) == 1
    assert box.give_up_left(NOW * 2) == 0
    with read(engine) as connection:
        assert calls(connection) == [
            (0, "", "robot", "waiting"), (0, "li", "sms", "failed"), (0, "li", "mail", "waiting"),
        ]  # fmt: skip
        said = connection.execute(select(delivery_try.c.outcome, delivery_try.c.detail)).all()
    assert said == [("refused", "channel_removed")]
    assert b'stillcold_deliveries_total{channel="sms",outcome="failed"} 1.0' in metrics.exposition()


@pytest.mark.requirement("duty.somebody")
def test_an_outage_of_every_channel_ends_no_calls(open_: Connection) -> None:
    """Whoever is on duty alone, and is not reached for half a minute, is called again until it works."""
    save_roster(open_, roster({"first": ["li"]}, supervisor=None))
    raised(open_)
    at, names = NOW, []
    for _ in range(8):
        while open_.scalar(select(delivery.c.id).where(delivery.c.state == "waiting", delivery.c.recipient != "")):
            for channel in ("sms", "mail"):
                if waits(open_, channel):
                    tried(open_, channel, "refused", at)
        at = open_.scalar(select(escalation.c.due_at)) or 0
        assert tick(open_, CHANNELS, at - 1) == 0
        assert tick(open_, CHANNELS, at) == 1
        names.append(calls(open_)[-1][1:])
    assert names == [("li", "sms", "waiting")] * 8
    assert 8 * MINUTE < at - NOW < 8 * LONGEST_PAUSE * MINUTE


@pytest.mark.requirement("duty.somebody")
def test_in_a_gap_everybody_on_the_roster_is_called_and_later_whoever_is_on_then(open_: Connection) -> None:
    day = Shift("day", 480, 600, "all", {"first": ["li", "wang"]})
    save_roster(open_, Roster("r", "R", None, 480, True, 1, date(2027, 1, 1), None, [day]))
    evening = NOW + 12 * 60 * MINUTE
    raised(open_, now=evening)
    called = [(name, channel) for _, name, channel, state in calls(open_) if state == "waiting"]
    assert called == [("", "robot"), ("li", "sms"), ("wang", "sms")]
    at = open_.scalar(select(escalation.c.due_at)) or 0
    assert evening < at <= evening + LONGEST_PAUSE * MINUTE
    tick(open_, CHANNELS, NOW + 24 * 60 * MINUTE)
    assert calls(open_)[-1][1:] == ("wang", "sms", "waiting"), "the day after it is her turn"


@pytest.mark.requirement("duty.somebody")
def test_without_a_roster_and_groups_whoever_may_act_is_called(open_: Connection) -> None:
    delete_roster(open_, "r")
    open_.execute(update(user).where(user.c.name == "wang").values(roles=["inspector"]))
    open_.execute(update(user).where(user.c.name == "zhao").values(districts=["elsewhere"]))
    finding = found()
    record(open_, finding, NOW)
    begin(open_, finding.id, Channels((), CHANNELS.personal), NOW)
    assert calls(open_) == [(0, "li", "sms", "waiting")]


@pytest.mark.requirement("duty.clock-set-back")
def test_a_clock_that_is_set_back_delays_no_call_by_more_than_the_longest_wait(open_: Connection) -> None:
    raised(open_)
    earlier = NOW - 24 * 60 * MINUTE
    assert tick(open_, CHANNELS, earlier) == 1
    assert tick(open_, CHANNELS, earlier) == 0, "and then as ever"
    assert [r.recipient for r in claims.claim(open_, "sms", "me", earlier, 9)] == ["li", "li"], "what waits is sent"


@pytest.mark.requirement("duty.escalation")
def test_a_call_that_cannot_be_made_stops_no_other(
    engine: Engine, open_: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = raised(open_), raised(open_, "mill", "p2")
    open_.commit()

    def go(connection: Connection, alert_id: str, *args: Any) -> bool:
        if alert_id == broken:
            raise OSError("broken")
        return call_if_due(connection, alert_id, *args)

    monkeypatch.setattr("stillcold_server.duty.calling.call_if_due", go)
    with pytest.raises(SomeFailed, match=r"1 failed: .*OSError: broken"):
        call_on(JobContext(engine, Config(), lambda: NOW + 5 * MINUTE, channels=CHANNELS), 0)
    with read(engine) as connection:
        assert connection.scalar(select(escalation.c.page).where(escalation.c.alert == sound)) == 2
    with write(engine) as connection:
        assert not call_if_due(connection, sound, CHANNELS, NOW + 5 * MINUTE), "another server was faster"


def test_without_a_roster_every_group_is_told_and_nobody_called(open_: Connection) -> None:
    delete_roster(open_, "r")
    raised(open_)
    assert calls(open_) == [(0, "", "robot", "waiting")]
    assert not due_alerts(open_, NOW * 2)


def test_what_is_told_again_begins_again(open_: Connection) -> None:
    name = raised(open_)
    begin(open_, name, CHANNELS, NOW + MINUTE)
    assert calls(open_)[2:] == [(1, "", "robot", "waiting"), (1, "li", "sms", "waiting")]
    assert open_.scalar(select(escalation.c.step)) == 1


@pytest.mark.requirement("duty.policy")
def test_a_policy_is_decided_by_severity_and_bounded(open_: Connection) -> None:
    save_policy(open_, "critical", [Step("supervisor", 1, 1)])
    raised(open_)
    assert calls(open_)[-1] == (0, "zhao", "sms", "waiting")
    with pytest.raises(BadPolicy, match="1 to 10 calls"):
        save_policy(open_, "critical", [Step("first", 11, 5)])
    save_policy(open_, "critical", [])
    assert load_policy(open_) == DEFAULTS


@pytest.mark.requirement("duty.contacts")
def test_a_contact_is_verified_by_the_code_of_a_test_page(open_: Connection) -> None:
    assert working_channels(open_, "li", CHANNELS, NOW) == []
    assert send_tests(open_, "li", CHANNELS, NOW, "sms") == 1
    code = open_.scalar(select(contact.c.code).where(contact.c.user == "li", contact.c.channel == "sms"))
    assert code
    wrong = f"{(int(code) + 1) % 10**6:06}"
    assert not answer(open_, "li", "sms", wrong, NOW)
    assert answer(open_, "li", "sms", code, NOW)
    assert working_channels(open_, "li", CHANNELS, NOW) == ["sms"]
    assert working_channels(open_, "li", CHANNELS, NOW + 31 * 1440 * MINUTE) == []
    send_tests(open_, "li", CHANNELS, NOW, "mail")
    code = open_.scalar(select(contact.c.code).where(contact.c.user == "li", contact.c.channel == "mail"))
    assert [answer(open_, "li", "mail", "x", NOW) for _ in range(5)] == [False] * 5
    with pytest.raises(ContactError, match="test page first"):
        answer(open_, "li", "mail", str(code), NOW)


@pytest.mark.requirement("duty.outlook")
def test_gaps_and_people_whom_no_page_reaches_are_shown_beforehand(open_: Connection) -> None:
    open_.execute(update(contact).where(contact.c.user == "li").values(verified_at=NOW))
    save_roster(open_, roster({"first": ["li", "new"], "second": []}))
    outlook = look_ahead(open_, load_rosters(open_), CHANNELS, NOW)
    assert outlook.gaps == []
    assert [(u.user, u.level, u.reason) for u in outlook.unreachable] == [
        ("new", "first", "no_contact"), ("zhao", "supervisor", "not_shown"),
    ]  # fmt: skip
    office = Roster(
        "r", "R", None, 480, True, 1, date(2027, 1, 1), "li", [Shift("d", 480, 600, "all", {"first": ["li"]})]
    )
    save_roster(open_, office)
    gaps = look_ahead(open_, load_rosters(open_), CHANNELS, NOW, days=1).gaps
    assert [(g.reason, g.user) for g in gaps] == [("no_shift", None)] * len(gaps)
    assert gaps
    open_.execute(update(user).where(user.c.name == "li").values(disabled=True))
    assert {u.reason for u in look_ahead(open_, load_rosters(open_), CHANNELS, NOW).unreachable} == {"closed_account"}


def test_a_roster_names_people_and_districts_that_there_are(open_: Connection) -> None:
    with pytest.raises(BadRoster, match="no active user 'ghost'"):
        save_roster(open_, roster({"first": ["li", "ghost"]}))
    with pytest.raises(BadRoster, match="for the same already"):
        save_roster(
            open_, Roster("other", "O", None, 480, True, 1, date(2027, 1, 1), None, roster({"first": ["li"]}).shifts)
        )
