"""Jobs: what the server does at set times."""

from fastapi import APIRouter, status

from stillcold_server.api.guard import Caller, SystemAdmin
from stillcold_server.api.models.jobs import Job
from stillcold_server.api.problems import Problem
from stillcold_server.api.read.jobs import list_jobs
from stillcold_server.api.routes.parameters import JobInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.jobs.runs import enqueue
from stillcold_server.jobs.table import JOBS
from stillcold_server.store.database import read

router = APIRouter(tags=["jobs"])


@router.get("/jobs")
def jobs(services: Served, _: SystemAdmin) -> list[Job]:
    """Every job with its next and its last run."""
    with read(services.engine) as connection:
        return list_jobs(connection)


@router.post("/jobs/{name}/run", status_code=status.HTTP_202_ACCEPTED)
def run(services: Served, who: SystemAdmin, name: JobInPath) -> None:
    """Put a job in line, to be done at once."""
    put_in_line(services, who, name)


def put_in_line(services: Services, who: Caller, name: str) -> None:
    """Have one of the servers do a job at once.

    Raises
    ------
    Problem
    """
    if name not in JOBS:
        raise Problem(404, "not_found", f"there is no job {name}; there are {', '.join(JOBS)}")
    now = services.now()
    with services.acting(who, "job.run", name) as connection:
        enqueue(connection, JOBS[name], [now], now)
