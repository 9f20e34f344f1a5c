"""Parameters that several routes take."""

from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import Field

_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,255}$"
ROSTER = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
MONTH = r"^[12]\d{3}-(0[1-9]|1[0-2])$"
"""A month of these centuries, e.g. 2027-01."""
Id = Annotated[str, Field(pattern=_ID)]
IdInPath = Annotated[str, Path(pattern=_ID)]
IdInQuery = Annotated[str | None, Query(pattern=_ID)]
NumberInPath = Annotated[int, Path(ge=1, lt=2**63)]
Limit = Annotated[int, Query(ge=1, le=1000)]
UserInPath = Annotated[str, Path(pattern=r"^[^\x00-\x1f\x7f/]{1,64}$")]
JobInPath = Annotated[str, Path(pattern=r"^[a-z0-9_-]{1,64}$")]
RosterInPath = Annotated[str, Path(pattern=ROSTER)]
ChannelInPath = RosterInPath
SeverityInPath = Annotated[Literal["critical", "warning", "info"], Path()]
