"""A mail server that keeps what it got."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from support.ports import free_port
from support.waiting import LONG, wait_for


class MailServer:
    """An SMTP server on loopback.

    Attributes
    ----------
    port : int
        Where it listens.
    messages : list of EmailMessage
        What it accepted.
    refusal : str
        An SMTP answer such as ``"451 try later"``; set it to refuse messages.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.messages: list[EmailMessage] = []
        self.refusal = ""
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a message; the name is aiosmtpd's."""
        if self.refusal:
            return self.refusal
        content = envelope.original_content or b""
        self.messages.append(message_from_bytes(content, policy=policy.default))
        return "250 OK"

    def wait_for(self, count: int, *, seconds: float = LONG) -> list[EmailMessage]:
        """The messages, once there are at least ``count``."""
        wait_for(lambda: len(self.messages) >= count, seconds=seconds, what=f"{count} messages")
        return list(self.messages)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._controller.stop()
