"""The REST API over a real server and a real database."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from stillcold_core.contract.messages import Status, decode_status
from stillcold_core.readings import Absence
from stillcold_server.api.read.lines import is_silent
from stillcold_server.ingest.status import note_status
from stillcold_server.store import schema
from stillcold_server.store.database import write
from support.gateway import DEAD, SignedGateway, steady
from support.story import NOW, START, feed
from support.web import API, Web, get, problem

POWER = "f1:p1:restart.power:20270115T080100.000Z"
VECTOR = Path(__file__).parents[1] / "contract" / "vectors" / "status-report.json"
CURRENT = "f1:p1:restart.current:20270115T080100.000Z"


def test_the_ledger_is_shown(restarted: Web) -> None:
    """Districts, enterprises, sites, lines by site, points, gateways with their newest sample."""
    client = restarted.program("bureau_energy")
    assert get(client, "/districts") == [{"id": "kuancheng", "name": "宽城区"}]
    assert [(e["id"], e["credit_code"]) for e in get(client, "/enterprises")] == [("kc-foundry", "91220103MA0Y1L2T6X")]
    belongs = {"district": "kuancheng", "enterprise": "kc-foundry"}
    place = {"id": "kc-017", "name": "宽城铸造", "address": "宽城区 1 号", "longitude": 125.3, "latitude": 43.9}
    assert get(client, "/sites") == [place | belongs]
    assert [n["id"] for n in get(client, "/lines", site="kc-017")] == ["f1", "mill"]
    assert get(client, "/lines", site="kc-018") == []
    newest = "2027-01-15T08:03:39.000Z"
    assert get(client, "/points", line="f1") == [
        {"id": "p1", "line": "f1", "role": "feeder", "gateway": "gw-1", "sampled_at": newest}
    ]
    (gateway,) = get(client, "/gateways")
    assert (gateway["id"], gateway["sampled_at"], gateway["points"]) == ("gw-1", newest, ["p1", "p2"])


@pytest.mark.requirement("api.gateway-report")
def test_a_gateway_shows_what_it_said_last_of_its_work(restarted: Web) -> None:
    """A last will does not take it back; one that says nothing of its work has none."""
    client = restarted.program("bureau_energy")
    assert get(client, "/gateways")[0]["report"] is None
    status = decode_status(bytes.fromhex(json.loads(VECTOR.read_text(encoding="utf-8"))["hex"]))
    for said in (Status("online", "0.0.1"), status, Status("offline")):
        with write(restarted.engine) as connection:
            note_status(connection, "gw-1", said, NOW)
    (gateway,) = get(client, "/gateways")
    assert (gateway["status"], gateway["status_at"]) == ("offline", "2027-01-15T08:03:39.500Z")
    assert gateway["report"] == {
        "at": "2026-01-01T00:05:00.000Z",
        "version": "0.1.0",
        "since": "2026-01-01T00:00:00Z",
        "meters": 3,
        "silent": 1,
        "synced": True,
        "clock_offset": -0.000125,
        "clock_error": 0.012,
        "waiting": 12,
        "oldest": "2026-01-01T00:03:00.000Z",
        "buses": [
            {"bus": "cabinet", "meters": 2, "silent": 1, "connected": True},
            {"bus": "hall", "meters": 1, "silent": 0, "connected": None},
        ],
        "counts": {"reading_skipped": 4, "sent_again": 2},
    }


@pytest.mark.requirement("api.condition-and-coverage")
def test_a_line_shows_condition_coverage_and_its_newest_values(restarted: Web) -> None:
    """A line that was never measured is unknown and has no coverage."""
    client = restarted.program("bureau_energy")
    line = get(client, "/lines/f1")
    assert (line["condition"], line["state"], line["coverage"]) == ("dead", "sealed", 1.0)
    assert (line["live_s"], line["unknown_s"], line["open_alerts"]) == (pytest.approx(40), 0, 3)
    assert line["latest"] == {"at": "2027-01-15T08:03:39.000Z", "voltage": 0.0, "current": 0.6, "power": 0.0}
    never = get(client, "/lines/mill")
    assert (never["condition"], never["coverage"], never["sampled_at"], never["latest"]) == (
        "unknown",
        None,
        None,
        None,
    )


@pytest.mark.requirement("api.silence-is-unknown")
def test_a_line_that_falls_silent_is_unknown_since_its_last_sample_and_loses_coverage(restarted: Web) -> None:
    """Dead is never shown of a line that nobody measures now; the silence counts while it lasts."""
    client = restarted.program("bureau_energy")
    sampled_at = 1_800_000_219_000
    restarted.clock.now = sampled_at + 15_000
    assert get(client, "/lines/f1")["condition"] == "dead"
    restarted.clock.now = sampled_at + 219_000
    line = get(client, "/lines/f1")
    assert (line["condition"], line["since"], line["unknown_s"]) == ("unknown", "2027-01-15T08:03:39.000Z", 219.0)
    assert line["coverage"] == pytest.approx(0.5)


def test_silence_depends_on_the_usual_interval() -> None:
    """Three intervals, and never less than 15 s."""
    assert not is_silent(0, 900.0, 0.0, 2_700_000)
    assert is_silent(0, 900.0, 0.0, 2_700_001)


@pytest.mark.requirement("api.on-the-way-is-no-silence")
def test_a_line_whose_samples_wait_for_their_batch_is_not_unknown(restarted: Web) -> None:
    """A quiet gateway sends once in its heartbeat; when it says that it is offline, nothing is on the way."""
    client = restarted.program("bureau_energy")
    sampled_at = 1_800_000_219_000
    restarted.clock.now = sampled_at + 75_000
    assert get(client, "/lines/f1")["condition"] == "dead"
    restarted.clock.now = sampled_at + 75_001
    assert get(client, "/lines/f1")["condition"] == "unknown"
    with write(restarted.engine) as connection:
        connection.execute(update(schema.gateway).values(status="offline"))
    restarted.clock.now = sampled_at + 15_001
    assert get(client, "/lines/f1")["condition"] == "unknown"


@pytest.mark.requirement("api.series")
def test_a_series_gives_values_as_read_with_gaps_as_null(restarted: Web, gateway: SignedGateway) -> None:
    """A quantity that the meter does not have is null throughout."""
    odd = {**DEAD, "current_l1": Absence.TIMEOUT}
    feed(restarted.engine, gateway, steady(odd, start=START + 220, count=2))
    client = restarted.program("bureau_energy")
    series = get(
        client,
        "/points/p1/series",
        quantity=["current_l1", "frequency"],
        **{"from": "2027-01-15T16:03:39+08:00", "to": "2027-01-15T08:04:00Z"},
    )
    assert series["times"] == [f"2027-01-15T08:03:{s}.000Z" for s in (39, 40, 41)]
    assert series["resolution"] == 0
    current = {"unit": "A", "values": [0.5, None, None], "low": None, "high": None}
    assert series["columns"] == {"current_l1": current, "frequency": {**current, "unit": "Hz", "values": [None] * 3}}


def test_a_long_series_is_summarised_with_its_extremes(restarted: Web) -> None:
    """A run of 40 s is seen in periods of minutes."""
    client = restarted.program("bureau_energy")
    query = {"from": "2027-01-15T08:00:00Z", "to": "2027-01-15T09:00:00Z", "max_points": 10}
    series = get(client, "/points/p1/series", quantity="active_power", **query)
    assert series["resolution"] > 0
    power = series["columns"]["active_power"]
    assert (max(power["high"]), min(power["low"])) == (590_000.0, 0.0)
    assert 0 < max(power["values"]) < 590_000.0


def test_a_series_is_of_the_last_hour_by_default(restarted: Web) -> None:
    """By the server's clock."""
    client = restarted.program("bureau_energy")
    series = get(client, "/points/p1/series", quantity="active_power")
    assert (series["from"], series["to"]) == ("2027-01-15T07:03:39.500Z", "2027-01-15T08:03:39.500Z")
    assert len(series["times"]) == 220


