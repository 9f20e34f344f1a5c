"""What somebody has chosen for this browser, and the server's configuration."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stillcold_server.api.guard import Anyone
from stillcold_server.api.services import Served
from stillcold_server.console.configured import configured
from stillcold_server.console.pages import View

router = APIRouter(include_in_schema=False)


@router.get("/settings")
def settings(request: Request, console: View, services: Served, who: Anyone) -> Response:
    """Language, sound and keys; for whoever runs the system also how it is set up."""
    shown = configured(services.config) if who.account.may("system") and not who.account.must_change else []
    return console.page(request, "settings.html", who=who, configured=shown)
