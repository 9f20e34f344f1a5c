"""Cells of a spreadsheet as values of the registry, and the way back."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from functools import cache
from typing import Any, get_args

import msgspec
from msgspec.structs import FieldInfo

from stillcold_core.choices import choices
from stillcold_server.language.words import SHANGHAI

_AT = re.compile(r" - at `\$(.*)`$")
_FIRST_YEAR, _LAST_YEAR = 1900, 9998
"""Of times: one in 9999 or in the year 1 has no local time everywhere, and nobody means it."""
_SEPARATORS = re.compile(r"[\s,;，、；]+")
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
"""Beginnings by which a spreadsheet takes a text for a formula, after OWASP's CSV Injection; and our own mark."""


class BadCell(ValueError):
    """A cell that does not fit; the message says what would."""


def value_of(cell: object, field: FieldInfo, struct: type) -> object:
    """The value that a cell stands for.

    A time without an offset is Beijing's; a day may be written with strokes, as a Chinese spreadsheet does; the words
    of a list are separated by spaces, commas or semicolons.

    Raises
    ------
    BadCell
    """
    try:
        value: object = msgspec.convert(_prepare(field.type)(cell), field.type, strict=False)
    except msgspec.ValidationError as error:
        words = choices(struct, [field.encode_name])
        expected = f"expected one of {', '.join(words)}" if words else _AT.sub("", str(error))
        raise BadCell(_EXAMPLES.get(_prepare(field.type), expected)) from error
    if isinstance(value, float) and not math.isfinite(value):
        raise BadCell("expected a number")
    if isinstance(value, str) and "\0" in value:
        raise BadCell("expected text")  # PostgreSQL holds no such character
    if isinstance(value, datetime) and not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise BadCell(f"expected a year from {_FIRST_YEAR} to {_LAST_YEAR}")
    return value


def empty_value(field: FieldInfo) -> object:
    """What an empty cell stands for.

    Raises
    ------
    BadCell
        Where there must be something.
    """
    if field.required:
        raise BadCell("must not be empty")
    return field.default


@cache
def _prepare(kind: Any) -> Callable[[object], object]:
    """How a cell is made ready for a type."""
    names = str({kind, *get_args(kind)})
    prepares = (("tuple", _words), ("datetime.datetime", _moment), ("datetime.date", _day), ("float", _as_it_is))
    return next((prepare for word, prepare in prepares if word in names), _text)


def _as_it_is(cell: object) -> object:
    return cell


def _words(cell: object) -> object:
    return cell if isinstance(cell, list) else [word for word in _SEPARATORS.split(str(cell)) if word]


def _text(cell: object) -> object:
    if isinstance(cell, (bool, list, dict)):
        return cell
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # a spreadsheet keeps a telephone's number as one
    return cell.isoformat() if isinstance(cell, (date, time)) else str(cell)


def _moment(cell: object) -> object:
    if isinstance(cell, str):
        try:
            cell = datetime.fromisoformat(_dashed(cell))
        except ValueError:
            return cell
    if isinstance(cell, datetime):
        return cell if cell.tzinfo else cell.replace(tzinfo=SHANGHAI)
    return cell


def _day(cell: object) -> object:
    if isinstance(cell, datetime):
        return cell.date()
    return _dashed(cell) if isinstance(cell, str) else cell


def _dashed(text: str) -> str:
    """``2026/1/2 8:00`` as ISO 8601 writes it."""
    found = re.fullmatch(r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})(?:[ T](\d{1,2}:\d{2}.*))?", text.strip())
    if not found:
        return text
    year, month, day, clock = found.groups()
    return f"{year}-{month:0>2}-{day:0>2}" + (f"T{clock:0>5}" if clock else "")


_EXAMPLES: Mapping[Callable[[object], object], str] = {
    _moment: "expected a time, e.g. 2026-01-01T08:00:00+08:00 or 2026-01-01 08:00 (Beijing)",
    _day: "expected a day, e.g. 2026-12-31",
}


def cell_of(value: object) -> str | float | None:
    """A value of the registry as a cell: times with Beijing's offset, lists with spaces."""
    match value:
        case None | float() | int():
            return value
        case datetime():
            return value.astimezone(SHANGHAI).isoformat()
        case date():
            return value.isoformat()
        case tuple():
            return " ".join(map(str, value))
    return str(value)


def harmless(cell: str | float | None) -> str | float | None:
    """A cell of a CSV file that no spreadsheet takes for a formula; :func:`meant` undoes it.

    Examples
    --------
    >>> harmless("=1+1"), harmless(-125.3), meant("'=1+1"), meant("it's")
    ("'=1+1", -125.3, '=1+1', "it's")
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_DANGEROUS) else cell


def meant(text: str) -> str:
    """What a cell of a CSV file says, without the mark of :func:`harmless`."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_DANGEROUS) else text
