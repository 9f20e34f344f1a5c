"""Every page that the console has, in a real browser: whom it can be read by, and whom it asks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page
from sqlalchemy import Engine

from stillcold_server.console.navigation import GROUPS
from stillcold_server.store.database import open_database
from stillcold_server.store.migrate import prepare
from support.duty import CHANNELS
from support.shown import ACCOUNTS, enter, every_page, furnish
from support.story import NOW
from support.web import Web

_AXE = Path(__file__).parents[2] / "server" / "console" / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_CONTRAST = """async () => (await axe.run({runOnly: ['color-contrast']})).violations.flatMap(v =>
    v.nodes.map(n => `${v.id}: ${n.target} ${n.failureSummary}`))"""
_ALL = """async rules => (await axe.run({runOnly: rules})).violations.flatMap(v =>
    v.nodes.map(n => `${v.id}: ${n.target} ${n.failureSummary}`))"""

_COLUMNS = "found => getComputedStyle(document.querySelector(found)).gridTemplateColumns.split(' ').length"


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A console with something on every page."""
    engine: Engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('console') / 'server.db'}")
    prepare(engine)
    furnish(engine)
    with Web(engine, NOW, channels=CHANNELS) as web:
        yield web
    engine.dispose()


@pytest.mark.requirement("console.accessible")
@pytest.mark.requirement("console.local")
@pytest.mark.requirement("console.phone")
def test_every_page_can_be_read_by_everybody_and_asks_nobody_but_the_server(chromium: Browser, furnished: Web) -> None:
    """WCAG 2.2 AA after axe-core, also of the colours by night; nothing is wider than a phone or leaves the host."""
    axe, known, asked, wrong = _AXE.read_text(encoding="utf-8"), set[str](), set[str](), list[str]()
    for roles in ACCOUNTS:
        context = chromium.new_context(
            viewport={"width": 1280, "height": 800}, locale="zh-CN", color_scheme="light", reduced_motion="reduce"
        )
        page = context.new_page()
        page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        page.on("pageerror", _kept(wrong))
        enter(page, furnished, roles)
        for path in every_page(page, furnished.url, known):
            wrong += [f"{path} {said}" for said in _looked_at(page, axe)]
        context.close()
    assert wrong == []
    assert asked == {urlsplit(furnished.url).netloc}
    assert {entry.path for entries in GROUPS.values() for entry in entries} <= known


@pytest.mark.requirement("console.phone")
def test_a_week_of_duty_stands_side_by_side_and_on_a_phone_day_below_day(chromium: Browser, furnished: Web) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    enter(page, furnished, "district_lead")
    page.goto(furnished.url + "/duty")
    for width, columns in ((1280, 7), (390, 1)):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate(_COLUMNS, ".week") == columns
    page.context.close()


def _kept(wrong: list[str]) -> Callable[[Error], None]:
    return lambda error: wrong.append(str(error))


def _looked_at(page: Page, axe: str) -> Iterator[str]:
    page.evaluate(axe)
    yield from page.evaluate(_ALL, _RULES)
    page.emulate_media(color_scheme="dark")
    yield from (f"by night {said}" for said in page.evaluate(_CONTRAST))
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("() => document.documentElement.scrollWidth <= 390")  # curves follow a moment later
    page.set_viewport_size({"width": 1280, "height": 800})
