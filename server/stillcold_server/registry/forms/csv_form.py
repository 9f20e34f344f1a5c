"""The ledger as CSV: one file a table, in UTF-8 with the mark by which Excel knows it."""

import csv
import io

from stillcold_core.registry import Registry
from stillcold_server.registry.cells import cell_of, harmless, meant
from stillcold_server.registry.kinds import KINDS
from stillcold_server.registry.ledger import entries_of
from stillcold_server.registry.sheets import MOST_ROWS, CellError, Sheet, SheetRow, Sheets


def write_csv(registry: Registry, table: str) -> bytes:
    """One table."""
    kind = KINDS[table]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(kind.fields)
    for entry in entries_of(registry, kind):
        writer.writerow([harmless(cell_of(getattr(entry, f.name))) for f in kind.fields.values()])
    return text.getvalue().encode("utf-8-sig")


def read_csv(content: bytes, table: str, source: str) -> Sheets:
    """One table; what a row does not name stays as it is."""
    read = Sheets()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        read.errors.append(CellError(source, row, "", None, "expected UTF-8; save as “CSV UTF-8”"))
        return read
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    sheet = Sheet(table, source)
    try:
        header = [name.strip() for name in next(rows, [])]
        for cells in rows:
            if len(sheet.rows) >= MOST_ROWS:
                read.errors.append(CellError(source, rows.line_num, "", None, f"expected at most {MOST_ROWS} rows"))
                break
            if len(cells) > len(header):
                read.errors.append(
                    CellError(source, rows.line_num, "", cells[len(header)], f"expected {len(header)} cells")
                )
            elif any(cells):
                sheet.rows.append(SheetRow(rows.line_num, dict(zip(header, map(meant, cells), strict=False))))
    except csv.Error as error:
        read.errors.append(CellError(source, rows.line_num, "", None, f"not CSV: {error}"))
    read.errors += header_errors(source, header, table)
    read.sheets.append(sheet)
    return read


def header_errors(source: str, header: list[str], table: str) -> list[CellError]:
    """What is wrong with the names of columns."""
    known = KINDS[table].fields
    errors = [
        CellError(source, 1, name, None, f"expected one of {', '.join(known)}") for name in header if name not in known
    ]
    doubled = {name for name in header if header.count(name) > 1}
    return errors + [CellError(source, 1, name, None, "expected each column once") for name in sorted(doubled)]


def _delimiter(text: str) -> str:
    """Of the first row: a comma, or what a spreadsheet of another country has made of it."""
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)
