"""``stillcold-server evidence``: roots, checkpoint and export."""

import os
from pathlib import Path

import click
from sqlalchemy import select

from stillcold_core.evidence.bundle.container import BadContainer
from stillcold_core.evidence.bundle.trust import load_checkpoint, load_trust, trust_text
from stillcold_core.files import BadFile, read_text
from stillcold_server.api.moments import from_iso
from stillcold_server.config import Config, load_config
from stillcold_server.evidence.export import NothingStored, checkpoint, write_bundle
from stillcold_server.evidence.key import Signer, new_key
from stillcold_server.evidence.selection import NoReceipt, Period
from stillcold_server.identity.authority import ISSUING_FILE, ROOT_FILE, load_certificate
from stillcold_server.options import FILE, config_option, plain_errors, prepared
from stillcold_server.store import schema
from stillcold_server.store.clock import wall_clock
from stillcold_server.store.database import read


@click.group()
def evidence() -> None:
    """What outsiders verify without this server: see docs/evidence.md."""


@evidence.command()
@click.option("--authority", "authorities", type=FILE, multiple=True, help="Another root (PEM); may be repeated.")
@click.option("--out", type=FILE, required=True, help="Where to write the roots.")
@config_option
@plain_errors
def roots(authorities: tuple[Path, ...], out: Path, config_file: Path) -> None:
    """Write the file that verifiers trust, and make the log's key at the first time.

    Hand it out once, by another way than the bundles.
    """
    config = load_config(config_file)
    key_file = Path(config.evidence.key_file)
    if not key_file.exists():
        _write_new(key_file, new_key())
        click.echo(f"made the log's key {key_file}: keep a copy in a safe place")
    log = Signer(key_file, config.evidence.origin).public
    own = [Path(config.ca.folder) / ROOT_FILE] if config.ca else []
    _write(out, trust_text([read_text(path) for path in [*own, *authorities]], log).encode())
    load_trust(out)  # names an authority that is none
    click.echo(f"the log's key: {log.text}")


@evidence.command("checkpoint")
@config_option
@plain_errors
def checkpoint_command(config_file: Path) -> None:
    """Print the log's size and root now, signed: given to others, it holds the server to what it has received."""
    config = load_config(config_file)
    with read(prepared(config)) as connection:
        click.echo(checkpoint(connection, _signer(config)).decode(), nl=False)


@evidence.command()
@click.option("--line", required=True, help="Id of the line.")
@click.option("--from", "begin", required=True, callback=lambda _c, _p, text: _moment(text), help="ISO 8601.")
@click.option("--to", "end", required=True, callback=lambda _c, _p, text: _moment(text), help="ISO 8601.")
@click.option("--since", type=FILE, help="An earlier checkpoint of the log, to show that it goes on from there.")
@click.option("--out", type=FILE, required=True, help="Where to write the bundle.")
@config_option
@plain_errors
def export(line: str, begin: int, end: int, since: Path | None, out: Path, config_file: Path) -> None:
    """Write the evidence of a line in a period as one ZIP file."""
    if end <= begin:
        raise click.UsageError("expected --to to be later than --from")
    config = load_config(config_file)
    signer = _signer(config)
    issuing = load_certificate(Path(config.ca.folder) / ISSUING_FILE) if config.ca else None
    earlier = load_checkpoint(since, [signer.public]).size if since else 0
    with read(prepared(config)) as connection:
        if connection.scalar(select(schema.line.c.id).where(schema.line.c.id == line)) is None:
            raise click.ClickException(f"there is no line {line} in the registry")
        period, draft = Period(line, begin, end), out.with_name(out.name + ".new")
        try:
            with draft.open("wb") as target:
                count = write_bundle(connection, period, signer, wall_clock(), target, issuing=issuing, since=earlier)
            draft.replace(out)
        except OSError as error:
            raise _unwritable(out, error) from error
        except (NothingStored, NoReceipt, BadContainer) as error:
            raise click.ClickException(str(error)) from error
        finally:
            draft.unlink(missing_ok=True)
    click.echo(f"{count} batches written to {out}")


def _signer(config: Config) -> Signer:
    key_file = Path(config.evidence.key_file)
    if not key_file.exists():
        raise click.ClickException(f"there is no key {key_file}: run `stillcold-server evidence roots` first")
    return Signer(key_file, config.evidence.origin)


def _moment(text: str) -> int:
    try:
        return from_iso(text)
    except ValueError as error:
        raise click.BadParameter(f"got {text!r}; {error}") from error


def _write_new(path: Path, content: bytes) -> None:
    """Write a secret that must not be there yet."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _unwritable(path, error) from error


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> BadFile:
    return BadFile(path, f"cannot be written ({error.strerror}); expected a folder to write to")
