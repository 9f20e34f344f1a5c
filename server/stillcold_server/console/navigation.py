"""The console's menu: every page that stands in it, by group, for whoever may open it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stillcold_server.people.accounts import Account, Role


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the menu.

    Attributes
    ----------
    word : str
        Its key under ``nav`` in the languages' files.
    path : str
        Where it is; the pages below belong to it.
    needs : str
        What the account must be allowed.
    thumb : bool
        Whether it also stands at the lower edge of a phone, within reach of a thumb.
    """

    word: str
    path: str
    needs: Role
    thumb: bool = False


GROUPS: Mapping[str, Sequence[Entry]] = {
    "watch": (
        Entry("alerts", "/alerts", "viewer", thumb=True),
        Entry("lines", "/lines", "viewer", thumb=True),
    ),
    "ledger": (),
    "duty": (),
    "system": (
        Entry("gateways", "/gateways", "officer"),
        Entry("system", "/system", "viewer"),
        Entry("jobs", "/system/jobs", "admin"),
    ),
    "people": (Entry("users", "/users", "admin"),),
}
"""By the key of the group's word under ``menu``; in the order in which they stand."""


def menu(account: Account) -> dict[str, list[Entry]]:
    """The pages that an account may open, by group; a group without any is left out."""
    may = {name: [e for e in entries if account.may(e.needs)] for name, entries in GROUPS.items()}
    return {name: entries for name, entries in may.items() if entries}


def current(path: str) -> str:
    """The word of the entry that a page belongs to; empty where it belongs to none.

    Examples
    --------
    >>> current("/alerts/f1:p1"), current("/alertsome"), current("/password")
    ('alerts', '', '')
    """
    found = [e for entries in GROUPS.values() for e in entries if f"{path}/".startswith(f"{e.path}/")]
    return max(found, key=lambda e: len(e.path)).word if found else ""
