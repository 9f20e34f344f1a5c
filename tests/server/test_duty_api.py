"""Duty through the API and on the console's pages."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, select, update

from stillcold_core.registry import Registry
from stillcold_server.duty.reach import Channels
from stillcold_server.store.database import read, write
from stillcold_server.store.schema import contact, delivery, handover
from support.alerts import raise_alert
from support.story import NOW
from support.web import API, PASSWORD, Web, get, problem

CHANNELS = Channels(groups=("robot",), personal=("sms", "mail"))
SHIFTS = [
    {"name": "白班", "starts": "08:00", "ends": "20:00", "first": ["li"], "second": ["wang"]},
    {"name": "夜班", "starts": "20:00", "ends": "08:00", "first": ["wang", "li"]},
]
ROSTER = {"name": "宽城区", "anchor": "2027-01-01", "supervisor": "chief", "shifts": SHIFTS}


@pytest.fixture
def web(engine: Engine, plant: Registry) -> Iterator[Web]:
    with Web(engine, NOW, channels=CHANNELS) as web:
        yield web


@pytest.fixture
def people(web: Web) -> dict[str, httpx.Client]:
    """Two officers and their chief, who plans; with a roster."""
    found = {name: web.program("duty_officer", name) for name in ("li", "wang")}
    found["chief"] = web.program("district_lead", "chief")
    assert found["chief"].put(f"{API}/rosters/kc", json=ROSTER).status_code == 200
    return found


def code_of(engine: Engine, name: str, channel: str) -> str:
    with read(engine) as connection:
        mine = (contact.c.user == name) & (contact.c.channel == channel)
        return str(connection.scalar(select(contact.c.code).where(mine)))


@pytest.mark.requirement("api.duty")
def test_a_roster_its_turns_and_what_is_wrong_with_it(web: Web, people: dict[str, httpx.Client]) -> None:
    li, chief = people["li"], people["chief"]
    (roster,) = get(li, "/rosters")
    assert roster["shifts"][1] == {**SHIFTS[1], "days": "all", "second": []}
    now = {t["level"]: t["user"] for t in get(li, "/duty")}
    assert now == {"first": "li", "second": "wang"}
    week = get(li, "/duty", **{"from": "2027-01-15T00:00:00Z", "to": "2027-01-22T00:00:00Z"})
    assert {t["user"] for t in week if t["level"] == "first"} == {"li", "wang"}
    outlook = get(li, "/duty/outlook")
    assert {(u["user"], u["reason"]) for u in outlook["unreachable"]} == {
        ("li", "no_contact"), ("wang", "no_contact"), ("chief", "no_contact"),
    }  # fmt: skip
    assert problem(li.put(f"{API}/rosters/kc", json=ROSTER))[:2] == (403, "role")
    long = {**ROSTER, "shifts": [{**SHIFTS[0], "starts": "19:00", "ends": "09:00"}]}
    assert problem(chief.put(f"{API}/rosters/kc", json=long)) == (422, "roster", "shifts.白班")
    ghost = {**ROSTER, "supervisor": "ghost"}
    assert problem(chief.put(f"{API}/rosters/kc", json=ghost)) == (422, "roster", "supervisor")
    backwards = {"from": "2027-01-02T00:00:00Z", "to": "2027-01-01T00:00:00Z"}
    assert problem(li.get(f"{API}/duty", params=backwards))[0] == 422
    steps = [{"target": "supervisor", "times": 1, "minutes": 5}]
    assert chief.put(f"{API}/duty/policy/info", json={"steps": steps}).json()["info"] == steps
    assert chief.delete(f"{API}/rosters/kc").status_code == 204
    assert problem(chief.delete(f"{API}/rosters/kc"))[:2] == (404, "not_found")


@pytest.mark.requirement("api.duty")
def test_a_swap_an_absence_and_the_calendar(web: Web, people: dict[str, httpx.Client]) -> None:
    li, chief = people["li"], people["chief"]
    swap = {"roster": "kc", "day": "2027-01-15", "shift": "白班", "taker": "wang"}
    (asked,) = li.post(f"{API}/duty/changes", json=swap).json()
    assert (asked["giver"], asked["state"]) == ("li", "asked")
    assert problem(li.post(f"{API}/duty/changes/{asked['id']}/approve"))[:2] == (403, "role")
    assert chief.post(f"{API}/duty/changes/{asked['id']}/approve").status_code == 204
    assert {t["user"] for t in get(li, "/duty") if t["level"] == "first"} == {"wang"}
    assert problem(chief.post(f"{API}/duty/changes/{asked['id']}/refuse"))[:2] == (409, "decided")
    assert problem(li.post(f"{API}/duty/changes", json={**swap, "shift": "早班"}))[:2] == (422, "no_shift")
    away = {"user": "wang", "from_at": "2027-01-15T00:00:00+08:00", "to_at": "2027-01-16T00:00:00+08:00"}
    (absence,) = chief.post(f"{API}/duty/absences", json=away).json()
    assert get(li, "/duty/outlook")["gaps"][0]["reason"] == "absent"
    assert chief.delete(f"{API}/duty/absences/{absence['id']}").status_code == 204
    days = chief.put(f"{API}/duty/calendar", json={"csv": "day,kind,name\n2027-02-06,off,春节"}).json()
    assert days == [{"day": "2027-02-06", "kind": "off", "name": "春节"}]
    assert problem(chief.put(f"{API}/duty/calendar", json={"csv": "x"}))[:2] == (422, "calendar")


@pytest.mark.requirement("api.contacts")
def test_a_contact_is_ones_own_and_a_test_page_proves_it(web: Web, people: dict[str, httpx.Client]) -> None:
    li, chief = people["li"], people["chief"]
    assert problem(li.put(f"{API}/contacts/robot", json={"address": "1"}))[:2] == (422, "channel")
    li.put(f"{API}/contacts/sms", json={"address": "13800001234"})
    (mine,) = get(li, "/contacts")
    assert (mine["address"], mine["shown_at"]) == ("13800001234", None)
    (others,) = get(chief, "/contacts/all")
    assert others["address"] == "…1234"
    assert problem(li.get(f"{API}/contacts/all"))[:2] == (403, "role")
    assert li.post(f"{API}/duty/test-page", json={"to": "me"}).json() == {"messages": 1}
    code = {"code": code_of(web.engine, "li", "sms")}
    other = {"code": f"{(int(code['code']) + 1) % 10**6:06}"}
    assert li.post(f"{API}/contacts/sms/verify", json=other).json() == {"verified": False}
    assert li.post(f"{API}/contacts/sms/verify", json=code).json() == {"verified": True}
    assert get(li, "/contacts")[0]["shown_at"] is not None
    assert chief.post(f"{API}/duty/test-page", json={"to": "on_duty"}).json() == {"messages": 2}
    log = get(chief, "/deliveries", limit=2)
    assert [(d["recipient"], d["channel"], d["alert"]) for d in log] == [("li", "sms", None), ("", "robot", None)]
    (older,) = get(chief, "/deliveries", before=log[-1]["id"])
    assert older["state"] == "waiting"
    assert li.delete(f"{API}/contacts/sms").status_code == 204
    assert problem(li.delete(f"{API}/contacts/sms"))[:2] == (404, "unknown_contact")


@pytest.mark.requirement("duty.test-pages")
def test_nobody_is_flooded_with_test_pages(web: Web, people: dict[str, httpx.Client]) -> None:
    """Neither somebody at an address that one says is one's own, nor a group."""
    li, chief = people["li"], people["chief"]
    assert li.put(f"{API}/contacts/sms", json={"address": "13900001234"}).status_code == 200
    for to, client, many in (("me", li, 10), ("on_duty", chief, 0)):
        for _ in range(many):
            assert client.post(f"{API}/duty/test-page", json={"to": to}).status_code == 202
        assert problem(client.post(f"{API}/duty/test-page", json={"to": to}))[:2] == (429, "often")
    assert len(get(chief, "/deliveries", limit=100)) == 10
    web.clock.now += 3_600_000
    assert chief.post(f"{API}/duty/test-page", json={"to": "on_duty"}).json() == {"messages": 2}


