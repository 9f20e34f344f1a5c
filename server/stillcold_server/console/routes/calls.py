"""One's own contacts, the log of deliveries, and handing a shift over."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from stillcold_server.api.guard import FRESH, IN_SCOPE, Actor, Watcher
from stillcold_server.api.models.alerts import DeliveryState
from stillcold_server.api.models.duty import CodeBody, ContactBody, SignInBody, SignOutBody
from stillcold_server.api.read.duty import rosters_in
from stillcold_server.api.routes import contacts, handovers
from stillcold_server.api.routes.contacts import BeforeInQuery
from stillcold_server.api.routes.parameters import ChannelInPath, NumberInPath
from stillcold_server.api.services import Served
from stillcold_server.console.naming import line_names, lines_of_alerts
from stillcold_server.console.pages import View, go
from stillcold_server.console.routes.duty import checked
from stillcold_server.duty.handover import standing
from stillcold_server.duty.rosters import load_rosters
from stillcold_server.store.database import read
from stillcold_server.store.schema import alert

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form(max_length=4000)]
_PAGE = 50


@router.get("/contacts", dependencies=IN_SCOPE)
def my_contacts(
    request: Request, console: View, services: Served, who: Watcher, said: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """How oneself is reached."""
    return console.page(
        request,
        "contacts.html",
        who=who,
        contacts=contacts.my_contacts(services, who),
        channels=[c for c in services.channels.personal if c not in services.channels.push],
        push=services.channels.push,
        said=said if said in ("verified", "wrong", "sent") else "",
    )


@router.post("/contacts", dependencies=(*IN_SCOPE, *FRESH))
def add(request: Request, services: Served, who: Watcher, channel: Text, address: Text) -> Response:
    """Say how oneself is reached by a channel."""
    contacts.put_contact(services, who, channel, checked(ContactBody, address=address))
    return go("/contacts", request)


@router.post("/contacts/{channel}/remove", dependencies=(*IN_SCOPE, *FRESH))
def remove(request: Request, services: Served, who: Watcher, channel: ChannelInPath) -> Response:
    """Forget a contact."""
    contacts.remove_contact(services, who, channel)
    return go("/contacts", request)


@router.post("/contacts/{channel}/first", dependencies=IN_SCOPE)
def first(request: Request, services: Served, who: Watcher, channel: ChannelInPath) -> Response:
    """Be called by this one before the others."""
    contacts.first_contact(services, who, channel)
    return go("/contacts", request)


@router.post("/contacts/{channel}/verify", dependencies=IN_SCOPE)
def verify(request: Request, services: Served, who: Watcher, channel: ChannelInPath, code: Text) -> Response:
    """Answer the code of a test page."""
    good = contacts.verify_contact(services, who, channel, checked(CodeBody, code=code)).verified
    return go(f"/contacts?said={'verified' if good else 'wrong'}", request)


@router.get("/deliveries", dependencies=IN_SCOPE)
def deliveries(
    request: Request,
    console: View,
    services: Served,
    who: Watcher,
    state: DeliveryState | None = None,
    before: BeforeInQuery = None,
) -> Response:
    """What was sent to whom, and what came of each try."""
    found = contacts.deliveries(services, who, state=state, before=before, limit=_PAGE)
    with read(services.engine) as connection:
        names = line_names(connection, who.scope)
        lines = lines_of_alerts(connection, [d.alert for d in found if d.alert])
    return console.page(
        request,
        "deliveries.html",
        who=who,
        deliveries=found,
        state=state,
        about={alert: names[line] for alert, line in lines.items() if line in names},
        more=found[-1].id if len(found) == _PAGE else None,
    )


@router.get("/handovers", dependencies=IN_SCOPE)
def list_page(request: Request, console: View, services: Served, who: Watcher) -> Response:
    """What stands now, to be handed over; and the handovers before."""
    with read(services.engine) as connection:
        rosters = rosters_in(connection, who.scope)
        stands = standing(connection, who.scope.site(alert.c.site))
    found = handovers.handovers(services, who, limit=50)
    return console.page(
        request, "handovers.html", who=who, standing=stands, rosters=rosters, handovers=found
    )  # fmt: skip


@router.post("/handovers", dependencies=IN_SCOPE)
def sign_out(request: Request, services: Served, who: Actor, roster: Text = "", remark: Text = "") -> Response:
    """Hand over what stands now."""
    made = handovers.sign_out(services, who, checked(SignOutBody, roster=roster or None, remark=remark))
    return go(f"/handovers/{made.id}", request)


@router.get("/handovers/{number}", dependencies=IN_SCOPE)
def show(request: Request, console: View, services: Served, who: Watcher, number: NumberInPath) -> Response:
    """One handover, to be taken over or to be read again."""
    handover = handovers.load(services, who, number)
    with read(services.engine) as connection:
        names = {r.id: r.name for r in load_rosters(connection)}
    return console.page(request, "handover.html", who=who, handover=handover, names=names)


@router.post("/handovers/{number}/accept", dependencies=IN_SCOPE)
def accept(
    request: Request,
    services: Served,
    who: Actor,
    number: NumberInPath,
    remark: Text = "",
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    code: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Take over: with one's own session, or at the desk of who hands over with one's own name and password."""
    body = checked(SignInBody, remark=remark)
    if name:
        handovers.accept_at_desk(services, who, name.strip(), password, code, number, body.remark)
    else:
        handovers.accept(services, who, number, body.remark)
    return go(f"/handovers/{number}", request)
