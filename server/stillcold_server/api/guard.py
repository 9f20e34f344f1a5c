"""Who is calling, what they may do, and that no other site speaks in their name."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from stillcold_server.api.problems import Problem, not_found
from stillcold_server.api.services import Served, Services
from stillcold_server.people.accounts import Account
from stillcold_server.people.factors import has_factor
from stillcold_server.people.rights import Permission
from stillcold_server.people.scope import KINDS, Scope
from stillcold_server.people.sessions import Origin, Session, find_session, touch
from stillcold_server.store.database import read

COOKIE = "stillcold_session"
_HOST = "__Host-"
"""Before the name of a cookie by HTTPS: no other host of the domain can set it (RFC 6265bis, 4.1.3.2)."""
_THING = re.compile(rf"/({'|'.join(KINDS)})/{{(\w+)}}")
_FRESH = 900_000  # ms
SAFE = ("GET", "HEAD", "OPTIONS")
_Documented = Annotated[str | None, Depends(APIKeyCookie(name=COOKIE, auto_error=False))]
_Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


def session_cookie(services: Services) -> str:
    """Name of the cookie that holds a browser's session."""
    return _HOST + COOKIE if services.config.http.secure_cookies else COOKIE


def _cookie(request: Request, services: Served, _: _Documented) -> str | None:
    return request.cookies.get(session_cookie(services))


