"""The keys that gateways sign with, who says so, and since when."""

from collections.abc import Collection

from cryptography import x509
from sqlalchemy import Connection, select

from stillcold_core.evidence.bundle.certificates import CERTIFICATES
from stillcold_core.pem import pem_of
from stillcold_server.api.moments import to_iso
from stillcold_server.store import schema

Span = tuple[int, int]
"""First and last moment, ms UTC."""


def keys_of(connection: Connection, gateways: Collection[str]) -> list[tuple[str, str]]:
    """Gateway and public key, of every key that the server believes or has believed.

    A key that came with the registry and was replaced there is known by the journals that it has signed.
    """
    g, e, j = schema.gateway.c, schema.enrolment.c, schema.journal_epoch.c
    registered = select(g.id, g.public_key).where(g.id.in_(gateways), g.public_key != "")
    believed = e.state.in_(("approved", "revoked"))
    enrolled = select(e.gateway, e.public_key).where(e.gateway.in_(gateways), believed, e.decided_at.is_not(None))
    used = select(j.gateway, j.key).where(j.gateway.in_(gateways))
    return sorted((row[0], row[1]) for row in connection.execute(registered.union(enrolled, used)))


def certificates_of(
    connection: Connection, gateways: Collection[str], received: Span, issuing: x509.Certificate | None
) -> dict[str, bytes]:
    """The gateways' certificates that were good at some moment of a span, each with its issuer's: files of a bundle."""
    if issuing is None:
        return {}
    e, c = schema.enrolment.c, schema.certificate.c
    query = select(e.gateway, c.serial, c.pem).join(schema.enrolment, e.id == c.enrolment)
    good = (c.issued_at <= received[1]) & (c.expires_at >= received[0])
    rows = connection.execute(query.where(e.gateway.in_(gateways), good).order_by(e.gateway, c.issued_at, c.serial))
    return {f"{CERTIFICATES}{r.gateway}.{r.serial}.pem": r.pem.encode() + pem_of(issuing) for r in rows}


def history_of(connection: Connection, gateways: Collection[str]) -> list[dict[str, object]]:
    """What was decided of each key that was enrolled."""
    e = schema.enrolment.c
    rows = connection.execute(select(schema.enrolment).where(e.gateway.in_(gateways)).order_by(e.gateway, e.id))
    return [
        {
            "gateway": row.gateway, "public_key": row.public_key, "state": row.state, "asked_at": to_iso(row.asked_at),
            "decided_at": None if row.decided_at is None else to_iso(row.decided_at), "decided_by": row.decided_by,
            "reason": row.reason,
        }
        for row in rows
    ]  # fmt: skip
