"""A console with something of everything on its pages, and every page that it has."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Page
from sqlalchemy import Connection, Engine, update

from stillcold_core.contract.messages import Status
from stillcold_core.contract.report import BusReport, GatewayReport
from stillcold_core.detect.findings import Finding
from stillcold_core.readings import Absence, Sample, Value
from stillcold_core.registry import (
    District,
    Enterprise,
    Gateway,
    Identification,
    Line,
    Measure,
    Meter,
    Permit,
    Point,
    Registry,
    Seal,
    Site,
)
from stillcold_server.alerts.lifecycle import acknowledge
from stillcold_server.alerts.pipeline import take
from stillcold_server.api.guard import COOKIE
from stillcold_server.days import DAY, day_of
from stillcold_server.duty.contacts import save_contact
from stillcold_server.duty.escalation import page_by
from stillcold_server.ingest.status import note_status
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store.database import write
from stillcold_server.store.schema import contact
from stillcold_server.verification import procedure
from stillcold_server.verification.attestation import attest_day
from support.duty import CHANNELS, plan, work
from support.found import EVIDENCE, HEATS
from support.gateway import DEAD, EXPONENTS, SignedGateway, steady
from support.sealing import MINUTE, office_key
from support.story import HOOK, NOW, START, feed, restart_story
from support.web import Web

ACCOUNTS = ("duty_officer+inspector+bureau_energy+district_lead+system_admin", "security_admin", "audit_admin")
"""Who together sees everything; administrators are apart."""
_HOUR = 3600.0
_ID = re.compile(r"/(lines|alerts|incidents|enterprises|statements|check|handovers|rosters)/[^/]+")
_DIGEST = re.compile(r"/[0-9a-f]{64}")


def furnish(engine: Engine) -> None:
    """Three plants at :data:`NOW`: a restart, a melting furnace, a bypassed meter, a silent gateway, a quiet line."""
    gateway, silent = SignedGateway(), SignedGateway("gw-2")
    gateway.exponents = {**EXPONENTS, "water_volume": -3, "seal_closed": 0, "breaker_closed": 0}
    with write(engine) as connection:
        import_registry(connection, _registry(gateway, silent))
    feed(engine, gateway, _restart())
    feed(engine, gateway, [*_melting(), *steady(DEAD, start=START + 190, count=30, point="p4")])
    feed(engine, gateway, steady({"water_volume": 12.345}, start=START + 190, count=3, point="w1"))
    feed(engine, gateway, steady({"seal_closed": 1.0, "breaker_closed": 0.0}, start=START + 190, count=3, point="s1"))
    feed(engine, silent, steady(DEAD, start=START - 3600, count=60, point="p3"))
    with write(engine) as connection:
        _further(connection)
        _state(connection)
        plan(connection, NOW)
        work(connection, NOW)


def _restart() -> list[Sample]:
    """A meter that does not answer for a while before the line runs."""
    mute: dict[str, Value] = dict.fromkeys(DEAD, Absence.TIMEOUT)
    return [Sample(s.point, s.time, mute, s.monotonic) if 20 <= i < 38 else s for i, s in enumerate(restart_story())]


def _melting() -> list[Sample]:
    """The feeder of a mill under which the furnace of :data:`HEATS` melts, once a minute for eight hours."""
    began, energy, found = START - 19 * _HOUR, 8e8, []
    for minute in range(480):
        heat = any(first <= minute < last for first, last in ((62, 152), (161, 252), (264, 355)))
        power = 52e3 + 3e3 * (minute % 7) + (380e3 if heat else 0.0)
        energy += power / 60
        amps = power / 229 / 3
        values: dict[str, Value] = {
            **{f"voltage_l{i}": 229.0 + i for i in (1, 2, 3)},
            **{f"current_l{i}": round(amps + i, 2) for i in (1, 2, 3)},
            "active_power": round(power), "active_energy_import": round(energy),
        }  # fmt: skip
        found.append(Sample("p2", began + 60 * minute, values, 60.0 * minute))
    return found


def _further(connection: Connection) -> None:
    """Alerts of other kinds and states, and what a gateway said of itself."""
    began = START - 17.97 * _HOUR
    for kind, line, point, evidence in (
        ("furnace.induction", "mill", "p2", HEATS),
        ("tamper.ct", "press", "p5", EVIDENCE["tamper.ct"][0]),
        ("tamper.clock", "f3", "p4", EVIDENCE["tamper.clock"][0]),
    ):
        finding = Finding(kind, "critical" if kind.startswith("f") else "warning", "kc-017", line, point, began,
                          began + 5400, "its reason", evidence)  # fmt: skip
        take(connection, finding, NOW - 60_000, page_by(HOOK))
        if line == "press":
            acknowledge(connection, finding.id, actor="officer", note="已派人到场", now=NOW - 30_000)
    buses = (BusReport("cabinet", 4, 1, True), BusReport("hall", 1, 1, False))
    report = GatewayReport(
        datetime(2026, 1, 1, tzinfo=UTC), 5, 2, False, waiting=12, buses=buses, counts={"sent_again": 2}
    )
    note_status(connection, "gw-1", Status("online", "0.1.0", report=report), NOW)
    note_status(connection, "gw-2", Status("offline"), NOW - 3_500_000)


def _state(connection: Connection) -> None:
    """A day and a sealing that are stated, and an observation that runs."""
    with TemporaryDirectory() as folder:
        signer = office_key(Path(folder))
        attest_day(connection, signer, "f1", day_of(NOW), NOW + DAY)
        number = procedure.start(connection, "f1", 5, None, "zhang", round(1000 * START))
        procedure.decide(connection, signer, number, "zhang", NOW + 15 * MINUTE)
    procedure.start(connection, "f1", 30, None, "zhang", NOW - 90_000)


def _registry(gateway: SignedGateway, silent: SignedGateway) -> Registry:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    measures, until = get_args(Measure), date(2027, 6, 30)
    return Registry(
        site=(
            Site("kc-017", "宽城铸造厂", "长春市宽城区某路 17 号", 125.3, 43.9, "kuancheng", "kc-foundry"),
            Site("kc-018", "东风钢管厂", "长春市宽城区兰家镇某某工业集中区三号路与七号路交会处 18 号", 125.31, 43.92),
        ),
        line=(
            Line("f1", "kc-017", "1 t 中频炉", "sealed", 750e3, sealed_at=at, measures=measures, dismantle_by=until),
            Line("mill", "kc-017", "轧机", "permitted", 400e3, stage="rectifying"),
            Line("press", "kc-017", "锻压机", "permitted", 400e3),
            Line("f2", "kc-018", "3 t 工频炉", "sealed", 2e6, sealed_at=at, measures=("power_cut",)),
            Line("f3", "kc-018", "1.5 t 中频炉", "sealed", 1e6, sealed_at=at, measures=measures),
        ),
        gateway=(Gateway("gw-1", gateway.public_key, "kc-017"), Gateway("gw-2", silent.public_key, "kc-018")),
        point=(
            Point("p1", "f1", "feeder", "gw-1"), Point("w1", "f1", "water", "gw-1"),
            Point("s1", "f1", "contacts", "gw-1"),
            Point("p2", "mill", "feeder", "gw-1"), Point("p5", "press", "feeder", "gw-1"),
            Point("p3", "f2", "feeder", "gw-2"), Point("p4", "f3", "feeder", "gw-1"),
        ),
        district=(District("kuancheng", "宽城区"), District("nanguan", "南关区")),
        enterprise=(Enterprise("kc-foundry", "宽城铸造有限公司", "91220103MA0Y1L2T6X", "李", "0431-5550017"),),
        meter=(Meter("m-1", "p1", "ADW300", "0017", "JL-2026-1", "省计量院", date(2026, 1, 1), date(2027, 1, 1)),),
        seal=(
            Seal("220-1", "f1", "柜门", at, "王", "broken", at.replace(month=6), "李"),
            Seal("220-2", "f1", "炉体", at, "王"),
        ),
        identification=(
            Identification("f1", "energy", "发改局", date(2025, 3, 1), date(2025, 9, 1), date(2025, 12, 1)),
            Identification("mill", "quality", "质监局", date(2026, 9, 1), date(2027, 3, 1)),
        ),
        permit=(Permit("f1", datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 3, 2, tzinfo=UTC), "拆除", "发改局"),),
    )  # fmt: skip


def enter(page: Page, web: Web, roles: str) -> None:
    """Make an account and open its first page."""
    name = roles.partition("+")[0]
    web.user(name, roles)
    if name == "duty_officer":
        with write(web.engine) as connection:
            save_contact(connection, name, "sms", "13800001230", CHANNELS, NOW)
            connection.execute(update(contact).values(code="123456"))
    page.context.add_cookies([{"name": COOKIE, "value": web.token(name), "url": web.url}])
    page.goto(web.url)


def every_page(page: Page, url: str, known: set[str], first: Sequence[str] = ("/password",)) -> Iterator[str]:
    """Open every page that links lead to from those on, one of each form; its form is added to ``known``.

    Two addresses have one form where only the line or the alert that they are about differs, or the query.
    """
    ahead, seen = list(first), set[str]()
    while ahead:
        path = ahead.pop(0)
        form = form_of(path)
        if form in seen or (form in known and path not in first):
            continue
        seen.add(form)
        answer = page.goto(url + path)
        if answer is None or answer.status != 200 or not answer.headers["content-type"].startswith("text/html"):
            continue
        links = page.eval_on_selector_all("a[href]:not([download])", "all => all.map(a => a.getAttribute('href'))")
        ahead += [urlsplit(urljoin(path, link)).path for link in links if link.startswith("/")]
        if form not in known and urlsplit(page.url).path == path:
            known.add(form)
            yield path


def form_of(path: str) -> str:
    """What a page is of, without the line or alert that it is about.

    Examples
    --------
    >>> form_of("/lines/f1/calendar"), form_of("/alerts/f1:p1:restart.power:2027")
    ('/lines/…/calendar', '/alerts/…')
    """
    return _DIGEST.sub("", _ID.sub(r"/\1/…", path))
