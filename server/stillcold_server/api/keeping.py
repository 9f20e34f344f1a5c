"""Changing the ledger from a route: who does it, and what a refusal is called."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from stillcold_server.api.guard import Caller
from stillcold_server.api.problems import Problem
from stillcold_server.api.services import Services
from stillcold_server.registry.documents import NotStored
from stillcold_server.registry.history import Author
from stillcold_server.registry.life import Refused
from stillcold_server.registry.permits import NotPermitted

_UNKNOWN = "unknown_"


@contextmanager
def keeping(
    services: Services, who: Caller, action: str, subject: str, *, note: str = "", cause: str = "edit"
) -> Iterator[tuple[Connection, Author]]:
    """A transaction that changes the ledger, with whose name its history bears; open consoles are told afterwards.

    Raises
    ------
    Problem
        404 for what there is not, 422 for a file that is not taken, 409 for what the ledger does not allow.
    """
    try:
        with services.acting(who, action, subject, note=note) as connection:
            yield connection, Author(who.name, services.now(), cause)
    except NotStored as error:
        raise Problem(422, error.word, str(error), field="file") from error
    except (Refused, NotPermitted) as error:
        status = 404 if error.word.startswith(_UNKNOWN) else 409
        raise Problem(status, error.word, str(error)) from error
    services.hub.publish("lines")
