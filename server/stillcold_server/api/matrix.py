"""Which role may call which route, read off the routes themselves."""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from stillcold_server.api.guard import Needs, caller
from stillcold_server.people.rights import Permission, Role, permissions_of

_COLUMNS: dict[Role, str] = {
    "duty_officer": "`duty_officer`", "inspector": "`inspector`", "bureau_energy": "`bureau_…`",
    "district_lead": "`district_lead`", "system_admin": "`system_admin`", "security_admin": "`security_admin`",
    "audit_admin": "`audit_admin`",
}  # fmt: skip
"""The five bureaus have the same rights, each of its own standard."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call a route.

    Attributes
    ----------
    method, path : str
        Of the route.
    login : bool
        Whether a login is needed.
    permissions : tuple of Permission
        One of these is needed; none where every account will do.
    """

    method: str
    path: str
    login: bool
    permissions: tuple[Permission, ...]

    def allows(self, role: Role) -> bool:
        """Whether an account with this role alone may call it."""
        return not self.permissions or not permissions_of([role]).isdisjoint(self.permissions)


def rules(app: FastAPI) -> list[Rule]:
    """A rule for each method of each route of API and console, by path."""
    routes = [r for r in iter_route_contexts(app.routes) if isinstance(r.original_route, APIRoute)]
    return sorted((rule for route in routes for rule in _rules_of(route)), key=lambda rule: (rule.path, rule.method))


def table(app: FastAPI) -> str:
    """The table of docs/rights.md: each route and the roles that may call it."""
    head = ["route", *_COLUMNS.values()]
    rows = [[f"`{rule.method} {rule.path}`", *_cells(rule)] for rule in rules(app)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def _cells(rule: Rule) -> list[str]:
    if not rule.login:
        return ["open"] * len(_COLUMNS)
    return ["yes" if rule.allows(role) else "" for role in _COLUMNS]


def _rules_of(route: RouteContext) -> list[Rule]:
    asked = [dependant.call for dependant in _all(route.dependant)]
    needs = needs_of(route.dependant)
    permissions = needs[0].permissions if needs else ()
    return [Rule(m, route.path or "", caller in asked, permissions) for m in sorted(route.methods or ())]


def needs_of(dependant: Dependant) -> list[Needs]:
    """What a route asks of its caller."""
    return [inner.call for inner in _all(dependant) if isinstance(inner.call, Needs)]


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _all(inner)
