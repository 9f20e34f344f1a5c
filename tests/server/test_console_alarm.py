"""The alarm bar, its sound and the keys, in a real browser."""

import time

import pytest
from playwright.sync_api import Page, expect

from support.alerts import found, raise_alert
from support.gateway import SignedGateway
from support.screen import Screen, restart_on
from support.web import Web


def _plays(page: Page, pattern: str) -> None:
    expect(page.locator("#sound")).to_have_attribute("data-playing", pattern)


@pytest.mark.requirement("console.bar")
@pytest.mark.requirement("console.sound")
def test_an_alarm_sounds_in_one_tab_until_it_is_acknowledged(screen: Screen, web: Web, gateway: SignedGateway) -> None:
    """Silence ends with the next alarm; the bar names the gravest on every page."""
    web.clock.now = int(time.time() * 1000)
    page = screen.log_in("duty_officer")
    _plays(page, "")
    restart_on(web, gateway, web.clock.now / 1000 - 60)
    _plays(page, "critical")
    second = page.context.new_page()
    second.goto(f"{web.url}/system")
    expect(second.locator("#bar .first")).to_contain_text("宽城铸造 · 1 t 中频炉")
    expect(second.locator("#bar .first")).to_contain_text("功率")  # what opened the incident, as the list says
    expect(second).to_have_title("(1) 系统 · 封停哨")
    second.click("h1")
    expect(second.locator("#sound")).to_have_attribute("data-state", "on")
    _plays(second, "")
    page.click("#sound")
    _plays(page, "")
    expect(second.locator("#sound")).to_have_attribute("data-state", "silent")
    raise_alert(web.engine, [], web.clock.now + 1000, found(line="mill", point="p2", severity="warning"))
    web.hub.publish("alerts")
    _plays(page, "critical")


@pytest.mark.requirement("console.keys")
@pytest.mark.requirement("console.entering")
def test_an_officer_acknowledges_by_keys(screen: Screen, web: Web, gateway: SignedGateway) -> None:
    """Past the menu, and only what he has gone to; with the keys switched off nothing happens."""
    web.clock.now = int(time.time() * 1000)
    restart_on(web, gateway, web.clock.now / 1000 - 60)
    page = screen.log_in("duty_officer")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("?")
    page.locator("#keys input").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.locator("article.incident h3 a")).not_to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_hidden()
    page.evaluate("localStorage.setItem('stillcold.keys', 'on')")
    page.keyboard.press("j")
    expect(page.locator("article.incident h3 a")).to_be_focused()
    page.keyboard.press("a")
    expect(page.locator("#bar")).to_contain_text("无待确认告警")
    _plays(page, "")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/alerts/**")
    page.keyboard.press("s")
    expect(page.locator("details[data-key=s] [name=reason]")).to_be_focused()
    page.keyboard.type("tested")
    raise_alert(web.engine, [], web.clock.now + 1000, found(line="mill", point="p2", severity="warning"))
    web.hub.publish("alerts")
    expect(page.locator("#bar")).not_to_contain_text("无待确认告警")
    expect(page.locator("details[data-key=s] [name=reason]")).to_be_focused()
    expect(page.locator("details[data-key=s] [name=reason]")).to_have_value("tested")
