"""Tables as they stand in a file, whatever its form: rows of cells, and what is wrong with one.

::

    BadSheets (ValueError)         a file that is imported holds what cannot be
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stillcold_core.files import shorten

MOST_ROWS = 50_000
"""Rows of one table in a file."""
MOST_BYTES = 8 << 20
"""Size of a file."""


@dataclass(frozen=True, slots=True)
class CellError:
    """What is wrong in a file, and what would be right.

    Attributes
    ----------
    source : str
        The file, and the sheet of a workbook.
    row : int
        As a spreadsheet or an editor counts it; 0 for all of the file.
    column : str
        Empty for the whole row.
    value : object
        What stands there; None for nothing.
    expected : str
        What would be right.
    """

    source: str
    row: int
    column: str
    value: object
    expected: str

    def __str__(self) -> str:
        where = ":".join(
            part for part in (self.source, str(self.row or ""), f" {self.column}" * bool(self.column)) if part
        )
        got = "" if self.value in (None, "") else f"got {shorten(self.value)}; "
        return f"{where}: {got}{self.expected}"


class BadSheets(ValueError):
    """A file that is imported holds what cannot be; nothing of it was."""

    def __init__(self, errors: Sequence[CellError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, errors)))


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row: where it stands, and its cells by column."""

    number: int
    cells: Mapping[str, Any]


@dataclass(slots=True)
class Sheet:
    """One table of a file.

    Attributes
    ----------
    kind : str
        Which table of the ledger.
    source : str
        The file, and the sheet of a workbook.
    rows : list of SheetRow
        Without those that are empty.
    whole : bool
        Whether what a row does not name is empty, as in TOML, or stays as it is.
    """

    kind: str
    source: str
    rows: list[SheetRow] = field(default_factory=list)
    whole: bool = False


@dataclass(slots=True)
class Sheets:
    """What was read of files, and what is wrong with their form."""

    sheets: list[Sheet] = field(default_factory=list)
    errors: list[CellError] = field(default_factory=list)