@pytest.mark.requirement("api.alert-life")
def test_an_alert_is_acknowledged_then_reset_and_every_step_is_kept(restarted: Web) -> None:
    """With name and note; a step that the state does not allow is refused with its reason."""
    client = restarted.program("duty_officer", "张伟")
    listed = get(client, "/alerts", open=True, line="f1", kind="restart.power")
    assert [(a["id"], a["state"], a["site_name"], a["line_name"]) for a in listed] == [
        (POWER, "returned", "宽城铸造", "1 t 中频炉")
    ]
    early = client.post(f"{API}/alerts/{POWER}/reset", json={"note": ""})
    assert problem(early) == (409, "not_acknowledged", None)
    done = client.post(f"{API}/alerts/{POWER}/acknowledge", json={"note": "已通知"}).json()
    assert (done["state"], done["acknowledged_by"]) == ("latched", "张伟")
    again = client.post(f"{API}/alerts/{POWER}/acknowledge", json={})
    assert problem(again) == (409, "already_acknowledged", None)
    client.post(f"{API}/alerts/{POWER}/reset", json={"note": "到场核查"})
    alert = get(client, f"/alerts/{POWER}")
    assert alert["state"] == "normal"
    steps = [(j["transition"], j["actor"], j["note"]) for j in alert["journal"]]
    assert steps[-2:] == [("acknowledge", "张伟", "已通知"), ("reset", "张伟", "到场核查")]
    assert [s[0] for s in steps[:2]] == ["raise", "end"]
    others = [get(client, f"/alerts/{a['id']}")["deliveries"] for a in get(client, "/alerts")]
    states = sorted(d["state"] for deliveries in others for d in deliveries)
    assert states == ["waiting"]
    assert {a["id"] for a in get(client, "/alerts", open=False)} == {POWER}
    assert len(get(client, "/alerts", limit=2)) == 2


