"""Gateways that ask for an identity, those that have one, and those that have lost it.

An officer invites a gateway; whoever holds the one-time code may ask in its name; an officer compares the fingerprint
with what the installer reads on the gateway's own screen, and approves. From then on the keys speak for themselves:
a request that is signed with an approved key is answered with a new certificate, also when the old one has expired.

::

    NotDone (Exception)       what was asked for is not done; ``word`` is stable
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Engine, Row, Update, delete, insert, select, update

from stillcold_core.enrolment.answer import Answer, State, answer_mac, code_key, request_mac, same
from stillcold_core.enrolment.request import Request, names_of, read_request
from stillcold_core.pem import pem_of
from stillcold_server.identity.authority import CLIENT
from stillcold_server.identity.broker import BrokerFiles
from stillcold_server.people.passwords import one_time_password
from stillcold_server.registry.history import Author
from stillcold_server.registry.ledger import set_key
from stillcold_server.store import schema
from stillcold_server.store.database import read, upsert, write

LIFE = timedelta(days=90)
"""Of a gateway's certificate; the gateway renews it when a third is left."""
INVITED = timedelta(days=3)
"""For which a code is good."""
_FRESH = timedelta(days=1)  # a certificate is given out again instead of a new one


class NotDone(Exception):
    """What was asked for is not done.

    Words: ``unknown_gateway``, ``code``, ``not_waiting``, ``several``, ``revoked_key``, ``key_in_use``,
    ``already_revoked``.
    """

    def __init__(self, word: str, said: str) -> None:
        self.word = word
        super().__init__(said)


def invite(connection: Connection, gateway: str, by: str, now: datetime) -> str:
    """A one-time code with which a gateway may ask; a new one replaces the one before.

    Raises
    ------
    NotDone
        When the registry has no such gateway.
    """
    _registered(connection, gateway)
    code = one_time_password()
    row = {"gateway": gateway, "key": code_key(code), "expires_at": to_ms(now + INVITED), "made_by": by, "digest": None}
    upsert(connection, schema.invitation, [row])
    return code


def receive(engine: Engine, files: BrokerFiles, request: Request, mac: str, now: datetime) -> Answer:
    """Answer a gateway that asks, for the first time or again.

    Raises
    ------
    NotDone
        ``code``: nobody has invited it, or it does not know the code; ``revoked_key``, ``key_in_use``: it must make its
        keys anew. Nothing was written then.
    """
    with read(engine) as connection:
        if _find(connection, request) is None:
            _check_code(connection, request, mac, now)
    with write(engine) as connection:
        row = _find(connection, request)
        if row is None:
            _check_code(connection, request, mac, now)  # another request may have used it meanwhile
            row = _used(connection, note(connection, request, now), now)
        elif _knows_code(connection, request, mac, now):
            if row.state == "revoked":
                raise _revoked_key(request.gateway)  # the code is still good for new keys
            row = _used(connection, row, now)
        return _answer(connection, files, row, request, now)


def note(connection: Connection, request: Request, now: datetime) -> Row[Any]:
    """Put a request on the list of those that wait, unless it is known already.

    Raises
    ------
    NotDone
        When the registry has no such gateway, one of the keys was revoked, or the one that signs is in use.
    """
    _registered(connection, request.gateway)
    if (known := _find(connection, request)) is not None:
        return known
    _check_keys(connection, request)
    row = {
        "gateway": request.gateway, "digest": request.digest, "tls_key": request.tls_digest,
        "public_key": request.public_key, "request": request.pem.decode(), "state": "waiting", "asked_at": to_ms(now),
        "decided_by": "", "reason": "",
    }  # fmt: skip
    return connection.execute(insert(schema.enrolment).values(row).returning(schema.enrolment)).one()


def asked_again(connection: Connection, row: Row[Any], now: datetime) -> Row[Any]:
    """The request as it is, or put back on the list where it was turned down: the office has asked for it once more."""
    if row.state != "refused":
        return row
    t = schema.enrolment
    again = {"state": "waiting", "asked_at": to_ms(now), "decided_at": None, "decided_by": "", "reason": ""}
    return connection.execute(update(t).where(t.c.id == row.id).values(again).returning(t)).one()


