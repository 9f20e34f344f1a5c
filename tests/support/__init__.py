"""Real parts that tests start for themselves: broker, Influx-protocol database, mail and web-hook receivers, a CA."""

from support.authority import Authority
from support.mail import MailServer
from support.mosquitto import Mosquitto
from support.ports import free_port
from support.process import Process, require_program
from support.victoria import VictoriaMetrics
from support.waiting import wait_for, wait_for_async
from support.webhook import WebhookReceiver

__all__ = [
    "Authority",
    "MailServer",
    "Mosquitto",
    "Process",
    "VictoriaMetrics",
    "WebhookReceiver",
    "free_port",
    "require_program",
    "wait_for",
    "wait_for_async",
]
