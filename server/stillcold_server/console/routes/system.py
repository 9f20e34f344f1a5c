"""How the server and the gateways are."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stillcold_server.api.guard import InScope, Overseer
from stillcold_server.api.read.health import load_health
from stillcold_server.api.services import Served
from stillcold_server.console.pages import View
from stillcold_server.store.database import read

router = APIRouter(include_in_schema=False)


@router.get("/system")
def system(request: Request, console: View, services: Served, who: Overseer, scope: InScope) -> Response:
    """Progress, gateways, refusals, chains, deliveries."""
    with read(services.engine) as connection:
        health = load_health(connection, services.now(), scope)
    return console.page(request, "system.html", who=who, health=health)
