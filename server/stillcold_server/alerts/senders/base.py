"""What every way to tell somebody has in common.

::

    NotDelivered (Exception)      with what the other side said, and whether it is worth another try
"""

from typing import Protocol

from stillcold_server.alerts.message import Message


class NotDelivered(Exception):
    """The other side did not take the message.

    Parameters
    ----------
    detail : str
        What it said; no secret.
    permanent : bool
        Whether the same message to the same address will be refused again: a number that does not exist, a robot
        that was removed, a wrong signature. Otherwise a later try may succeed.
    retry_after : float or None
        Seconds before which the other side wants no further try, where it said so.
    """

    def __init__(self, detail: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.permanent, self.retry_after = permanent, retry_after


class Sender(Protocol):
    """One channel. It returns when the other side has taken the message, and raises otherwise."""

    @property
    def addressed(self) -> bool:
        """Whether it tells one person at an address: mail, SMS; a group's robot or a webhook does not."""

    def send(self, message: Message, address: str = "") -> str:
        """Deliver; what the other side said.

        Parameters
        ----------
        message : Message
            What to tell.
        address : str
            Of the recipient, where the channel is ``addressed``; elsewhere it is not looked at.

        Raises
        ------
        NotDelivered
        """
