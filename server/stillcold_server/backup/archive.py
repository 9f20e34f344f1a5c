"""Backups as folders: a copy of the database, and a manifest that says what it is and holds it to that.

A backup is whole or is not there: it is made under another name and renamed when all of it is on the disk.
"""

import hashlib
import shutil
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, func, inspect, make_url, select

from stillcold_core.evidence import merkle
from stillcold_core.whole import sync_folder, write_whole
from stillcold_server.backup.copies import BackupFailed, copy_in, copy_out
from stillcold_server.evidence import log
from stillcold_server.store.database import open_database, read
from stillcold_server.store.schema import alert, batch

_NAME = "stillcold-%Y%m%dT%H%M%SZ"
_DRAFT = ".new"
_MANIFEST = "manifest.json"
_COPIES = {"sqlite": "database.sqlite", "postgresql": "database.dump"}


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a database holds, as far as a copy of it must show the same."""

    revision: str
    """Of its form."""
    batches: int
    alerts: int
    receipts: int
    """Size of the log."""
    root: str
    """Of the log, hexadecimal."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup is."""

    made_at: str
    version: str
    """Of the server."""
    database: str
    """``sqlite`` or ``postgresql``."""
    file: str
    bytes: int
    sha256: str
    facts: Facts


def back_up(engine: Engine, folder: Path, now: int) -> Path:
    """Make a backup while the database is used.

    Parameters
    ----------
    engine : Engine
        The database.
    folder : Path
        Gets a new folder for it, which nobody else may read.
    now : int
        ms; names the backup.

    Raises
    ------
    BackupFailed
        Nothing is left of it then.
    """
    made = datetime.fromtimestamp(now // 1000, UTC)
    place = folder / made.strftime(_NAME)
    draft = place.with_name(place.name + _DRAFT)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        with read(engine) as connection:
            facts, dialect = facts_of(connection), connection.dialect.name
            copy_out(connection, draft / _COPIES[dialect])
        _write_manifest(draft, dialect, facts, made)
        sync_folder(draft)
        draft.rename(place)
        sync_folder(folder)
    except OSError as error:
        raise BackupFailed(f"{error.filename or folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return place


def restore(backup: Path, url: str) -> Manifest:
    """Put a backup into an empty database, and see that it holds what it held.

    Raises
    ------
    BackupFailed
        When the backup is not whole, is of another kind of database, or there is something in the database.
    """
    manifest, address = check(backup), make_url(url)
    if address.get_backend_name() != manifest.database:
        raise BackupFailed(
            f"the backup is of {manifest.database}, the configuration names {address.get_backend_name()}"
        )
    if (address.get_backend_name() != "sqlite" or Path(str(address.database)).exists()) and not _is_empty(url):
        raise BackupFailed("there is something in the database; expected an empty one: move it away first")
    copy_in(backup / manifest.file, address)
    engine = open_database(url)
    with read(engine) as connection:
        found = facts_of(connection)
    engine.dispose()
    if found != manifest.facts:
        raise BackupFailed(f"the database is not what it was: {found}, expected {manifest.facts}")
    return manifest


def check(backup: Path) -> Manifest:
    """The manifest of a backup that is whole.

    Raises
    ------
    BackupFailed
    """
    try:
        manifest = msgspec.json.decode((backup / _MANIFEST).read_bytes(), type=Manifest)
        digest = _sha256(backup / manifest.file)
    except OSError as error:
        raise BackupFailed(f"{error.filename}: {error.strerror}; expected the folder of a backup") from error
    except msgspec.MsgspecError as error:
        raise BackupFailed(f"{backup / _MANIFEST}: {error}") from error
    if digest != manifest.sha256:
        raise BackupFailed(f"{backup / manifest.file} has changed since it was made; use another backup")
    return manifest


def rotate(folder: Path, keep: int) -> int:
    """Delete all whole backups of a folder but the newest ones; how many were deleted."""
    there = sorted(p.parent for p in folder.glob(f"stillcold-*Z/{_MANIFEST}"))
    old = there[:-keep]
    for backup in old:
        shutil.rmtree(backup)
    return len(old)


def facts_of(connection: Connection) -> Facts:
    """What a database holds."""
    size = log.size(connection)
    return Facts(
        revision=MigrationContext.configure(connection).get_current_revision() or "",
        batches=connection.scalar(select(func.count()).select_from(batch)) or 0,
        alerts=connection.scalar(select(func.count()).select_from(alert)) or 0,
        receipts=size,
        root=merkle.root(size, log.hashes(connection)).hex(),
    )


def _write_manifest(draft: Path, dialect: str, facts: Facts, made: datetime) -> None:
    copy = draft / _COPIES[dialect]
    manifest = Manifest(
        made_at=made.isoformat(), version=version("stillcold-server"), database=dialect, file=copy.name,
        bytes=copy.stat().st_size, sha256=_sha256(copy), facts=facts,
    )  # fmt: skip
    write_whole(draft / _MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n", 0o600)


def _is_empty(url: str) -> bool:
    engine = open_database(url)
    with read(engine) as connection:
        found = inspect(connection).get_table_names()
    engine.dispose()
    return not found


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
