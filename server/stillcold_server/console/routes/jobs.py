"""Jobs: what the server does at set times."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stillcold_server.api.guard import SystemAdmin
from stillcold_server.api.read.jobs import list_jobs
from stillcold_server.api.routes.jobs import put_in_line
from stillcold_server.api.routes.parameters import JobInPath
from stillcold_server.api.services import Served
from stillcold_server.console.pages import View, go
from stillcold_server.store.database import read

router = APIRouter(include_in_schema=False)


@router.get("/system/jobs")
def jobs(request: Request, console: View, services: Served, who: SystemAdmin) -> Response:
    """Every job with its next and its last run."""
    with read(services.engine) as connection:
        found = list_jobs(connection)
    return console.page(request, "jobs.html", who=who, jobs=found)


@router.post("/system/jobs/{name}/run")
def run(request: Request, services: Served, who: SystemAdmin, name: JobInPath) -> Response:
    """Have a job done at once."""
    put_in_line(services, who, name)
    return go("/system/jobs", request)
