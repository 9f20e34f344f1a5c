"""The outbox: one sender a message, whoever dies; and a log that says what happened."""

import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Row, func, select, update

from stillcold_core.registry import Registry
from stillcold_server.alerts import claims
from stillcold_server.alerts.delivery import WORKERS, Outbox
from stillcold_server.alerts.pipeline import take
from stillcold_server.alerts.senders import make_sender
from stillcold_server.alerts.stages import JOIN_MS
from stillcold_server.duty.escalation import page_by
from stillcold_server.language.texts import load_texts
from stillcold_server.metrics import Metrics
from stillcold_server.store.database import read, write
from stillcold_server.store.schema import alert, delivery, delivery_try
from support import WebhookReceiver, wait_for
from support.alerts import found, raise_alert
from support.flaky import FlakyReceiver
from support.process import Process
from support.story import HOOK

FAR = 10**15
ALERTS = 60
WORKER = Path(__file__).parents[1] / "support" / "outbox_worker.py"


def outbox(engine: Engine, webhook: WebhookReceiver) -> Outbox:
    return Outbox(engine, {"hook": make_sender(webhook.channel())}, Metrics(), texts=load_texts()["zh"])


def fill(engine: Engine, count: int) -> None:
    """Alerts of one line, so far apart that each is told."""
    with write(engine) as connection:
        for i in range(count):
            assert take(connection, found(began=100.0 + i), i * JOIN_MS, page_by(HOOK))


def left(engine: Engine) -> int:
    with read(engine) as connection:
        waits = select(func.count()).select_from(delivery).where(delivery.c.state != "delivered")
        return connection.scalar(waits) or 0


def ids(engine: Engine) -> list[str]:
    with read(engine) as connection:
        return list(connection.scalars(select(alert.c.id)))


def row(engine: Engine) -> Row[Any]:
    with read(engine) as connection:
        return connection.execute(select(delivery)).one()


def tries(engine: Engine) -> list[tuple[str, str]]:
    with read(engine) as connection:
        rows = connection.execute(select(delivery_try.c.outcome, delivery_try.c.detail).order_by(delivery_try.c.id))
        return [(r.outcome, r.detail) for r in rows]


@pytest.mark.requirement("delivery.lease")
def test_a_message_has_one_sender_until_that_one_has_died(engine: Engine, plant: Registry) -> None:
    raise_alert(engine, ["hook"])
    with write(engine) as connection:
        assert [r.owner for r in claims.claim(connection, "hook", "one", FAR, 10)] == ["one"]
    with write(engine) as connection:
        assert claims.claim(connection, "hook", "two", FAR, 10) == []
        connection.execute(update(delivery).values(until=1))  # it has not renewed for a long time
        claims.renew(connection, "one", [1])
        assert claims.claim(connection, "hook", "two", FAR, 10) == [], "it lives after all"
        connection.execute(update(delivery).values(until=1))
        (taken,) = claims.claim(connection, "hook", "two", FAR, 10)
    assert (taken.owner, taken.attempts, taken.doubtful) == ("two", 2, True)


def test_who_has_lost_a_message_settles_it_no_more(engine: Engine, plant: Registry) -> None:
    raise_alert(engine, ["hook"])
    with write(engine) as connection:
        (mine,) = claims.claim(connection, "hook", "one", FAR, 1)
        connection.execute(update(delivery).values(until=1))
        claims.claim(connection, "hook", "two", FAR, 1)
        assert not claims.refused(connection, mine, FAR, "too late", final=True)
        claims.delivered(connection, mine, FAR, "too late")
    assert (row(engine).state, row(engine).owner) == ("sending", "two")


