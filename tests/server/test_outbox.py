"""The outbox: one sender a message, whoever dies; and a log that says what happened."""

from typing import Any

import pytest
from sqlalchemy import Engine, Row, select, update

from stillcold_core.registry import Registry
from stillcold_server.alerts import claims
from stillcold_server.alerts.delivery import Outbox
from stillcold_server.alerts.senders import make_sender
from stillcold_server.language.texts import load_texts
from stillcold_server.metrics import Metrics
from stillcold_server.store.database import read, write
from stillcold_server.store.schema import delivery, delivery_try
from support import WebhookReceiver
from support.alerts import raise_alert

FAR = 10**15


def outbox(engine: Engine, webhook: WebhookReceiver) -> Outbox:
    return Outbox(engine, {"hook": make_sender(webhook.channel())}, Metrics(), texts=load_texts()["zh"])


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


@pytest.mark.requirement("delivery.log")
def test_every_try_stands_in_the_log(engine: Engine, plant: Registry, webhook: WebhookReceiver) -> None:
    raise_alert(engine, ["hook"])
    webhook.fail_next(2)
    box = outbox(engine, webhook)
    while row(engine).state == "waiting":
        box.deliver_due("hook", FAR)
    assert tries(engine) == [("refused", "HTTP 503: ''"), ("refused", "HTTP 503: ''"), ("delivered", "HTTP 200")]
