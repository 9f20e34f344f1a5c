"""What a detector says."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec

Severity = Literal["critical", "warning", "info"]


class Finding(msgspec.Struct, frozen=True):
    """One thing found, or its end.

    Attributes
    ----------
    kind : str
        A word of the list of alert kinds, e.g. ``restart.power``.
    severity : str
        How soon somebody must look.
    site, line, point : str
        Where.
    began, detected : float
        UTC seconds: when it began as far as the samples tell, and the sample that decided.
    reason : str
        One sentence with the figures that decided.
    evidence : mapping
        The figures by name, in the vocabulary's units.
    ended : float, optional
        UTC seconds; set when the same finding is said again because it is over.
    """

    kind: str
    severity: Severity
    site: str
    line: str
    point: str
    began: float
    detected: float
    reason: str
    evidence: Mapping[str, float | str]
    ended: float | None = None

    @property
    def id(self) -> str:
        """Natural key: the same finding has the same id in every run, live or over files, fit for a URL.

        Examples
        --------
        >>> Finding("restart.power", "critical", "s", "l", "p", 0.5, 6.0, "", {}).id
        'l:p:restart.power:19700101T000000.500Z'
        """
        began = iso(self.began).replace("-", "").replace(":", "")
        return f"{self.line}:{self.point}:{self.kind}:{began}"


def followed(first: Finding, later: Finding) -> Finding:
    """A finding after it was said again under the same id.

    It keeps when it was detected first. Progress brings the newest reason and figures, and those that it does not name
    stay; an end brings only its time, and nothing follows after it.
    """
    if first.ended is not None:
        return first
    if later.ended is not None:
        return msgspec.structs.replace(first, ended=later.ended)
    return msgspec.structs.replace(first, reason=later.reason, evidence={**first.evidence, **later.evidence})


def iso(time: float) -> str:
    """ISO 8601 in UTC with milliseconds.

    Examples
    --------
    >>> iso(1767225600.25)
    '2026-01-01T00:00:00.250Z'
    """
    return (
        datetime.fromtimestamp(round(time * 1000) / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
