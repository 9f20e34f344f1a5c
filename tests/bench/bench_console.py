"""Fifty consoles open at one server: what each costs it, how soon it is painted, how soon an alert is on its screen."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page

from stillcold_server.api.guard import COOKIE

SESSIONS, ALERTS = 50, 10
_PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
_WATCH = """() => { window.seen = [];
    window.last = document.getElementById('bar').dataset.newest; new MutationObserver(() => {
    const newest = document.getElementById('bar').dataset.newest;
    if (newest !== window.last) { window.last = newest; seen.push(Date.now() / 1000); } })
    .observe(document.body, {subtree: true, childList: true, attributes: true}); }"""


def test_fifty_sessions(chromium: Browser) -> None:
    """Real pages in contexts of their own, so that none shares another's stream."""
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("console_server.py")), str(SESSIONS)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "tests"},
    ) as server:  # fmt: skip
        assert server.stdin is not None
        assert server.stdout is not None
        url, *tokens = server.stdout.readline().split()
        pages = [_opened(chromium, url, tokens[0])]  # what the first one loads is loaded once
        before = _resident(server.pid)
        pages += [_opened(chromium, url, token) for token in tokens[1:]]
        painted = [p for page in pages if (p := page.evaluate(_PAINTED)) is not None]
        for page in pages:
            page.evaluate(_WATCH)
        raised = []
        for i in range(ALERTS):
            print("alert", file=server.stdin, flush=True)
            raised.append(float(server.stdout.readline()))
            for page in pages:
                page.wait_for_function("count => seen.length >= count", arg=i + 1)
        delays = [seen - at for page in pages for seen, at in zip(page.evaluate("seen"), raised, strict=True)]
        grown = _resident(server.pid) - before
        server.stdin.close()
    print(
        f"\n{SESSIONS} sessions: {grown / (SESSIONS - 1) / 1024:.0f} KiB a session at the server; first paint p50 "
        f"{np.median(painted):.0f} ms, p99 {np.percentile(painted, 99):.0f} ms; alert on screen p50 "
        f"{np.median(delays):.2f} s, p99 {np.percentile(delays, 99):.2f} s"
    )


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _opened(chromium: Browser, url: str, token: str) -> Page:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": COOKIE, "value": token, "url": url}])
    page = context.new_page()
    page.goto(f"{url}/alerts")
    page.wait_for_selector("#lost", state="hidden")
    return page
