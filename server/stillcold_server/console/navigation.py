"""The console's menu: every page that stands in it, by group, for whoever may open it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stillcold_server.people.accounts import Account
from stillcold_server.people.rights import PERMISSIONS, Permission


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the menu.

    Attributes
    ----------
    word : str
        Its key under ``nav`` in the languages' files.
    path : str
        Where it is; the pages below belong to it.
    needs : tuple of Permission
        What the account must be allowed, one of these.
    thumb : bool
        Whether it also stands at the lower edge of a phone, within reach of a thumb.
    whole : bool
        Whether it is closed to accounts that are limited to districts.
    """

    word: str
    path: str
    needs: tuple[Permission, ...]
    thumb: bool = False
    whole: bool = False


GROUPS: Mapping[str, Sequence[Entry]] = {
    "watch": (
        Entry("alerts", "/alerts", ("watch",), thumb=True),
        Entry("lines", "/lines", ("watch",), thumb=True),
        Entry("history", "/history", ("watch",)),
        Entry("performance", "/performance", ("watch",)),
    ),
    "ledger": (
        Entry("ledger", "/ledger", ("watch",)),
        Entry("import", "/ledger/import", ("ledger",), whole=True),
    ),
    "duty": (
        Entry("duty", "/duty", ("watch",)),
        Entry("handovers", "/handovers", ("watch",)),
        Entry("deliveries", "/deliveries", ("watch",)),
        Entry("contacts", "/contacts", ("watch",)),
    ),
    "system": (
        Entry("gateways", "/gateways", ("system",)),
        Entry("system", "/system", ("watch", "system")),
        Entry("jobs", "/system/jobs", ("system",)),
        Entry("settings", "/settings", PERMISSIONS),
    ),
    "people": (Entry("users", "/users", ("people",)), Entry("audit", "/audit", ("audit",))),
}
"""By the key of the group's word under ``menu``; in the order in which they stand."""


def menu(account: Account) -> dict[str, list[Entry]]:
    """The pages that an account may open, by group; a group without any is left out."""
    all_ = account.districts is None
    may = {n: [e for e in entries if account.may(*e.needs) and (all_ or not e.whole)] for n, entries in GROUPS.items()}
    return {name: entries for name, entries in may.items() if entries}


def first_page(account: Account) -> str:
    """Path of the page to begin with: the first that is not everybody's; one's own password where none is open."""
    found = [e for entries in menu(account).values() for e in entries]
    return min(found, key=lambda e: e.needs == PERMISSIONS).path if found else "/password"


def current(path: str) -> str:
    """The word of the entry that a page belongs to; empty where it belongs to none.

    Examples
    --------
    >>> current("/alerts/f1:p1"), current("/alertsome"), current("/password")
    ('alerts', '', '')
    """
    found = [e for entries in GROUPS.values() for e in entries if f"{path}/".startswith(f"{e.path}/")]
    return max(found, key=lambda e: len(e.path)).word if found else ""
