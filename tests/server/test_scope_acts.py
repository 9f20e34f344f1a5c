"""What an account that is limited to districts does, and what others' acts show it."""

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from stillcold_core.registry import District, Gateway, Line, Point, Registry, Site
from stillcold_server.api.moments import to_iso
from stillcold_server.console.charts import neighbours
from stillcold_server.console.navigation import menu
from stillcold_server.people.accounts import Account
from stillcold_server.people.scope import EVERYWHERE, Scope
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store.database import read, write
from stillcold_server.store.schema import reminder
from support.alerts import found, raise_alert
from support.gateway import SignedGateway
from support.story import NOW
from support.web import API, Web, get, problem

KUANCHENG = Scope(("kuancheng",))


@pytest.fixture
def two(web: Web) -> Web:
    """A second district with a line, of which there is an alert as of the first."""
    registry = Registry(
        district=(District("north", "north"),),
        site=(Site("n-1", "north plant", district="north"),),
        line=(Line("nf", "n-1", "north furnace", "sealed", 1e6),),
        gateway=(Gateway("n-g", SignedGateway("n-g").public_key, "n-1"),),
        point=(Point("np", "nf", "feeder", "n-g"),),
    )
    with write(web.engine) as connection:
        import_registry(connection, registry)
    raise_alert(web.engine, [], now=NOW)
    raise_alert(web.engine, [], now=NOW, finding=replace(found(line="nf", point="np"), site="n-1"))
    return web


@pytest.mark.requirement("duty.handover-district")
def test_a_district_s_handover_holds_nothing_of_another(two: Web) -> None:
    """Though who hands over sees all; without a district's roster everything is handed over."""
    chief = two.program("district_lead", "chief")
    shift = {"name": "day", "starts": "08:00", "ends": "08:00", "first": ["chief"]}
    roster = {"name": "r", "anchor": "2027-01-01", "shifts": [shift]}
    for name, of in (("kc", "kuancheng"), ("all", None)):
        assert chief.put(f"{API}/rosters/{name}", json={**roster, "district": of}).status_code == 200
    two.user("li", "duty_officer", "kuancheng")
    li = two.client()
    li.headers["Authorization"] = f"Bearer {two.token('li')}"
    made = {name: chief.post(f"{API}/handovers", json={"roster": name}).json() for name in ("kc", "all")}
    assert {a["line"] for a in made["kc"]["content"]["alerts"]} == {"f1"}
    assert {a["line"] for a in made["all"]["content"]["alerts"]} == {"f1", "nf"}
    assert [h["id"] for h in get(li, "/handovers")] == [made["kc"]["id"]]
    assert "nf" not in str(get(li, f"/handovers/{made['kc']['id']}"))
    two.user("wang", "duty_officer", "kuancheng")
    two.user("zhao", "duty_officer", "north")
    wang, zhao = two.client(), two.client()
    for client, name in ((wang, "wang"), (zhao, "zhao")):
        client.headers["Authorization"] = f"Bearer {two.token(name)}"
    own = li.post(f"{API}/handovers", json={}).json()["id"]
    assert chief.put(f"{API}/rosters/kc", json={**roster, "district": "north"}).status_code == 200
    assert [h["id"] for h in get(wang, "/handovers")] == [own, made["kc"]["id"]], "what was handed over stays theirs"
    assert get(zhao, "/handovers") == []
    assert wang.post(f"{API}/handovers/{own}/accept", json={}).status_code == 200