def test_acknowledging_tells_open_consoles(restarted: Web) -> None:
    """At once, by the stream of events."""
    client = restarted.program("duty_officer")
    with client.stream("GET", f"{API}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert [next(lines), next(lines)] == ["retry: 3000", "event: ready"]
        other = restarted.client()
        other.headers["Authorization"] = client.headers["Authorization"]
        other.post(f"{API}/alerts/{POWER}/acknowledge", json={})
        assert next(line for line in lines if line.startswith("event")) == "event: alerts"


def test_health_shows_lag_gateways_refusals_and_chains(restarted: Web, gateway: SignedGateway) -> None:
    """A gap is there until it is filled."""
    gateway.sequence += 3
    feed(restarted.engine, gateway, steady(DEAD, start=START + 300))
    with write(restarted.engine) as connection:
        connection.execute(schema.refusal.insert(), {"reason": "signature", "gateway": "?", "count": 7, "last_at": NOW})
        connection.execute(schema.cursor.update().values(position=10))
    health = get(restarted.program("bureau_energy"), "/health")
    assert health["database"] == "ok"
    assert health["now"] == "2027-01-15T08:03:39.500Z"
    assert health["followers"] == [{"name": "detection", "behind": 2}, {"name": "rollup", "behind": 2}]
    refusal = {"reason": "signature", "gateway": "?", "count": 7, "last_at": "2027-01-15T08:03:39.500Z"}
    assert health["refusals"] == [refusal]
    (note,) = health["chain_notes"]
    assert (note["kind"], note["sequence"], note["until"], note["epoch"]) == ("gap", 12, 14, b"epoch--1".hex())
    assert (health["deliveries_waiting"], health["deliveries_failed"]) == (1, 0)


def test_metrics_are_for_this_machine_and_show_lag_and_open_alerts(restarted: Web) -> None:
    """In Prometheus' text form."""
    text = restarted.client().get("/metrics").text
    assert 'stillcold_follower_lag_batches{follower="detection"} 0.0' in text
    assert 'stillcold_alerts_unacknowledged{severity="critical"} 3.0' in text
    for address in ("192.0.2.7", "unknown"):
        stranger = restarted.client().get("/metrics", headers={"X-Forwarded-For": address})
        assert problem(stranger) == (401, "login_required", None)


def test_healthz_is_open_and_says_nothing_but_ok_or_failing(web: Web) -> None:
    """503 when the tables are gone."""
    answer = web.client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    with write(web.engine) as connection:
        schema.cursor.drop(connection)
    answer = web.client().get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing"})


DOCS = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


@pytest.mark.requirement("api.documented")
def test_every_route_and_every_metric_is_documented(web: Web) -> None:
    """The OpenAPI document is served to all and names errors in one form; docs/api.md names the same routes."""
    spec = web.client().get(f"{API}/openapi.json").json()
    routes = {f"{m.upper()} {path}" for path, methods in spec["paths"].items() for m in methods}
    assert len(routes) > 20
    assert sorted(r for r in routes if f"`{r.replace(API, '')}`" not in DOCS) == []
    lines = [line for line in web.metrics.exposition().decode().splitlines() if line.startswith("# TYPE")]
    names = {line.split()[2].removesuffix("_total") for line in lines}
    assert sorted(n for n in names if n not in DOCS and not n.endswith("_created")) == []
    for path, methods in spec["paths"].items():
        for operation in methods.values():
            if path.startswith(API):
                answers = operation["responses"]
                assert (
                    answers["400"]["content"]
                    == answers["422"]["content"]
                    == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
                ), path
                assert list(answers["413"]["content"]) == ["text/plain"], (
                    "of the framework, before anything looks at it"
                )


def test_times_are_iso_8601_in_utc(restarted: Web) -> None:
    """With milliseconds and Z."""
    (alert, *_) = get(restarted.program("bureau_energy"), "/alerts")
    for name in ("began", "detected", "ended", "raised_at"):
        moment = datetime.fromisoformat(alert[name])
        assert moment.tzinfo == UTC
        assert alert[name] == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
