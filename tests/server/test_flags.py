"""What hides an alert: suppression by design, shelves, out of service; and what is told when that ends."""

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select

from stillcold_core.detect.findings import Finding
from stillcold_core.registry import Registry
from stillcold_server.alerts.lifecycle import NotAllowed, acknowledge, reset
from stillcold_server.alerts.pipeline import hidden, review, take
from stillcold_server.alerts.shelving import (
    SERVICE_MS,
    SHELVE_MS,
    UnknownEntry,
    put_back,
    shelve,
    take_out,
    unshelve,
)
from stillcold_server.alerts.stages import COMES_BACK_MS, JOIN_MS
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from support.web import API, Web, get, problem

HOUR = 3_600_000
T0 = 1_800_000_000_000
POWER, WATER, SEAL = "restart.power", "restart.water", "restart.seal"


def found(kind: str, at: int = T0, *, line: str = "f1", ended: int | None = None, severity: Any = "warning") -> Finding:
    point, over = {"f1": "p1", "mill": "p2"}[line], None if ended is None else ended / 1000
    return Finding(kind, severity, "kc-017", line, point, at / 1000, at / 1000, f"{kind} shown", {}, over)


class Desk:
    """Takes findings and acts on alerts, each in a transaction of its own, and keeps who was paged."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.paged: list[str] = []

    def page(self, _connection: Connection, alert_id: str, _now: int) -> None:
        self.paged.append(alert_id)

    def take(self, *findings: Finding, now: int = T0) -> None:
        with write(self.engine) as connection:
            for finding in findings:
                take(connection, finding, now, self.page)

    def act(self, move: Any, *args: Any, **values: Any) -> None:
        if move in (shelve, unshelve, take_out, put_back):
            values["page"] = self.page
        with write(self.engine) as connection:
            move(connection, *args, actor="王", **values)

    def review(self, now: int) -> int:
        with write(self.engine) as connection:
            return review(connection, hidden(connection), now, self.page)

    def row(self, finding: Finding) -> Any:
        with read(self.engine) as connection:
            return connection.execute(select(schema.alert).where(schema.alert.c.id == finding.id)).one()

    def flag(self, finding: Finding) -> tuple[str, str, str]:
        row = self.row(finding)
        return row.state, row.stage, row.held_why

    def journal(self, finding: Finding) -> list[tuple[str, str, str]]:
        j = schema.alert_journal.c
        with read(self.engine) as connection:
            rows = connection.execute(
                select(j.transition, j.actor, j.reason).where(j.alert == finding.id).order_by(j.id)
            )
            return [tuple(row) for row in rows]


@pytest.fixture
def desk(engine: Engine, plant: Registry) -> Desk:
    return Desk(engine)


@pytest.mark.requirement("alert.shelve")
def test_a_shelved_alarm_is_hidden_recorded_and_told_when_its_time_is_over(desk: Desk) -> None:
    first, second = found("tamper.ct"), found("tamper.ct", T0 + HOUR)
    desk.take(first)
    desk.act(shelve, first.id, reason="互感器待修", until=T0 + 8 * HOUR, now=T0 + 1)
    assert desk.flag(first) == ("unacknowledged", "shelve", "shelved")
    desk.take(second, now=T0 + HOUR)  # a new occurrence
    assert desk.flag(second) == ("unacknowledged", "shelve", "shelved")
    assert desk.review(T0 + 8 * HOUR - 1) == 0
    assert desk.paged == [first.id]
    assert desk.review(T0 + 8 * HOUR) == 2
    assert desk.review(T0 + 8 * HOUR) == 0
    assert desk.paged == [first.id, first.id]  # one message an incident
    assert desk.journal(first) == [
        ("raise", "system", "tamper.ct"), ("shelve", "王", "shelved"), ("unshelve", "system", "shelved"),
    ]  # fmt: skip


@pytest.mark.requirement("alert.shelve")
def test_what_goes_on_after_the_shelf_waits_anew_for_somebody(desk: Desk) -> None:
    """And what was over meanwhile asks nobody any more."""
    over, stands = found("tamper.frozen"), found("tamper.ct")
    desk.take(over, stands)
    desk.act(acknowledge, stands.id, note="", now=T0 + 1)
    for finding in (over, stands):
        desk.act(shelve, finding.id, reason="检修", until=T0 + HOUR, now=T0 + 2)
    desk.take(found("tamper.frozen", ended=T0 + 1000), now=T0 + 2000)
    assert desk.flag(over)[0] == "normal"
    desk.review(T0 + HOUR)
    assert desk.flag(stands) == ("unacknowledged", "", "")
    assert desk.row(stands).acknowledged_by is None
    assert desk.paged == [over.id, stands.id]


@pytest.mark.requirement("alert.shelve.restart")
def test_a_shelf_never_silences_a_new_restart(desk: Desk) -> None:
    """One that was taken up and has stopped can be put aside; the next one pages."""
    first, second = found(POWER, severity="critical"), found(POWER, T0 + HOUR, severity="critical")
    desk.take(first)
    with pytest.raises(NotAllowed, match="not_acknowledged"):
        desk.act(shelve, first.id, reason="…", until=T0 + HOUR, now=T0)
    desk.act(acknowledge, first.id, note="", now=T0 + 1)
    desk.act(shelve, first.id, reason="等待拆除", until=T0 + 12 * HOUR, now=T0 + 2)
    desk.take(second, now=T0 + HOUR)
    assert desk.flag(second) == ("unacknowledged", "", "")
    assert desk.paged == [first.id, second.id]
    desk.take(found(POWER, ended=T0 + 2 * HOUR, severity="critical"), now=T0 + 2 * HOUR)
    assert desk.flag(first) == ("latched", "shelve", "shelved")  # an offence stays one
    desk.review(T0 + 12 * HOUR)
    assert (desk.flag(first), desk.paged) == (("latched", "", ""), [first.id, second.id])


@pytest.mark.requirement("alert.shelve")
def test_an_officer_takes_an_alarm_off_the_shelf(desk: Desk) -> None:
    one = found("tamper.ct")
    desk.take(one)
    desk.act(shelve, one.id, reason="…", until=T0 + HOUR, now=T0 + 1)
    desk.act(unshelve, one.id, note="修好了", now=T0 + JOIN_MS)
    assert (desk.flag(one), desk.paged) == (("unacknowledged", "", ""), [one.id, one.id])
    assert desk.journal(one)[-1] == ("unshelve", "王", "shelved")
    with pytest.raises(NotAllowed, match="not_shelved"):
        desk.act(unshelve, one.id, note="", now=T0 + JOIN_MS)


@pytest.mark.parametrize(
    ("until", "reason"), [(T0, "past"), (T0 + SHELVE_MS + 1, "too_long"), (T0 + 1, ""), (T0 + SHELVE_MS, "")]
)
def test_a_shelf_has_a_limit(desk: Desk, until: int, reason: str) -> None:
    desk.take(found("tamper.ct"))
    if not reason:
        desk.act(shelve, found("tamper.ct").id, reason="…", until=until, now=T0)
        reason = "hidden"
    with pytest.raises(NotAllowed) as refused:
        desk.act(shelve, found("tamper.ct").id, reason="…", until=until, now=T0)
    assert refused.value.reason == reason


@pytest.mark.requirement("alert.out-of-service")
def test_out_of_service_hides_all_but_restarts_until_it_is_put_back(desk: Desk) -> None:
    before, after, restart = found("tamper.ct"), found("silence.point", T0 + HOUR), found(POWER, severity="critical")
    elsewhere = found("tamper.ct", line="mill")
    desk.take(before, elsewhere)
    desk.act(take_out, "f1", "p1", reason="换表", until=T0 + SERVICE_MS, now=T0)
    desk.take(after, restart, now=T0 + HOUR)
    assert [desk.flag(f)[1] for f in (before, after, restart, elsewhere)] == ["out_of_service"] * 2 + ["", ""]
    assert desk.paged == [before.id, elsewhere.id, restart.id]
    desk.act(put_back, 1, note="", now=T0 + 3 * HOUR)
    assert desk.paged[3:] == [after.id]  # the other one joins it
    assert desk.journal(before)[1:] == [
        ("remove_from_service", "王", "out_of_service"), ("return_to_service", "王", "out_of_service"),
        ("join", "system", "joined_incident"),
    ]  # fmt: skip
    with pytest.raises(NotAllowed, match="in_service"):
        desk.act(put_back, 1, note="", now=T0 + 3 * HOUR)
    with pytest.raises(UnknownEntry):
        desk.act(put_back, 2, note="", now=T0)


@pytest.mark.requirement("alert.suppress.permit")
def test_what_a_permit_covers_is_suppressed_and_what_still_stands_then_is_told(desk: Desk, plant: Registry) -> None:
    """A seal that stays open after the work; power that goes on is found anew by detection."""
    start, end = (round(t.timestamp() * 1000) for t in (plant.permit[0].start, plant.permit[0].end))
    seal, power = found(SEAL, start + HOUR, severity="critical"), found(POWER, start + HOUR, severity="critical")
    desk.take(seal, power, now=start + HOUR)
    assert (desk.flag(seal), desk.paged) == (("unacknowledged", "suppress", "permit"), [])
    assert desk.review(end - 1) == 0
    assert desk.review(end) == 1
    assert (desk.flag(seal), desk.paged) == (("unacknowledged", "", ""), [seal.id])
    desk.take(found(POWER, start + HOUR, ended=end, severity="critical"), now=end + 1)
    assert desk.flag(power) == ("normal", "suppress", "permit")


@pytest.mark.requirement("alert.inhibit.gateway")
def test_a_silent_gateway_inhibits_its_points_and_what_stays_silent_is_told(desk: Desk) -> None:
    gateway, back = found("silence.gateway"), T0 + HOUR
    with_it, longer = found("silence.point", line="mill"), found("silence.point")
    desk.take(gateway, with_it, longer)
    assert {desk.flag(f)[2] for f in (with_it, longer)} == {"gateway_silent"}
    assert desk.paged == [gateway.id]
    desk.take(found("silence.gateway", ended=back), now=back)
    desk.take(found("silence.point", line="mill", ended=back + COMES_BACK_MS), now=back + COMES_BACK_MS)
    desk.review(back + COMES_BACK_MS)
    assert desk.flag(with_it)[0] == "normal"
    assert (desk.flag(longer)[1], desk.paged) == ("", [gateway.id, longer.id])


@pytest.mark.requirement("alert.inhibit.gateway")
def test_a_gap_that_is_told_after_the_gateway_is_back_asks_nobody(desk: Desk) -> None:
    desk.take(found("silence.gateway"))
    desk.take(found("silence.gateway", ended=T0 + HOUR), now=T0 + HOUR)
    late = found("silence.point", T0 - 1000, line="mill", ended=T0 + HOUR + 5000)
    desk.take(late, now=T0 + HOUR + 6000)
    assert desk.flag(late) == ("normal", "inhibit", "gateway_silent")
    apart = found("silence.point", T0 + 2 * HOUR, line="mill", ended=T0 + 3 * HOUR)
    desk.take(apart, now=T0 + 3 * HOUR)
    assert desk.flag(apart)[1] == ""


@pytest.mark.requirement("alert.inhibit.outage")
def test_a_grid_outage_inhibits_silence_over_the_site_and_nothing_else(desk: Desk) -> None:
    outage = found("quality.outage", severity="info")
    silent, restart = found("silence.gateway", line="mill"), found(POWER, severity="critical")
    desk.take(outage, silent, restart)
    assert desk.flag(silent)[2] == "grid_outage"
    assert desk.paged == [restart.id]  # an outage is for information
    assert desk.flag(outage)[0] == "acknowledged", "nobody is asked to look"
    desk.take(found("quality.outage", ended=T0 + HOUR, severity="info"), now=T0 + HOUR)
    desk.review(T0 + HOUR)
    assert desk.paged == [restart.id, silent.id]
    assert desk.flag(outage)[0] == "normal", "and it closes by itself"


@pytest.mark.requirement("delivery.joined-incident")
def test_a_restart_is_told_although_a_lesser_alert_of_its_line_was_told_just_now(desk: Desk) -> None:
    """Whoever pulls a gateway's plug to hide a restart has paged for silence a minute before."""
    silent, restart, current = (
        found("silence.gateway"),
        found(POWER, T0 + 60_000, severity="critical"),
        found("restart.current", T0 + 60_000, severity="critical"),
    )
    for finding in (silent, restart, current):
        desk.take(finding, now=round(finding.began * 1000))
    assert desk.paged == [silent.id, restart.id]