def approve(connection: Connection, files: BrokerFiles, enrolment: int, by: str, now: datetime) -> bytes:
    """Believe a gateway's keys from now on, and no other that it had; its certificate and what leads to the root.

    Raises
    ------
    NotDone
        When it does not wait, one of its keys was revoked, or the one that signs is in use.
    BadFile
        When the list of the revoked cannot be written; the transaction must not be committed then.
    """
    row = _waiting(connection, enrolment)
    _check_keys(connection, read_request(row.request.encode()))
    t = schema.enrolment.c
    others = (t.gateway == row.gateway) & (t.state == "approved")
    replaced = connection.execute(_decided(others, "revoked", by, "replaced", now)).rowcount
    connection.execute(_decided(t.id == enrolment, "approved", by, "", now))
    set_key(connection, row.gateway, row.public_key, Author(by, to_ms(now), "enrolment"))
    if replaced:
        files.publish(connection, now, cut=True)
    return issue(connection, files, row, now)


def issue(connection: Connection, files: BrokerFiles, row: Row[Any], now: datetime) -> bytes:
    """PEM of a certificate of approved keys and what leads to the root; one of the last day is given out again."""
    t = schema.certificate
    fresh = (t.c.enrolment == row.id) & t.c.issued_at.between(to_ms(now - _FRESH), to_ms(now))
    pem = connection.scalar(select(t.c.pem).where(fresh).order_by(t.c.issued_at.desc()).limit(1))
    if pem is None:
        request = read_request(row.request.encode())
        names = names_of(request.gateway, request.public_key)
        made = files.authority.issue(request.gateway, request.tls_key, names, CLIENT, now, LIFE)
        pem = pem_of(made).decode()
        values = {
            "serial": f"{made.serial_number:x}", "enrolment": row.id, "issued_at": to_ms(now),
            "expires_at": to_ms(made.not_valid_after_utc), "pem": pem,
        }  # fmt: skip
        connection.execute(insert(t).values(values))
    return files.authority.chain(x509.load_pem_x509_certificate(pem.encode()))


def refuse(connection: Connection, enrolment: int, by: str, reason: str, now: datetime) -> None:
    """Turn a request down.

    Raises
    ------
    NotDone
        When it does not wait.
    """
    _waiting(connection, enrolment)
    connection.execute(_decided(schema.enrolment.c.id == enrolment, "refused", by, reason, now))


def revoke(
    connection: Connection, files: BrokerFiles | None, gateway: str, by: str, reason: str, now: datetime
) -> None:
    """Believe nothing any more that is signed with a gateway's keys, and have the broker shut it out.

    Parameters
    ----------
    files : BrokerFiles or None
        None where there is no authority, and so no certificate of ours.

    Raises
    ------
    NotDone
        When the registry has no such gateway, or it has no key that is believed.
    BadFile
        When the list of the revoked cannot be written; the transaction must not be committed then.
    """
    key = _registered(connection, gateway).public_key
    t = schema.enrolment.c
    connection.execute(delete(schema.invitation).where(schema.invitation.c.gateway == gateway))
    mine = (t.gateway == gateway) & t.state.in_(("approved", "waiting"))
    gone = connection.execute(_decided(mine, "revoked", by, reason, now)).rowcount
    if key and key not in revoked_keys(connection):
        _revoke_registered(connection, gateway, key, by, reason, now)
    elif not gone:
        raise NotDone("already_revoked", f"{gateway} has no key that is believed")
    if files:
        files.publish(connection, now, cut=True)


def revoked_keys(connection: Connection) -> set[str]:
    """The public keys whose signatures are not believed any more."""
    t = schema.enrolment.c
    return set(connection.scalars(select(t.public_key).where(t.state == "revoked")))


