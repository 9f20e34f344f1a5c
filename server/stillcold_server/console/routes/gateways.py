"""Gateways that ask to be believed, and what is believed of each."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from stillcold_core.files import BadFile
from stillcold_server.api.guard import Caller, SystemAdmin
from stillcold_server.api.models.base import Reason
from stillcold_server.api.models.identity import Invitation
from stillcold_server.api.routes import identity
from stillcold_server.api.routes.parameters import IdInPath, NumberInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.console.pages import Console, View, go
from stillcold_server.identity.standing import standings, waiting
from stillcold_server.identity.upkeep import open_authority
from stillcold_server.store.database import read

router = APIRouter(include_in_schema=False)


@router.get("/gateways")
def gateways(request: Request, console: View, services: Served, who: SystemAdmin) -> Response:
    """Who waits, and every gateway."""
    return _page(request, console, services, who)


@router.post("/gateways/{id}/invite")
def invite(request: Request, console: View, services: Served, who: SystemAdmin, id: IdInPath) -> Response:  # noqa: A002
    """Make a one-time code and show it once."""
    return _page(request, console, services, who, identity.invite(services, who, id))


@router.post("/enrolments/{number}/approve")
def approve(request: Request, services: Served, who: SystemAdmin, number: NumberInPath) -> Response:
    """Believe a gateway whose fingerprint the installer has read."""
    identity.approve(services, who, number)
    return go("/gateways", request)


@router.post("/enrolments/{number}/refuse")
def refuse(
    request: Request, services: Served, who: SystemAdmin, number: NumberInPath, given: Annotated[Reason, Form()]
) -> Response:
    """Turn a gateway down."""
    identity.refuse(services, who, number, given)
    return go("/gateways", request)


@router.post("/gateways/{id}/revoke")
def revoke(
    request: Request,
    services: Served,
    who: SystemAdmin,
    id: IdInPath,  # noqa: A002
    given: Annotated[Reason, Form()],
) -> Response:
    """Believe a gateway no more."""
    identity.revoke(services, who, id, given)
    return go("/gateways", request)


def _page(
    request: Request, console: Console, services: Services, who: Caller, given: Invitation | None = None
) -> Response:
    with read(services.engine) as connection:
        asking, known = waiting(connection), standings(connection, services.now())
    return console.page(
        request,
        "gateways.html",
        who=who,
        waiting=asking,
        gateways=known,
        given=given,
        authority=services.config.ca is not None,
        crl_ends=_crl_ends(services),
    )


def _crl_ends(services: Services) -> int | None:
    """ms until which the broker believes the list of the revoked; None where there is none."""
    if services.config.ca is None:
        return None
    try:
        return round(open_authority(services.config.ca).crl_ends().timestamp() * 1000)
    except BadFile:
        return None
