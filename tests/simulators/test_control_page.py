"""The control page in a real browser."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from support import Process, wait_for
from support.browser import page_of

SERVE = [sys.executable, "-c", "from stillcold_sim.cli import main; main()", "serve", "demo", "--stay", "--control=0"]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the demo's story is controlled."""
    folder = tmp_path_factory.mktemp("control")
    ports = folder / "ports.json"
    with Process([*SERVE, f"--ports-file={ports}"], folder / "log") as process:
        wait_for(ports.exists, what="the ports file")
        yield _control(ports)
        assert process.stop() == 0


def _control(ports: Path) -> str:
    return str(json.loads(ports.read_text(encoding="utf-8"))["control"])


def _open(browser: Browser, url: str, width: int, height: int, locale: str) -> tuple[Page, list[str]]:
    """A page that shows the meters, and everything in it that goes wrong or comes from elsewhere."""
    page = page_of(browser, width, height, locale)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.on("request", lambda r: None if r.url.startswith(url) else wrong.append(r.url))
    page.goto(url)
    expect(page.locator("#meters tbody tr")).to_have_count(6)
    return page, wrong


@pytest.mark.requirement("sim.control.page")
def test_a_load_and_a_fault_are_switched_on_the_page(chromium: Browser, url: str) -> None:
    """Time is held, moved on, and what was begun is ended again."""
    page, wrong = _open(chromium, url, 1280, 800, "en-US")
    page.click("#pause")
    expect(page.locator("#pause")).to_have_text("Go on")
    meter = page.locator("tr[data-meter=e]")
    meter.locator("[data-what=stop]").click()
    page.click("[data-skip='10']")
    expect(meter.locator(".power")).to_have_text("0.0 W")
    expect(meter).to_contain_text("voltage, no load")
    meter.locator("[data-what=more]").click()
    page.select_option("#fault [name=what]", "exception")
    page.fill("#fault [name=code]", "0")
    page.click("#fault [type=submit]")
    expect(page.locator("#wrong")).to_contain_text("Expected `int` >= 1")
    page.fill("#fault [name=code]", "6")
    page.click("#fault [type=submit]")
    expect(meter).to_contain_text("no answer")
    expect(page.locator("#hand li")).to_have_count(2)
    for _ in range(2):
        page.locator("#hand button").first.click()
    expect(page.locator("#hand")).to_have_text("nothing")
    page.click("[data-skip='10']")
    expect(meter).to_contain_text("running")
    expect(meter.locator(".power")).to_contain_text("kW")
    expect(page.locator("#events")).to_contain_text("by hand")
    page.click("#pause")
    # The browser's own word about the answer 422.
    assert [w for w in wrong if "422" not in w] == []


@pytest.mark.requirement("sim.control.page")
def test_every_kind_can_be_begun_on_the_page(chromium: Browser, url: str) -> None:
    """With its own fields as they stand there; a value that is shown needs a quantity, too."""
    page, wrong = _open(chromium, url, 1280, 800, "en-US")
    kinds = page.eval_on_selector_all("#fault [name=what] option", "all => all.map(o => o.value)")
    assert {"silence", "reboot", "ct_bypass", "ratio_changed", "set"} < set(kinds)
    not_here = {"bad_crc": "no checksum"}
    for kind in kinds:
        page.locator("tr[data-meter=a] [data-what=more]").click()
        page.select_option("#fault [name=what]", kind)
        page.fill("#fault [name=for]", "" if kind == "rollback" else "1")
        page.click("#fault [type=submit]")
        if kind in not_here:
            expect(page.locator("#wrong")).to_contain_text(not_here[kind])
            page.click("#close")
        expect(page.locator("#detail")).to_be_hidden()
        page.click("[data-skip='10']")
    assert [w for w in wrong if "422" not in w] == []


@pytest.mark.requirement("sim.control.page")
def test_the_page_speaks_chinese_and_fits_a_phone(chromium: Browser, url: str) -> None:
    """By the browser's language, and by a button."""
    page, wrong = _open(chromium, url, 390, 844, "zh-CN")
    expect(page.locator("#h-meters")).to_have_text("电表")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    heights = page.eval_on_selector_all("button", "all => all.map(b => b.getBoundingClientRect().height)")
    assert min(h for h in heights if h) >= 40
    page.click("#language")
    expect(page.locator("#h-meters")).to_have_text("Meters")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert wrong == []


@pytest.mark.requirement("sim.control.page")
def test_the_page_says_when_the_simulator_is_gone(chromium: Browser, tmp_path: Path) -> None:
    """Instead of showing old values as if they were new."""
    ports = tmp_path / "ports.json"
    with Process([*SERVE, f"--ports-file={ports}"], tmp_path / "log") as process:
        wait_for(ports.exists, what="the ports file")
        page, _ = _open(chromium, _control(ports), 1280, 800, "en-US")
        expect(page.locator("#lost")).to_be_hidden()
        assert process.stop() == 0
        expect(page.locator("#lost")).to_have_text("The simulator does not answer; it may have ended.")
