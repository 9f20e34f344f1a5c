"""From a configured channel to its sender."""

from collections.abc import Callable, Mapping
from typing import Any

from stillcold_server.alerts import channels
from stillcold_server.alerts.senders.aliyun import AliyunSms, AliyunVoice
from stillcold_server.alerts.senders.apprise_sender import AppriseSender
from stillcold_server.alerts.senders.base import Sender
from stillcold_server.alerts.senders.gateway import Gateway
from stillcold_server.alerts.senders.mail import Mail
from stillcold_server.alerts.senders.push import Push
from stillcold_server.alerts.senders.robots import DingtalkRobot, FeishuRobot, WecomRobot
from stillcold_server.alerts.senders.tencent import TencentSms
from stillcold_server.alerts.senders.webhook import WebhookSender
from stillcold_server.alerts.senders.wecom_app import WecomApp

_MAKERS: Mapping[type[channels.Channel], Callable[[Any], Sender]] = {
    channels.WebhookChannel: WebhookSender,
    channels.GatewayChannel: Gateway,
    channels.WecomRobotChannel: WecomRobot,
    channels.WecomAppChannel: WecomApp,
    channels.DingtalkChannel: DingtalkRobot,
    channels.FeishuChannel: FeishuRobot,
    channels.AliyunSmsChannel: AliyunSms,
    channels.AliyunVoiceChannel: AliyunVoice,
    channels.TencentSmsChannel: TencentSms,
    channels.MailChannel: Mail,
    channels.PushChannel: Push,
    channels.AppriseChannel: AppriseSender,
}


def make_sender(channel: channels.Channel) -> Sender:
    """The sender of a configured channel.

    Raises
    ------
    BadFile
        When a file it names is missing, or a setting is none that can be used.
    """
    return _MAKERS[type(channel)](channel)


def push_keys(senders: Mapping[str, Sender]) -> dict[str, str]:
    """Of the channels that reach a browser, the key that it subscribes to."""
    return {name: sender.public_key for name, sender in senders.items() if isinstance(sender, Push)}
