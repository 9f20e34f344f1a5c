"""How the server is, for people, load balancers and Prometheus."""

import logging

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from stillcold_server.api.guard import InScope, Overseer, Scraper
from stillcold_server.api.models.health import Alive, Health
from stillcold_server.api.read.alerts import waiting_alerts
from stillcold_server.api.read.health import lags, load_health
from stillcold_server.api.services import Served
from stillcold_server.jobs.runs import last_done
from stillcold_server.store import schema
from stillcold_server.store.database import read

log = logging.getLogger(__name__)
router = APIRouter(tags=["health"])
outside = APIRouter(tags=["health"])
"""Routes beside ``/api/v1``."""


@router.get("/health")
def health(services: Served, _: Overseer, scope: InScope) -> Health:
    """Database, followers, gateways, refusals, chains and deliveries."""
    with read(services.engine) as connection:
        return load_health(connection, services.now(), scope)


@outside.get("/healthz")
def healthz(services: Served, response: Response) -> Alive:
    """Whether the database answers; open to all and says nothing else."""
    try:
        with read(services.engine) as connection:
            connection.execute(select(schema.cursor.c.name).limit(1))
    except SQLAlchemyError:
        log.exception("the database does not answer")
        response.status_code = 503
        return Alive(status="failing")
    return Alive(status="ok")


@outside.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(services: Served, _: Scraper) -> Response:
    """Counters for Prometheus."""
    with read(services.engine) as connection:
        services.metrics.situation(lags(connection), waiting_alerts(connection))
        services.metrics.jobs_done(last_done(connection))
    return Response(services.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