@pytest.mark.requirement("api.stages")
@pytest.mark.requirement("api.shelve")
def test_shelves_service_and_stages_over_the_api(web: Web) -> None:
    desk = Desk(web.engine)
    alert = found("tamper.ct")
    desk.take(alert)
    officer, keeper = web.program("duty_officer", "张伟"), web.program("district_lead", "李")
    until = "2027-01-15T09:00:00Z"
    shelved = officer.post(f"{API}/alerts/{alert.id}/shelve", json={"reason": "待修", "until": until}).json()
    assert (shelved["flag"], shelved["stage"], shelved["held_until"]) == (
        "shelved",
        "shelve",
        "2027-01-15T09:00:00.000Z",
    )
    again = officer.post(f"{API}/alerts/{alert.id}/shelve", json={"reason": "待修", "until": until})
    assert problem(again) == (409, "hidden", None)
    assert officer.post(f"{API}/alerts/{alert.id}/unshelve", json={}).json()["flag"] is None
    given = {"line": "mill", "point": "p2", "reason": "换表", "until": until}
    assert problem(officer.post(f"{API}/out-of-service", json=given))[0] == 403
    assert problem(keeper.post(f"{API}/out-of-service", json={**given, "point": "p1"}))[:2] == (404, "not_found")
    assert problem(keeper.post(f"{API}/out-of-service", json={**given, "line": "no"}))[:2] == (404, "not_found")
    (out,) = keeper.post(f"{API}/out-of-service", json=given).json()
    assert (out["line"], out["actor"]) == ("mill", "李")
    desk.take(found("tamper.ct", line="mill"))
    stages = {
        s["name"]: {h["reason"]: (h["now"], h["lately"]) for h in s["held"]} for s in get(officer, "/alert-stages")
    }
    assert list(stages) == ["inhibit", "suppress", "out_of_service", "shelve", "join", "inform"]
    assert (stages["out_of_service"], stages["shelve"]) == ({"out_of_service": (1, 1)}, {"shelved": (0, 1)})
    assert keeper.post(f"{API}/out-of-service/{out['number']}/end", json={"note": "已换"}).json() == []
    assert problem(keeper.post(f"{API}/out-of-service/99/end", json={}))[:2] == (404, "not_found")
    assert get(officer, "/out-of-service") == []


