"""A real PostgreSQL: one server for all tests of a process, and a fresh database for each that asks."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from stillcold_server.store.database import open_database
from stillcold_server.store.migrate import prepare
from support.ports import free_port

DIALECTS = ("sqlite", "postgresql")
"""What ``dialect`` may be."""
_USER = "app"
_TEMPLATE = "prepared"
# A test's databases need not survive a power cut.
_SETTINGS = "-c fsync=off -c full_page_writes=off -c max_connections=200 -c shared_buffers=32MB"


class Postgres:
    """A server on loopback whose data lies in ``folder``.

    Parameters
    ----------
    folder : Path
        Its own folder; the user ``postgres`` gets it where root runs the tests, since the server refuses root.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._bin = programs()
        self._data, self._log = folder / "data", folder / "log"

    def start(self) -> None:
        """Make it and start it."""
        self.folder.mkdir(parents=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        locale = ["-E", "UTF8", "--locale=C.UTF-8"]
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", _USER, "--no-sync", *locale)
        where = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} {_SETTINGS}"
        self._run("pg_ctl", "-D", self._data, "-l", self._log, "-w", "-o", where, "start")

    def stop(self) -> None:
        """End it, whoever is connected."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")

    @property
    def url(self) -> str:
        """Of the database that is there from the beginning."""
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/postgres"

    def _run(self, program: str, *words: object) -> None:
        command = [str(self._bin / program), *map(str, words)]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def programs() -> Path:
    """Folder of PostgreSQL's programs; skips the test where they are not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("postgresql is not installed (make test installs it on Debian when run as root)")
    return found[-1].parent


@contextmanager
def running_server() -> Iterator[str]:
    """URL of a new server, which ends afterwards."""
    # Not pytest's own folder: that one is closed to the user of the server.
    folder = Path(tempfile.mkdtemp(prefix="stillcold-postgres-"))
    folder.chmod(0o755)
    server = Postgres(folder / "server")
    try:
        server.start()
        try:
            _make_template(server.url)
            yield server.url
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def fresh_database(server: str, *, empty: bool = False) -> Iterator[str]:
    """URL of a new database with all tables, or without any; it is dropped afterwards."""
    name = f"t{uuid4().hex}"
    with _admin(server) as connection:
        template = "template0" if empty else _TEMPLATE
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(made.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with _admin(server) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _make_template(server: str) -> None:
    with _admin(server) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(_TEMPLATE)))
    engine = open_database(make_url(server).set(database=_TEMPLATE).render_as_string(hide_password=False))
    prepare(engine)
    engine.dispose()


@contextmanager
def _admin(server: str) -> Iterator[psycopg.Connection]:
    url = make_url(server)
    with psycopg.connect(
        host=url.host, port=url.port, user=url.username, dbname=url.database, autocommit=True
    ) as connection:
        yield connection
