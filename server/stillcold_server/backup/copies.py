"""Copying a database while it is used, and filling an empty one: by SQLite's online backup, or by pg_dump.

::

    BackupFailed (Exception)    the message says why, and what to do
"""

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Connection

_SECONDS = 6 * 3600  # that a program may take


class BackupFailed(Exception):
    """A copy cannot be made, or cannot be put back."""


def copy_out(connection: Connection, target: Path) -> None:
    """Write a copy of what a transaction of :func:`~stillcold_server.store.database.read` sees.

    Raises
    ------
    BackupFailed
        When it cannot be written, or is not whole.
    """
    target.touch(mode=0o600)
    if connection.dialect.name == "sqlite":
        _copy_sqlite(connection, target)
    else:
        snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
        words = ["--format=custom", "--compress=1", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
        _run("pg_dump", connection.engine.url, *words, f"--file={target}")
        _run("pg_restore", None, "--list", str(target))
    _sync(target)


def copy_in(source: Path, url: URL) -> None:
    """Fill an empty database from a copy.

    Raises
    ------
    BackupFailed
        When it cannot be read or written; the database is as empty as before then.
    """
    if url.get_backend_name() == "sqlite":
        _place_sqlite(source, Path(str(url.database)))
    else:
        words = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
        _run("pg_restore", url, *words, str(source))


def _copy_sqlite(connection: Connection, target: Path) -> None:
    of_driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    try:
        copy = sqlite3.connect(target)
        try:
            of_driver.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file; it is set again where it is used
            said = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        finally:
            copy.close()
    except sqlite3.Error as error:
        raise BackupFailed(f"{target}: {error}") from error
    if said != "ok":
        raise BackupFailed(f"the database is damaged: {said}; keep it, and the last good backup")


def _place_sqlite(source: Path, place: Path) -> None:
    draft = place.with_name(place.name + ".new")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        shutil.copyfile(source, draft)
        _sync(draft)
        for name in (place.name, f"{place.name}-wal", f"{place.name}-shm"):
            place.with_name(name).unlink(missing_ok=True)  # of an empty database
        draft.rename(place)
    except OSError as error:
        raise BackupFailed(f"{place}: {error.strerror}") from error


def _sync(file: Path) -> None:
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


def _run(program: str, url: URL | None, *words: str) -> None:
    environment = dict(os.environ)
    command = [_path(program), *words]
    if url is not None:
        from psycopg.conninfo import make_conninfo  # noqa: PLC0415  # a server on SQLite does without

        asked: dict[str, Any] = dict(url.translate_connect_args(username="user", database="dbname")) | dict(url.query)
        environment["PGPASSWORD"] = str(
            asked.pop("password", environment.get("PGPASSWORD", ""))
        )  # for no list of processes
        command += ["--no-password", f"--dbname={make_conninfo(**asked)}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode != 0:
        raise BackupFailed(f"{program}: {done.stderr.strip() or f'ended with {done.returncode}'}")


def _path(program: str) -> str:
    found = shutil.which(program) or next(
        map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))[::-1]), ""
    )
    if not found:
        raise BackupFailed(f"{program} is not installed; on Debian it is in the package postgresql-client")
    return found
