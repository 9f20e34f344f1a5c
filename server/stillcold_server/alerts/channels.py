"""The ``[[channel]]`` tables of the configuration: each kind of channel with its settings."""

import ipaddress
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stillcold_core.files import Step

Field = Literal["site_name", "line_name", "what", "since", "title", "url"]
"""What of a message can be put into the variables of a text message's template."""
Port = Annotated[int, Meta(ge=1, le=65535)]
Success = Annotated[str, Meta(pattern=r"^([A-Za-z0-9_.-]+=.+)?$")]
"""``path=value``: the JSON answer's field at a dotted path must have this value."""
PLACEHOLDER = re.compile(r"\{(\w+)\}")
PLACES = ("address", "id", "title", "text", "url", "site_name", "line_name", "what", "since")
"""What can stand in braces in a gateway's body."""


class _Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class _Http(_Base, frozen=True):
    """A channel whose target is an address of somebody's."""

    url: str = ""
    url_file: str = ""
    """File that holds the URL, where it carries a secret."""
    allow: tuple[str, ...] = ()
    """Networks of the office's own that the target may lie in; others that are not public are refused."""


class WebhookChannel(_Http, frozen=True, tag="webhook"):
    """A POST of JSON to a program of somebody's own."""

    secret_file: str = ""
    """File with the key of the HMAC-SHA256 signature that each request then carries."""
    ca_file: str = ""
    success: Success = ""


class GatewayChannel(_Http, frozen=True, tag="gateway"):
    """A POST to a gateway for text messages or calls, its body made after a template."""

    body: str = ""
    content_type: Literal["application/json", "application/x-www-form-urlencoded"] = "application/json"
    headers_file: str = ""
    """File with further headers, ``Name: value`` a line; they may carry a secret."""
    ca_file: str = ""
    success: Success = ""
    limit: Annotated[int, Meta(ge=20, le=4000)] = 300
    """Characters that ``{text}`` has at most."""


class WecomRobotChannel(_Http, frozen=True, tag="wecom-robot"):
    """Robot of a WeCom group."""


class DingtalkChannel(_Http, frozen=True, tag="dingtalk"):
    """Robot of a DingTalk group; signed where it has a secret."""

    secret_file: str = ""


class FeishuChannel(_Http, frozen=True, tag="feishu"):
    """Robot of a Feishu group; signed where it has a secret."""

    secret_file: str = ""


class WecomAppChannel(_Base, frozen=True, kw_only=True, tag="wecom-app"):
    """A WeCom application that writes to members."""

    corp_id: str
    agent_id: int
    secret_file: str
    url: str = "https://qyapi.weixin.qq.com"
    allow: tuple[str, ...] = ()


class AliyunSmsChannel(_Base, frozen=True, kw_only=True, tag="aliyun-sms"):
    """Text messages by Alibaba Cloud."""

    key_id: str
    key_secret_file: str
    sign_name: str
    template_code: str
    params: dict[str, Field]
    """The template's variables, and what is put in each."""
    limit: Annotated[int, Meta(ge=1, le=200)] = 35
    """Characters that a variable has at most."""
    url: str = "https://dysmsapi.aliyuncs.com"
    allow: tuple[str, ...] = ()


class AliyunVoiceChannel(_Base, frozen=True, kw_only=True, tag="aliyun-voice"):
    """Calls by Alibaba Cloud that read a template."""

    key_id: str
    key_secret_file: str
    tts_code: str
    show_number: str = ""
    """Number that the call comes from; empty for the provider's public ones."""
    params: dict[str, Field]
    limit: Annotated[int, Meta(ge=1, le=200)] = 35
    play_times: Annotated[int, Meta(ge=1, le=3)] = 2
    url: str = "https://dyvmsapi.aliyuncs.com"
    allow: tuple[str, ...] = ()


class TencentSmsChannel(_Base, frozen=True, kw_only=True, tag="tencent-sms"):
    """Text messages by Tencent Cloud."""

    secret_id: str
    secret_key_file: str
    app_id: str
    sign_name: str
    template_id: str
    params: tuple[Field, ...]
    """What is put in the template's variables {1}, {2}, …"""
    limit: Annotated[int, Meta(ge=1, le=200)] = 35
    region: str = "ap-guangzhou"
    url: str = "https://sms.tencentcloudapi.com"
    allow: tuple[str, ...] = ()


class MailChannel(_Base, frozen=True, kw_only=True, tag="mail"):
    """Mail by a mail server of the office's or of its provider."""

    host: str
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password_file: str = ""
    sender: str
    ca_file: str = ""


class PushChannel(_Base, frozen=True, kw_only=True, tag="push"):
    """Notifications in officers' browsers."""

    key_file: str
    subject: Annotated[str, Meta(pattern=r"^(mailto:.+@.+|https://.+)$")]
    """Whom a push service may turn to."""
    ttl: Annotated[int, Meta(ge=60, le=86400)] = 14400
    """s that a push service keeps a message for a device that is off."""
    allow: tuple[str, ...] = ()


class AppriseChannel(_Base, frozen=True, tag="apprise"):
    """Another service, by a URL of the Apprise library."""

    url: str = ""
    url_file: str = ""


Channel = (
    WebhookChannel
    | GatewayChannel
    | WecomRobotChannel
    | WecomAppChannel
    | DingtalkChannel
    | FeishuChannel
    | AliyunSmsChannel
    | AliyunVoiceChannel
    | TencentSmsChannel
    | MailChannel
    | PushChannel
    | AppriseChannel
)


def faults(channel: Channel) -> Iterator[tuple[list[Step], str]]:
    """What does not fit in a channel's settings, beyond their types: path, and what would be right."""
    if isinstance(channel, _Http | AppriseChannel) and bool(channel.url) == bool(channel.url_file):
        yield ["url"], "expected exactly one of url and url_file"
    for i, network in enumerate(getattr(channel, "allow", ())):
        try:
            ipaddress.ip_network(network)
        except ValueError:
            yield ["allow", i], "expected a network such as 10.20.0.0/16 or one address"
    if isinstance(channel, GatewayChannel):
        yield from _body_faults(channel)
    if isinstance(channel, MailChannel) and bool(channel.username) != bool(channel.password_file):
        yield ["password_file"], "expected username and password_file, or neither"
    if isinstance(channel, MailChannel) and channel.username and channel.security == "none":
        yield ["security"], "expected starttls or tls: a password is not sent in the clear"


def _body_faults(channel: GatewayChannel) -> Iterator[tuple[list[Step], str]]:
    at: list[Step] = ["body"]
    named = PLACEHOLDER.findall(channel.body)
    if unknown := [name for name in named if name not in PLACES]:
        yield at, f"{{{unknown[0]}}} is not known; expected some of {', '.join(PLACES)}"
    if not {"address", "text"} <= set(named) and not {"address", "what"} <= set(named):
        yield at, "expected {address} and {text} or {what} in it"
    if channel.content_type == "application/json":
        try:
            json.loads(PLACEHOLDER.sub("x", channel.body))
        except ValueError as error:
            yield at, f"expected JSON with names in braces inside its strings ({error})"


def anchored(channel: Channel, folder: Path) -> Channel:
    """The channel with every relative file name taken from ``folder``."""
    names = {f: getattr(channel, f) for f in channel.__struct_fields__ if f.endswith("_file")}
    return msgspec.structs.replace(channel, **{f: str(folder / name) for f, name in names.items() if name})
