"""What the console shows of hidden furnaces, tampering and witnesses."""

import html
import json
import re
from typing import Any

import pytest

from stillcold_core.detect.findings import Finding
from stillcold_core.readings import Value
from stillcold_core.registry import Line, Point, Registry, Site
from stillcold_server.alerts.lifecycle import record
from stillcold_server.alerts.message import message_of
from stillcold_server.console.heats import heats_of, weights_of
from stillcold_server.language.texts import LANGUAGES, Language, load_texts
from stillcold_server.registry.ledger import export_registry, import_registry
from stillcold_server.store.database import read, write
from support.found import EVIDENCE, HEATS, Evidence
from support.gateway import SignedGateway, steady
from support.story import NOW, START, feed
from support.web import Web

BEGAN = 1_799_935_320.0  # 2027-01-14T14:02:00Z


def found(web: Web, kind: str, evidence: Evidence, point: str = "p2", line: str = "mill") -> str:
    """Raise an alert; its id."""
    finding = Finding(kind, "critical", "kc-017", line, point, BEGAN, BEGAN + 5400, "its reason", evidence)
    with write(web.engine) as connection:
        record(connection, finding, NOW)
    return finding.id


def page(web: Web, path: str, language: str = "zh") -> str:
    """A page as a viewer sees it."""
    viewer = web.browser("bureau_energy")
    viewer.post("/language", data={"to": language})
    answer = viewer.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def spec_of(text: str) -> dict[str, Any]:
    """What the page tells the script that draws its first picture."""
    said = re.search(r"data-spec='(\{.*?\})'", text)
    assert said
    spec: dict[str, Any] = json.loads(said[1])
    return spec


@pytest.mark.requirement("console.furnace")
def test_a_furnace_is_shown_with_its_heats_its_steel_and_its_evidence(web: Web) -> None:
    """Each heat by Shanghai's time, shaded in the curve; what spoke against it last."""
    text = page(web, f"/alerts/{found(web, 'furnace.induction', HEATS)}")
    for said in (
        "3 炉",
        "1.70 MWh",
        "约 2.8 t（2.5 t 至 3.1 t）",
        "01-14 22:02",
        "571 kWh",
        "逐级升功率",
        "+4.5",
        "−1.0",
    ):
        assert said in text
    assert text.index("逐级升功率") < text.index("其间有大小不同的负荷")
    spec = spec_of(text)
    assert [p["title"] for p in spec["panels"]] == ["power", "thd"]
    assert [a[0] for a in spec["areas"]] == [1_799_935_320_000, 1_799_941_260_000, 1_799_947_440_000]
    assert spec["start"] < 1000 * BEGAN
    assert spec["end"] > spec["areas"][-1][1]


@pytest.mark.requirement("console.furnace")
def test_heats_grow_with_the_alert_and_weights_stay(web: Web) -> None:
    """Progress names the heats; what decided is not said again."""
    first = {n: v for n, v in HEATS.items() if not n.startswith(("heat_2", "heat_3"))} | {"heats": 1}
    id_ = found(web, "furnace.induction", first)
    assert found(web, "furnace.induction", {n: v for n, v in HEATS.items() if not n.startswith("weight")}) == id_
    text = page(web, f"/alerts/{id_}")
    assert len(spec_of(text)["areas"]) == 3
    assert "+4.5" in text


def test_a_heat_without_figures_is_left_out() -> None:
    """Of an older or a newer detector."""
    heats = heats_of({"heat_2_began": "1970-01-01T00:00:10Z", "heat_1_began": "1970-01-01T00:00:01Z",
                      "heat_1_ended": "1970-01-01T00:00:03Z", "heat_1_energy": 5.0})  # fmt: skip
    assert [(h.began, h.ended, h.energy) for h in heats] == [(1000, 3000, 5.0)]
    assert [w.name for w in weights_of({"weight_a": -1.0, "weight_b": 2.0, "score": 1.0})] == ["b", "a"]


