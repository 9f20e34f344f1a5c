"""How people are reached, test pages, and the log of what was delivered."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Query, status
from sqlalchemy import Connection

from stillcold_server.api.guard import FRESH, IN_SCOPE, Caller, Planner, Watcher
from stillcold_server.api.models.alerts import DeliveryState
from stillcold_server.api.models.duty import (
    CodeAnswer,
    CodeBody,
    ContactAnswer,
    ContactBody,
    LogEntry,
    TestPageAnswer,
    TestPageBody,
)
from stillcold_server.api.problems import Problem
from stillcold_server.api.read.duty import contact_answers, delivery_log, rosters_in
from stillcold_server.api.routes.parameters import ChannelInPath, IdInQuery, Limit
from stillcold_server.api.services import Served, Services
from stillcold_server.duty import contacts as book
from stillcold_server.duty.roster import Roster
from stillcold_server.duty.rosters import people_on
from stillcold_server.store.database import read

router = APIRouter(tags=["duty"])
_STATUS = {"unknown_contact": 404, "no_code": 409, "often": 429}
UserInQuery = Annotated[str | None, Query(pattern=r"^[^\x00-\x1f\x7f/]{1,64}$")]
BeforeInQuery = Annotated[int | None, Query(ge=1, lt=2**63)]


@router.get("/contacts", dependencies=IN_SCOPE)
def my_contacts(services: Served, who: Watcher) -> list[ContactAnswer]:
    """One's own contacts, in the order in which they are tried."""
    with read(services.engine) as connection:
        return contact_answers(connection, who.name, who.name)


@router.get("/contacts/all")
def all_contacts(services: Served, who: Planner) -> list[ContactAnswer]:
    """Everybody's, with veiled addresses."""
    with read(services.engine) as connection:
        return contact_answers(connection, None, who.name)


@router.put("/contacts/{channel}", dependencies=(*IN_SCOPE, *FRESH))
def put_contact(services: Served, who: Watcher, channel: ChannelInPath, given: ContactBody) -> list[ContactAnswer]:
    """Say how oneself is reached by a channel."""
    with keeping(services, who, "contact.save", channel) as connection:
        address = given.address.strip()
        book.save_contact(connection, who.name, channel, address, services.channels, services.now())
    return my_contacts(services, who)


@router.delete("/contacts/{channel}", status_code=status.HTTP_204_NO_CONTENT, dependencies=(*IN_SCOPE, *FRESH))
def remove_contact(services: Served, who: Watcher, channel: ChannelInPath) -> None:
    """Forget one's contact."""
    with keeping(services, who, "contact.remove", channel) as connection:
        book.remove_contact(connection, who.name, channel)


@router.post("/contacts/{channel}/first", dependencies=IN_SCOPE)
def first_contact(services: Served, who: Watcher, channel: ChannelInPath) -> list[ContactAnswer]:
    """Be called by this one before the others."""
    with keeping(services, who, "contact.first", channel) as connection:
        book.put_first(connection, who.name, channel)
    return my_contacts(services, who)


@router.post("/contacts/{channel}/verify", dependencies=IN_SCOPE)
def verify_contact(services: Served, who: Watcher, channel: ChannelInPath, given: CodeBody) -> CodeAnswer:
    """Answer the code of a test page. Five wrong answers end it."""
    with keeping(services, who, "contact.verify", channel) as connection:
        return CodeAnswer(verified=book.answer(connection, who.name, channel, given.code, services.now()))


@router.post("/duty/test-page", status_code=status.HTTP_202_ACCEPTED, dependencies=IN_SCOPE)
def send_test_page(services: Served, who: Watcher, given: TestPageBody) -> TestPageAnswer:
    """Send a test page to oneself, or to the groups and whoever is on duty."""
    now = services.now()
    with keeping(services, who, "duty.test", given.to) as connection:
        if given.to == "me":
            sent = book.send_tests(connection, who.name, services.channels, now)
        else:
            groups = who.scope.districts is None  # they are everybody's
            sent = book.send_group_tests(connection, services.channels, now) if groups else 0
            on_duty = _on_duty(connection, rosters_in(connection, who.scope), now)
            sent += sum(book.send_tests(connection, name, services.channels, now) for name in on_duty)
    return TestPageAnswer(messages=sent)


@router.get("/deliveries", dependencies=IN_SCOPE)
def deliveries(
    services: Served,
    who: Watcher,
    recipient: UserInQuery = None,
    channel: IdInQuery = None,
    state: DeliveryState | None = None,
    before: BeforeInQuery = None,
    limit: Limit = 100,
) -> list[LogEntry]:
    """Every message to every recipient with its tries, the newest first."""
    with read(services.engine) as connection:
        return delivery_log(
            connection, who.scope, who.name,
            limit=limit, before=before, recipient=recipient, channel=channel, state=state,
        )  # fmt: skip


@contextmanager
def keeping(services: Services, who: Caller, action: str, subject: str) -> Iterator[Connection]:
    """A transaction about contacts; what cannot be done is a problem.

    Raises
    ------
    Problem
    """
    with services.acting(who, action, subject) as connection:
        try:
            yield connection
        except book.ContactError as error:
            raise Problem(_STATUS.get(error.reason, 422), error.reason, str(error)) from error


def _on_duty(connection: Connection, rosters: Sequence[Roster], now: int) -> list[str]:
    on = (people_on(connection, one, now).get("first") for one in rosters)
    return sorted({name for name in on if name})
