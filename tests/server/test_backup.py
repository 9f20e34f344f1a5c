"""Backup and restore, on both databases."""

import contextlib
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from stillcold_core.registry import Registry
from stillcold_server.backup.archive import back_up, check, facts_of, restore, rotate
from stillcold_server.backup.copies import BackupFailed
from stillcold_server.backup.job import nightly
from stillcold_server.cli import main
from stillcold_server.config import Backup, Config
from stillcold_server.ingest.writer import Writer
from stillcold_server.jobs.model import JobContext
from stillcold_server.jobs.runner import Runner
from stillcold_server.jobs.runs import failing, last_runs
from stillcold_server.jobs.table import JOBS
from stillcold_server.metrics import Metrics
from stillcold_server.store.database import open_database, read
from support.gateway import DEAD, SignedGateway, steady
from support.postgres import fresh_database
from support.seeds import content
from support.story import NOW, feed, restart_story

BOTH_DATABASES = True
NIGHT = 86_400_000


@pytest.fixture
def elsewhere(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of another database, which is empty."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'other' / 'server.db'}"
    else:
        with fresh_database(request.getfixturevalue("postgres"), empty=True) as url:
            yield url


def command(tmp_path: Path, word: str, folder: Path, database: str) -> Result:
    file = tmp_path / "server.toml"
    file.write_text(f'database = "{database}"\n')
    return CliRunner().invoke(main, [word, str(folder), "--config", str(file)])


@pytest.mark.requirement("backup.whole")
def test_a_restored_database_holds_the_same(
    engine: Engine, plant: Registry, gateway: SignedGateway, elsewhere: str, tmp_path: Path
) -> None:
    """By two commands."""
    feed(engine, gateway, restart_story())
    made = command(tmp_path, "backup", tmp_path / "backups", engine.url.render_as_string(hide_password=False))
    assert made.exit_code == 0, made.output
    assert f"not in it, keep copies elsewhere: {tmp_path / 'server.toml'}, {tmp_path / 'evidence.key'}" in made.output
    (place,) = (tmp_path / "backups").iterdir()
    assert {stat.S_IMODE(p.stat().st_mode) for p in place.iterdir()} == {0o600}
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    back = command(tmp_path, "restore", place, elsewhere)
    assert back.output.startswith("restored 11 batches and 3 alerts of "), back.output
    with contextlib.ExitStack() as stack:
        other = open_database(elsewhere)
        stack.callback(other.dispose)
        old, new = stack.enter_context(read(engine)), stack.enter_context(read(other))
        assert content(new) == content(old)
    again = command(tmp_path, "restore", place, elsewhere)
    assert (again.exit_code, "there is something in the database" in again.output) == (2, True)


@pytest.mark.requirement("backup.whole")
def test_a_backup_is_of_one_moment_while_batches_come(
    engine: Engine, plant: Registry, gateway: SignedGateway, elsewhere: str, tmp_path: Path
) -> None:
    stop = threading.Event()

    def write_on() -> None:
        writer, at = Writer(engine, Metrics()), 0
        while not stop.is_set():
            at += 1
            writer.take([("gw-1", gateway.batch(steady(DEAD, start=1.8e9 + 10 * at)))], NOW)

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        place = back_up(engine, tmp_path / "backups", NOW)
    finally:
        stop.set()
        thread.join()
    facts = restore(place, elsewhere).facts
    assert facts.batches == facts.receipts
    with read(engine) as connection:
        assert facts.batches <= facts_of(connection).batches


@pytest.mark.requirement("backup.refused")
def test_what_is_no_whole_backup_is_refused(engine: Engine, elsewhere: str, tmp_path: Path) -> None:
    place = back_up(engine, tmp_path / "backups", NOW)
    manifest = check(place)
    other = "sqlite:///other.db" if manifest.database == "postgresql" else "postgresql+psycopg://nowhere/x"
    with pytest.raises(BackupFailed, match=f"the backup is of {manifest.database}, the configuration names"):
        restore(place, other)
    copy = place / manifest.file
    copy.write_bytes(copy.read_bytes()[:-1] + b"!")
    with pytest.raises(BackupFailed, match="has changed since it was made"):
        restore(place, elsewhere)
    with pytest.raises(BackupFailed, match="expected the folder of a backup"):
        restore(tmp_path, elsewhere)
    lie = msgspec.structs.replace(manifest, file="manifest.json")
    (place / "manifest.json").write_bytes(msgspec.json.encode(lie))
    with pytest.raises(BackupFailed, match="has changed since it was made"):
        restore(place, elsewhere)


@pytest.mark.requirement("backup.nightly")
def test_every_night_s_backup_is_kept_as_often_as_is_set(engine: Engine, tmp_path: Path) -> None:
    folder, clock = tmp_path / "backups", [NOW]
    context = JobContext(engine, Config(backup=Backup(str(folder), keep=2)), lambda: clock[0])
    (folder / "stillcold-of-somebody").mkdir(parents=True)
    for _ in range(3):
        said = nightly(context, clock[0])
        clock[0] += NIGHT
    assert said == "made stillcold-20270117T080339Z, deleted 1"
    there = sorted(p.name for p in folder.iterdir())
    assert there == ["stillcold-20270116T080339Z", "stillcold-20270117T080339Z", "stillcold-of-somebody"]
    assert rotate(folder, 2) == 0


@pytest.mark.requirement("backup.nightly")
def test_a_copy_that_breaks_off_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    """On a disk that is full, which is a limit on the size of files here."""
    folder, file = tmp_path / "backups", tmp_path / "server.toml"
    place = back_up(engine, folder, NOW)
    file.write_text(f'database = "{engine.url.render_as_string(hide_password=False)}"\n')
    program = Path(sys.executable).with_name("stillcold-server")
    limited = f"trap '' XFSZ; ulimit -f 64; exec {program} backup {folder} --config {file}"  # blocks of 512 bytes
    done = subprocess.run(["sh", "-c", limited], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: "), done.stderr
    assert list(folder.iterdir()) == [place]


@pytest.mark.requirement("backup.nightly")
def test_a_backup_that_fails_is_seen(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("no folder")
    context = JobContext(engine, Config(backup=Backup(str(tmp_path / "backups"))), lambda: NOW)
    assert Runner(context, Metrics(), JOBS).run_now("backup") == "retried"
    with read(engine) as connection:
        assert failing(connection) == ["backup"]
        assert last_runs(connection)["backup"].detail.endswith("/backups: File exists")


def test_without_a_folder_nothing_is_backed_up_and_that_is_said(engine: Engine) -> None:
    said = nightly(JobContext(engine, Config(), lambda: NOW), NOW)
    assert said == "nothing was backed up: there is no [backup] in the configuration"


@pytest.mark.requirement("backup.apart")
def test_every_secret_that_is_not_in_a_backup_is_named(engine: Engine, tmp_path: Path) -> None:
    """Keys of channels and of second factors too, without which a restored server would stay silent."""
    file = tmp_path / "server.toml"
    hook = '[[channel]]\nid = "hook"\nkind = "webhook"\nurl_file = "hook.url"\nsecret_file = "hook.key"\n'
    url = engine.url.render_as_string(hide_password=False)
    file.write_text(f'database = "{url}"\n[watchdog]\nurl_file = "dog.url"\n{hook}')
    done = CliRunner().invoke(main, ["backup", str(tmp_path / "backups"), "--config", str(file)])
    assert done.exit_code == 0, done.output
    (named,) = (line for line in done.output.splitlines() if line.startswith("not in it"))
    for name in ("server.toml", "evidence.key", "people.key", "hook.url", "hook.key", "dog.url"):
        assert f"{tmp_path / name}" in named, name