@pytest.mark.requirement("console.hidden")
def test_the_console_shows_hidden_alerts_apart_and_shelves(web: Web) -> None:
    desk = Desk(web.engine)
    alert = found("tamper.ct")
    desk.take(alert)
    browser = web.browser("duty_officer")
    assert 'data-waiting="1"' in browser.get("/alerts").text
    done = browser.post(f"/alerts/{alert.id}/shelve?next=/alerts", data={"reason": "待修", "hours": "8"})
    assert (done.status_code, done.headers["location"]) == (303, "/alerts")
    page = browser.get("/alerts").text
    assert 'data-waiting="0"' in page
    assert page.index('id="hidden"') < page.index("值班员已搁置")
    assert "拦截环节：搁置" in browser.get(f"/alerts/{alert.id}").text
    browser.post(f"/alerts/{alert.id}/unshelve", data={"note": ""})
    assert 'data-waiting="1"' in browser.get("/alerts").text


def test_a_reset_is_what_closes_a_shelved_restart(desk: Desk) -> None:
    one = found(POWER, severity="critical")
    desk.take(one, found(POWER, ended=T0 + 1000, severity="critical"))
    desk.act(acknowledge, one.id, note="", now=T0 + 1)
    desk.act(shelve, one.id, reason="…", until=T0 + HOUR, now=T0 + 2)
    desk.act(reset, one.id, note="到场核查", now=T0 + 3)
    assert desk.flag(one) == ("normal", "shelve", "shelved")
    assert desk.review(T0 + HOUR) == 0
