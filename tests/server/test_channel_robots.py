"""Robots of chat groups and WeCom's applications against imitations of them, errors included."""

import pytest

from stillcold_server.alerts import channels
from stillcold_server.alerts.senders import make_sender
from stillcold_server.alerts.senders.wecom_app import WecomApp
from support import WebhookReceiver
from support.messages import HERE, MESSAGE, Files, refused
from support.robots import DingtalkGroup, FeishuGroup, WecomGroup, WecomOffice


@pytest.mark.requirement("channels.wecom")
def test_a_wecom_robot_delivers_when_the_body_says_so() -> None:
    with WecomGroup() as group:
        sender = make_sender(channels.WecomRobotChannel("x", url=f"{group.url}?key=good", allow=HERE))
        assert sender.send(MESSAGE) == "errcode 0"
        assert group.requests[0].json["text"]["content"] == f"{MESSAGE['title']}\n{MESSAGE['text']}"
        wrong = make_sender(channels.WecomRobotChannel("x", url=f"{group.url}?key=bad", allow=HERE))
        said, permanent, _ = refused(wrong)
        assert "93000" in said
        assert permanent
        group.requests *= 20
        assert refused(sender)[1:] == (False, 60.0)


@pytest.mark.requirement("channels.dingtalk")
def test_a_dingtalk_robot_is_signed_and_delivers_when_the_body_says_so(files: Files) -> None:
    with DingtalkGroup() as group:
        url = f"{group.url}?access_token=good"
        make = channels.DingtalkChannel
        sender = make_sender(make("x", url=url, secret_file=files.write(group.secret), allow=HERE))
        assert sender.send(MESSAGE) == "errcode 0"
        forged = make_sender(make("x", url=url, secret_file=files.write("another"), allow=HERE))
        said, permanent, _ = refused(forged)
        assert "310000" in said
        assert permanent
        assert refused(make_sender(make("x", url=f"{group.url}?access_token=no", allow=HERE)))[1]
        group.requests *= 20
        assert refused(sender)[1:] == (False, 600.0)


@pytest.mark.requirement("channels.feishu")
def test_a_feishu_robot_is_signed_and_delivers_when_the_body_says_so(files: Files) -> None:
    with FeishuGroup() as group:
        make, secret = channels.FeishuChannel, files.write(group.secret)
        sender = make_sender(make("x", url=f"{group.url}/good", secret_file=secret, allow=HERE))
        assert sender.send(MESSAGE) == "code 0"
        said, permanent, _ = refused(make_sender(make("x", url=f"{group.url}/good", allow=HERE)))
        assert "19021" in said
        assert permanent
        said, permanent, _ = refused(make_sender(make("x", url=f"{group.url}/bad", secret_file=secret, allow=HERE)))
        assert said.startswith("HTTP 400, code 19001")
        assert permanent
        group.requests *= 100
        assert refused(sender)[1:] == (False, 60.0)


@pytest.mark.requirement("channels.body")
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{}", b"[]", b'{"errcode": false}', b'{"errcode": "0"}', b'{"errcode": null}', b"\xff" * 9],
)
def test_a_robot_that_does_not_say_0_has_not_delivered(webhook: WebhookReceiver, body: bytes) -> None:
    webhook.body = body
    assert not refused(make_sender(channels.WecomRobotChannel("x", url=webhook.url, allow=HERE)))[1]


@pytest.mark.requirement("channels.wecom")
def test_a_wecom_application_keeps_its_token_and_gets_a_new_one_when_that_is_no_more(files: Files) -> None:
    with WecomOffice() as office:
        base, now = office.url.removesuffix("/hook"), [1000.0]
        channel = channels.WecomAppChannel(
            "x", corp_id="ww1", agent_id=7, secret_file=files.write("s"), url=base, allow=HERE
        )
        app = WecomApp(channel, clock=lambda: now[0])
        assert app.send(MESSAGE, "zhang") == "errcode 0, msgid m1"
        assert app.send(MESSAGE, "wang") == "errcode 0, msgid m1"
        assert len(office.tokens) == 1
        office.tokens.append("another server's")
        assert app.send(MESSAGE, "zhang") == "errcode 0, msgid m1"
        now[0] += 7200
        app.send(MESSAGE, "zhang")
        assert len(office.tokens) == 4
        assert refused(app, "gone") == ("errcode 0, but invaliduser: gone", True, None)
        assert "81013" in refused(app, "nobody")[0]
        assert refused(app, "zhang|wang")[1], "one of them may have been told already"
        channel = channels.WecomAppChannel(
            "x", corp_id="ww1", agent_id=7, secret_file=files.write("no"), url=base, allow=HERE
        )
        assert refused(make_sender(channel), "zhang")[1]
