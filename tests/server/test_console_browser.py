"""The console in a real browser: live updates, curves, a phone's width."""

import re
import time

import pytest
from playwright.sync_api import Browser, Route, expect
from sqlalchemy import Engine

from stillcold_server.store import schema
from stillcold_server.store.database import write
from support.gateway import SignedGateway
from support.screen import Screen, restart_on
from support.web import Web


@pytest.mark.requirement("console.live")
def test_an_alert_appears_by_itself_and_a_note_stays_while_it_is_written(
    screen: Screen, web: Web, gateway: SignedGateway
) -> None:
    """Then one click acknowledges, on every screen."""
    web.clock.now = int(time.time() * 1000)
    page = screen.log_in("duty_officer")
    expect(page.locator("#bar")).to_contain_text("无待确认告警")
    second = page.context.new_page()
    second.goto(f"{web.url}/lines")
    restart_on(web, gateway, web.clock.now / 1000 - 60)
    expect(page.locator("#bar")).to_contain_text("严重 1")
    expect(second.locator("#bar")).to_contain_text("严重 1")
    expect(second.locator("tr.sealed")).to_contain_text("在运行")
    note = page.locator("form.acknowledge input")
    note.fill("已通知")
    web.hub.publish("alerts")
    with page.expect_response(lambda r: r.url.endswith("/alerts") and r.request.method == "GET"):
        web.hub.publish("lines")
    expect(note).to_have_value("已通知")
    expect(note).to_be_focused()
    page.click("form.acknowledge button")
    expect(page.locator("#bar")).to_contain_text("无待确认告警")
    expect(second.locator("#bar")).to_contain_text("无待确认告警")
    expect(page.locator("article.incident")).to_contain_text("officer")
    assert page.url.endswith("/alerts")


@pytest.mark.requirement("console.live")
def test_what_happens_while_a_page_asks_anew_is_shown_too(screen: Screen, web: Web, gateway: SignedGateway) -> None:
    """An answer on its way says how things stood before."""
    web.clock.now = int(time.time() * 1000)
    page = screen.log_in("duty_officer")
    expect(page.locator("#bar")).to_contain_text("无待确认告警")

    page.evaluate("window.heard = 0; document.body.addEventListener('stillcold:changed', () => heard++)")
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        route.continue_() if held else held.append(route)

    page.route("**/alerts", hold_the_first)
    web.hub.publish("alerts")
    while not held:
        page.wait_for_timeout(20)
    answer, before = held[0].fetch(), page.evaluate("heard")
    restart_on(web, gateway, web.clock.now / 1000 - 60)
    page.wait_for_function("before => heard > before", arg=before)
    held[0].fulfill(response=answer)
    expect(page.locator("#bar")).to_contain_text("严重 1")


@pytest.mark.requirement("console.curve")
def test_the_curve_around_the_event_is_drawn_and_lives_through_updates(
    screen: Screen, web: Web, gateway: SignedGateway
) -> None:
    """With samples before and after the event, and ages that go on."""
    web.clock.now = int(time.time() * 1000)
    restart_on(web, gateway, web.clock.now / 1000 - 60)
    page = screen.log_in("duty_officer")
    page.click("article.incident h3 a")
    chart = page.locator("[data-chart]")
    expect(chart).to_have_attribute("data-drawn", "50")
    inked = page.evaluate(
        """() => { const c = document.querySelector('[data-chart] canvas');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i] > 0) n++; return n; }"""
    )
    assert inked > 5000
    age = page.locator("time[data-ago]").first
    before = age.inner_text()
    expect(age).not_to_have_text(before)
    page.evaluate("document.querySelector('[data-chart]').marked = true")
    with page.expect_response(lambda r: "/alerts/" in r.url):
        web.hub.publish("alerts")
    page.wait_for_function("() => document.querySelector('[data-chart]').marked === true")
    expect(page.locator("[data-chart] canvas")).to_be_visible()


@pytest.mark.requirement("console.says-when-stale")
def test_a_console_that_cannot_hear_says_so_and_catches_up(
    screen: Screen, web: Web, gateway: SignedGateway, engine: Engine
) -> None:
    """What happened while the server was away is there without a click; an ended session leads to the login."""
    web.clock.now = int(time.time() * 1000)
    page = screen.log_in("duty_officer")
    lost = page.locator("#lost")
    expect(lost).to_be_hidden()
    with page.expect_response(lambda r: r.url.endswith("/alerts")):
        web.hub.publish("alerts")  # the stream is open when this arrives
    web.stop()
    expect(lost).to_have_text(re.compile(r"^自 \d\d:\d\d:\d\d 起与服务器失去联系"))
    with Web(engine, web.clock.now, web.port) as again:
        restart_on(again, gateway, again.clock.now / 1000 - 60)
        expect(lost).to_be_hidden()
        expect(page.locator("#bar")).to_contain_text("严重 1")
        with write(engine) as connection:
            connection.execute(schema.session.delete())
        again.hub.publish("alerts")
        page.wait_for_url("**/login?next=%2Falerts")
        page.goto("about:blank")  # nothing asks any more when this server ends too
    screen.wrong.clear()  # the browser's own words about the lost network


@pytest.mark.requirement("console.phone")
def test_on_a_phone_the_button_is_within_reach(chromium: Browser, restarted: Web) -> None:
    """The button to acknowledge is in the first screenful and large enough, and the curves fit."""
    screen = Screen(chromium, restarted, 390, 844)
    page = screen.log_in("duty_officer")
    # In one step: an update may put the button in anew at any moment.
    button = page.evaluate("document.querySelector('form.acknowledge button').getBoundingClientRect().toJSON()")
    assert button["y"] + button["height"] <= 844
    assert button["height"] >= 48
    assert button["width"] >= 300
    page.click("article.incident h3 a")
    page.wait_for_selector("[data-drawn]")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert screen.wrong == []
    screen.page.context.close()
