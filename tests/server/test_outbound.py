"""Where channels may connect to, and that every exchange ends."""

import ipaddress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from stillcold_core.files import BadFile
from stillcold_server.alerts.channels import WebhookChannel
from stillcold_server.alerts.senders import NotDelivered, make_sender
from stillcold_server.alerts.senders.addresses import permitted
from stillcold_server.alerts.senders.answers import refusal
from stillcold_server.alerts.senders.outbound import Answer, Outbound
from support import Authority, WebhookReceiver
from support.outbound_traps import dripping, resolve_to

MESSAGE = {"id": "a1", "key": "k1", "title": "t", "text": "x"}
HERE = ("127.0.0.1",)


@pytest.mark.requirement("channels.ssrf")
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "169.254.0.23", "100.100.100.200",
        "0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1",
        "::1", "::", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::", "fec0::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_no_target(address: str) -> None:
    assert not permitted(address)


@pytest.mark.requirement("channels.ssrf")
def test_public_addresses_and_allowed_networks_are_targets() -> None:
    assert permitted("203.119.25.1")
    assert permitted("2400:3200::1")
    assert permitted("::ffff:203.119.25.1")
    assert permitted("10.20.0.9", [ipaddress.ip_network("10.20.0.0/16")])
    assert not permitted("10.21.0.9", [ipaddress.ip_network("10.20.0.0/16")])
    assert permitted("64:ff9b::cb77:1901", [ipaddress.ip_network("64:ff9b::/96")])


@pytest.mark.requirement("channels.ssrf")
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f.0.0.1/", "http://0177.0.0.1/",
        "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://localhost/", "http://LOCALHOST./", "http://a.localhost/",
        "http://169.254.169.254/latest/meta-data/", "http://①②⑦.0.0.1/",
    ],
)  # fmt: skip
def test_a_target_of_this_machine_is_refused_when_the_configuration_is_read(url: str) -> None:
    with pytest.raises(BadFile, match=r"channel 'x'.url: .*(not public|expected an http)"):
        make_sender(WebhookChannel("x", url=url))


@pytest.mark.requirement("channels.ssrf")
@pytest.mark.parametrize("url", ["http://me:hush@example.org/", "file:///etc/passwd", "gopher://x/", "http://", "x"])
def test_only_plain_http_urls_are_targets(url: str) -> None:
    with pytest.raises(BadFile, match="expected a") as refused:
        make_sender(WebhookChannel("x", url=url))
    assert "hush" not in str(refused.value)


