"""What all answers and requests share.

Field names are those of the registry, the alerts file and the vocabulary.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NO_CONTROLS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
NOTE_LENGTH = 1000


class Answer(BaseModel):
    """Anything that the API answers."""

    model_config = ConfigDict(frozen=True)


class Request(BaseModel):
    """Anything that the API takes: a field that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Reasoned = Annotated[str, Field(min_length=1, max_length=NOTE_LENGTH, pattern=NO_CONTROLS)]
"""Why somebody did something; it cannot be left out."""


class Note(Request):
    """Why somebody did something."""

    note: Annotated[str, Field(max_length=NOTE_LENGTH, pattern=NO_CONTROLS)] = ""


class Reason(Request):
    """Why a gateway is not believed."""

    reason: Reasoned


class ProblemBody(Answer):
    """Why a request was not done (RFC 9457, ``application/problem+json``)."""

    type: str = Field(examples=["urn:stillcold:problem:not_found"])
    title: str
    status: int
    detail: str
    field: str | None = Field(description="which part of the request is wrong")
