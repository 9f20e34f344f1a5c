"""Who may call which route."""

from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

from stillcold_server.api.matrix import rules, table
from stillcold_server.people.rights import PERMISSIONS, RIGHTS, ROLES
from support.routes import call
from support.web import API, Web

PAGE = (Path(__file__).parents[2] / "docs" / "rights.md").read_text(encoding="utf-8")
WITHOUT_LOGIN = {
    ("POST", "/api/v1/login"), ("POST", "/api/v1/enrolment"), ("GET", "/healthz"), ("GET", "/metrics"),
    ("GET", "/login"), ("POST", "/login"), ("POST", "/language"), ("GET", "/check/{id}/{digest}"),
}  # fmt: skip
"""Everything that is open to strangers, or, of the metrics, to programs on the same machine."""


@pytest.mark.requirement("api.rights")
def test_each_route_lets_each_role_in_or_not_as_the_page_says(web: Web) -> None:
    """Of API and console, all: 403 with the word `role`, or anything but that; a stranger is sent away."""
    assert table(web.app) in PAGE, "the routes have changed: make rights"
    clients = {role: (web.program(role), web.browser(role, f"{role} b")) for role in ROLES}
    stranger = web.client()
    for rule in rules(web.app):
        api = rule.path.startswith("/api/")
        answer = call(stranger, rule)
        turned_away = answer.status_code == 401 if api else answer.headers.get("location", "").startswith("/login")
        assert turned_away is rule.login, rule
        for role, (program, browser) in clients.items():
            answer = call(program if api else browser, rule)
            refused = answer.status_code == 403 and (not api or answer.json()["title"] == "role")
            assert refused is not rule.allows(role), (rule, role, answer.text)
            assert answer.status_code < 500 or answer.status_code == 503, (rule, role)
            if "/logout" in rule.path:
                program.headers["Authorization"] = f"Bearer {web.token(role)}"
                web.enter(browser, f"{role} b")


def test_no_route_is_without_a_rule(web: Web) -> None:
    """Of all that is served, only the OpenAPI document and the console's own scripts and styles have none."""
    served = {(m, r.path) for r in iter_route_contexts(web.app.routes) for m in getattr(r, "methods", None) or {"all"}}
    assert served - {(rule.method, rule.path) for rule in rules(web.app)} == {
        ("GET", "/api/v1/openapi.json"), ("HEAD", "/api/v1/openapi.json"), ("all", "/static"),
    }  # fmt: skip


def test_strangers_may_call_what_is_named_here_and_nothing_else(web: Web) -> None:
    """A route that forgets its guard is found."""
    assert {(rule.method, rule.path) for rule in rules(web.app) if not rule.login} == WITHOUT_LOGIN


def test_the_openapi_document_says_who_may(web: Web) -> None:
    """The same as the guards."""
    paths = web.client().get(f"{API}/openapi.json").json()["paths"]
    said = {(m.upper(), path): op["x-permissions"] for path, ops in paths.items() for m, op in ops.items()}
    known = {(rule.method, rule.path): list(rule.permissions) for rule in rules(web.app)}
    assert said == {key: known[key] for key in said}
    assert said["POST", f"{API}/users"] == ["people"]


def test_the_page_names_each_role_s_permissions_and_each_permission_is_somebody_s() -> None:
    """As the table in the code gives them."""
    for role, permissions in RIGHTS.items():
        row = f"| `{role}` | " + ", ".join(f"`{p}`" for p in permissions) + " |"
        assert row in PAGE
    assert {p for permissions in RIGHTS.values() for p in permissions} == set(PERMISSIONS)
