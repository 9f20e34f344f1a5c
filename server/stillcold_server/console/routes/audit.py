"""The audit log's page."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stillcold_server.api.guard import Auditor
from stillcold_server.api.problems import Problem
from stillcold_server.api.read.audit import list_entries
from stillcold_server.api.routes.audit import Before, Words, verdict_of
from stillcold_server.api.services import Served
from stillcold_server.audit.verify import Verdict
from stillcold_server.console.pages import View
from stillcold_server.store.database import read

router = APIRouter(include_in_schema=False)
_PAGE = 100


@router.get("/audit")
def audit(
    request: Request,
    console: View,
    services: Served,
    who: Auditor,
    actor: Words = None,
    subject: Words = None,
    before: Before = None,
    check: bool = False,
) -> Response:
    """The newest entries; on request, whether the log is whole."""
    verdict: Verdict | None = None
    no_key = False
    if check:
        try:
            verdict = verdict_of(services)
        except Problem:
            no_key = True
    with read(services.engine) as connection:
        found = list_entries(connection, actor=actor or None, subject=subject or None, before=before, limit=_PAGE)
    return console.page(
        request, "audit.html", who=who, entries=found, actor=actor or "", subject=subject or "", verdict=verdict,
        no_key=no_key, older=found[-1].number if len(found) == _PAGE else None,
    )  # fmt: skip
