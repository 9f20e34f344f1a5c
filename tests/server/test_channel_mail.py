"""Mail through a mail server, encrypted and refused."""

from pathlib import Path
from typing import Any

import pytest

from stillcold_server.alerts import channels
from stillcold_server.alerts.senders import make_sender
from support import Authority, MailServer
from support.messages import MESSAGE, Files, refused


@pytest.mark.requirement("channels.mail")
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd means STARTTLS by TLS
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_encrypted_to_the_verified_server_with_a_password(
    tmp_path: Path, files: Files, security: Any
) -> None:
    authority = Authority(tmp_path / "ca")
    with MailServer(authority.server(), security) as server:
        channel = channels.MailChannel(
            "x", host="localhost", port=server.port, security=security, sender="stillcold@example.org",
            username="me", password_file=files.write(server.password), ca_file=str(authority.ca_file),
        )  # fmt: skip
        assert make_sender(channel).send(MESSAGE, "zhang@example.org") == "250 'OK: queued as 1'"
        (mail,) = server.messages
        assert (mail["to"], mail["subject"], mail["message-id"]) == (
            "zhang@example.org", MESSAGE["title"], "<k1@example.org>",
        )  # fmt: skip
        assert mail["auto-submitted"] == "auto-generated"
        assert mail.get_content().splitlines() == MESSAGE["text"].splitlines()
        wrong = channels.MailChannel(
            "x", host="localhost", port=server.port, security=security, sender="stillcold@example.org",
            username="me", password_file=files.write("guess"), ca_file=str(authority.ca_file),
        )  # fmt: skip
        said, permanent, _ = refused(make_sender(wrong), "zhang@example.org")
        assert said.startswith("535")
        assert permanent


@pytest.mark.requirement("channels.mail")
def test_mail_is_not_given_to_a_server_of_another_name_or_without_encryption(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with MailServer(authority.server(host="other", address="127.0.0.2"), "starttls") as server:
        channel = channels.MailChannel(
            "x", host="localhost", port=server.port, sender="a@example.org", ca_file=str(authority.ca_file)
        )
        assert "certificate verify failed" in refused(make_sender(channel), "zhang@example.org")[0]
    with MailServer() as server:
        channel = channels.MailChannel("x", host="127.0.0.1", port=server.port, sender="a@example.org")
        assert "STARTTLS" in refused(make_sender(channel), "zhang@example.org")[0]
        assert server.messages == []


@pytest.mark.requirement("channels.mail")
def test_what_a_mail_server_says_of_the_recipient_decides() -> None:
    with MailServer() as server:
        channel = channels.MailChannel("x", host="127.0.0.1", port=server.port, security="none", sender="a@example.org")
        sender = make_sender(channel)
        assert (
            sender.send({**MESSAGE, "title": "two\nlines\r\nBcc: evil@example.org"}, "zhang@example.org")[:3] == "250"
        )
        assert server.messages[0]["subject"] == "two lines Bcc: evil@example.org"
        assert server.messages[0]["bcc"] is None
        assert refused(sender, "full@example.org")[1:] == (False, None)
        said, permanent, _ = refused(sender, "gone@example.org")
        assert said.startswith("550")
        assert permanent
        server.refusal = "451 try later"
        assert refused(sender, "zhang@example.org") == ("451 'try later'", False, None)
        for address in ("", "zhang", "a@b\r\nRCPT TO:<c@d>", "张@example.org", "a b@example.org"):
            assert refused(sender, address)[1], address
    assert not refused(sender, "zhang@example.org")[1], "nobody listens there any more"
