"""A mail server that keeps what it got; it may want encryption and a password, and refuses some recipients."""

import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Literal, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from support.authority import Certificate
from support.ports import free_port
from support.waiting import LONG, wait_for


class MailServer:
    """An SMTP server on loopback, by STARTTLS or TLS where it has a certificate; then it wants a password too.

    Answers are those of RFC 5321 and RFC 3463: ``full@`` is out of space (452), ``gone@`` does not exist (550).

    Attributes
    ----------
    port : int
        Where it listens.
    messages : list of EmailMessage
        What it accepted.
    refusal : str
        An SMTP answer such as ``"451 try later"``; set it to refuse the content of messages.
    """

    password = "open sesame"  # of this imitation only; the user is ``me``

    def __init__(
        self, certificate: Certificate | None = None, security: Literal["starttls", "tls", "none"] = "none"
    ) -> None:
        self.port = free_port()
        self.messages: list[EmailMessage] = []
        self.refusal = ""
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if certificate else None
        if tls and certificate:
            tls.load_cert_chain(certificate.cert_file, certificate.key_file)
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            ssl_context=tls if security == "tls" else None,
            tls_context=tls if security == "starttls" else None,
            require_starttls=security == "starttls",
            auth_required=security != "none",
            auth_require_tls=security == "starttls",
            authenticator=self._authenticated,
        )

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient or not; the name is aiosmtpd's."""
        if address.startswith("full@"):
            return "452 4.2.2 mailbox full"
        if address.startswith("gone@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a message; the name is aiosmtpd's."""
        if self.refusal:
            return self.refusal
        self.messages.append(message_from_bytes(envelope.original_content or b"", policy=policy.default))
        return f"250 OK: queued as {len(self.messages)}"

    def _authenticated(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        good = data == LoginPassword(b"me", self.password.encode())
        return AuthResult(success=good, handled=good)  # not handled: aiosmtpd answers 535

    def wait_for(self, count: int, *, seconds: float = LONG) -> list[EmailMessage]:
        """The messages, once there are at least ``count``."""
        wait_for(lambda: len(self.messages) >= count, seconds=seconds, what=f"{count} messages")
        return list(self.messages)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._controller.stop()
