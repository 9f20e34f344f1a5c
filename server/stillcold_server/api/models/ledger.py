"""The ledger: entries, steps of a line's life, documents, permits, deadlines, imports."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from stillcold_core.life import Stage, Standard
from stillcold_core.registry import Measure, SealState
from stillcold_server.api.models.base import NOTE_LENGTH, Answer, Request
from stillcold_server.api.moments import Moment
from stillcold_server.registry.deadlines import DeadlineKind

Text = Annotated[str, Field(max_length=NOTE_LENGTH, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Short = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Day = Annotated[date, Field(examples=["2026-12-31"])]


class Identification(Answer):
    """A standard that a line falls short of."""

    standard: Standard
    bureau: str
    identified_on: date
    rectify_by: date | None
    extended_to: date | None
    left: int | None = Field(description="days until the clock runs out; negative when it has")


class Seal(Answer):
    """A numbered seal."""

    id: str
    line: str
    place: str
    applied_at: Moment
    applied_by: str
    state: SealState
    ended_at: Moment | None
    ended_by: str
    replaced_by: str | None
    photo: str


class Meter(Answer):
    """A meter and its calibration."""

    id: str
    point: str
    model: str
    serial: str
    certificate: str
    laboratory: str
    issued: date | None
    expires: date | None


class Permit(Answer):
    """Activity that was reported beforehand."""

    id: int
    line: str
    start: Moment = Field(serialization_alias="from")
    end: Moment = Field(serialization_alias="to")
    reason: str
    state: Literal["asked", "approved", "refused", "withdrawn"]
    asked_by: str
    asked_at: Moment | None
    decided_by: str
    decided_at: Moment | None
    note: str


class Document(Answer):
    """A document, and what it is to an entry of the ledger."""

    sha256: str
    name: str
    media_type: str
    size: int
    role: str
    attached_by: str
    attached_at: Moment


class Stored(Answer):
    """A document that is kept now."""

    sha256: str


class Taken(Answer):
    """A step that was taken."""

    at: Moment
    actor: str
    step: str
    before: Stage | None
    after: Stage
    note: str
    facts: dict[str, Any]


class Change(Answer):
    """One changed field; a new entry is one without a field."""

    at: Moment | None = Field(description="null where it has not been done")
    actor: str
    cause: str
    kind: str
    subject: str
    field: str
    before: Any = Field(description="null for nothing")
    after: Any


class Deadline(Answer):
    """A day by which something must be done."""

    kind: DeadlineKind
    subject: str
    line: str
    due: date
    left: int = Field(description="days until then; negative when it is over")


class Reminder(Answer):
    """A deadline that was said to be near, or over."""

    kind: DeadlineKind
    subject: str
    line: str
    due_on: date
    days: int = Field(description="30, 14, 7 or 1 days before; 0 when it was over")
    raised_at: Moment


class LineLedger(Answer):
    """Everything that the ledger has of a line."""

    id: str
    stage: Stage | None = Field(description="null: nobody has identified it")
    next: list[str] = Field(description="steps that lead on from here")
    identifications: list[Identification]
    seals: list[Seal]
    meters: list[Meter]
    permits: list[Permit]
    documents: list[Document]
    steps: list[Taken] = Field(description="the newest first")
    deadlines: list[Deadline]


class Step(Request):
    """What is given with a step; see docs/ledger.md for what each needs."""

    on: Day
    note: Text = ""
    documents: dict[Annotated[str, Field(pattern="^[a-z_]{1,40}$")], Digest] = Field({}, max_length=20)
    standards: dict[Standard, Word] = Field({}, max_length=5)
    standard: Standard | None = None
    until: date | None = None
    measures: list[Measure] = Field([], max_length=4)
    dismantle_by: date | None = None
    ground: Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class NewSeal(Request):
    """A seal that was applied."""

    id: Id
    place: Word
    applied_at: Moment
    applied_by: Word
    photo: Digest | Literal[""] = ""


class NewMeter(Request):
    """A meter at a point of the line, with its newest certificate of calibration."""

    id: Id
    point: Id
    model: Short = ""
    serial: Short = ""
    certificate: Short = ""
    laboratory: Short = ""
    issued: date | None = None
    expires: date | None = None


class SealEnd(Request):
    """What became of a seal."""

    state: Literal["broken", "replaced", "removed"]
    at: Moment
    by: Word
    replaced_by: Id | None = None
    note: Text = ""


class Activity(Request):
    """Activity that is reported beforehand."""

    start: Annotated[Moment, Field(alias="from")]
    end: Annotated[Moment, Field(alias="to")]
    reason: Annotated[Text, Field(min_length=1)]


class CellError(Answer):
    """What is wrong in an imported file."""

    source: str
    row: int = Field(description="0 for all of the file")
    column: str
    value: str
    expected: str


class Import(Answer):
    """What an import does, or would do."""

    done: bool
    errors: list[CellError]
    changes: list[Change]
