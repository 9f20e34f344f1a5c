"""What an account that is limited to districts sees, of API and console."""

import re

import pytest

from stillcold_core.detect.findings import Finding
from stillcold_core.registry import District, Enterprise, Gateway, Line, Point, Registry, Site
from stillcold_server.alerts.lifecycle import record
from stillcold_server.people.scope import KINDS
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store import schema
from stillcold_server.store.database import write
from support.gateway import SignedGateway
from support.routes import call, routes
from support.story import NOW
from support.web import API, Web, get, problem

THERE = {
    "districts": "other-d", "enterprises": "other-e", "sites": "other-s", "lines": "other-f", "points": "other-p",
    "gateways": "other-g",
}  # fmt: skip


@pytest.fixture
def two(restarted: Web) -> Web:
    """A second district with a plant of everything, all of whose names begin with ``other``."""
    other = Registry(
        district=(District("other-d", "other district"),),
        enterprise=(Enterprise("other-e", "other enterprise"),),
        site=(
            Site("other-s", "other site", district="other-d", enterprise="other-e"),
            Site("other-lost", "no district"),
        ),
        line=(
            Line("other-f", "other-s", "other furnace", "sealed", 1e6),
            Line("other-x", "other-lost", "x", "sealed", 1e6),
        ),
        gateway=(Gateway("other-g", SignedGateway("other-g").public_key, "other-s"),),
        point=(Point("other-p", "other-f", "feeder", "other-g"),),
    )
    finding = Finding("restart.power", "critical", "other-s", "other-f", "other-p", NOW / 1000, NOW / 1000, "other", {})
    with write(restarted.engine) as connection:
        import_registry(connection, other)
        incident = record(connection, finding, NOW)
    with write(restarted.engine) as connection:
        row = {"line": "other-f", "from_at": NOW, "to_at": NOW + 1, "reason": "other", "approved_by": ""}
        THERE["permits"] = str(
            connection.execute(schema.permit.insert().returning(schema.permit.c.id), row).scalar_one()
        )
        row = {"id": "other-seal", "line": "other-f", "place": "", "applied_at": 0, "applied_by": "", "state": "whole"}
        connection.execute(schema.seal.insert(), row | {"ended_by": "", "photo": ""})
        row = {"line": "other-f", "from_at": 0, "to_at": 1}
        said = {"id": "other-day", "kind": "day", "version": 1, "result": "", "made_at": 0, "digest": "", "note": ""}
        connection.execute(schema.statement.insert(), row | said)
        begun = {"behind_cut": [], "started_by": "", "state": "running", "closed_by": ""}
        made = connection.execute(schema.verification.insert().returning(schema.verification.c.id), row | begun)
        THERE["verifications"] = str(made.scalar_one())
    THERE["seals"], THERE["statements"] = "other-seal", "other-day"
    THERE["alerts"] = finding.id
    THERE["incidents"] = str(incident)
    return restarted


@pytest.mark.requirement("people.scope")
def test_a_limited_account_meets_nothing_of_another_district(two: Web) -> None:
    """A list leaves it out, a thing of it is not there, a route that knows no districts is closed."""
    assert set(THERE) == set(KINDS)
    two.user("li", "district_lead+inspector", "kuancheng")
    program, browser = two.client(), two.client()
    program.headers["Authorization"] = f"Bearer {two.token('li')}"
    browser.headers["Origin"] = two.url
    two.enter(browser, "li")
    things = lists = 0
    for rule in routes(two):
        if not rule.permissions or not (rule.allows("district_lead") or rule.allows("inspector")):
            continue
        named = re.search(r"/(\w+)/\{(\w+)\}", rule.path)
        client = program if rule.path.startswith("/api/") else browser
        if named and named[1] in KINDS:
            answer = call(client, rule, **{named[2]: THERE[named[1]]})
            assert answer.status_code == 404, (rule, answer.text)
            things += 1
        else:
            answer = call(client, rule)
            lists += 1
        assert answer.status_code < 500, rule
        shown = answer.text if answer.status_code == 200 else ""
        assert "other" not in re.sub("other_language", "", shown), rule
    assert things >= 12
    assert lists >= 12
    assert [n["id"] for n in get(program, "/lines")] == ["f1", "mill"]
    assert len(get(program, "/alerts")) == 3
    assert get(program, "/lines/f1")["id"] == "f1"
    assert [s["id"] for s in get(two.program("duty_officer"), "/sites")] == ["kc-017", "other-lost", "other-s"]


def test_districts_are_given_with_the_roles(two: Web) -> None:
    """They must exist; an administrator has none; whoever is given others must log in again."""
    admin = two.program("security_admin")
    new = {"name": "li", "roles": ["duty_officer"], "districts": ["kuancheng"]}
    assert problem(admin.post(f"{API}/users", json=new | {"districts": ["nowhere"]}))[1] == "district"
    assert problem(admin.post(f"{API}/users", json=new | {"districts": []}))[1] == "district"
    assert problem(admin.post(f"{API}/users", json=new | {"roles": ["system_admin"]}))[1] == "unlimited"
    assert admin.post(f"{API}/users", json=new).status_code == 201
    token = two.token("li")
    rights = {"roles": ["inspector"], "districts": ["other-d"]}
    assert admin.post(f"{API}/users/li/rights", json=rights).status_code == 204
    stranger = two.client()
    assert stranger.get(f"{API}/lines", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    (li,) = (u for u in get(admin, "/users") if u["name"] == "li")
    assert (li["roles"], li["districts"]) == (["inspector"], ["other-d"])
    browser = two.browser("security_admin", "second")
    assert "other-d" in browser.get("/users").text
    back = {"roles": "duty_officer", "districts": ["kuancheng", "other-d"]}
    assert browser.post("/users/li/rights", data=back).status_code == 303
    (li,) = (u for u in get(admin, "/users") if u["name"] == "li")
    assert (li["roles"], li["districts"]) == (["duty_officer"], ["kuancheng", "other-d"])
