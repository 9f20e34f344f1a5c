"""The ledger as ``registry.toml``."""

import tomllib
from typing import Any

from stillcold_core.files import find_line
from stillcold_server.registry.kinds import KINDS
from stillcold_server.registry.sheets import MOST_ROWS, CellError, Sheet, SheetRow, Sheets


def read_toml(content: bytes, source: str) -> Sheets:
    """Every table of a registry file; what an entry does not name is empty."""
    read = Sheets()
    try:
        text = content.decode("utf-8-sig")
        data: dict[str, Any] = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        read.errors.append(CellError(source, 0, "", None, f"not TOML: {error}"))
        return read
    starts = _starts(text)
    for name, entries in data.items():
        if name not in KINDS or not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            line = find_line(text, [name])
            read.errors.append(CellError(source, line, name, None, f"expected tables [[{']], [['.join(KINDS)}]]"))
        elif len(entries) > MOST_ROWS:
            read.errors.append(CellError(source, 0, name, None, f"expected at most {MOST_ROWS} entries"))
        else:
            numbers = starts.get(name, [])
            rows = [SheetRow(numbers[i] if i < len(numbers) else 0, entry) for i, entry in enumerate(entries)]
            read.sheets.append(Sheet(name, source, rows, whole=True))
            read.errors += _unknown(name, source, rows)
    return read


def _starts(text: str) -> dict[str, list[int]]:
    """By table, the lines on which its entries begin."""
    found: dict[str, list[int]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip().startswith("[["):
            found.setdefault(line.strip()[2:].partition("]]")[0].strip(), []).append(number)
    return found


def _unknown(name: str, source: str, rows: list[SheetRow]) -> list[CellError]:
    known = KINDS[name].fields
    return [
        CellError(source, row.number, key, None, f"unknown; expected one of {', '.join(known)}")
        for row in rows
        for key in row.cells
        if key not in known
    ]
