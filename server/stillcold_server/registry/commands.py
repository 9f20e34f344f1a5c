"""``stillcold-server registry``: import and export."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from stillcold_core.files import BadFile, unreadable
from stillcold_core.whole import write_whole
from stillcold_server.config import load_config
from stillcold_server.options import FILE, commanding, config_option, own_name, plain_errors, prepared
from stillcold_server.registry.files import read_file, write_form
from stillcold_server.registry.history import Author, Change
from stillcold_server.registry.kinds import KINDS
from stillcold_server.registry.ledger import export_registry
from stillcold_server.registry.plan import Plan, carry_out, make_plan
from stillcold_server.registry.sheets import MOST_BYTES, Sheets
from stillcold_server.store.clock import wall_clock
from stillcold_server.store.database import read


@click.group()
def registry() -> None:
    """The ledger of sealed lines: see docs/ledger.md."""


@registry.command("import")
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@config_option
@plain_errors
def import_command(files: tuple[Path, ...], dry_run: bool, config_file: Path) -> None:
    """Put what files of TOML, CSV (TABLE.csv) or Excel hold into the ledger.

    All of it, or nothing where one cell is wrong: each is said with file, row, column, value and what would be right.
    """
    sheets = Sheets()
    for path in files:
        read_file(sheets, path.name, _content(path))
    engine = prepared(load_config(config_file))
    if dry_run:
        with read(engine) as connection:
            plan = make_plan(connection, sheets)
        _complain(plan)
        for change in plan.changes:
            click.echo(_told(change))
    else:
        with commanding(engine, "registry.import", " ".join(path.name for path in files)) as connection:
            plan = make_plan(connection, sheets)
            _complain(plan)
            carry_out(connection, plan, Author(own_name(), wall_clock(), "import"))
    click.echo(_counted("would import" if dry_run else "imported", plan.changes))


def _complain(plan: Plan) -> None:
    for error in plan.errors:
        click.echo(f"error: {error}", err=True)
    if plan.errors:
        sys.exit(2)


@registry.command("export")
@click.argument("out", type=click.Path(path_type=Path))
@config_option
@plain_errors
def export_command(out: Path, config_file: Path) -> None:
    """Write the ledger to OUT: .toml, .xlsx, TABLE.csv, or a folder that gets a CSV file a table."""
    with read(prepared(load_config(config_file))) as connection:
        known = export_registry(connection)
    targets = [out / f"{name}.csv" for name in KINDS] if out.is_dir() else [out]
    for target in targets:
        try:
            content = write_form(known, target.name)
        except ValueError as error:
            raise BadFile(target, str(error)) from error
        write_whole(target, content, 0o600)
        click.echo(f"written: {target}")


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise unreadable(path, error) from error


def _counted(said: str, changes: Sequence[Change]) -> str:
    new = Counter(c.kind for c in changes if not c.field)
    listed = ", ".join(f"{new[name]} {name}" for name in KINDS if name in new) or "nothing new"
    return f"{said}: {listed}; changed: {sum(bool(c.field) for c in changes)}"


def _told(change: Change) -> str:
    if not change.field:
        return f"new {change.kind} {change.subject}"
    return f"{change.kind} {change.subject}: {change.field}: {change.before!r} becomes {change.after!r}"
