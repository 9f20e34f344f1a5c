"""Fixtures for every room."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine

from stillcold_server.store.database import open_database
from stillcold_server.store.migrate import prepare
from support import Authority, MailServer, Mosquitto, VictoriaMetrics, WebhookReceiver
from support.alone import turn
from support.browser import browser
from support.postgres import DIALECTS, fresh_database, running_server


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what touches the store on both databases, where the module says so."""
    if getattr(metafunc.module, "BOTH_DATABASES", False) and "dialect" in metafunc.fixturenames:
        metafunc.parametrize("dialect", DIALECTS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that none is left to one process at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def taken_turn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests of other processes away from those marked ``alone``."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with turn(shared, alone=request.node.get_closest_marker("alone") is not None):
        yield


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser."""
    with browser() as running:
        yield running


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running broker that lets everybody in."""
    with Mosquitto(tmp_path / "mosquitto") as broker:
        yield broker


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A certificate authority."""
    return Authority(tmp_path / "authority")


@pytest.fixture
def mosquitto_tls(tmp_path: Path, authority: Authority) -> Iterator[Mosquitto]:
    """A running broker with the production configuration; ``authority`` issues its clients' certificates."""
    with Mosquitto.production(tmp_path / "mosquitto-tls", authority) as broker:
        yield broker


@pytest.fixture
def victoria_metrics(tmp_path: Path) -> Iterator[VictoriaMetrics]:
    """A running server for the Influx protocol."""
    with VictoriaMetrics(tmp_path / "victoria-metrics") as database:
        yield database


@pytest.fixture
def webhook() -> Iterator[WebhookReceiver]:
    """A running web-hook receiver."""
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A running mail server."""
    with MailServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server."""
    with running_server() as url:
        yield url


@pytest.fixture
def dialect() -> str:
    """The kind of database that ``engine`` is; in a module that says ``BOTH_DATABASES = True``, one and the other."""
    return os.environ.get("STILLCOLD_TEST_DATABASE", DIALECTS[0])


@pytest.fixture(scope="session")
def prepared_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with all tables, which is to be copied: every migration takes its time."""
    file = tmp_path_factory.mktemp("prepared") / "server.db"
    engine = open_database(f"sqlite:///{file}")
    prepare(engine)
    engine.dispose()
    return file


@pytest.fixture
def engine(dialect: str, request: pytest.FixtureRequest, tmp_path: Path, prepared_file: Path) -> Iterator[Engine]:
    """An empty database with all tables."""
    with contextlib.ExitStack() as stack:
        if dialect == "postgresql":
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgres")))
        else:
            file = tmp_path / "server.db"
            shutil.copyfile(prepared_file, file)
            url = f"sqlite:///{file}"
        engine = open_database(url)
        stack.callback(engine.dispose)
        yield engine
