"""Reading the truth: what was really done to lines and meters, and when."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from stillcold_core.files import BadFile, read_text


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that was done, from its beginning to its end.

    Attributes
    ----------
    what : str
        As in the scenario: ``run``, ``silence``, …
    points : tuple of str
        Points of the meters that it was done to.
    began, ended : float
        UTC, s since 1970-01-01; infinite where it did not end.
    values : mapping of str to float
        What the meter was made to show by ``set``.
    upstream : tuple of str
        Points that their lines hang behind, and that may tell it too.
    """

    what: str
    points: tuple[str, ...]
    began: float
    ended: float
    values: Mapping[str, float]
    upstream: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Truth:
    """A truth file.

    Attributes
    ----------
    episodes : tuple of Episode
        In order of their beginnings.
    ended : float
        UTC of the last line.
    interval : float, optional
        s between two readings of a meter, where the file says it.
    """

    episodes: tuple[Episode, ...]
    ended: float
    interval: float | None


def load_truth(path: Path) -> Truth:
    """Read a truth file.

    Raises
    ------
    BadFile
        Naming file and line of the first thing that does not fit.
    """
    open_ones: dict[tuple[object, ...], list[Episode]] = {}
    over: list[Episode] = []
    ended, interval = 0.0, None
    for line, record in json_lines(path):
        ended = utc(path, line, record, "time")
        what, _, edge = str(record.get("event", "")).rpartition("_")
        key = (what, record.get("meter"), record.get("port"), record.get("by"))
        if record.get("event") == "scenario_begins":
            interval = record.get("interval")
        elif edge == "begins":
            open_ones.setdefault(key, []).append(_episode(what, ended, record))
        elif edge == "ends" and open_ones.get(key):
            over.append(replace(open_ones[key].pop(0), ended=ended))
    left = (e for episodes in open_ones.values() for e in episodes)
    return Truth(tuple(sorted((*over, *left), key=lambda e: (e.began, e.points, e.what))), ended, interval)


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file of JSON lines, each with the number of its line.

    Raises
    ------
    BadFile
        When a line is no JSON object.
    """
    for number, text in enumerate(read_text(path).splitlines(), 1):
        if not text.strip():
            continue
        try:
            record = json.loads(text)
        except ValueError as error:
            raise BadFile(path, f"not JSON: {error}", line=number) from error
        if not isinstance(record, dict):
            raise BadFile(path, "expected a JSON object", line=number, value=record)
        yield number, record


def utc(path: Path, line: int, record: Mapping[str, Any], field: str) -> float:
    """A field with an ISO 8601 time, as s since 1970-01-01.

    Raises
    ------
    BadFile
        When it is missing or no time with an offset.
    """
    text = record.get(field)
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise BadFile(path, "expected an ISO 8601 time with its offset", field=field, value=text, line=line)
    return time.timestamp()


def _episode(what: str, began: float, record: Mapping[str, Any]) -> Episode:
    points = record.get("points") or [record["point"]] if "point" in record or "points" in record else []
    return Episode(what, tuple(points), began, math.inf, record.get("values", {}), tuple(record.get("upstream", ())))
