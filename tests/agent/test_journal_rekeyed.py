"""A gateway that got another key while its journal stayed: the server believes nothing that waits in it."""

import sys
from pathlib import Path

import pytest

from stillcold_agent.counts import Counts
from stillcold_agent.identity import KEY_FILE, load_or_make_key
from stillcold_agent.journal.entries import Bounds, Link
from stillcold_agent.journal.store import Journal
from stillcold_core.contract.losses import Gap
from stillcold_core.contract.messages import Acknowledgement
from stillcold_core.evidence.envelope import GENESIS, digest
from stillcold_core.profiles import Profile
from support import Mosquitto, Process, wait_for_async
from support.acker import Acker
from support.journals import START, fill, next_link
from support.raw_meter import RawMeter, Registers

CONFIG = """
gateway = "gw-1"
data_dir = "data"
[mqtt]
port = {broker}
[batch]
quiet = 0.1
change = 0.1
[[bus]]
id = "b"
kind = "tcp"
host = "127.0.0.1"
port = {meter}
[[device]]
bus = "b"
unit = 1
profile = "eastron-sdm630"
point = "p1"
interval = 0.1
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def opened(path: Path, signer: str) -> tuple[Journal, Counts]:
    counts = Counts()
    return Journal(path, Bounds(10**9), counts, signer), counts


@pytest.mark.requirement("agent.journal.rekeyed")
def test_another_key_begins_a_new_epoch_that_tells_of_the_old_one(path: Path) -> None:
    """With what the old one had still to tell; the same key goes on."""
    journal, _ = opened(path, "ed25519:old")
    first, *_ = fill(journal, 3)
    old = journal.epoch
    journal.settle([Acknowledgement(old, {1: digest(first)})])
    journal._db.execute("UPDATE batch SET envelope = ? WHERE sequence = 2", (b"x" * 100,))
    assert [k.sequence for k in journal.pending(9)] == [3]
    journal.close()
    journal, counts = opened(path, "ed25519:new")
    assert counts.totals() == {"journal_rekeyed": 1}
    assert journal.pending(9) == []
    damaged = Gap("damaged", 2, 2, old, START, START + 59_000, ("p1",))
    rekeyed = Gap("rekeyed", 1, 3, old, START, START + 59_000, ("p1",))
    assert next_link(journal) == Link(journal.epoch, 1, GENESIS, (damaged, rekeyed))
    assert (journal.epoch != old, journal.count_pending()) == (True, 1)
    epoch = journal.epoch
    journal.close()
    journal, counts = opened(path, "ed25519:new")
    assert (journal.epoch, journal.count_pending(), counts.totals()) == (epoch, 1, {})
    journal.close()


@pytest.mark.requirement("agent.journal.rekeyed")
def test_a_journal_that_names_no_key_yet_goes_on(path: Path) -> None:
    """That of an agent before this one."""
    journal = Journal(path, Bounds(10**9), Counts())
    fill(journal, 2)
    epoch = journal.epoch
    journal.close()
    journal, counts = opened(path, "ed25519:same")
    assert (journal.epoch, journal.count_pending(), counts.totals()) == (epoch, 2, {})
    journal.close()


@pytest.mark.requirement("agent.journal.rekeyed")
async def test_a_gateway_with_a_new_key_is_heard_though_more_waits_than_may_be_on_its_way(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile
) -> None:
    """What waits was signed with the old key: a server neither takes nor answers it."""
    file, data = tmp_path / "agent.toml", tmp_path / "data"
    data.mkdir()
    old = load_or_make_key(data)
    agent = Process([sys.executable, "-m", "stillcold_agent.cli", "run", "--config", str(file)], tmp_path / "agent.log")
    async with RawMeter(Registers(sdm630, {"active_power": 7.0})) as far:
        file.write_text(CONFIG.format(broker=mosquitto.port, meter=far.port))
        with agent, Acker(mosquitto.port, "gw-1", old.public_key(), lambda *_: None) as deaf:
            await wait_for_async(lambda: len(deaf.batches) >= 16, what="a full window")
        (data / KEY_FILE).unlink()
        new = load_or_make_key(data)
        with Acker(mosquitto.port, "gw-1", new.public_key()) as believer, agent:
            await wait_for_async(lambda: believer.batches, what="a batch with the new key")
            believer.check()
    gaps = [g for g in believer.batches[0].gaps if g.reason == "rekeyed"]  # a slow disk may have lost something, too
    assert [g.epoch for g in gaps] == [deaf.batches[0].epoch]
    assert believer.batches[0].sequence == 1
