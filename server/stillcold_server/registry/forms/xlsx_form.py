"""The ledger as a workbook: one sheet a table.

A workbook is a ZIP file of XML, and an office is sent one by anybody: what it would unpack to is bounded before it is
opened, entities are not expanded (defusedxml), macros and formulas are refused.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils.exceptions import InvalidFileException

from stillcold_core.registry import Registry
from stillcold_server.registry.cells import cell_of
from stillcold_server.registry.forms.csv_form import header_errors
from stillcold_server.registry.kinds import KINDS
from stillcold_server.registry.ledger import entries_of
from stillcold_server.registry.sheets import MOST_ROWS, CellError, Sheet, SheetRow, Sheets

_MOST_UNPACKED = 64 << 20
_MOST_PARTS = 200
_MOST_COLUMNS = 50
_BROKEN = (
    InvalidFileException, zipfile.BadZipFile, zlib.error, struct.error, ArithmeticError, AssertionError,
    AttributeError, EOFError, LookupError, OSError, RuntimeError, SyntaxError, TypeError, ValueError,
)  # fmt: skip
"""What reading a workbook raises that is none, is encrypted or holds what no program has written."""
_NO_BOOK = "expected an Excel workbook (.xlsx)"


def write_xlsx(registry: Registry) -> bytes:
    """Every table; texts are texts, whatever they begin with."""
    book = Workbook(write_only=True)
    for kind in KINDS.values():
        sheet = book.create_sheet(kind.name)
        sheet.freeze_panes = "A2"
        sheet.append(list(kind.fields))
        for entry in entries_of(registry, kind):
            sheet.append([_cell(sheet, cell_of(getattr(entry, f.name))) for f in kind.fields.values()])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(sheet: Any, value: str | float | None) -> Any:
    cell = WriteOnlyCell(sheet, value)
    if isinstance(value, str):
        cell.data_type = "s"  # else one that begins with = is a formula
        cell.quotePrefix = True
    return cell


def read_xlsx(content: bytes, source: str) -> Sheets:
    """Every sheet that is called like a table; what a row does not name stays as it is."""
    read = Sheets()
    if refused := _refused(content):
        read.errors.append(CellError(source, 0, "", None, refused))
        return read
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        for sheet in book.worksheets:
            _read_sheet(read, sheet, source)
    except _BROKEN as error:
        read.errors.append(CellError(source, 0, "", None, f"{_NO_BOOK}; {type(error).__name__}"))
    return read


def _refused(content: bytes) -> str | None:
    """Why a file is not even opened."""
    try:
        parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError):
        return _NO_BOOK
    if any("vbaproject" in part.filename.lower() for part in parts):
        return "holds macros; expected a workbook without (.xlsx)"
    if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > _MOST_UNPACKED:
        return f"too large; expected at most {_MOST_UNPACKED >> 20} MiB unpacked"
    return None


def _read_sheet(read: Sheets, sheet: Any, source: str) -> None:
    where = f"{source}, sheet {sheet.title}"
    if sheet.title not in KINDS:
        read.errors.append(CellError(where, 0, "", None, f"expected sheets {', '.join(KINDS)}"))
        return
    found = Sheet(sheet.title, where)
    rows = sheet.iter_rows(max_row=MOST_ROWS + 2, max_col=_MOST_COLUMNS)
    header = [str(cell.value or "").strip() for cell in next(rows, ())]
    while header and not header[-1]:
        header.pop()
    for number, cells in enumerate(rows, 2):
        if number > MOST_ROWS + 1:
            read.errors.append(CellError(where, number, "", None, f"expected at most {MOST_ROWS} rows"))
            break
        read.errors += _formulas(where, number, header, cells)
        values = dict(zip(header, (cell.value for cell in cells), strict=False))
        if any(value not in (None, "") for value in values.values()):
            found.rows.append(SheetRow(number, values))
    read.errors += header_errors(where, header, sheet.title)
    read.sheets.append(found)


def _formulas(where: str, number: int, header: list[str], cells: Any) -> Iterator[CellError]:
    for name, cell in zip(header, cells, strict=False):
        if cell.data_type in ("f", "e"):
            yield CellError(where, number, name, cell.value, "expected a value, no formula")
