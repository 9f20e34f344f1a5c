"""The server's store under power cuts: what was acknowledged is there, wherever the power went."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from support import store_worker
from support.powercut import Op, build, crashes, read_log, run

CUTS = 100
FILES = tuple(store_worker.DATABASE + end for end in ("", "-wal", "-journal"))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("powercut"))


def acknowledged(ops: list[Op]) -> list[tuple[int, set[str]]]:
    """How many operations there had been, and all hashes that were acknowledged until then."""
    found, known = [], set[str]()
    for at, op in enumerate(ops, start=1):
        if op.name == "marks" and op.kind == "W":
            known |= set(op.data.decode().split())
            found.append((at, set(known)))
    return found


def stored(database: Path) -> set[str]:
    """Hashes of all batches that have their receipt."""
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        query = "SELECT lower(hex(hash)) FROM batch JOIN log_entry ON log_entry.batch = batch.id"
        return {row[0] for row in db.execute(query)}


@pytest.mark.requirement("store.durable")
def test_a_power_cut_at_any_moment_takes_nothing_that_was_acknowledged(library: Path, tmp_path: Path) -> None:
    """Whatever the disk had taken of what was not synced, in whatever order, and by sectors."""
    work, after = tmp_path / "work", tmp_path / "after"
    for folder in (work, after):
        folder.mkdir()
    run(library, work, [store_worker.__file__, str(work), "80", "5"], log=tmp_path / "log")
    ops, chance = read_log(tmp_path / "log"), random.Random(7)
    promised = acknowledged(ops)
    points = sorted(chance.randrange(promised[0][0], len(ops) + 1) for _ in range(CUTS))
    for point, found in crashes(ops, points, chance):
        for name in FILES:
            (after / name).unlink(missing_ok=True)
            if name in found:
                (after / name).write_bytes(found[name])
        expected = next(hashes for at, hashes in reversed(promised) if at <= point)
        assert expected <= stored(after / store_worker.DATABASE)
        (after / f"{store_worker.DATABASE}-shm").unlink(missing_ok=True)
    assert len(promised[-1][1]) >= 80
