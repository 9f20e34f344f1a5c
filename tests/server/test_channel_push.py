"""Browser push against an imitation of a push service, read by a browser's key."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from stillcold_core.pem import key_pem
from stillcold_server.alerts import channels
from stillcold_server.alerts.senders.push import Push
from stillcold_server.alerts.senders.push_crypto import encrypted, unb64
from stillcold_server.duty.browsers import with_browser
from support import Authority
from support.clouds import Browser, PushService
from support.messages import HERE, MESSAGE, refused


@pytest.fixture(scope="module")
def push_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PushService, Authority, Path]]:
    """A push service, whom to trust about it, and a key of the server's."""
    folder = tmp_path_factory.mktemp("push")
    authority = Authority(folder / "ca")
    (folder / "push.key").write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
    with PushService(authority.server()) as service:
        yield service, authority, folder / "push.key"


@pytest.mark.requirement("channels.push")
def test_a_browser_reads_what_its_push_service_has_taken(
    push_service: tuple[PushService, Authority, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, authority, key = push_service
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    sender = Push(channels.PushChannel("x", key_file=str(key), subject="mailto:duty@example.org", allow=HERE))
    service.server_key = sender.public_key
    base = f"https://localhost:{service.port}"
    browser = Browser(f"{base}/send/1")
    assert sender.send({**MESSAGE, "text": "炉" * 9000}, browser.subscription) == "HTTP 201 from 1 of 1"
    request = service.requests[-1]
    shown = json.loads(browser.read(request.body))
    assert (shown["title"], shown["url"]) == (MESSAGE["title"], MESSAGE["url"])
    assert shown["body"].endswith("炉…")
    assert len(request.body) <= 4096
    assert (request.headers["ttl"], request.headers["urgency"]) == ("14400", "high")
    assert refused(sender, Browser(f"{base}/gone").subscription) == (
        "HTTP 410: the browser is subscribed no more", True, None,
    )  # fmt: skip
    both = with_browser(Browser(f"{base}/gone").subscription, browser.subscription)
    assert sender.send(MESSAGE, both) == "HTTP 201 from 1 of 2"
    assert {r.path for r in service.requests[-2:]} == {"/gone", "/send/1"}
    service.server_key = "another"
    assert refused(sender, browser.subscription)[1]
    service.server_key, service.headers = sender.public_key, {"Retry-After": "7"}
    service.fail_next(1, 429)
    assert refused(sender, browser.subscription)[1:] == (False, 7.0)


@pytest.mark.requirement("channels.push-browsers")
def test_a_browser_that_subscribes_again_takes_its_own_place_and_the_sixth_that_of_the_oldest() -> None:
    places = [f"https://push.example/{i}" for i in (1, 2, 3, 1, 4, 5, 6)]
    address = ""
    for place in places:
        address = with_browser(address, Browser(place).subscription)
    assert [one["endpoint"] for one in json.loads(address)] == [places[i] for i in (2, 3, 4, 5, 6)]
    with pytest.raises(ValueError, match="expected a browser's subscription"):
        with_browser(address, "13800000000")


@pytest.mark.requirement("channels.push")
@pytest.mark.parametrize(
    "address",
    [
        "", "{}", "[]", "nonsense", '{"endpoint": 1, "keys": {}}',
        '{"endpoint": "http://push.example/", "keys": {"p256dh": "AAAA", "auth": "AAAA"}}',
        '{"endpoint": "https://push.example/", "keys": {"p256dh": "AAAA", "auth": "MDEyMzQ1Njc4OWFiY2RlZg"}}',
        '{"endpoint": "https://push.example/", "keys": {"p256dh": "!", "auth": "!"}}',
    ],
)  # fmt: skip
def test_what_is_no_subscription_is_refused_for_good(
    push_service: tuple[PushService, Authority, Path], address: str
) -> None:
    sender = Push(channels.PushChannel("x", key_file=str(push_service[2]), subject="mailto:duty@example.org"))
    assert refused(sender, address)[1]


@pytest.mark.requirement("channels.ssrf")
def test_a_browser_cannot_have_the_server_ask_its_own_services(
    push_service: tuple[PushService, Authority, Path],
) -> None:
    service, _, key = push_service
    before = len(service.requests)
    sender = Push(channels.PushChannel("x", key_file=str(key), subject="mailto:duty@example.org"))
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
        said, permanent, _ = refused(sender, Browser(f"https://{host}:{service.port}/send/1").subscription)
        assert "target is refused" in said
        assert permanent
    assert len(service.requests) == before


@pytest.mark.requirement("channels.push")
def test_encryption_is_that_of_the_rfc_s_example() -> None:
    """RFC 8291, appendix A."""
    own = ec.derive_private_key(
        int.from_bytes(unb64("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big"), ec.SECP256R1()
    )
    theirs = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
    body = encrypted(
        b"When I grow up, I want to be a watermelon", unb64(theirs), unb64("BTBZMqHH6r4Tts7J_aSIgg"),
        own=own, salt=unb64("DGv6ra1nlYgDCS1FRnbzlw"),
    )  # fmt: skip
    assert base64.urlsafe_b64encode(body).decode() == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
        "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