@pytest.mark.requirement("channels.ssrf")
def test_a_name_that_leads_inside_is_refused_at_each_send(
    webhook: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = make_sender(WebhookChannel("x", url=f"http://hook.example.org:{webhook.port}/"))
    resolve_to(monkeypatch, "127.0.0.1")
    with pytest.raises(NotDelivered, match=r"target is refused: 127.0.0.1 is not public") as refused:
        sender.send(MESSAGE)
    assert not refused.value.permanent, "the name may lead elsewhere tomorrow"
    assert webhook.requests == []


@pytest.mark.requirement("channels.ssrf")
def test_a_name_is_asked_once_and_the_checked_address_is_the_one_connected_to(
    webhook: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolve_to(monkeypatch, "127.0.0.1", "10.0.0.1")
    sender = make_sender(WebhookChannel("x", url=f"http://hook.example.org:{webhook.port}/", allow=HERE))
    assert sender.send(MESSAGE) == "HTTP 200"
    assert asked == ["hook.example.org"]
    assert webhook.requests[0].headers["host"] == f"hook.example.org:{webhook.port}"


@pytest.mark.requirement("channels.ssrf")
def test_a_redirect_is_not_followed(webhook: WebhookReceiver) -> None:
    webhook.status, webhook.headers = 307, {"Location": webhook.url}
    with pytest.raises(NotDelivered, match="HTTP 307") as refused:
        make_sender(webhook.channel()).send(MESSAGE)
    assert refused.value.permanent
    assert len(webhook.requests) == 1


@pytest.mark.requirement("channels.tls")
def test_tls_verifies_the_name_of_the_url_though_the_address_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    resolve_to(monkeypatch, "127.0.0.1")
    with WebhookReceiver(authority.server(host="hook.example.org")) as hook:
        good, bad = f"https://hook.example.org:{hook.port}/", f"https://other.example.org:{hook.port}/"
        trusted = {"allow": HERE, "ca_file": str(authority.ca_file)}
        assert make_sender(WebhookChannel("x", url=good, **trusted)).send(MESSAGE) == "HTTP 200"  # type: ignore[arg-type]
        with pytest.raises(NotDelivered, match="certificate verify failed"):
            make_sender(WebhookChannel("x", url=bad, **trusted)).send(MESSAGE)  # type: ignore[arg-type]
        with pytest.raises(NotDelivered, match="certificate verify failed"):
            make_sender(WebhookChannel("x", url=good, allow=HERE)).send(MESSAGE)
        assert len(hook.requests) == 1


@pytest.mark.requirement("channels.ends")
def test_a_side_that_answers_a_byte_at_a_time_is_left() -> None:
    with dripping() as url, pytest.raises(NotDelivered, match="Timeout") as late:
        Outbound(HERE, deadline=0.4).post(url, b"", {})
    assert not late.value.permanent


@pytest.mark.requirement("channels.ends")
def test_of_an_answer_without_end_a_part_is_read(webhook: WebhookReceiver) -> None:
    webhook.body = b"x" * 3_000_000
    assert len(Outbound(HERE).post(webhook.url, b"", {}).text) == 65_536


@pytest.mark.requirement("channels.body")
@pytest.mark.parametrize(
    ("rule", "body", "delivered"),
    [
        ("errcode=0", b'{"errcode": 0}', True),
        ("errcode=0", b'{"errcode": "0"}', True),
        ("data.ok=true", b'{"data": {"ok": true}}', True),
        ("errcode=0", b'{"errcode": 310000}', False),
        ("errcode=0", b"{}", False),
        ("errcode=0", b"<html>", False),
        ("errcode=0", b"[" * 60_000, False),
        ("data.ok=true", b'{"data": "ok"}', False),
        ("errcode=0", b"", False),
    ],
)
def test_a_rule_decides_by_the_body(webhook: WebhookReceiver, rule: str, body: bytes, delivered: bool) -> None:
    webhook.body = body
    sender = make_sender(webhook.channel(success=rule))
    if delivered:
        assert sender.send(MESSAGE) == f"HTTP 200, {rule}"
    else:
        with pytest.raises(NotDelivered, match="HTTP 200, but"):
            sender.send(MESSAGE)


@pytest.mark.requirement("channels.retry-after")
def test_a_status_says_whether_and_when_another_try_is_worth_it() -> None:
    def of(status: int, said: str = "") -> tuple[bool, float | None]:
        error = refusal(Answer(status, {"retry-after": said} if said else {}, "no"))
        return error.permanent, error.retry_after

    assert [of(s)[0] for s in (301, 400, 401, 404, 410)] == [True] * 5
    assert [of(s)[0] for s in (408, 425, 429, 500, 503)] == [False] * 5
    assert of(429, "30") == (False, 30.0)
    assert of(503, "99999999999999999999") == (False, 3600.0)
    assert of(503, "soon") == (False, None)
    in_a_minute = of(503, format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True))[1]
    assert in_a_minute is not None
    assert 30 < in_a_minute <= 60


def test_what_cannot_be_read_of_a_channel_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "ca").write_text("no certificate")
    url = "https://hook.example.org/"
    with pytest.raises(BadFile, match="is empty"):
        make_sender(WebhookChannel("x", url=url, secret_file=str(tmp_path / "empty")))
    with pytest.raises(BadFile, match="expected certificates in PEM"):
        make_sender(WebhookChannel("x", url=url, ca_file=str(tmp_path / "ca")))
