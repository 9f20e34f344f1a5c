"""The console on one screen."""

from playwright.sync_api import Browser, Page

from support.browser import page_of
from support.gateway import DEAD, LIVE, SignedGateway, steady
from support.story import feed
from support.web import PASSWORD, Web


class Screen:
    """A page, and everything in it that went wrong."""

    def __init__(self, browser: Browser, web: Web, width: int, height: int) -> None:
        self.page = page_of(browser, width, height, "zh-CN")
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type in ("error", "warning") else None)
        self.web = web

    def log_in(self, role: str) -> Page:
        """Log in as a new account of a role, by the form."""
        self.web.user(role, role)
        self.page.goto(f"{self.web.url}/")
        self.page.fill("[name=name]", role)
        self.page.fill("[name=password]", PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/alerts")
        return self.page


def restart_on(web: Web, gateway: SignedGateway, start: float, point: str = "p1") -> None:
    """A dead line, then one that runs to this moment."""
    feed(web.engine, gateway, steady(DEAD, start=start, count=30, point=point), web.clock.now)
    feed(web.engine, gateway, steady(LIVE, start=start + 30, count=20, point=point), web.clock.now)
    web.hub.publish("alerts")