@pytest.mark.requirement("people.scope")
def test_names_of_accounts_are_those_of_the_district(two: Web) -> None:
    """In the lists of the page, and in what may be asked; whoever stands on a roster there is one of them."""
    chief, away = two.program("district_lead", "chief"), two.program("duty_officer", "north-wang")
    shift = {"name": "day", "starts": "08:00", "ends": "08:00", "first": ["chief"]}
    roster = {"name": "r", "anchor": "2027-01-01", "district": "kuancheng", "shifts": [shift]}
    assert chief.put(f"{API}/rosters/kc", json=roster).status_code == 200
    for name in ("li", "sun"):
        two.user(name, "duty_officer", "kuancheng")
    li = two.client()
    li.headers["Origin"] = two.url
    two.enter(li, "li")
    page = li.get("/duty/changes").text
    assert [name for name in ("chief", "li", "sun", "north-wang") if f'value="{name}"' in page] == [
        "chief",
        "li",
        "sun",
    ]
    given = {"roster": "kc", "day": "2027-03-01", "shift": "day", "level": "first"}
    for taker in ("north-wang", "nobody"):
        assert problem(li.post(f"{API}/duty/changes", json={**given, "taker": taker}))[1] == "unknown_user"
    assert li.post(f"{API}/duty/changes", json={**given, "taker": "sun"}).status_code == 201
    assert away.get(f"{API}/duty/changes").json()[0]["taker"] == "sun", "who sees all sees all names"


@pytest.mark.requirement("people.scope")
def test_who_takes_a_line_out_of_service_puts_it_back(two: Web) -> None:
    """By the API and on the pages; another district's entry is not there."""
    for name, of in (("zhang", "kuancheng"), ("li", "north")):
        two.user(name, "district_lead", of)
    clients = {name: two.client() for name in ("zhang", "li")}
    for name, client in clients.items():
        client.headers["Authorization"] = f"Bearer {two.token(name)}"
    given = {"line": "f1", "reason": "检修", "until": to_iso(NOW + 3_600_000)}
    for _ in range(2):
        clients["zhang"].post(f"{API}/out-of-service", json=given)
    first, second = (entry["number"] for entry in get(clients["zhang"], "/out-of-service"))
    refused = clients["li"].post(f"{API}/out-of-service/{first}/end", json={})
    assert problem(refused)[:2] == (404, "not_found")
    assert len(clients["zhang"].post(f"{API}/out-of-service/{first}/end", json={}).json()) == 1
    browser = two.client()
    browser.headers["Origin"] = two.url
    two.enter(browser, "zhang")
    assert f"/out-of-service/{second}/end" in browser.get("/performance").text
    assert browser.post(f"/out-of-service/{second}/end", data={"note": ""}).status_code == 303
    again = {"line": "f1", "reason": "检修", "days": "1"}
    assert browser.post("/out-of-service", data=again).status_code == 303
    history = browser.get("/history")
    assert history.status_code == 200
    assert "north" not in history.text


@pytest.mark.requirement("people.scope")
def test_reminders_are_put_aside_where_they_are_seen(two: Web) -> None:
    two.user("zhang", "bureau_energy", "kuancheng")
    browser = two.client()
    browser.headers["Origin"] = two.url
    two.enter(browser, "zhang")
    with write(two.engine) as connection:
        for line in ("f1", "nf"):
            row = {"kind": "dismantling", "subject": line, "line": line, "due_on": "2027-01-20", "days": 7}
            connection.execute(reminder.insert(), row | {"raised_at": NOW, "seen_at": None, "seen_by": ""})
    assert browser.post("/reminders/seen").status_code == 303
    assert [r["line"] for r in get(two.program("district_lead"), "/reminders")] == ["nf"]


@pytest.mark.requirement("people.scope")
def test_each_page_of_the_menu_opens_to_a_limited_account(two: Web) -> None:
    two.user("zhang", "district_lead+inspector", "kuancheng")
    browser = two.client()
    two.enter(browser, "zhang")
    pages = menu(Account("zhang", ("district_lead", "inspector"), False, ("kuancheng",)))
    for entry in (e for entries in pages.values() for e in entries):
        answer = browser.get(entry.path)
        assert answer.status_code == 200, entry
        assert "north" not in answer.text, entry


@pytest.mark.requirement("people.scope")
def test_curves_beside_an_alert_are_of_the_same_districts(two: Web, engine: Engine) -> None:
    with read(engine) as connection:
        assert {n.point for n in neighbours(connection, EVERYWHERE)} == {"p1", "p2", "np"}
        assert {n.point for n in neighbours(connection, KUANCHENG)} == {"p1", "p2"}
