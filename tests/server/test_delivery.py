"""Getting an alert to somebody: the outbox, the webhook, mail."""

import hashlib
import hmac
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Engine, select

from stillcold_core.detect.findings import Finding
from stillcold_core.files import BadFile
from stillcold_core.registry import Registry
from stillcold_server.alerts.channels import AppriseChannel, Channel, WebhookChannel
from stillcold_server.alerts.delivery import Outbox
from stillcold_server.alerts.pipeline import take
from stillcold_server.alerts.senders import NotDelivered, Sender, make_sender
from stillcold_server.alerts.stages import JOIN_MS
from stillcold_server.duty.escalation import page_by
from stillcold_server.duty.reach import Channels
from stillcold_server.language.texts import load_texts
from stillcold_server.metrics import Metrics
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from support import MailServer, WebhookReceiver, wait_for

FAR = 10**15
"""ms; later than any due time."""


class Delivery(NamedTuple):
    """A row of the outbox."""

    channel: str
    state: str
    attempts: int
    detail: str


def found(began: float = 100.0) -> Finding:
    figures: dict[str, float | str] = {"active_power": 9e3, "limit": 7.5e3}
    return Finding("restart.power", "critical", "kc-017", "f1", "p1", began, began + 6, "active_power 9 kW", figures)


def raise_alert(engine: Engine, finding: Finding, channels: list[str], now: int = 0) -> None:
    with write(engine) as connection:
        assert take(connection, finding, now, page_by(Channels(channels, ())))


def deliveries(engine: Engine) -> list[Delivery]:
    d = schema.delivery.c
    with read(engine) as connection:
        rows = connection.execute(select(d.channel, d.state, d.attempts, d.detail).order_by(d.id))
        return [Delivery(*row) for row in rows]


def outbox(engine: Engine, senders: Mapping[str, Sender]) -> Outbox:
    return Outbox(engine, senders, Metrics(), texts=load_texts()["zh"], public_url="https://duty.example")


@pytest.mark.requirement("delivery.webhook")
def test_a_webhook_gets_the_alert_and_a_signature(
    engine: Engine, plant: Registry, webhook: WebhookReceiver, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("a secret\n")
    sender = make_sender(webhook.channel(secret_file=str(tmp_path / "key")))
    raise_alert(engine, found(), ["hook"])
    assert outbox(engine, {"hook": sender}).deliver_due("hook", FAR) == 1
    (request,) = webhook.requests
    assert request.json["kind"] == "restart.power"
    assert (request.json["site_name"], request.json["line_name"]) == ("宽城铸造", "1 t 中频炉")
    assert request.json["began"] == "1970-01-01T00:01:40.000Z"
    assert request.json["url"] == f"https://duty.example/alerts/{found().id}"
    assert len(request.headers["idempotency-key"]) == 32
    digest = hmac.new(b"a secret", request.body, hashlib.sha256).hexdigest()
    assert request.headers["stillcold-signature"] == f"sha256={digest}"
    assert deliveries(engine) == [("hook", "delivered", 1, "HTTP 200")]


@pytest.mark.requirement("delivery.retry")
def test_a_refused_delivery_waits_and_is_tried_again(engine: Engine, plant: Registry, webhook: WebhookReceiver) -> None:
    raise_alert(engine, found(), ["hook"])
    box = outbox(engine, {"hook": make_sender(webhook.channel())})
    webhook.fail_next(1)
    box.deliver_due("hook", FAR)
    assert [d[:3] for d in deliveries(engine)] == [("hook", "waiting", 1)]
    a_while_ago = time.time_ns() // 1_000_000 - 60_000
    assert box.deliver_due("hook", a_while_ago) == 0, "it is not due yet"
    box.deliver_due("hook", FAR)
    assert deliveries(engine) == [("hook", "delivered", 2, "HTTP 200")]


def test_a_delivery_that_never_succeeds_is_given_up_and_says_so(
    engine: Engine, plant: Registry, webhook: WebhookReceiver
) -> None:
    webhook.status = 500
    raise_alert(engine, found(), ["hook"])
    box = outbox(engine, {"hook": make_sender(webhook.channel())})
    while box.deliver_due("hook", FAR):
        pass
    ((_, state, attempts, detail),) = deliveries(engine)
    assert (state, attempts) == ("failed", len(webhook.requests))
    assert detail.startswith("HTTP 500")


@pytest.mark.requirement("delivery.channels-apart")
def test_a_channel_that_fails_does_not_hold_up_another(
    engine: Engine, plant: Registry, webhook: WebhookReceiver
) -> None:
    class Broken:
        addressed = False

        def send(self, message: Mapping[str, object], address: str = "") -> str:
            raise RuntimeError("a library that raises what it likes")

    raise_alert(engine, found(), ["broken", "hook"])
    box = outbox(engine, {"broken": Broken(), "hook": make_sender(webhook.channel())})
    box.start()
    try:
        webhook.wait_for(1)
        wait_for(lambda: {d.state for d in deliveries(engine) if d.channel == "hook"} == {"delivered"})
        wait_for(lambda: all(d.attempts for d in deliveries(engine)))
    finally:
        box.stop()
    assert {d.channel: d.state for d in deliveries(engine)} == {"broken": "waiting", "hook": "delivered"}


@pytest.mark.requirement("delivery.mail")
def test_mail_goes_through_a_real_mail_server(engine: Engine, plant: Registry, mail_server: MailServer) -> None:
    url = f"mailto://127.0.0.1:{mail_server.port}/?from=stillcold@example.org&to=duty@example.org&mode=insecure"
    box = outbox(engine, {"mail": make_sender(AppriseChannel("mail", url=url))})
    raise_alert(engine, found(), ["mail"])
    box.deliver_due("mail", FAR)
    (message,) = mail_server.wait_for(1)
    assert "宽城铸造" in str(message["subject"])
    body = message.get_body(("plain", "html"))
    assert body is not None
    assert "测得有功功率 9 kW，超过停产限值 7.5 kW。" in body.get_content()


def test_mail_that_is_refused_is_not_delivered(engine: Engine, plant: Registry, mail_server: MailServer) -> None:
    mail_server.refusal = "451 try later"
    url = f"mailto://127.0.0.1:{mail_server.port}/?from=stillcold@example.org&to=duty@example.org&mode=insecure"
    sender = make_sender(AppriseChannel("mail", url=url))
    with pytest.raises(NotDelivered):
        sender.send({"title": "t", "text": "x"})


@pytest.mark.requirement("delivery.joined-incident")
def test_one_message_an_incident_until_some_time_has_passed(engine: Engine, plant: Registry) -> None:
    for began, now in ((100.0, 0), (200.0, JOIN_MS - 1), (300.0, JOIN_MS)):
        raise_alert(engine, found(began), ["hook"], now)
    with read(engine) as connection:
        told = connection.scalars(select(schema.delivery.c.alert).order_by(schema.delivery.c.id)).all()
    assert told == [found(100.0).id, found(300.0).id]


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        (WebhookChannel("x", url="ftp://example.org"), "http or https"),
        (AppriseChannel("x", url="nonsense://"), "Apprise knows"),
        (AppriseChannel("x", url="dingtalk://secret-token/138"), "cannot tell whether"),
        (AppriseChannel("x", url="wecombot://secret-token"), "cannot tell whether"),
        (WebhookChannel("x", url_file="/nowhere"), "cannot be read"),
    ],
)
def test_a_channel_that_cannot_work_is_refused_and_its_secret_kept(channel: Channel, expected: str) -> None:
    with pytest.raises(BadFile, match=expected) as refused:
        make_sender(channel)
    assert "secret-token" not in str(refused.value)
