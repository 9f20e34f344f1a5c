"""Take a picture of every page of the console, in both languages and on two screens, and an index of them."""

import html
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize

from stillcold_server.language.texts import LANGUAGES
from stillcold_server.store.database import open_database
from stillcold_server.store.migrate import prepare
from support.browser import browser
from support.duty import CHANNELS
from support.shown import ACCOUNTS, enter, every_page, form_of, furnish
from support.story import NOW
from support.web import Web

_SCREENS: dict[str, ViewportSize] = {"wide": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


def main(folder: Path) -> None:
    """Serve a furnished console and take everything that each account can open and those before it could not."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        engine = open_database(f"sqlite:///{temporary}/server.db")
        prepare(engine)
        furnish(engine)
        with Web(engine, NOW, channels=CHANNELS) as web, browser() as chromium:
            names = _take_all(chromium, web, folder)
        engine.dispose()
    (folder / "index.html").write_text(_index(names), encoding="utf-8")
    print(f"{len(names)} pages: {folder / 'index.html'}")


def _take_all(chromium: Browser, web: Web, folder: Path) -> list[str]:
    known: set[str] = set()
    names = []
    for roles in ACCOUNTS:
        page = chromium.new_context(locale="zh-CN", color_scheme="light").new_page()
        enter(page, web, roles)
        for path in every_page(page, web.url, known):
            name = re.sub(r"[^a-z]+", "-", form_of(path).replace("…", "one")).strip("-")
            for language, screen in _looks(page):
                page.goto(web.url + path)
                _settle(page, screen)
                page.screenshot(path=folder / f"{name}.{language}.{screen}.png", full_page=True)
            names.append(name)
        page.context.close()
    return names


def _looks(page: Page) -> Iterator[tuple[str, str]]:
    for language in LANGUAGES:
        if page.locator(f"button[name=to][value={language}]").count():
            page.evaluate(f"document.querySelector('button[name=to][value={language}]').click()")
            page.wait_for_selector(f"html[lang^={language}]", state="attached")
        for screen, size in _SCREENS.items():
            page.set_viewport_size(size)
            yield language, screen


def _settle(page: Page, screen: str) -> None:
    """Wait for the curves, and make the window as long as the page: what keeps to its edges keeps to the page's."""
    for chart in page.locator("[data-chart]").all():
        chart.and_(page.locator("[data-drawn]")).wait_for()
    size = _SCREENS[screen]
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": max(size["height"], height)})


def _index(names: list[str]) -> str:
    rows = "".join(
        f"<h2>{html.escape(name)}</h2><p>"
        + "".join(
            f'<a href="{name}.{language}.{screen}.png"><img loading="lazy" height="400" alt="{language} {screen}" '
            f'src="{name}.{language}.{screen}.png"></a> '
            for language in LANGUAGES
            for screen in _SCREENS
        )
        + "</p>"
        for name in names
    )
    return f"<!doctype html><meta charset=utf-8><title>Stillcold: every page</title>{rows}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
