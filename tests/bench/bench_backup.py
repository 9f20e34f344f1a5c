"""Backup and restore of a database of one gigabyte, by the two commands that an administrator gives."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from stillcold_server.evidence.log import extend
from stillcold_server.store.database import write
from stillcold_server.store.schema import batch
from support.postgres import fresh_database

BOTH_DATABASES = True
SIZE = int(os.environ.get("STILLCOLD_BACKUP_MB", "1000")) << 20
BODY = 16 << 10  # bytes of a batch: of a point that runs, by the minute
TOGETHER = 1000


def fill(engine: Engine) -> None:
    """Batches that cannot be compressed further, with their receipts."""
    for begin in range(0, SIZE // BODY, TOGETHER):
        rows = [
            {
                "gateway": "gw-1", "epoch": bytes(8), "sequence": begin + i, "hash": os.urandom(32),
                "previous": bytes(32), "received_at": 0, "body": os.urandom(BODY),
            }
            for i in range(TOGETHER)
        ]  # fmt: skip
        with write(engine) as connection:
            connection.execute(insert(batch), rows)
            extend(connection)


def timed(word: str, folder: Path, database: str, config: Path) -> str:
    """Run a command; what it has printed."""
    config.write_text(f'database = "{database}"\n')
    program, begun = Path(sys.executable).with_name("stillcold-server"), time.monotonic()
    done = subprocess.run([program, word, folder, "--config", config], capture_output=True, text=True, check=True)
    print(f"{word}: {time.monotonic() - begun:.1f} s")
    return done.stdout


def test_a_drill(engine: Engine, dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    fill(engine)
    print(f"\n{dialect}, {SIZE >> 20} MB of batches")
    timed("backup", tmp_path / "backups", engine.url.render_as_string(hide_password=False), tmp_path / "server.toml")
    (place,) = (tmp_path / "backups").iterdir()
    print(f"{sum(f.stat().st_size for f in place.iterdir()) >> 20} MB on the disk")
    if dialect == "sqlite":
        timed("restore", place, f"sqlite:///{tmp_path / 'other.db'}", tmp_path / "server.toml")
    else:
        with fresh_database(request.getfixturevalue("postgres"), empty=True) as url:
            timed("restore", place, url, tmp_path / "server.toml")