@pytest.mark.requirement("console.duty")
def test_duty_on_the_pages(web: Web, people: dict[str, httpx.Client]) -> None:
    """A planner makes a roster, an officer asks for a swap and verifies a contact, by plain forms."""
    chief, officer = web.browser("district_lead", "lead"), web.browser("duty_officer", "officer")
    page = chief.get("/duty")
    assert "白班" in page.text
    assert "没有联系方式，呼叫不到" in page.text
    shifts = {"shift": ["日", "夜", ""], "starts": ["08:00", "20:00", ""], "ends": ["20:00", "08:00", ""]}
    shifts |= {"days": ["all"] * 3, "first": ["officer，li", "officer", ""], "second": ["", "", ""]}
    form = {"id": "kc", "name": "新表", "day_starts": "08:00", "turn_days": "1", "anchor": "2027-01-01", **shifts}
    assert chief.post("/duty/rosters", data={**form, "continuous": "true", "supervisor": "lead"}).status_code == 303
    assert "新表" in chief.get("/duty").text
    assert 'value="officer, li"' in chief.get("/duty/rosters/kc").text
    refused = chief.post("/duty/rosters", data={**form, "first": ["ghost", "", ""]})
    assert refused.status_code == 422
    assert "ghost" in refused.text
    swap = {"place": "kc/夜", "day": "2027-01-15", "level": "first", "taker": "li"}
    assert officer.post("/duty/changes", data=swap).status_code == 303
    assert chief.post("/duty/changes/1/approve").status_code == 303
    assert "已批准" in officer.get("/duty/changes").text
    away = {"user": "li", "begins": "2027-01-20T08:00", "ends": "2027-01-21T08:00"}
    assert chief.post("/duty/absences", data=away).status_code == 303
    table = ("days.csv", "day,kind,name\n2027-02-06,off,春节".encode())
    assert chief.post("/duty/calendar", files={"file": table}).status_code == 303
    assert "春节" in officer.get("/duty/changes").text
    policy = {"target": ["second", ""], "times": ["2", "1"], "minutes": ["7", "5"]}
    assert chief.post("/duty/policy/warning", data=policy).status_code == 303
    assert "第二值班：呼叫 2 次，每次后等 7 分钟" in officer.get("/duty/policy").text
    assert officer.post("/contacts", data={"channel": "sms", "address": "138"}).status_code == 303
    assert officer.post("/duty/test-page", data={"to": "me"}).headers["location"] == "/deliveries"
    assert "测试呼叫" in officer.get("/deliveries").text
    code = {"code": code_of(web.engine, "officer", "sms")}
    answer = officer.post("/contacts/sms/verify", data=code)
    assert "验证码正确" in officer.get(answer.headers["location"]).text