@pytest.mark.requirement("channels.patience")
@pytest.mark.parametrize(
    ("recipient", "wait", "gives_up"), [("li", 3600.0, True), ("li", 5.0, False), ("", 3600.0, False)]
)
def test_a_person_does_not_wait_for_a_channel_that_wants_to_be_left_alone(
    engine: Engine, plant: Registry, recipient: str, wait: float, gives_up: bool
) -> None:
    raise_alert(engine, ["hook"])
    with write(engine) as connection:
        connection.execute(update(delivery).values(recipient=recipient))
        (mine,) = claims.claim(connection, "hook", "one", FAR, 1)
        assert claims.refused(connection, mine, 0, "too many", final=False, wait=wait) is gives_up
    assert (row(engine).state, row(engine).due_at >= wait * 1000) == (
        ("failed", False) if gives_up else ("waiting", True)
    )


@pytest.mark.requirement("delivery.crash")
def test_what_a_crash_has_cut_off_is_sent_again_under_the_same_key(
    engine: Engine, plant: Registry, webhook: WebhookReceiver
) -> None:
    """Killed between the request and its note: the worst moment."""
    raise_alert(engine, ["hook"])

    class Killed(BaseException):
        """Ends the sender like a kill."""

    class Dying(Outbox):
        """Dies when the channel has taken the message."""

        def attempt(self, row: Row[Any]) -> None:
            self._senders[row.channel].send(self._message(row) or {})
            raise Killed

    dying = Dying(engine, {"hook": make_sender(webhook.channel())}, Metrics(), texts=load_texts()["zh"])
    with pytest.raises(Killed):
        dying.deliver_due("hook", FAR)
    box = outbox(engine, webhook)
    assert box.deliver_due("hook", FAR) == 0, "the lease lasts"
    with write(engine) as connection:
        connection.execute(update(delivery).values(until=1))
    assert box.deliver_due("hook", FAR) == 1
    first, second = (r.headers["idempotency-key"] for r in webhook.requests)
    assert first == second
    assert (row(engine).state, row(engine).doubtful, row(engine).attempts) == ("delivered", True, 2)
    assert [outcome for outcome, _ in tries(engine)] == ["cut_off", "delivered"]


@pytest.mark.requirement("delivery.kills")
def test_three_kills_and_a_channel_that_fails_lose_and_double_nothing(
    engine: Engine, plant: Registry, tmp_path: Path
) -> None:
    """Every alert is shown, under one key; what left twice is under that key, and the log says so."""
    fill(engine, ALERTS)
    with FlakyReceiver(seed=7) as hook:
        for kill in range(4):
            target = (kill + 1) * ALERTS // 4
            with Process([sys.executable, str(WORKER), str(engine.url), hook.url], tmp_path / "worker.log") as worker:
                if kill < 3:
                    wait_for(lambda: len(hook.alerts) >= target or not worker.alive, what=f"{target} messages")  # noqa: B023
                    assert worker.alive, worker.output
                else:
                    wait_for(lambda: not left(engine), what="every message delivered")
                worker.kill()
    assert sorted(hook.alerts.values()) == sorted(ids(engine))
    with read(engine) as connection:
        rows = {claims.key_of(r): r for r in connection.execute(select(delivery))}
        refused = set(connection.scalars(select(delivery_try.c.delivery).where(delivery_try.c.outcome == "refused")))
    assert all(r.state == "delivered" for r in rows.values())
    twice = [rows[key] for key, times in hook.shown.items() if times > 1]
    assert all(r.doubtful or r.id in refused for r in twice)
    assert sum(r.doubtful for r in rows.values()) <= 3 * WORKERS


@pytest.mark.requirement("delivery.log")
def test_every_try_stands_in_the_log(engine: Engine, plant: Registry, webhook: WebhookReceiver) -> None:
    raise_alert(engine, ["hook"])
    webhook.fail_next(2)
    box = outbox(engine, webhook)
    while row(engine).state == "waiting":
        box.deliver_due("hook", FAR)
    assert tries(engine) == [("refused", "HTTP 503: ''"), ("refused", "HTTP 503: ''"), ("delivered", "HTTP 200")]
