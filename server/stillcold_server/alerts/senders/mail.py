"""Mail by SMTP, one recipient a transaction: what the server says of each is known."""

import smtplib
import ssl
import time
from collections.abc import Callable
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate

from stillcold_core.files import BadFile, shorten
from stillcold_server.alerts.channels import MailChannel
from stillcold_server.alerts.message import Message
from stillcold_server.alerts.senders.base import NotDelivered
from stillcold_server.alerts.senders.settings import bad, secret_of

_TIMEOUT = 10.0
"""s for each step."""
_DEADLINE = 40.0
"""s after which no further step begins."""


class Mail:
    """Hands a mail to a mail server; delivered when that has taken it for the recipient, content included.

    Raises
    ------
    BadFile
        When a file that the channel names cannot be used, or ``sender`` is no address.
    """

    addressed = True

    def __init__(self, channel: MailChannel) -> None:
        self._channel = channel
        try:
            self._from = address_of(channel.sender)
        except NotDelivered as error:
            raise bad(channel, "sender", "expected a mail address such as stillcold@example.org") from error
        self._password = secret_of(channel, channel.password_file) if channel.password_file else ""
        try:
            self._tls = ssl.create_default_context(cafile=channel.ca_file or None)
        except OSError as error:  # ssl.SSLError is one
            raise BadFile(channel.ca_file, f"expected certificates in PEM ({error.strerror or error})") from error

    def send(self, message: Message, address: str = "") -> str:
        """See :class:`Sender`."""
        to = address_of(address)
        content, until = self._mail(message, to).as_bytes(policy=policy.SMTP), time.monotonic() + _DEADLINE
        try:
            smtp = self._connected()
            try:
                return self._handed_over(smtp, to, content, until)
            finally:
                smtp.close()  # without QUIT: it could only make a failure of what was taken
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code, error.smtp_error) from error
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise NotDelivered(f"{type(error).__name__}: {shorten(str(error), 200)}") from error

    def _connected(self) -> smtplib.SMTP:
        host, port = self._channel.host, self._channel.port
        if self._channel.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT, context=self._tls)
        else:
            smtp = smtplib.SMTP(host, port, timeout=_TIMEOUT)
        try:
            if self._channel.security == "starttls":
                smtp.starttls(context=self._tls)
            if self._password:
                smtp.login(self._channel.username, self._password)
            smtp.ehlo_or_helo_if_needed()
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _handed_over(self, smtp: smtplib.SMTP, to: str, content: bytes, until: float) -> str:
        steps: tuple[Callable[[], tuple[int, bytes]], ...] = (
            lambda: smtp.mail(self._from),
            lambda: smtp.rcpt(to),
            lambda: smtp.data(content),
        )
        for step in steps:
            if time.monotonic() > until:
                raise NotDelivered("TimeoutError: the mail server is too slow")
            code, said = step()
            if code not in (250, 251):
                raise _refusal(code, said)
        return f"{code} {shorten(said.decode(errors='replace'), 200)}"

    def _mail(self, message: Message, to: str) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = " ".join(str(message["title"]).split())
        mail["From"], mail["To"] = self._from, to
        mail["Date"] = formatdate()
        # The same for each try: a mail that came twice after all is one to the reader's program.
        mail["Message-ID"] = f"<{message['key']}@{self._from.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes come back
        mail.set_content(str(message["text"]) + "\n", cte="base64")  # 8 bits need an extension of SMTP
        return mail


def address_of(text: str) -> str:
    """A mail address in ASCII.

    Raises
    ------
    NotDelivered
        When it is none.
    """
    try:
        address = Address(addr_spec=text.strip()).addr_spec
    except (ValueError, MessageError, IndexError):
        address = ""
    if not address.isascii() or "@" not in address or any(c.isspace() for c in address):
        raise NotDelivered("expected a mail address as address, e.g. name@example.org", permanent=True)
    return address


def _refusal(code: int, said: bytes | str) -> NotDelivered:
    """RFC 5321, section 4.2.1: 4xx passes, 5xx comes again."""
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return NotDelivered(f"{code} {shorten(text, 200)}", permanent=code >= 500)
