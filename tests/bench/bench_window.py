"""How soon the evidence window of a restart is drawn: from asking for an alert's page to the last of its curves."""

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
from playwright.sync_api import Browser
from sqlalchemy import Engine

from stillcold_core.readings import Sample, Value
from stillcold_core.registry import Gateway, Line, Point, Registry, Site
from stillcold_server.api.guard import COOKIE
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store.database import write
from support.browser import page_of
from support.gateway import DEAD, LIVE, SignedGateway
from support.sealing import EXPONENTS
from support.story import feed
from support.web import Web

HOURS, OPENED = 6, 30
START = 1_800_000_000
RESTART = START + 3600 * HOURS - 120
_DRAWN = "() => document.querySelector('[data-chart]')?.dataset.drawn && performance.now()"


def minutes(point: str, begin: int, end: int) -> Iterator[list[Sample]]:
    """A line at rest that runs from :data:`RESTART` on, and its cooling water, each read once a second."""
    for minute in range(begin, end, 60):
        times = range(minute, minute + 60)
        yield [Sample(point, t, _values(point, t), t - START) for t in times]


def _values(point: str, t: int) -> dict[str, Value]:
    if point == "w1":
        return {"water_volume": 1204.5 + max(0, t - RESTART) / 1000}
    run = {"active_energy_import": 5_009_660_000.0 + 164 * (t - RESTART)} if t >= RESTART else {}
    return {**(LIVE if run else DEAD), **run}


def test_an_evidence_window(chromium: Browser, engine: Engine) -> None:
    """The 20 minutes around a restart of two points, after six hours of readings."""
    gateway = SignedGateway(exponents=EXPONENTS)
    plant = Registry(
        site=(Site("kc-017", "宽城铸造"),),
        line=(Line("f1", "kc-017", "1 t 中频炉", "sealed", 750e3, sealed_at=datetime(2026, 1, 1, tzinfo=UTC)),),
        gateway=(Gateway("gw-1", gateway.public_key, "kc-017"),),
        point=(Point("p1", "f1", "feeder", "gw-1"), Point("w1", "f1", "water", "gw-1")),
    )
    with write(engine) as connection:
        import_registry(connection, plant)
    end = START + 3600 * HOURS
    for point in ("p1", "w1"):
        envelopes = [("gw-1", gateway.batch(samples)) for samples in minutes(point, START, end - 600)]
        Writer(engine, Metrics()).take(envelopes, end * 1000)
    for samples in zip(minutes("p1", end - 600, end), minutes("w1", end - 600, end), strict=True):
        feed(engine, gateway, [*samples[0], *samples[1]], end * 1000)
    with Web(engine, end * 1000) as web:
        web.user("officer", "duty_officer")
        page = page_of(chromium, 1280, 800, "zh-CN")
        page.context.add_cookies([{"name": COOKIE, "value": web.token("officer"), "url": web.url}])
        page.goto(f"{web.url}/alerts")
        path = page.locator("article.incident a").first.get_attribute("href")
        drawn = []
        for _ in range(OPENED):
            page.goto(f"{web.url}{path}")
            drawn.append(page.wait_for_function(_DRAWN, polling=10).json_value())
    print(
        f"\nevidence window, opened {OPENED} times: first {drawn[0]:.0f} ms, then p50 {np.median(drawn[1:]):.0f} ms, "
        f"worst {max(drawn[1:]):.0f} ms"
    )
