"""A real browser."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect, sync_playwright

from support.process import require_program
from support.waiting import LONG

_WAIT = 1000 * LONG  # ms
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip

expect.set_options(timeout=_WAIT)


@contextmanager
def browser() -> Iterator[Browser]:
    """Run one; skips the test where there is none."""
    program = require_program("chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS, timeout=_WAIT)
        yield running
        running.close()


def page_of(browser: Browser, width: int, height: int, locale: str) -> Page:
    """A new page in a context of its own."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale=locale)
    context.set_default_timeout(_WAIT)
    return context.new_page()
