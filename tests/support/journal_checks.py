"""Whether a journal kept what it had promised when the power went or the disk failed."""

import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stillcold_agent.counts import Counts
from stillcold_agent.journal.entries import Bounds, Link
from stillcold_agent.journal.store import STORED, Journal
from stillcold_core.evidence.envelope import GENESIS, digest
from stillcold_core.files import BadFile
from support.journals import entry, envelope
from support.powercut import Op, crashes

WORKER, KILLER = (str(Path(__file__).with_name(f"journal_{name}.py")) for name in ("worker", "kills"))


@dataclass(slots=True)
class Promises:
    """What the marks up to a moment say."""

    epoch: str = ""
    appended: dict[int, str] = field(default_factory=dict)
    settling: set[int] = field(default_factory=set)
    settled: set[int] = field(default_factory=set)
    forced: set[int] = field(default_factory=set)
    """Settled before the last append: a power cut does not take these back."""
    losses: int = 0


def promises(marks: bytes) -> Promises:
    """Read the marks; a line that is not complete was not promised."""
    found = Promises()
    for line in marks.split(b"\n")[:-1]:
        said = json.loads(line)
        found.epoch = said.get("epoch", found.epoch)
        found.appended |= {int(s): hash_ for s, hash_ in said.get("appended", {}).items()}
        found.forced |= found.settled if "appended" in said else set()
        found.settling |= set(said.get("settling", ()))
        found.settled |= set(said.get("settled", ()))
        found.losses = said.get("losses", found.losses)
    return found


def broken(path: Path, promised: Promises, *, cut: bool = False) -> str:
    """What the journal at ``path`` does not keep of what was promised; nothing where all is kept.

    After a power ``cut`` the last acknowledgements may be forgotten.
    """
    counts = Counts()
    try:
        journal = Journal(path, Bounds(10**9), counts)
    except BadFile as error:
        return f"it cannot be opened: {error}"
    try:
        return _broken(journal, counts, promised, promised.forced if cut else promised.settled)
    except sqlite3.Error as error:
        return f"it cannot be read: {error}"
    finally:
        journal.close()


def _broken(journal: Journal, counts: Counts, promised: Promises, settled: set[int]) -> str:
    rows = journal._db.execute("SELECT sequence, hash, envelope, state FROM batch ORDER BY sequence").fetchall()
    state = {sequence: state for sequence, _, _, state in rows}
    hashes = {sequence: digest(body or b"").hex() for sequence, _, body, _ in rows}
    if counts.totals():
        return f"it was damaged: {counts.totals()}"
    if promised.epoch not in ("", journal.epoch.hex()):
        return "it is another one"
    if lost := {s for s, hash_ in promised.appended.items() if hashes.get(s) != hash_}:
        return f"batches are lost: {sorted(lost)}"
    if false := {s for s, is_ in state.items() if is_ == STORED} - promised.settling:
        return f"batches pass for acknowledged: {sorted(false)}"
    if sent_again := {s for s in settled if state[s] != STORED}:
        return f"acknowledgements are lost: {sorted(sent_again)}"
    if (found := journal._db.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
        return f"the database is damaged: {found}"
    return _broken_chain(journal, [(s, h.hex(), b) for s, h, b, _ in rows], promised.losses)


def _broken_chain(journal: Journal, rows: Sequence[tuple[int, str, bytes]], losses: int) -> str:
    before, told = GENESIS.hex(), set[bytes]()
    for number, (sequence, hash_, body) in enumerate(rows, start=1):
        if sequence != number or body.split()[1:3] != [b"%d" % number, before.encode()] or digest(body).hex() != hash_:
            return f"the chain breaks at {number}"
        before, told = hash_, told.union(body.split()[3:])
    links: list[Link] = []

    def make(link: Link) -> bytes:
        links.append(link)
        return envelope(link)

    journal.append([entry(make)])
    if (links[0].sequence, links[0].previous.hex()) != (len(rows) + 1, before):
        return "the next batch does not follow"
    told |= {name.encode() for gap in links[0].gaps for name in gap.points}
    return "" if told >= {b"p%d" % n for n in range(losses)} else "a loss is not told"


def broken_by_power_cuts(ops: Sequence[Op], cuts: int, folder: Path, seed: int) -> Iterator[str]:
    """For each of so many power cuts, at places all over the work: what was not kept, nothing where all was."""
    chance = random.Random(seed)
    points = sorted(chance.randrange(1, len(ops) + 1) for _ in range(cuts))
    files = ("journal.db", "journal.db-wal", "journal.db-journal")
    marks, at = bytearray(), 0
    for point, found in crashes(ops, points, chance):
        for op in ops[at:point]:
            if op.name == "marks":
                marks += op.data
        at = point
        for name in files:
            (folder / name).unlink(missing_ok=True)
            (folder / f"{name}-shm").unlink(missing_ok=True)
            if name in found:
                (folder / name).write_bytes(found[name])
        yield broken(folder / "journal.db", promises(bytes(marks)), cut=True)
