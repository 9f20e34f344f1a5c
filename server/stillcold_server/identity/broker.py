"""What the broker reads: whom to trust, its own certificate, and the list of the revoked (CRL, RFC 5280 section 5).

A broker takes a new list for whoever connects from then on; it does not look again at those who are connected. So
the file ``revoked`` says when somebody was revoked: what watches the folder restarts the broker then, and has it read
its files again when anything else in the folder is new (firmware_config/broker).
"""

import ipaddress
import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, select

from stillcold_core.enrolment.renewal import is_due
from stillcold_core.files import BadFile, unreadable
from stillcold_core.pem import key_pem
from stillcold_core.whole import write_whole
from stillcold_server.identity.authority import (
    CRL_LIFE,
    SERVER,
    Authority,
    Revoked,
    load_certificate,
    load_key,
)
from stillcold_server.store import schema
from stillcold_server.store.marks import read_mark, write_mark

CRL_FILE, REVOKED_FILE, TRUSTED_FILE, NAME = "crl.pem", "revoked", "ca.crt", "broker"
LIFE = timedelta(days=365)
"""Of the certificates of broker and server, which are renewed here by themselves."""
_MARK = "crl"
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = re.compile(rf"({_LABEL}\.)*(?!\d+$){_LABEL}")  # the last part of a name is no number (RFC 1123, 2.1)
_RENEW_CRL = 0.75  # of its life is left when a list is written anew: once a week


class BrokerFiles:
    """The folder that the broker reads.

    Parameters
    ----------
    authority : Authority
        Issues what lies there.
    folder : Path
        Readable for the broker, writable for the server.

    Attributes
    ----------
    authority, folder
        As given.
    """

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.authority, self.folder = authority, folder

    def make(self, connection: Connection, hosts: Sequence[str], now: datetime) -> None:
        """Write everything anew, for a broker that clients know by some names or addresses.

        Raises
        ------
        BadFile
            When a file cannot be written.
        """
        write_whole(self.folder / TRUSTED_FILE, self.authority.trusted(), 0o644)
        names = x509.SubjectAlternativeName([_host(h) for h in hosts])
        issue_pair(self.authority, self.folder / NAME, NAME, names, SERVER, now, mode=0o640)
        self.publish(connection, now, cut=True)

    def publish(self, connection: Connection, now: datetime, *, cut: bool, life: timedelta = CRL_LIFE) -> None:
        """Write the list of the revoked; ``cut`` where somebody has joined it who may be connected.

        Raises
        ------
        BadFile
            When it cannot be written. What the transaction has changed must not hold then.
        """
        number = read_mark(connection, _MARK) + 1
        write_mark(connection, _MARK, number)  # first: two who write at a time take turns here
        crl = self.authority.crl(_revoked(connection, now), number, now, life)
        write_whole(self.folder / CRL_FILE, crl, 0o644)
        if cut:
            # Another text each time, also where the transaction before was undone with its number.
            write_whole(self.folder / REVOKED_FILE, f"{number} {secrets.token_hex(8)}\n".encode(), 0o644)

    def crl_ends(self) -> datetime:
        """Until when the list is good.

        Raises
        ------
        BadFile
            When there is none.
        """
        ends = self._crl().next_update_utc
        assert ends is not None  # noqa: S101  # we write no other
        return ends

    def crl_is_due(self, now: datetime) -> bool:
        """Whether the list must be written anew; one that a clock ahead of the time has made shuts out everybody."""
        try:
            return self._crl().last_update_utc > now or self.crl_ends() - now < CRL_LIFE * _RENEW_CRL
        except BadFile:
            return True

    def _crl(self) -> x509.CertificateRevocationList:
        path = self.folder / CRL_FILE
        try:
            return x509.load_pem_x509_crl(path.read_bytes())
        except OSError as error:
            raise unreadable(path, error) from error
        except ValueError as error:
            raise BadFile(path, "expected a list of revoked certificates in PEM") from error

    def renew(self, now: datetime) -> bool:
        """Renew the broker's certificate where it is due, and what it trusts with it; whether it was."""
        renewed = renew_pair(self.authority, self.folder / NAME, NAME, SERVER, now)
        trusted = self.folder / TRUSTED_FILE
        if trusted.read_bytes() != self.authority.trusted():
            write_whole(trusted, self.authority.trusted(), 0o644)
            return True
        return renewed


def issue_pair(
    authority: Authority,
    path: Path,
    name: str,
    names: x509.SubjectAlternativeName,
    use: x509.ObjectIdentifier,
    now: datetime,
    *,
    mode: int = 0o600,
) -> None:
    """A new key and its certificate, as ``path`` with the endings ``.key`` and ``.crt``; ``mode`` is the key's.

    Raises
    ------
    BadFile
        When one cannot be written.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.issue(name, key.public_key(), names, use, now, LIFE)
    write_whole(path.with_suffix(".key"), key_pem(key), mode)
    write_whole(path.with_suffix(".crt"), authority.chain(certificate), 0o644)


def renew_pair(authority: Authority, path: Path, name: str, use: x509.ObjectIdentifier, now: datetime) -> bool:
    """A new certificate with the same names where the present one is due; whether it was.

    The key stays, so a power cut between two files cannot leave a certificate of another key.

    Raises
    ------
    BadFile
        When a file cannot be used.
    """
    old = load_certificate(path.with_suffix(".crt"))
    begins_later = old.not_valid_before_utc > now  # the clock was ahead of the time
    if not (begins_later or is_due(old, now)):
        return False
    names = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    certificate = authority.issue(name, load_key(path.with_suffix(".key")).public_key(), names, use, now, LIFE)
    write_whole(path.with_suffix(".crt"), authority.chain(certificate), 0o644)
    return True


def _revoked(connection: Connection, now: datetime) -> Iterator[Revoked]:
    c, e = schema.certificate.c, schema.enrolment.c
    wanted = select(c.serial, e.decided_at).join(schema.enrolment, e.id == c.enrolment)
    living = (e.state == "revoked") & (c.expires_at > now.timestamp() * 1000)
    for row in connection.execute(wanted.where(living).order_by(c.serial)):
        yield Revoked(int(row.serial, 16), datetime.fromtimestamp(row.decided_at / 1000, UTC))


def is_host(text: str) -> bool:
    """Whether it is an IP address, or a host's name as certificates have it.

    Examples
    --------
    >>> is_host("broker.example.org"), is_host("10.8.0.1"), is_host("10.8.0.300"), is_host("broker:8883")
    (True, True, False, False)
    """
    return bool(_HOST_NAME.fullmatch(text)) or _address(text) is not None


def _host(name: str) -> x509.GeneralName:
    return _address(name) or x509.DNSName(name)


def _address(text: str) -> x509.IPAddress | None:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return None
