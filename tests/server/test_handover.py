"""Handing a shift over, exceptions to a rotation, and the sign of life to a dead-man's switch."""

import logging
import threading
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, true, update

from stillcold_core.detect.findings import Severity
from stillcold_core.files import BadFile
from stillcold_core.registry import Registry
from stillcold_server.config import Watchdog as Settings
from stillcold_server.days import begin_of
from stillcold_server.duty.changes import (
    ChangeError,
    Part,
    ask,
    decide,
    list_calendar,
    note_absence,
    read_calendar,
    save_calendar,
)
from stillcold_server.duty.handover import HandoverError, broken, list_handovers, sign_in, sign_out, standing
from stillcold_server.duty.roster import Roster, Shift
from stillcold_server.duty.rosters import load_rosters, people_on, save_roster
from stillcold_server.duty.watchdog import BEHIND_MS, Watchdog, read_url
from stillcold_server.silence.listening import FRESH_MS, note_listening
from stillcold_server.store.clock import wall_clock
from stillcold_server.store.database import write
from stillcold_server.store.schema import delivery, escalation, handover, listener, user
from support import WebhookReceiver
from support.alerts import found, raise_alert

NOW = 1_800_000_000_000
DAY = date(2027, 1, 15)


@pytest.fixture
def people(engine: Engine, plant: Registry) -> Engine:
    """The database with three accounts and a roster."""
    with write(engine) as connection:
        for name in ("li", "wang", "zhao"):
            row = {
                "name": name,
                "roles": ["duty_officer"],
                "password_hash": "",
                "must_change": False,
                "disabled": False,
            }
            connection.execute(user.insert(), row | {"created_at": 0})
        shifts = [
            Shift("day", 480, 720, "all", {"first": ["li"]}),
            Shift("night", 1200, 720, "all", {"first": ["wang"]}),
        ]
        save_roster(connection, Roster("r", "R", None, 480, True, 1, DAY, None, shifts))
    return engine


@pytest.mark.requirement("duty.handover")
def test_both_sign_what_stands_and_a_change_of_it_is_seen(people: Engine) -> None:
    raise_alert(people, [])
    with write(people) as connection:
        first = sign_out(connection, "r", "li", "看 1 号炉", NOW)
        second = sign_out(connection, "r", "wang", "", NOW + 1)
        with pytest.raises(HandoverError) as refused:
            sign_in(connection, first, "li", "", NOW)
        assert refused.value.reason == "same_person"
        sign_in(connection, first, "wang", "收到", NOW + 2)
        with pytest.raises(HandoverError) as refused:
            sign_in(connection, first, "zhao", "", NOW)
        assert refused.value.reason == "signed_already"
        newest, oldest = list_handovers(connection, 10)
        assert (oldest.outgoing, oldest.incoming, newest.previous) == ("li", "wang", oldest.hash)
        assert '"state":"unacknowledged"' in oldest.content
        assert broken(connection) == []
        connection.execute(update(handover).where(handover.c.id == first).values(remark="nothing"))
        assert broken(connection) == [first]
        other = oldest.content.replace("1 号炉", "2 号炉")
        connection.execute(update(handover).where(handover.c.id == first).values(remark="收到", content=other))
        assert broken(connection) == [first]
        connection.execute(handover.delete().where(handover.c.id == first))
        assert broken(connection) == [second]


@pytest.mark.requirement("duty.handover")
def test_what_stands_is_named_and_the_gravest_first(people: Engine) -> None:
    severities: tuple[Severity, ...] = ("info", "warning", "critical")
    for i, severity in enumerate(severities):
        raise_alert(people, [], finding=found(10.0 * i, severity=severity))
    with write(people) as connection:
        stands = standing(connection, true())
    assert [a["severity"] for a in stands] == ["critical", "warning", "info"]
    assert {(a["site_name"], a["line_name"]) for a in stands} == {("宽城铸造", "1 t 中频炉")}


@pytest.mark.requirement("duty.swap")
def test_a_swap_counts_once_a_planner_has_approved_it(people: Engine) -> None:
    night = begin_of(DAY) + 22 * 3_600_000
    part = Part("r", DAY, "night", "first")
    with write(people) as connection:
        number = ask(connection, part, "zhao", reason="", by="wang", now=NOW)
        (one,) = load_rosters(connection)
        assert people_on(connection, one, night) == {"first": "wang"}
        decide(connection, number, approved=True, by="boss", now=NOW)
        assert people_on(connection, one, night) == {"first": "zhao"}
        with pytest.raises(ChangeError, match="is approved"):
            decide(connection, number, approved=False, by="boss", now=NOW)
        with pytest.raises(ChangeError, match="has this shift already"):
            ask(connection, part, "zhao", reason="", by="li", now=NOW)
        with pytest.raises(ChangeError, match="no shift 'noon'"):
            ask(connection, Part("r", DAY, "noon", "first"), "li", reason="", by="li", now=NOW)
        note_absence(connection, "zhao", night - 1, night + 1, reason="病", by="boss")
        assert people_on(connection, one, night) == {}
        assert people_on(connection, one, night + 1) == {"first": "zhao"}


