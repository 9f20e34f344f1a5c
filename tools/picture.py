"""Take the documents' pictures of the console into ``docs/images`` while the demo's story goes through it."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from rich.console import Console as Screen

from stillcold_sim.demo import Stage, staged
from stillcold_sim.demo.console import USER

IMAGES = Path(__file__).parents[1] / "docs" / "images"
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
_UNTIL = 80.0  # s of the story: both restarts and all of the night have been found by then
_SCREEN: ViewportSize = {"width": 1280, "height": 800}
_MARGIN = 12  # px below the curves
_LANGUAGES = {"en": "", "zh": ".zh-CN"}


def main() -> None:
    """Play, wait for the restarts and the night, and take the pictures in both languages."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("The pictures need chromium: apt-get install chromium fonts-noto-cjk")
    IMAGES.mkdir(exist_ok=True)
    with staged("demo", Screen()) as stage, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        stage.watch(_UNTIL)
        stage.settle()
        for language, suffix in _LANGUAGES.items():
            _take(browser, stage, language, suffix)
        browser.close()


def _take(browser: Browser, stage: Stage, language: str, suffix: str) -> None:
    page = browser.new_context(viewport=_SCREEN, locale=language).new_page()
    _log_in(page, stage, language)
    page.screenshot(path=IMAGES / f"alerts{suffix}.png")
    furnace = next(a["id"] for a in stage.console.alerts() if a["kind"] == "furnace.induction")
    page.goto(f"{stage.console.url}/alerts/{furnace}")
    page.wait_for_selector("[data-drawn]")
    bottom = page.evaluate("document.querySelector('section:has(.curve)').getBoundingClientRect().bottom")
    page.set_viewport_size({"width": _SCREEN["width"], "height": round(bottom) + _MARGIN})
    page.screenshot(path=IMAGES / f"furnace{suffix}.png")


def _log_in(page: Page, stage: Stage, language: str) -> None:
    page.goto(stage.console.url)
    page.fill("[name=name]", USER)
    page.fill("[name=password]", stage.console.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/alerts")
    # The button offers the other language only.
    if page.locator(f"button[name=to][value={language}]").count():
        page.click(f"button[name=to][value={language}]")
    page.wait_for_selector(f"html[lang^={language}] article.incident")


if __name__ == "__main__":
    main()
