"""A line in a real browser: ordered, verified, sealed; restarted at night, told, passed on, taken up, handed over."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import Connection, Engine

from stillcold_core.detect.findings import Finding
from stillcold_core.readings import Value
from stillcold_core.registry import Gateway, Identification, Line, Point, Registry, Site
from stillcold_server.alerts.channels import GatewayChannel, WebhookChannel
from stillcold_server.alerts.delivery import Outbox
from stillcold_server.alerts.pipeline import take
from stillcold_server.alerts.senders import make_sender
from stillcold_server.config import Config, Evidence, Http
from stillcold_server.detection.live import Detection
from stillcold_server.duty.contacts import save_contact
from stillcold_server.duty.escalation import failed, page_by
from stillcold_server.duty.handover import list_handovers
from stillcold_server.duty.policy import DEFAULTS, calls_of
from stillcold_server.duty.reach import Channels
from stillcold_server.duty.roster import Roster, Shift
from stillcold_server.duty.rosters import save_roster
from stillcold_server.followers import Follower
from stillcold_server.language.texts import load_texts
from stillcold_server.metrics import Metrics
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store import rollups
from stillcold_server.store.database import read, write
from support import WebhookReceiver
from support.browser import page_of
from support.duty import tick
from support.gateway import DEAD, LIVE, SignedGateway
from support.sealing import BEGIN, EXPONENTS, HOUR, MINUTE, office_key, show
from support.web import PASSWORD, Web

NOON, NIGHT = BEGIN + 12 * HOUR, BEGIN + 26 * HOUR
CHANNELS = Channels(groups=("group",), personal=("text",))
LOOPBACK = ("127.0.0.0/8",)
COLD: dict[str, Value] = {**DEAD, "seal_closed": 1.0}
STILL: dict[str, Value] = {"water_volume": 1204.5}
NUMBERS = {"li": "13800000001", "wang": "13800000002"}


class Office:
    """The server's parts beside its web pages, moved by hand: time passes where the story says so."""

    def __init__(self, web: Web, gateway: SignedGateway, hook: WebhookReceiver) -> None:
        self.web, self.gateway, self.hook = web, gateway, hook
        text = GatewayChannel("text", url=hook.url, allow=LOOPBACK, body='{"to": "{address}", "text": "{text}"}')
        senders = {c.id: make_sender(c) for c in (WebhookChannel("group", url=hook.url, allow=LOOPBACK), text)}
        self.outbox = Outbox(
            web.engine, senders, Metrics(), texts=load_texts()["zh"], public_url=web.url,
            on_failed=lambda connection, row, now: failed(connection, row, CHANNELS, now),
        )  # fmt: skip

    def told(self) -> list[str]:
        """Whom text messages went to by now, once what is due has been sent."""
        for channel in ("group", "text"):
            self.outbox.deliver_due(channel, self.web.clock.now)
        return [r.json["to"] for r in self.hook.requests if "to" in r.json]

    def pass_time(self, ms: int) -> None:
        """Time passes, and the job that calls people on does its work."""
        self.web.clock.now += ms
        with write(self.web.engine) as connection:
            tick(connection, CHANNELS, self.web.clock.now)

    def detect(self) -> None:
        """Judge what has come."""

        def found(connection: Connection, finding: Finding) -> None:
            take(connection, finding, self.web.clock.now, page_by(CHANNELS))

        detection = Detection(self.web.engine, found).follower()
        detection.catch_up()
        detection.stop()
        Follower("rollup", self.web.engine, handle=rollups.handle).catch_up()
        self.web.hub.publish("alerts")


@pytest.fixture
def gateway() -> SignedGateway:
    """With water and the seal's contact among its readings."""
    return SignedGateway(exponents=EXPONENTS)


@pytest.fixture
def office(engine: Engine, gateway: SignedGateway, webhook: WebhookReceiver, tmp_path: Path) -> Iterator[Office]:
    """At noon, with a bureau, an inspector, li on duty, wang behind him and a key for statements."""
    plant = Registry(
        site=(Site("kc-017", "宽城铸造", "宽城区 1 号"),),
        line=(Line("f1", "kc-017", "1 t 中频炉", "permitted", 750e3, stage="identified"),),
        gateway=(Gateway(gateway.name, gateway.public_key, "kc-017"),),
        point=(Point("p1", "f1", "feeder", gateway.name), Point("w1", "f1", "water", gateway.name)),
        identification=(Identification("f1", "technical", "发改局", date(2027, 1, 10)),),
    )
    with write(engine) as connection:
        import_registry(connection, plant)
    office_key(tmp_path)
    evidence = Evidence("example.org/stillcold", str(tmp_path / "evidence.key"))
    with Web(engine, NOON, config=Config(http=Http(host="127.0.0.1"), evidence=evidence)) as web:
        for name, role in (
            ("bureau", "bureau_energy"),
            ("inspector", "inspector"),
            ("li", "duty_officer"),
            ("wang", "duty_officer"),
        ):
            web.user(name, role)
        shifts = [Shift("day", 480, 1440, "all", {"first": ["li"], "second": ["wang"]})]
        with write(engine) as connection:
            for name, number in NUMBERS.items():
                save_contact(connection, name, "text", number, CHANNELS, NOON)
            save_roster(connection, Roster("duty", "区值班", None, 480, True, 1, date(2027, 1, 1), None, shifts))
        yield Office(web, gateway, webhook)


