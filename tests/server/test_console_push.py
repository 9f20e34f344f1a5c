"""Notifications in a real browser: the button, the worker, what a push service would bring."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine, select

from stillcold_core.registry import Registry
from stillcold_server.duty.reach import Channels
from stillcold_server.store.database import read
from stillcold_server.store.schema import contact
from support import wait_for
from support.screen import Screen
from support.story import NOW
from support.web import Web

KEY = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SUBSCRIPTION = {
    "endpoint": "https://push.example.org/send/1",
    "keys": {"p256dh": KEY, "auth": "BTBZMqHH6r4Tts7J_aSIgg"},
}
# The maker's push service is not to be reached from a test: what it would answer stands in for it.
STAND_IN = f"""PushManager.prototype.subscribe = async function (options) {{
    if (options.applicationServerKey !== "{KEY}" || !options.userVisibleOnly) throw new Error("options");
    return {{ toJSON: () => ({json.dumps(SUBSCRIPTION)}) }};
}}"""
SHOWN = """async () => {
    const registration = await navigator.serviceWorker.getRegistration("/static/");
    return (await registration.getNotifications()).map((n) => [n.title, n.body, n.tag, n.data]);
}"""


@pytest.fixture
def web(engine: Engine, plant: Registry) -> Iterator[Web]:
    with Web(engine, NOW, channels=Channels((), ("browser",), {"browser": KEY})) as web:
        yield web


@pytest.mark.requirement("console.push")
def test_an_officer_switches_notifications_on_and_sees_what_is_pushed(chromium: Browser, web: Web) -> None:
    screen = Screen(chromium, web, 390, 844)
    page = screen.log_in("duty_officer")
    page.context.grant_permissions(["notifications"], origin=web.url)
    page.add_init_script(STAND_IN)
    page.goto(f"{web.url}/contacts")
    page.get_by_role("button", name="在本浏览器接收通知").click()
    page.get_by_text("浏览器通知（push.example.org）").wait_for()
    with read(web.engine) as connection:
        (row,) = connection.execute(select(contact)).all()
    assert (row.user, row.channel, json.loads(row.address)) == ("duty_officer", "browser", [SUBSCRIPTION])
    browser = page.context.new_cdp_session(page)
    registrations: list[str] = []
    browser.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registrations.extend(r["registrationId"] for r in event["registrations"]),
    )
    browser.send("ServiceWorker.enable")
    wait_for(lambda: page.evaluate("1") and bool(registrations))
    pushed = {"id": "a1", "title": "宽城铸造：复产", "body": "测得有功功率 9 kW。", "url": "/alerts/a1"}
    browser.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": web.url, "registrationId": registrations[0], "data": json.dumps(pushed)},
    )
    wait_for(lambda: page.evaluate(SHOWN) == [["宽城铸造：复产", "测得有功功率 9 kW。", "a1", "/alerts/a1"]])
    assert screen.wrong == []
    page.context.close()
