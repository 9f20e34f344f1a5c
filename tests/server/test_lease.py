"""Leases: one server at a time, and another one when it is gone."""

import subprocess
import sys
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, Engine

from stillcold_core.registry import Registry
from stillcold_server.followers import Follower, Stored
from stillcold_server.store.database import write
from stillcold_server.store.lease import LONGEST_MS, SECONDS, Lease, LeaseLost, hold, new_owner
from support.gateway import SignedGateway
from support.story import START, feed, restart_story
from support.waiting import wait_for
from support.web import Clock

BOTH_DATABASES = True
OTHER = "elsewhere/1/a"
_NAMED = "from stillcold_server.store.lease import new_owner; print(new_owner())"


@pytest.mark.requirement("store.lease")
def test_one_has_it_until_it_ends_or_is_given_up(engine: Engine) -> None:
    clock = Clock(1_000_000)
    mine, other = Lease("work", "here/1/a", clock), Lease("work", OTHER, clock)
    assert mine.mine(engine)
    assert not other.mine(engine)
    clock.now += round(SECONDS * 600)
    assert mine.mine(engine)  # and is renewed
    clock.now += round(SECONDS * 600)
    assert not other.mine(engine)
    clock.now += round(SECONDS * 600)
    assert other.mine(engine)
    assert not mine.mine(engine)
    other.give_up(engine)
    assert mine.mine(engine)


@pytest.mark.requirement("store.lease")
def test_whoever_has_lost_it_cannot_commit(engine: Engine) -> None:
    """A server that was frozen for longer than its lease."""
    clock = Clock(1_000_000)
    frozen, other = Lease("work", "here/1/a", clock), Lease("work", OTHER, clock)
    assert frozen.mine(engine)
    with write(engine) as connection:
        assert hold(connection, "work", OTHER, clock.now + round(SECONDS * 1000))
    with pytest.raises(LeaseLost, match="taken over work"), write(engine) as connection:
        frozen.keep(connection)
    assert not frozen.mine(engine)
    with write(engine) as connection:
        other.keep(connection)


@pytest.mark.requirement("store.lease")
def test_a_lease_of_before_the_clock_was_set_back_binds_nobody(engine: Engine) -> None:
    clock = Clock(1_000_000_000)
    gone, other = Lease("work", OTHER, clock), Lease("work", "here/1/a", clock)
    assert gone.mine(engine)
    clock.now -= LONGEST_MS
    assert other.mine(engine)
    assert not gone.mine(engine), "it asks, although its lease would last"


@pytest.mark.requirement("store.lease")
def test_what_a_process_of_this_machine_held_is_free_when_it_has_ended(engine: Engine) -> None:
    ended = subprocess.run([sys.executable, "-c", _NAMED], capture_output=True, text=True, check=True).stdout.strip()
    for owner, free in ((ended, True), (new_owner(), False), (OTHER, False)):
        with write(engine) as connection:
            assert hold(connection, owner, owner, 0)
            assert hold(connection, owner, "mine/1/a", 1) is free, owner


@pytest.mark.requirement("store.shared.followers")
def test_of_two_servers_one_follows_and_the_other_goes_on_where_it_was(
    engine: Engine, plant: Registry, gateway: SignedGateway
) -> None:
    """Each batch is done once, and the one that waits hears of it."""
    done: list[tuple[str, int]] = []
    heard: list[str] = []

    def follower(name: str) -> Follower:
        def handle(_connection: Connection, batches: Sequence[Stored]) -> None:
            done.extend((name, b.id) for b in batches)

        lease = Lease("work", new_owner())
        return Follower("work", engine, handle=handle, lease=lease, watched=lambda: heard.append(name))

    first, second = follower("first"), follower("second")
    first.start()
    feed(engine, gateway, restart_story())
    first.ring()
    wait_for(lambda: len(done) == 11, what="the first one's work")
    second.start()
    wait_for(lambda: heard == ["second"], what="the second one to hear of it")
    first.stop()
    feed(engine, gateway, restart_story(start=START + 1000))
    second.ring()
    wait_for(lambda: len(done) == 22, what="the second one's work")
    second.stop()
    assert [name for name, _ in done] == ["first"] * 11 + ["second"] * 11
    assert [number for _, number in done] == list(range(1, 23))
