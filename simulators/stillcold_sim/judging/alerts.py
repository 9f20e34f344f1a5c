"""Reading a file of alerts, as ``stillcold-server scan`` writes it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillcold_core.files import BadFile
from stillcold_sim.judging.truth import json_lines, utc


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert.

    Attributes
    ----------
    kind, line, point : str
        What, and where.
    began, detected, ended : float
        UTC, s since 1970-01-01; ``ended`` is infinite while it goes on.
    """

    kind: str
    line: str
    point: str
    began: float
    detected: float
    ended: float


def load_alerts(path: Path) -> list[Alert]:
    """Read a file of alerts, in the order in which they were detected.

    Raises
    ------
    BadFile
        Naming file, line and field of the first thing that does not fit.
    """
    return sorted((_alert(path, line, record) for line, record in json_lines(path)), key=lambda a: a.detected)


def _alert(path: Path, line: int, record: Mapping[str, Any]) -> Alert:
    def text(field: str) -> str:
        value = record.get(field)
        if not isinstance(value, str):
            raise BadFile(path, "expected a text", field=field, value=value, line=line)
        return value

    return Alert(
        kind=text("kind"),
        line=text("line"),
        point=text("point"),
        began=utc(path, line, record, "began"),
        detected=utc(path, line, record, "detected"),
        ended=math.inf if record.get("ended") is None else utc(path, line, record, "ended"),
    )
