"""Text messages, calls and gateways against imitations of their services, errors included."""

import json
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from stillcold_server.alerts import channels
from stillcold_server.alerts.senders import Sender, make_sender
from stillcold_server.alerts.senders.aliyun import Call as AliyunCall
from stillcold_server.alerts.senders.tencent import Call as TencentCall
from support import WebhookReceiver
from support.clouds import BLOCKED, LATER, LIMITED, Aliyun, TencentCloud
from support.messages import HERE, MESSAGE, Files, refused


def aliyun_sms(service: Aliyun, files: Files, secret: str = "") -> Sender:
    params: dict[str, channels.Field] = {"site": "site_name", "what": "what", "time": "since"}
    return make_sender(
        channels.AliyunSmsChannel(
            "x", key_id=service.key[0], key_secret_file=files.write(secret or service.key[1]), sign_name="封停哨",
            template_code="SMS_1", params=params, url=service.url.removesuffix("/hook"), allow=HERE,
        )
    )  # fmt: skip


@pytest.mark.requirement("channels.sms")
def test_an_aliyun_text_message_is_signed_and_delivers_when_the_code_is_ok(files: Files) -> None:
    with Aliyun() as service:
        sender = aliyun_sms(service, files)
        assert sender.send(MESSAGE, "138-0000 0000") == "Code OK, BizId 9006^0"
        asked = dict(parse_qsl(urlsplit(service.requests[0].path).query))
        assert (asked["PhoneNumbers"], asked["SignName"], asked["TemplateCode"]) == ("13800000000", "封停哨", "SMS_1")
        params = {"site": "宽城铸造", "what": "复产", "time": "2026-01-01 08:00:00"}
        assert json.loads(asked["TemplateParam"]) == params
        assert refused(sender, BLOCKED)[1]
        assert refused(sender, LIMITED)[1:] == (False, 3600.0)
        assert refused(sender, LATER)[1:] == (False, None)
        assert refused(aliyun_sms(service, files, "wrong"), "13800000000")[1]
        told = len(service.requests)
        assert refused(sender, "nobody")[1]
        assert len(service.requests) == told


@pytest.mark.requirement("channels.voice")
def test_an_aliyun_call_reads_the_template(files: Files) -> None:
    with Aliyun() as service:
        sender = make_sender(
            channels.AliyunVoiceChannel(
                "x", key_id=service.key[0], key_secret_file=files.write(service.key[1]), tts_code="TTS_1",
                params={"site": "site_name"}, show_number="057100000000", url=service.url.removesuffix("/hook"),
                allow=HERE,
            )
        )  # fmt: skip
        assert sender.send(MESSAGE, "13800000000") == "Code OK, CallId 1160^1"
        asked = dict(parse_qsl(urlsplit(service.requests[0].path).query))
        assert (asked["PlayTimes"], asked["CalledShowNumber"]) == ("2", "057100000000")
        assert refused(sender, LIMITED)[1:] == (False, 3600.0)


@pytest.mark.requirement("channels.sms")
def test_a_tencent_text_message_is_signed_and_delivers_when_its_number_has_ok(files: Files) -> None:
    with TencentCloud() as service:

        def sender(key: str) -> Sender:
            return make_sender(
                channels.TencentSmsChannel(
                    "x", secret_id=service.key[0], secret_key_file=files.write(key), app_id="1400", sign_name="封停哨",
                    template_id="1110", params=("site_name", "since"), url=service.url.removesuffix("/hook"),
                    allow=HERE,
                )
            )  # fmt: skip

        good = sender(service.key[1])
        assert good.send(MESSAGE, "13800000000") == "Code Ok, SerialNo 5000:1"
        assert service.requests[0].json["TemplateParamSet"] == ["宽城铸造", "2026-01-01 08:00:00"]
        assert refused(good, BLOCKED)[1]
        assert refused(good, LIMITED)[1:] == (False, 30.0)
        assert refused(good, LATER)[1:] == (False, None)
        assert refused(sender("wrong"), "13800000000")[1]


@pytest.mark.requirement("channels.sms")
@pytest.mark.parametrize(
    "body", [b'{"Response": {"SendStatusSet": []}}', b'{"Response": []}', b"{}", b'{"Code": "Ok"}']
)
def test_a_tencent_answer_without_a_status_has_not_delivered(
    webhook: WebhookReceiver, files: Files, body: bytes
) -> None:
    webhook.body = body
    channel = channels.TencentSmsChannel(
        "x", secret_id="i", secret_key_file=files.write("k"), app_id="1", sign_name="s", template_id="1", params=(),
        url=webhook.url.removesuffix("/hook"), allow=HERE,
    )  # fmt: skip
    assert "missing" in refused(make_sender(channel), "13800000000")[0]


@pytest.mark.requirement("channels.sms")
def test_signatures_are_those_of_the_published_examples() -> None:
    """Of "V3 request structure and signature" (Alibaba Cloud) and of "Signature v3" (Tencent Cloud)."""
    query = {"ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "RegionId": "cn-shanghai"}
    nonce = "3156853299f313e23d1673dc12e1703d"
    aliyun = AliyunCall("ecs.cn-shanghai.aliyuncs.com", "RunInstances", query, 1698315752, nonce, "2014-05-26")
    _, headers = aliyun.signed("YourAccessKeyId", "YourAccessKeySecret")
    assert headers["x-acs-date"] == "2023-10-26T10:22:32Z"
    signature = "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    assert headers["Authorization"].endswith(f"Signature={signature}")
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    tencent = TencentCall("cvm.tencentcloudapi.com", "cvm", "DescribeInstances", body, 1551113065)
    signature = "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
    assert tencent.authorization("AKID" + "*" * 32, "*" * 32).endswith(f"Signature={signature}")


@pytest.mark.requirement("channels.gateway")
def test_a_gateway_gets_the_body_that_was_configured_for_it(webhook: WebhookReceiver, files: Files) -> None:
    webhook.body = b'{"code": 0}'
    headers = files.write("Authorization: Bearer abc")
    body = '{"to": ["{address}"], "text": "{text}", "where": "{site_name}"}'
    make = channels.GatewayChannel
    sender = make_sender(
        make("x", url=webhook.url, allow=HERE, body=body, headers_file=headers, success="code=0", limit=60)
    )
    odd = {"site_name": 'a"b\\\n{text}', "title": "复产", "text": "y"}
    assert sender.send({**MESSAGE, **odd}, "+86 13800000000") == "HTTP 200, code=0"
    request = webhook.requests[0]
    assert request.json == {"to": ["+8613800000000"], "text": "复产\ny", "where": 'a"b\\ {text}'}
    assert (request.headers["authorization"], request.headers["idempotency-key"]) == ("Bearer abc", "k1")
    webhook.body = b'{"code": 7}'
    assert not refused(sender, "13800000000")[1]
    form = make(
        "x", url=webhook.url, allow=HERE, body="to={address}&m={what}", content_type="application/x-www-form-urlencoded"
    )
    make_sender(form).send({**MESSAGE, "what": "a&b=c"}, "13800000000")
    assert parse_qs(webhook.requests[-1].body.decode()) == {"to": ["13800000000"], "m": ["a&b=c"]}