_Cookie = Annotated[str | None, Depends(_cookie)]


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is logged in."""

    account: Account
    token: str
    address: str
    """Where the request came from."""
    began: int
    """ms; when they logged in."""

    @property
    def name(self) -> str:
        """Of the account."""
        return self.account.name

    @property
    def scope(self) -> Scope:
        """What the account sees."""
        return Scope(self.account.districts)


def caller(request: Request, services: Served, bearer: _Bearer, cookie: _Cookie) -> Caller:
    """Who is calling, by ``Authorization: Bearer`` or by the console's cookie.

    Raises
    ------
    Problem
        401 without a session; 403 when a browser's request that changes something comes from another site.
    """
    token = bearer.credentials if bearer else cookie
    found = session_behind(services, token) if token else None
    if token is None or found is None:
        raise Problem(401, "login_required", "log in first: POST /api/v1/login")
    who = Caller(found.account, token, address_of(request), found.created_at)
    request.state.who = who  # a refusal from here on is written down
    if bearer is None and request.method not in SAFE:
        check_same_origin(request, services)
    return who


def session_behind(services: Services, token: str) -> Session | None:
    """The session of a token, which is used now; None where it has ended."""
    now = services.now()
    with read(services.engine) as connection:
        found = find_session(connection, token, now, idle_ms(services))
    if found is None:
        return None
    touch(services.engine, token, found.seen_at, now)
    return found


def idle_ms(services: Services) -> int:
    """ms after which a session ends that nobody uses."""
    return round(services.config.http.idle_minutes * 60_000)


def address_of(request: Request) -> str:
    """Where a request came from."""
    return request.client.host if request.client else ""


def origin_of(request: Request) -> Origin:
    """Where a session begins that a request asks for."""
    return Origin(address_of(request), request.headers.get("user-agent", ""))


Anyone = Annotated[Caller, Depends(caller)]
"""Logged in, even with a password that must be changed."""


def scope_of(who: Anyone) -> Scope:
    """What the caller sees."""
    return who.scope


InScope = Annotated[Scope, Depends(scope_of)]
"""A route that takes it shows nothing beyond it. One that does not, and whose path names no thing of a district, is
closed to accounts that are limited to districts."""


IN_SCOPE = (Depends(scope_of),)
"""The same for a route that looks at the scope of its caller."""


def fresh(who: Anyone, services: Served) -> None:
    """Has somebody log in again whose login is older than a quarter of an hour, for what decides who can log in.

    A session that was left open, or whose token was taken, is thus no way to keep an account (OWASP ASVS 5.0, 7.5.1).

    Raises
    ------
    Problem
    """
    if services.now() - who.began > _FRESH:
        raise Problem(403, "login_again", "this needs a login of the last 15 minutes: POST /api/v1/login")


FRESH = (Depends(fresh),)
"""For a route that changes how somebody logs in or is reached, or what others may do."""


class Needs:
    """Lets those pass who have one of some permissions and whose password is their own."""

    def __init__(self, *permissions: Permission) -> None:
        self.permissions = permissions

    def __call__(self, who: Anyone, request: Request, services: Served) -> Caller:
        if who.account.must_change:
            raise Problem(403, "password_change_required", "change the password first: POST /api/v1/password")
        self.check(who)
        if lacks_factor(services, who.account):
            raise Problem(403, "factor_required", "set up a second factor first: POST /api/v1/factor")
        if who.account.districts is not None:
            _check_scope(request, services, who.scope)
        return who

    def check(self, who: Caller) -> None:
        """Refuse who has none of the permissions.

        Raises
        ------
        Problem
            403 ``role``.
        """
        if not who.account.may(*self.permissions):
            had = ", ".join(who.account.roles) or "no role"
            raise Problem(403, "role", f"needs the permission {' or '.join(self.permissions)}; {who.name} has {had}")


def lacks_factor(services: Services, account: Account) -> bool:
    """Whether somebody has no second factor though a role of theirs needs one."""
    if set(services.config.people.second_factor).isdisjoint(account.roles):
        return False
    with read(services.engine) as connection:
        return not has_factor(connection, account.name)


def _check_scope(request: Request, services: Services, scope: Scope) -> None:
    """Let an account that is limited to districts see what is in them.

    Raises
    ------
    Problem
        404 for a thing of another district, as for one that there is not; 403 for a route that knows no districts.
    """
    route = request.scope["route"]
    named = _THING.search(route.path)
    if named is None:
        if scope_of not in {inner.call for inner in route.dependant.dependencies}:
            raise Problem(403, "district", "this is not divided by districts, and the account is limited to some")
        return
    kind, key = named[1], request.path_params[named[2]]
    with read(services.engine) as connection:
        if not scope.covers(connection, kind, str(key)):
            raise not_found(kind.removesuffix("s"), str(key))


Watcher = Annotated[Caller, Depends(Needs("watch"))]
"""Sees lines and alerts."""
Actor = Annotated[Caller, Depends(Needs("act"))]
"""Acts on alerts and hands over."""
Keeper = Annotated[Caller, Depends(Needs("ledger"))]
"""Edits and imports the ledger."""
Verifier = Annotated[Caller, Depends(Needs("verify"))]
"""Verifies sealings, seals and inspections."""
Approver = Annotated[Caller, Depends(Needs("permit"))]
"""Approves activities that were reported beforehand."""
Planner = Annotated[Caller, Depends(Needs("duty"))]
"""Plans rosters, policies and contacts."""
SystemAdmin = Annotated[Caller, Depends(Needs("system"))]
"""Runs gateways, jobs and settings."""
SecurityAdmin = Annotated[Caller, Depends(Needs("people"))]
"""Manages accounts."""
Auditor = Annotated[Caller, Depends(Needs("audit"))]
"""Reads the audit log."""
Overseer = Annotated[Caller, Depends(Needs("watch", "system"))]
"""Sees how the server and its gateways are: whoever watches the lines, and whoever runs the system."""


def _scraper(request: Request, services: Served, bearer: _Bearer, cookie: _Cookie) -> None:
    """Programs on this machine, and whoever may see how the server is.

    Raises
    ------
    Problem
    """
    if request.client is None or not _is_loopback(request.client.host):
        Needs("watch", "system")(caller(request, services, bearer, cookie), request, services)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # whatever a proxy has written into X-Forwarded-For
        return False


Scraper = Annotated[None, Depends(_scraper)]


def check_same_origin(request: Request, services: Services) -> None:
    """Refuse a request that another site made a browser send.

    Browsers state it in ``Sec-Fetch-Site``, or on plain HTTP at least in ``Origin``; one that says neither is refused.

    Raises
    ------
    Problem
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        same = site in ("same-origin", "none")
    else:
        ours = (request.headers.get("host", ""), urlsplit(services.config.http.public_url).netloc)
        origin = urlsplit(request.headers.get("origin", "")).netloc
        same = bool(origin) and origin in ours
    if not same:
        raise Problem(403, "cross_site", "a request that changes something must come from the console's own pages")


def set_cookie(response: Response, services: Services, token: str) -> None:
    """Give a browser its session: no script can read it, no other site can send it."""
    http = services.config.http
    response.set_cookie(
        session_cookie(services),
        token,
        max_age=round(http.session_hours * 3600),
        httponly=True,
        samesite="strict",
        secure=http.secure_cookies,
    )


def drop_cookie(response: Response, services: Services) -> None:
    """Have a browser forget its session, and what pages of ours have kept in it."""
    secure = services.config.http.secure_cookies
    response.delete_cookie(session_cookie(services), secure=secure, httponly=True, samesite="strict")
    response.headers["Clear-Site-Data"] = '"storage"'