@pytest.mark.requirement("console.tamper")
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_its_page_with_what_to_check(web: Web, language: Language) -> None:
    """In both languages, with curves of quantities that tell of it."""
    viewer = web.browser("bureau_energy")
    viewer.post("/language", data={"to": language})
    texts = load_texts()[language]
    for kind, examples in EVIDENCE.items():
        text = html.unescape(viewer.get(f"/alerts/{found(web, kind, examples[0])}").text)
        assert texts(f"kind.{kind}") in text
        assert texts(f"check.{kind}") in text
        assert all(panel["title"] and panel["curves"] for panel in spec_of(text)["panels"])


@pytest.mark.requirement("console.tamper")
def test_a_site_that_does_not_balance_shows_its_incomer_and_its_feeders(web: Web, gateway: SignedGateway) -> None:
    """And a foreign frequency that of other sites."""
    with write(web.engine) as connection:
        known = export_registry(connection)
        more = Registry(
            site=(*known.site, Site("kc-018", "邻厂")),
            line=(
                *known.line,
                Line("in", "kc-017", "总进线", "permitted", 1e6),
                Line("n", "kc-018", "n", "permitted", 1e6),
            ),
            gateway=known.gateway,
            point=(*known.point, Point("p0", "in", "incomer", gateway.name), Point("n1", "n", "feeder", gateway.name)),
        )
        import_registry(connection, more)
    viewer = web.browser("bureau_energy")
    for kind, points in {"tamper.balance": ["p0", "p1", "p2"], "tamper.genset": ["p2", "n1"]}.items():
        id_ = found(web, kind, EVIDENCE[kind][0])
        panel = spec_of(html.unescape(viewer.get(f"/alerts/{id_}").text))["panels"][0]
        assert [curve["point"] for curve in panel["curves"]] == points


@pytest.mark.requirement("console.furnace")
def test_a_permitted_line_says_that_it_is_watched_and_shows_its_heats(web: Web) -> None:
    """A sealed one says nothing of it."""
    found(web, "furnace.induction", HEATS)
    text = page(web, "/lines/mill")
    assert "监视其中有无隐藏的熔炼炉" in text
    assert "01-14 23:41" in text
    assert "3 炉 · 1.70 MWh · 约 2.8 t" in html.unescape(web.browser("bureau_energy", "second").get("/alerts").text)
    assert "监视其中有无隐藏的熔炼炉" not in html.unescape(web.browser("bureau_energy", "third").get("/lines/f1").text)


@pytest.mark.requirement("console.witnesses")
def test_a_sealed_line_shows_its_water_and_its_seal(web: Web, gateway: SignedGateway) -> None:
    """With what is wrong marked."""
    with write(web.engine) as connection:
        known = export_registry(connection)
        points = (*known.point, Point("w1", "f1", "water", gateway.name), Point("s1", "f1", "contacts", gateway.name))
        more = Registry(known.site, known.line, known.gateway, points)
        import_registry(connection, more)
    gateway.exponents = {"water_volume": -3, "seal_closed": 0, "breaker_closed": 0}
    feed(web.engine, gateway, steady({"water_volume": 12.345}, start=START, count=3, point="w1"))
    contacts: dict[str, Value] = {"seal_closed": 0.0, "breaker_closed": 0.0}
    feed(web.engine, gateway, steady(contacts, start=START, count=3, point="s1"))
    text = page(web, "/lines/f1")
    assert "12.345 m³" in text
    assert '封条 <span class="bad">断开' in text
    assert '断路器 <span class="">分闸' in text


@pytest.mark.requirement("console.tamper")
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_says_what_happened_and_what_to_check(web: Web, language: Language) -> None:
    """In the officers' language."""
    id_ = found(web, "furnace.induction", HEATS)
    texts = load_texts()[language]
    with read(web.engine) as connection:
        text = message_of(connection, id_, texts, "")["text"]
    assert "2.8 t" in text
    assert texts("check.furnace.induction") in text
    assert "its reason" not in text
