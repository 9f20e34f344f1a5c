"""The audit log."""

from pydantic import Field

from stillcold_server.api.models.base import Answer
from stillcold_server.api.moments import Moment


class AuditEntry(Answer):
    """Something that somebody did, or was not let do."""

    number: int
    at: Moment
    actor: str = Field(description="the account; of a command, who gave it; empty for a name that nobody has")
    address: str = Field(description="where the request came from; empty of a command on the server")
    action: str = Field(examples=["alert.acknowledge"])
    subject: str
    outcome: str = Field(description="`done`, or the word of the refusal")
    note: str
    hash: str = Field(description="hexadecimal SHA-256")


class AuditVerdict(Answer):
    """Whether the log is whole."""

    first: int = Field(description="number of the first entry that is there; 0 of an empty log")
    last: int
    checkpoints: int = Field(description="signed checkpoints that agree with the entries")
    faults: list[str]