@pytest.mark.requirement("console.handover")
def test_a_shift_is_handed_over_at_one_desk_or_two(web: Web, people: dict[str, httpx.Client]) -> None:
    """By who takes over, with a name and password of their own or in a session of their own; never by one alone."""
    raise_alert(web.engine, [], now=NOW)
    desk, other = web.browser("duty_officer", "desk"), web.browser("duty_officer", "other")
    assert "f1" in desk.get("/handovers").text
    where = desk.post("/handovers", data={"roster": "kc", "remark": "看 1 号炉"}).headers["location"]
    assert "看 1 号炉" in other.get(where).text
    assert desk.post(f"{where}/accept", data={}).status_code == 409
    wrong = {"name": "other", "password": "wrong password"}
    assert desk.post(f"{where}/accept", data=wrong).status_code == 401
    assert desk.post(f"{where}/accept", data={"name": "desk", "password": PASSWORD}).status_code == 409
    good = {"name": "other", "password": PASSWORD, "remark": "收到"}
    assert desk.post(f"{where}/accept", data=good).status_code == 303
    assert "收到" in desk.get(where).text
    assert other.post(f"{where}/accept", data={}).status_code == 409, "it is taken over"
    second = desk.post("/handovers", data={"roster": "kc"}).headers["location"]
    assert other.post(f"{second}/accept", data={}).status_code == 303
    found: list[dict[str, Any]] = get(people["li"], "/handovers")
    assert [(h["outgoing"], h["incoming"], len(h["content"]["alerts"])) for h in found] == [("desk", "other", 1)] * 2
    assert found[0]["previous"] == found[1]["hash"]
    with write(web.engine) as connection:  # what was signed before a roster's name and districts were part of it
        connection.execute(update(handover).values(content='{"alerts": [], "remark": "旧交接"}'))
    assert "旧交接" in desk.get(where).text


def test_the_log_shows_what_a_channel_said_as_text(web: Web, people: dict[str, httpx.Client]) -> None:
    raise_alert(web.engine, ["robot"], now=NOW)
    with write(web.engine) as connection:
        connection.execute(update(delivery).values(state="skipped", detail="<script>evil</script>"))
    page = web.browser("duty_officer", "officer").get("/deliveries").text
    assert "<script>evil" not in page
    assert "&lt;script&gt;evil" in page
    assert "1 t 中频炉</a> · 第 1 次呼叫" in page


@pytest.mark.requirement("console.duty")
def test_an_alert_says_whom_it_was_told(web: Web, people: dict[str, httpx.Client]) -> None:
    """By name, and which call it was; and the duty page names a roster as its people do."""
    raise_alert(web.engine, ["robot"], now=NOW)
    with write(web.engine) as connection:
        alert = connection.scalars(select(delivery.c.alert)).first()
        told = connection.scalars(select(delivery.c.id).where(delivery.c.channel == "robot")).first()
        connection.execute(update(delivery).where(delivery.c.id == told).values(page=2, recipient="li"))
    officer = web.browser("duty_officer", "officer")
    page = officer.get(f"/alerts/{alert}").text
    assert "<td>li · robot</td><td>第 3 次呼叫</td>" in page
    assert "li（宽城区，" in officer.get("/duty").text
