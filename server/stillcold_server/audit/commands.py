"""``stillcold-server audit``: verify, checkpoint and export."""

import json
import sys
from pathlib import Path

import click
from sqlalchemy import select

from stillcold_core.whole import write_whole
from stillcold_server.audit.chain import append
from stillcold_server.audit.checkpoints import make_checkpoint
from stillcold_server.audit.verify import verify
from stillcold_server.config import Config, load_config
from stillcold_server.evidence.key import Signer
from stillcold_server.options import FILE, Commander, config_option, own_name, plain_errors, prepared
from stillcold_server.store import schema
from stillcold_server.store.clock import wall_clock
from stillcold_server.store.database import read, write


@click.group()
def audit() -> None:
    """The audit log: see docs/audit.md."""


@audit.command("verify")
@config_option
@plain_errors
def verify_command(config_file: Path) -> None:
    """Check every entry, the chain and the signed checkpoints; exit code 1 when something is wrong."""
    config = load_config(config_file)
    with read(prepared(config)) as connection:
        verdict = verify(connection, _signer(config).public)
    for fault in verdict.faults:
        click.echo(fault, err=True)
    if verdict.faults:
        sys.exit(1)
    click.echo(f"entries {verdict.first} to {verdict.last} and {verdict.checkpoints} checkpoints are whole")


@audit.command()
@config_option
@plain_errors
def checkpoint(config_file: Path) -> None:
    """Sign the newest entry and print the newest checkpoint: kept elsewhere, it holds the server to its log."""
    config = load_config(config_file)
    signer = _signer(config)
    with write(prepared(config)) as connection:
        make_checkpoint(connection, signer, wall_clock())
        newest = select(schema.audit_checkpoint.c.note).order_by(schema.audit_checkpoint.c.number.desc()).limit(1)
        click.echo(connection.scalar(newest) or "", nl=False)


@audit.command()
@click.option(
    "--out", type=FILE, required=True, help="Where to write the entries, JSON lines; the last line is signed."
)
@config_option
@plain_errors
def export(out: Path, config_file: Path) -> None:
    """Write every entry as JSON lines, and a signed checkpoint of the last one."""
    config = load_config(config_file)
    signer, now, e = _signer(config), wall_clock(), schema.audit_entry
    with write(prepared(config)) as connection:
        append(connection, Commander(own_name()), "audit.export", out.name, now=now)
        note = make_checkpoint(connection, signer, now)
        rows = connection.execute(select(e).order_by(e.c.number)).all()
    lines = [{**row._mapping, "previous": row.previous.hex(), "hash": row.hash.hex()} for row in rows]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [*lines, {"checkpoint": note}])
    write_whole(out, text.encode("utf-8", "surrogatepass"), 0o600)
    click.echo(f"{len(rows)} entries written to {out}")


def _signer(config: Config) -> Signer:
    return Signer(Path(config.evidence.key_file), config.evidence.origin)
