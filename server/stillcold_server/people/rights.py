"""Which role may do what: one table, from which the guards, the console's menu and docs/rights.md are made."""

from collections.abc import Collection
from typing import Literal, get_args

Role = Literal[
    "duty_officer", "inspector",
    "bureau_energy", "bureau_environment", "bureau_quality", "bureau_safety", "bureau_technical",
    "district_lead", "system_admin", "security_admin", "audit_admin",
]  # fmt: skip
ROLES: tuple[Role, ...] = get_args(Role)
Permission = Literal["watch", "act", "ledger", "verify", "permit", "duty", "system", "people", "audit"]
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)
"""See lines and alerts; act on alerts and hand over; keep the ledger; verify seals; approve activities reported
beforehand; plan duty; run the system; manage accounts; read the audit log."""

_BUREAU: tuple[Permission, ...] = ("watch", "ledger", "permit")
RIGHTS: dict[Role, tuple[Permission, ...]] = {
    "duty_officer": ("watch", "act"),
    "inspector": ("watch", "verify"),
    "bureau_energy": _BUREAU,
    "bureau_environment": _BUREAU,
    "bureau_quality": _BUREAU,
    "bureau_safety": _BUREAU,
    "bureau_technical": _BUREAU,
    "district_lead": ("watch", "act", "ledger", "permit", "duty"),
    "system_admin": ("system",),
    "security_admin": ("people",),
    "audit_admin": ("audit",),
}
ADMINISTRATORS: tuple[Role, ...] = ("system_admin", "security_admin", "audit_admin")
"""Apart from each other (三权分立, GB/T 22239-2019, 8.1.5): who runs the system, who gives rights, who checks both."""


def permissions_of(roles: Collection[Role]) -> frozenset[Permission]:
    """Everything that somebody with these roles may do.

    Examples
    --------
    >>> sorted(permissions_of(["duty_officer", "inspector"]))
    ['act', 'verify', 'watch']
    """
    return frozenset(permission for role in roles for permission in RIGHTS[role])


def clash(roles: Collection[str]) -> str | None:
    """Why nobody may hold these roles together: ``role`` (there is no such role), ``apart``; None where they may.

    An auditor holds no other role at all: nobody looks after their own acts.

    Examples
    --------
    >>> clash(["system_admin", "security_admin"]), clash(["audit_admin", "duty_officer"]), clash(["root"])
    ('apart', 'apart', 'role')
    >>> clash(["duty_officer", "system_admin"]) is None
    True
    """
    if not set(roles) <= set(ROLES):
        return "role"
    administers = sum(role in roles for role in ADMINISTRATORS)
    return "apart" if administers > 1 or ("audit_admin" in roles and len(set(roles)) > 1) else None
