"""Gateways that ask to be believed, and what is decided of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from fastapi import APIRouter, status
from sqlalchemy import Connection

from stillcold_core.enrolment.request import BadRequest, read_request
from stillcold_core.files import BadFile
from stillcold_server.api.guard import Caller, SystemAdmin
from stillcold_server.api.models.base import Reason
from stillcold_server.api.models.identity import (
    Enrolment,
    EnrolmentAnswer,
    EnrolmentRequest,
    GatewayIdentity,
    Invitation,
)
from stillcold_server.api.problems import Problem
from stillcold_server.api.routes.parameters import IdInPath, NumberInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.identity import enrolments
from stillcold_server.identity.broker import BrokerFiles
from stillcold_server.identity.enrolments import NotDone
from stillcold_server.identity.standing import standings, waiting
from stillcold_server.identity.upkeep import open_authority
from stillcold_server.store.database import read

router = APIRouter(tags=["identity"])


@router.post("/enrolment")
def enrol(services: Served, given: EnrolmentRequest) -> EnrolmentAnswer:
    """For gateways, without a login: what has become of a request, and a certificate where it is approved."""
    try:
        request = read_request(given.request.encode())
        answer = enrolments.receive(services.engine, authority_of(services), request, given.mac, moment(services))
    except BadRequest as error:
        raise Problem(422, "invalid", str(error), field="request") from error
    except NotDone as error:
        raise not_done(error) from error
    if answer.state == "waiting":
        services.hub.publish("lines")  # an officer has the page open while the installer calls
    return EnrolmentAnswer(state=answer.state, certificate=answer.certificate, root=answer.root, mac=answer.mac)


@router.get("/enrolments")
def list_waiting(services: Served, _: SystemAdmin) -> list[Enrolment]:
    """Gateways that wait for a decision."""
    with read(services.engine) as connection:
        return [
            Enrolment(
                id=w.id, gateway=w.gateway, fingerprint=w.fingerprint, asked_at=w.asked_at, replaces=w.replaces
            )
            for w in waiting(connection)
        ]  # fmt: skip


@router.post("/enrolments/{number}/approve", status_code=status.HTTP_204_NO_CONTENT)
def approve(services: Served, who: SystemAdmin, number: NumberInPath) -> None:
    """Believe a gateway whose fingerprint the installer has read."""
    files = authority_of(services)
    with deciding(services, who, "gateway.approve", f"enrolment {number}") as connection:
        enrolments.approve(connection, files, number, who.name, moment(services))


@router.post("/enrolments/{number}/refuse", status_code=status.HTTP_204_NO_CONTENT)
def refuse(services: Served, who: SystemAdmin, number: NumberInPath, given: Reason) -> None:
    """Turn a gateway down."""
    with deciding(services, who, "gateway.refuse", f"enrolment {number}", note=given.reason) as connection:
        enrolments.refuse(connection, number, who.name, given.reason, moment(services))


@router.get("/identities")
def list_identities(services: Served, _: SystemAdmin) -> list[GatewayIdentity]:
    """Every gateway, with what is believed of it."""
    with read(services.engine) as connection:
        return [
            GatewayIdentity(
                gateway=s.gateway, state=s.state, expires_at=s.expires_at, decided_at=s.decided_at,
                decided_by=s.decided_by, reason=s.reason, invited_until=s.invited_until,
            )
            for s in standings(connection, services.now())
        ]  # fmt: skip


@router.post("/identities/{id}/invite", status_code=status.HTTP_201_CREATED)
def invite(services: Served, who: SystemAdmin, id: IdInPath) -> Invitation:  # noqa: A002  # the name in the path
    """Make a one-time code for a gateway; a new one replaces the one before."""
    authority_of(services)
    with deciding(services, who, "gateway.invite", id) as connection:
        code = enrolments.invite(connection, id, who.name, moment(services))
    return Invitation(gateway=id, code=code)


@router.post("/identities/{id}/revoke", status_code=status.HTTP_204_NO_CONTENT)
def revoke(services: Served, who: SystemAdmin, id: IdInPath, given: Reason) -> None:  # noqa: A002
    """Believe a gateway no more, and have the broker shut it out."""
    files = authority_of(services) if services.config.ca else None
    with deciding(services, who, "gateway.revoke", id, note=given.reason) as connection:
        enrolments.revoke(connection, files, id, who.name, given.reason, moment(services))


def authority_of(services: Services) -> BrokerFiles:
    """The authority that is configured.

    Raises
    ------
    Problem
        404 where there is none, 503 where its files cannot be used.
    """
    if services.config.ca is None:
        raise Problem(404, "no_authority", "this server has no certificate authority: [ca] in server.toml")
    try:
        return open_authority(services.config.ca)
    except BadFile as error:
        raise _unusable(error) from error


@contextmanager
def deciding(services: Services, who: Caller, action: str, subject: str, *, note: str = "") -> Iterator[Connection]:
    """A transaction that decides of a gateway.

    Raises
    ------
    Problem
        With the reason why it was not done.
    """
    try:
        with services.acting(who, action, subject, note=note) as connection:
            yield connection
    except NotDone as error:
        raise not_done(error) from error
    except BadFile as error:
        raise _unusable(error) from error


def moment(services: Services) -> datetime:
    """Now, UTC."""
    return datetime.fromtimestamp(services.now() / 1000, UTC)


def not_done(error: NotDone) -> Problem:
    """What the API says of it."""
    return Problem({"code": 403, "unknown_gateway": 404}.get(error.word, 409), error.word, str(error))


def _unusable(error: BadFile) -> Problem:
    return Problem(503, "authority", f"the certificate authority cannot be used: {error}", retry_after=60)
