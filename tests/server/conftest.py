"""A database with one plant in it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine

from stillcold_core.evidence.bundle.trust import trust_text
from stillcold_core.registry import District, Enterprise, Gateway, Line, Permit, Point, Registry, Site
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store.database import write
from support.evidence import House
from support.gateway import SignedGateway
from support.messages import Files
from support.screen import Screen
from support.story import NOW, feed, restart_story
from support.web import Web


@pytest.fixture
def gateway() -> SignedGateway:
    """A gateway that the ledger of ``plant`` knows."""
    return SignedGateway()


@pytest.fixture
def plant(engine: Engine, gateway: SignedGateway) -> Registry:
    """One site with a sealed and a permitted line, imported."""
    sealed = datetime(2026, 1, 1, tzinfo=UTC)
    registry = Registry(
        district=(District("kuancheng", "宽城区"),),
        enterprise=(Enterprise("kc-foundry", "宽城铸造有限公司", "91220103MA0Y1L2T6X", "李", "0431-5550017"),),
        site=(Site("kc-017", "宽城铸造", "宽城区 1 号", 125.3, 43.9, "kuancheng", "kc-foundry"),),
        line=(
            Line("f1", "kc-017", "1 t 中频炉", "sealed", 750e3, sealed_at=sealed, measures=("power_cut", "sealed")),
            Line("mill", "kc-017", "轧机", "permitted", 400e3),
        ),
        gateway=(Gateway("gw-1", gateway.public_key, "kc-017"),),
        point=(Point("p1", "f1", "feeder", "gw-1"), Point("p2", "mill", "feeder", "gw-1")),
        permit=(Permit("f1", datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 3, 2, tzinfo=UTC), "拆除", "发改"),),
    )
    with write(engine) as connection:
        import_registry(connection, registry)
    return registry


@pytest.fixture
def house(engine: Engine, plant: Registry, tmp_path: Path) -> House:
    """A server over ``plant`` with the key of a log; ``roots.json`` beside it trusts that, and no authority."""
    house = House.over(engine, tmp_path)
    (tmp_path / "roots.json").write_text(trust_text([], house.signer.public))
    return house


@pytest.fixture
def web(engine: Engine, plant: Registry) -> Iterator[Web]:
    """The served application over ``plant``, its clock at :data:`NOW`."""
    with Web(engine, NOW) as web:
        yield web


@pytest.fixture
def restarted(web: Web, gateway: SignedGateway) -> Web:
    """The served application after a restart on line f1."""
    feed(web.engine, gateway, restart_story())
    return web


@pytest.fixture
def screen(chromium: Browser, web: Web) -> Iterator[Screen]:
    """A desktop's page over the plant, without alerts; nothing may go wrong in it."""
    screen = Screen(chromium, web, 1280, 800)
    yield screen
    screen.page.context.close()
    assert screen.wrong == []


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Where a test writes secrets for a channel."""
    return Files(tmp_path)
