"""The parts that other tests lean on do what they say."""

import smtplib
import threading
import urllib.error
import urllib.request
from email.message import EmailMessage

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from support import MailServer, Mosquitto, VictoriaMetrics, WebhookReceiver, wait_for
from support.waiting import LONG


def test_mosquitto_passes_a_message_and_comes_back_after_a_kill_and_a_restart(mosquitto: Mosquitto) -> None:
    """The same port serves again."""
    assert _echo(mosquitto.port) == b"hello"
    mosquitto.restart()
    assert _echo(mosquitto.port) == b"hello"
    mosquitto.kill()
    mosquitto.start()
    assert _echo(mosquitto.port) == b"hello"


def _echo(port: int) -> bytes:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    got: list[bytes] = []
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _client, _data, message: got.append(bytes(message.payload))
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe("a", 1)
    assert subscribed.wait(LONG)
    client.publish("a", b"hello", 1)
    wait_for(lambda: got)
    client.disconnect()
    client.loop_stop()
    return got[0]


def test_victoria_metrics_gives_back_what_was_written(victoria_metrics: VictoriaMetrics) -> None:
    """Through the same path that influxdb-client uses."""
    line = b"stillcold,point=p1 active_power=7 1700000000000"
    url = victoria_metrics.url + "/api/v2/write?precision=ms"
    with urllib.request.urlopen(urllib.request.Request(url, line), timeout=10) as answer:
        assert answer.status == 204
    series = wait_for(victoria_metrics.export)
    assert series[0]["metric"] == {"__name__": "stillcold_active_power", "point": "p1"}
    assert (series[0]["values"], series[0]["timestamps"]) == ([7], [1_700_000_000_000])


def test_the_web_hook_remembers_and_fails_on_demand(webhook: WebhookReceiver) -> None:
    """A refused request is remembered too."""
    webhook.fail_next(1, status=500)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(webhook.url, b'{"a": 1}', timeout=10)
    refused.value.close()
    with urllib.request.urlopen(webhook.url, b'{"a": 2}', timeout=10) as answer:
        assert answer.status == 200
    assert [r.json for r in webhook.wait_for(2)] == [{"a": 1}, {"a": 2}]


def test_the_mail_server_keeps_and_refuses(mail_server: MailServer) -> None:
    """A refusal is a temporary error for the sender."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", "封停"
    message.set_content("line is live")
    with smtplib.SMTP("127.0.0.1", mail_server.port, timeout=10) as client:
        client.send_message(message)
        mail_server.refusal = "451 try later"
        with pytest.raises(smtplib.SMTPDataError):
            client.send_message(message)
    assert [m["Subject"] for m in mail_server.wait_for(1)] == ["封停"]