@pytest.mark.requirement("duty.calendar-import")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("day,what\n", "row 1: expected the columns"),
        ("day,kind,name\n2027-02-30,off,x", "row 2, day: expected a date"),
        ("day,kind,name\n2027-02-06,free,x", "row 2, kind: expected off or work, got 'free'"),
        ("day,kind,name\n2027-02-06,off,x\n2027-02-06,work,y", "row 3, day: 2027-02-06 is given twice"),
    ],
)
def test_a_calendar_that_cannot_be_read_says_where(text: str, said: str) -> None:
    with pytest.raises(ChangeError, match=said):
        read_calendar(text)


@pytest.mark.requirement("duty.calendar-import")
def test_a_year_of_the_calendar_is_replaced_as_a_whole(people: Engine) -> None:
    with write(people) as connection:
        save_calendar(connection, read_calendar("day,kind,name\n2027-02-06,off,春节\n2028-01-26,off,春节"))
        save_calendar(connection, read_calendar("\ufeffday,kind,name\r\n2027-10-01,off,国庆\r\n"))
        days = [r.day.isoformat() for r in list_calendar(connection, date(2027, 1, 1))]
    assert days == ["2027-10-01", "2028-01-26"]


@pytest.mark.requirement("watchdog.beat")
def test_the_dead_mans_switch_hears_of_a_server_that_tells_officers_and_of_no_other(
    people: Engine, webhook: WebhookReceiver
) -> None:
    alive = True
    dog = Watchdog(people, Settings("", 60), webhook.url, alive=lambda: alive, channels=["hook"])
    with write(people) as connection:
        note_listening(connection, "one", NOW, NOW + BEHIND_MS)
        note_listening(connection, "two", NOW, NOW)
    assert dog.beat(NOW)
    assert len(webhook.requests) == 1
    raise_alert(people, ["hook"], now=NOW)
    assert dog.beat(NOW + BEHIND_MS)
    assert not dog.beat(NOW + BEHIND_MS + 1), "what is due does not leave"
    with write(people) as connection:
        connection.execute(update(delivery).values(channel="gone"))
    assert dog.beat(NOW + BEHIND_MS + 1), "it waits for a channel that is configured no more"
    with write(people) as connection:
        connection.execute(update(delivery).values(state="failed"))
    assert dog.beat(NOW + BEHIND_MS)
    assert not dog.beat(NOW + BEHIND_MS + 1), "it has reached nobody"
    with write(people) as connection:
        connection.execute(update(delivery).values(state="delivered"))
        connection.execute(update(escalation).values(due_at=NOW))
    assert dog.beat(NOW + BEHIND_MS)
    assert not dog.beat(NOW + BEHIND_MS + 1), "the next call is not made"
    with write(people) as connection:
        connection.execute(update(escalation).values(state="stopped"))
    alive = False
    assert not dog.beat(NOW)
    alive = True
    with write(people) as connection:
        connection.execute(update(listener).values(seen=NOW - FRESH_MS))
    assert not dog.beat(NOW), "nobody hears the gateways"
    with write(people) as connection:
        note_listening(connection, "one", NOW, NOW)
    assert len(webhook.requests) == 5
    webhook.status = 500
    assert not dog.beat(NOW), "the switch has not taken it"


@pytest.mark.requirement("watchdog.beat")
def test_the_switch_is_called_again_and_again_until_the_server_stops(people: Engine, webhook: WebhookReceiver) -> None:
    """Also when it has refused a call."""
    with write(people) as connection:
        note_listening(connection, "one", wall_clock(), wall_clock())
    webhook.fail_next(1)
    dog = Watchdog(people, Settings("", 0.05), webhook.url, alive=lambda: True, channels=[])
    dog.start()
    called = webhook.wait_for(3)
    dog.stop()
    assert {(r.method, r.body) for r in called} == {("POST", b"")}
    assert "watchdog" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.requirement("watchdog.beat")
def test_the_switch_is_called_directly_and_its_url_is_told_to_nobody(
    people: Engine,
    webhook: WebhookReceiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Past a proxy of the environment, not where a redirect leads, and not in the log, however much that says."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    file = tmp_path / "url"
    file.write_text(f"{webhook.url}/hush\n")
    dog = Watchdog(people, Settings(str(file), 60), read_url(str(file)), alive=lambda: True, channels=[])
    with write(people) as connection:
        note_listening(connection, "one", NOW, NOW)
    with caplog.at_level(logging.DEBUG):
        assert dog.beat(NOW)
        webhook.status, webhook.headers = 302, {"Location": f"{webhook.url}/elsewhere"}
        assert not dog.beat(NOW)
    assert [r.path for r in webhook.requests] == ["/hook/hush", "/hook/hush"]
    assert "hush" not in caplog.text
    for bad in ("ftp://hush.example", "no url", "http://li:hush@switch.example/"):
        file.write_text(bad)
        with pytest.raises(BadFile, match="expected") as refused:
            read_url(str(file))
        assert "hush" not in str(refused.value)