def _revoke_registered(connection: Connection, gateway: str, key: str, by: str, reason: str, now: datetime) -> None:
    """A key that came with the registry, without a request."""
    row = {
        "gateway": gateway, "digest": hashlib.sha256(key.encode()).digest(), "tls_key": b"", "public_key": key,
        "request": "", "state": "revoked", "asked_at": to_ms(now), "decided_at": to_ms(now), "decided_by": by,
        "reason": reason,
    }  # fmt: skip
    connection.execute(insert(schema.enrolment).values(row))


def _answer(connection: Connection, files: BrokerFiles, row: Row[Any], request: Request, now: datetime) -> Answer:
    certificate = issue(connection, files, row, now).decode() if row.state == "approved" else ""
    root = pem_of(files.authority.root).decode() if certificate else ""
    answer = Answer(row.state, certificate, root, "")
    t = schema.invitation.c
    wanted = (t.gateway == request.gateway) & (t.digest == request.digest) & (t.expires_at > to_ms(now))
    key = connection.scalar(select(t.key).where(wanted))
    return answer if key is None else replace(answer, mac=answer_mac(key, request, answer))


def _check_code(connection: Connection, request: Request, mac: str, now: datetime) -> None:
    if not _knows_code(connection, request, mac, now):
        raise NotDone("code", "expected the one-time code that the office has made for this gateway in the last days")


def _knows_code(connection: Connection, request: Request, mac: str, now: datetime) -> bool:
    t = schema.invitation.c
    open_one = (t.gateway == request.gateway) & (t.expires_at > to_ms(now)) & t.digest.is_(None)
    key = connection.scalar(select(t.key).where(open_one))
    return key is not None and same(mac, request_mac(key, request))


def _used(connection: Connection, row: Row[Any], now: datetime) -> Row[Any]:
    """The request, whose code serves no other one from now on."""
    code = update(schema.invitation).where(schema.invitation.c.gateway == row.gateway)
    connection.execute(code.values(digest=row.digest))
    return asked_again(connection, row, now)


def _find(connection: Connection, request: Request) -> Row[Any] | None:
    t = schema.enrolment
    mine = (t.c.gateway == request.gateway) & (t.c.digest == request.digest)
    return connection.execute(select(t).where(mine)).one_or_none()


def _check_keys(connection: Connection, request: Request) -> None:
    """A key that signs belongs to one identity: what is revoked of one would be revoked of the other."""
    t, g = schema.enrolment.c, schema.gateway.c
    signs = t.public_key == request.public_key
    either = signs | (t.tls_key == request.tls_digest)
    if connection.scalar(select(t.id).where(either & (t.state == "revoked")).limit(1)):
        raise _revoked_key(request.gateway)
    approved = select(t.id).where(signs & (t.state == "approved"))
    another = select(g.id).where((g.public_key == request.public_key) & (g.id != request.gateway))
    if any(connection.scalar(found.limit(1)) is not None for found in (approved, another)):
        said = f"the key that signs for {request.gateway} is in use with another certificate; both must be made anew"
        raise NotDone("key_in_use", said)


def _revoked_key(gateway: str) -> NotDone:
    return NotDone("revoked_key", f"a key of {gateway} was revoked; both must be made anew")


def _registered(connection: Connection, gateway: str) -> Row[Any]:
    t = schema.gateway
    row = connection.execute(select(t).where(t.c.id == gateway)).one_or_none()
    if row is None:
        raise NotDone("unknown_gateway", f"the registry has no gateway {gateway}; import it first")
    return row


def _waiting(connection: Connection, enrolment: int) -> Row[Any]:
    t = schema.enrolment
    row = connection.execute(select(t).where((t.c.id == enrolment) & (t.c.state == "waiting"))).one_or_none()
    if row is None:
        raise NotDone("not_waiting", "this request does not wait any more")
    return row


def _decided(which: ColumnElement[bool], state: State, by: str, reason: str, now: datetime) -> Update:
    values = {"state": state, "decided_at": to_ms(now), "decided_by": by, "reason": reason}
    return update(schema.enrolment).where(which).values(values)


def to_ms(moment: datetime) -> int:
    """A moment as the tables have it."""
    return round(moment.timestamp() * 1000)