def opened(chromium: Browser, office: Office, name: str, path: str, *, phone: bool = False) -> Page:
    """A browser of somebody's who has followed a link and logged in."""
    page = page_of(chromium, *((390, 844) if phone else (1280, 800)), "zh-CN")
    page.goto(office.web.url + path)
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{path}")
    return page


def form_of(page: Page, action: str) -> Locator:
    """A form of the ledger's page that is folded away, opened."""
    folded = page.locator("details", has=page.locator(f"form[action$='/{action}']"))
    folded.locator("summary").click()
    return folded.locator("form")


def submit(form: Locator, step: str) -> None:
    """Take a step of the line's life, with its documents."""
    for paper in form.locator("input[type=file][required]").all():
        paper.set_input_files({"name": "文书.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"})
    form.locator("button").click()
    expect(form.page.locator("#journal + ul strong").first).to_have_text(load_texts()["zh"](f"step.{step}"))


def order(chromium: Browser, office: Office) -> None:
    """The bureau orders power and water cut, and the line sealed."""
    page = opened(chromium, office, "bureau", "/lines/f1/ledger")
    form = form_of(page, "steps/order")
    for measure in ("power_cut", "water_cut", "sealed"):
        form.locator(f"[value={measure}]").check()
    form.locator("[name=dismantle_by]").fill("2027-12-31")
    submit(form, "order")
    page.context.close()


def verify(page: Page, office: Office) -> None:
    """The inspector observes the dead line for half an hour and gets a certificate that anybody can check."""
    page.goto(f"{office.web.url}/lines/f1/verification")
    page.click("form.act button")
    expect(page.locator("progress")).to_be_visible()
    end = NOON + 32 * MINUTE
    show(office.web.engine, office.gateway, NOON, end, COLD)
    show(office.web.engine, office.gateway, NOON, end, STILL, point="w1")
    office.web.clock.now = end
    page.reload()
    expect(page.locator(".conditions li.passed")).to_have_count(6)
    page.click("form[action$='/decide'] button")
    page.wait_for_url("**/statements/**")
    expect(page.locator("main")).to_contain_text("宽城铸造")


def seal(page: Page, office: Office) -> None:
    """The inspector seals what the certificate says is cut off; without it there is no such step."""
    page.goto(f"{office.web.url}/lines/f1/ledger")
    expect(page.locator("form[action$='/steps/seal']")).to_have_count(0)
    submit(form_of(page, "steps/verify_cut_off"), "verify_cut_off")
    entered = form_of(page, "seals")
    for name, value in {
        "number": "220-7",
        "place": "炉体",
        "applied_at": "2027-01-15T12:31",
        "applied_by": "王",
    }.items():
        entered.locator(f"[name={name}]").fill(value)
    entered.locator("button").click()
    expect(page.locator("#seals + .wide")).to_contain_text("220-7")
    submit(form_of(page, "steps/seal"), "seal")
    expect(page.locator(".flags")).to_contain_text("已封停")
    page.context.close()


def hand_over(going: Page, coming: Page, web: Web) -> None:
    """Who goes signs what stands, on the telephone; who comes signs it at the desk."""
    going.goto(f"{web.url}/handovers")
    expect(going.locator("main")).to_contain_text("1 t 中频炉")
    going.fill("[name=remark]", "1 号炉待复位")
    going.click("form[action='/handovers'] button")
    going.wait_for_url("**/handovers/*")
    coming.goto(going.url)
    expect(coming.locator("main")).to_contain_text("1 号炉待复位")
    coming.click("form[action$='/accept'] button")
    expect(coming.locator("form[action$='/accept']")).to_have_count(0)


@pytest.mark.requirement("system.night")
def test_a_restart_at_night_reaches_somebody_who_acts(chromium: Browser, office: Office) -> None:
    """The first does not answer; the second is told, opens the link on a telephone and takes it up."""
    order(chromium, office)
    inspector = opened(chromium, office, "inspector", "/lines/f1/ledger")
    verify(inspector, office)
    seal(inspector, office)
    office.web.clock.now = NIGHT
    watching = opened(chromium, office, "li", "/lines/f1")
    show(office.web.engine, office.gateway, NIGHT - 10 * MINUTE, NIGHT - MINUTE, COLD)
    show(office.web.engine, office.gateway, NIGHT - MINUTE, NIGHT, LIVE, every=1000)
    office.detect()
    expect(watching.locator("#bar")).to_contain_text("严重 1")
    expect(watching.locator("#sound")).to_have_attribute("data-playing", "critical")
    assert office.told() == [NUMBERS["li"]]
    for call in calls_of(DEFAULTS["critical"])[:3]:
        office.pass_time(call.wait_ms)
        told = office.told()
    assert told == [*[NUMBERS["li"]] * 3, NUMBERS["wang"]]

    link = next(r.json["text"] for r in reversed(office.hook.requests) if r.json.get("to") == NUMBERS["wang"])
    path = urlsplit(link[link.index("http") :].split()[0]).path
    phone = opened(chromium, office, "wang", path, phone=True)
    phone.fill("form.acknowledge input", "我去现场")
    phone.click("form.acknowledge button")
    expect(phone.locator("#bar")).to_contain_text("无待确认告警")
    expect(watching.locator("#bar")).to_contain_text("无待确认告警")
    expect(watching.locator("#sound")).to_have_attribute("data-playing", "")
    office.pass_time(HOUR)
    assert len(office.told()) == 4, "nobody is called on any more"

    hand_over(phone, watching, office.web)
    with read(office.web.engine) as connection:
        (handed,) = list_handovers(connection, 10)
    assert (handed.outgoing, handed.incoming) == ("wang", "li")
    assert "f1" in handed.content
