"""Files of the ledger: the name says the form.

Workbooks take a large library, which is loaded when there is one.
"""

from pathlib import PurePath

from stillcold_core.registry import Registry, dump_registry
from stillcold_server.registry.forms.csv_form import read_csv, write_csv
from stillcold_server.registry.forms.toml_form import read_toml
from stillcold_server.registry.kinds import KINDS
from stillcold_server.registry.sheets import MOST_BYTES, CellError, Sheets

_EXPECTED = f"expected a name that ends in .toml or .xlsx, or one of {', '.join(f'{name}.csv' for name in KINDS)}"


def read_file(sheets: Sheets, name: str, content: bytes) -> None:
    """Add what a file holds, and what is wrong with its form."""
    path = PurePath(name)
    if len(content) > MOST_BYTES:
        read = Sheets(errors=[CellError(name, 0, "", None, f"too large; expected at most {MOST_BYTES >> 20} MiB")])
    elif path.suffix.lower() == ".toml":
        read = read_toml(content, name)
    elif path.suffix.lower() == ".xlsx":
        from stillcold_server.registry.forms.xlsx_form import read_xlsx  # noqa: PLC0415

        read = read_xlsx(content, name)
    elif path.suffix.lower() == ".csv" and path.stem in KINDS:
        read = read_csv(content, path.stem, name)
    else:
        read = Sheets(errors=[CellError(name, 0, "", None, _EXPECTED)])
    sheets.sheets += read.sheets
    sheets.errors += read.errors


def write_form(registry: Registry, name: str) -> bytes:
    """The ledger in the form that a name says.

    Raises
    ------
    ValueError
        For a name that says none.
    """
    path = PurePath(name)
    if path.suffix == ".toml":
        return dump_registry(registry).encode()
    if path.suffix == ".xlsx":
        from stillcold_server.registry.forms.xlsx_form import write_xlsx  # noqa: PLC0415

        return write_xlsx(registry)
    if path.suffix == ".csv" and path.stem in KINDS:
        return write_csv(registry, path.stem)
    raise ValueError(_EXPECTED)
