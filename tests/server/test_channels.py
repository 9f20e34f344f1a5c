"""What all channels have in common: length, test messages, settings."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from stillcold_core.files import BadFile
from stillcold_server.alerts import channels
from stillcold_server.alerts.message import test_message as page_of_test
from stillcold_server.alerts.senders.fitting import fitted, utf8, variable
from stillcold_server.cli import main
from stillcold_server.config import load_config
from stillcold_server.language.texts import load_texts
from support import WebhookReceiver
from support.messages import MESSAGE


@pytest.mark.requirement("channels.length")
def test_a_message_that_is_too_long_keeps_what_where_since_when_and_the_link() -> None:
    whole = f"{MESSAGE['title']}\n{MESSAGE['text']}"
    assert fitted(MESSAGE, 10_000) == whole
    for limit in range(40, utf8(whole)):
        text = fitted(MESSAGE, limit, utf8)
        assert utf8(text) <= limit
        assert text.startswith("【封停哨】") or limit < 60
        assert MESSAGE["url"] in text
    assert fitted(MESSAGE, utf8(whole) - 1, utf8).splitlines()[0] == MESSAGE["title"]
    assert "2026-01-01" in fitted(MESSAGE, 140, utf8)
    assert variable(MESSAGE, "site_name", 3) == "宽城…"
    assert variable({}, "site_name", 3) == "-", "services refuse an empty variable"


@pytest.mark.requirement("channels.test")
def test_a_test_message_says_what_the_other_side_said(webhook: WebhookReceiver, tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    hook = f'[[channel]]\nid = "hook"\nkind = "webhook"\nurl = "{webhook.url}"\nallow = ["127.0.0.1"]\n'
    mail = '[[channel]]\nid = "mail"\nkind = "mail"\nhost = "127.0.0.1"\nsender = "a@example.org"\n'
    config.write_text(hook + mail, encoding="utf-8")

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["channel", "test", *words, "--config", str(config)])
        return result.exit_code, result.output

    assert run("hook") == (0, "hook has taken it: HTTP 200\n")
    assert webhook.requests[0].json["title"] == "【封停哨】测试呼叫"
    webhook.status = 503
    assert run("hook") == (1, "hook has not taken it, for now: HTTP 503: '{}'\n")
    assert "there is no channel pager; the configuration has hook, mail" in run("pager")[1]
    assert "expected --to ADDRESS" in run("mail")[1]


@pytest.mark.parametrize("code", [None, "123456"])
def test_a_test_page_has_every_field_that_a_template_may_name(code: str | None) -> None:
    for texts in load_texts().values():
        message = page_of_test(texts, code, 0, "https://duty.example")
        assert {name for name in channels.PLACES if name not in message} == {"address"}
        assert code is None or code in variable(message, "what", 35)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ('kind = "webhook"\nurl = "https://x.example"\nallow = ["10.0.0.0/33"]', "channel[0].allow[0]: got"),
        ('kind = "gateway"\nurl = "https://x.example"\nbody = \'{"a": "{text}"}\'', "expected {address} and {text}"),
        ('kind = "gateway"\nurl = "https://x.example"\nbody = \'{"a": "{address} {text} {no}"}\'', "{no} is not known"),
        ('kind = "gateway"\nurl = "https://x.example"\nbody = \'{"a": {address}, "b": "{text}"}\'', "expected JSON"),
        ('kind = "mail"\nhost = "x"\nsender = "a@b"\nusername = "u"', "expected username and password_file"),
        ('kind = "mail"\nhost = "x"\nsender = "a@b"\nusername = "u"\npassword_file = "p"\nsecurity = "none"', "clear"),
        ('kind = "webhook"\nurl = "https://x.example"\nsuccess = "yes"', "channel[0].success"),
        ('kind = "mail"\nhost = "x"\nsender = "a@b"\nurl = "x"', "channel[0].url"),
    ],
)  # fmt: skip
def test_a_setting_of_a_channel_that_does_not_fit_is_named(tmp_path: Path, settings: str, expected: str) -> None:
    (tmp_path / "server.toml").write_text(f'[[channel]]\nid = "x"\n{settings}\n', encoding="utf-8")
    with pytest.raises(BadFile) as error:
        load_config(tmp_path / "server.toml")
    assert expected in str(error.value)
