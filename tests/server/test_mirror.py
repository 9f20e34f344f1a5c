"""The mirror, against a real server for the Influx line protocol."""

import json
import time
import urllib.parse
import urllib.request

import pytest
from sqlalchemy import Engine

from stillcold_core.readings import Absence, Sample
from stillcold_core.registry import Registry
from stillcold_server.config import Influx
from stillcold_server.followers import lag
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.mirror import make_mirror
from stillcold_server.store.database import read
from support import VictoriaMetrics, wait_for
from support.gateway import DEAD, SignedGateway, steady

START = float(int(time.time()) - 3600)
"""The database drops what lies in the future."""


def export(database: VictoriaMetrics, name: str) -> list[dict[str, object]]:
    """Every series of a name, read back from the database itself."""
    urllib.request.urlopen(f"{database.url}/internal/force_flush").close()  # else it shows them after seconds
    query = urllib.parse.urlencode({"match[]": name, "start": START - 10, "end": START + 1000})
    with urllib.request.urlopen(f"{database.url}/api/v1/export?{query}") as answer:
        return [json.loads(line) for line in answer.read().splitlines()]


def fill(engine: Engine, gateway: SignedGateway, samples: list[Sample]) -> None:
    Writer(engine, Metrics()).take([("gw-1", gateway.batch(samples))], round(START * 1000))


@pytest.mark.requirement("mirror.copy")
def test_every_stored_number_is_in_the_copy_and_no_absence(
    engine: Engine, plant: Registry, gateway: SignedGateway, victoria_metrics: VictoriaMetrics
) -> None:
    samples = steady(DEAD, start=START)
    samples[3] = Sample("p1", samples[3].time, dict.fromkeys(DEAD, Absence.TIMEOUT))
    fill(engine, gateway, samples)
    follower = make_mirror(engine, Influx(victoria_metrics.url))
    assert follower.catch_up() == 1
    follower.stop()
    (series,) = wait_for(lambda: export(victoria_metrics, "reading_active_energy_import"))
    labels = series["metric"]
    assert isinstance(labels, dict)
    assert {k: labels[k] for k in ("site", "line", "point")} == {"site": "kc-017", "line": "f1", "point": "p1"}
    assert series["timestamps"] == [round(s.time * 1000) for i, s in enumerate(samples) if i != 3]
    assert series["values"] == [5_009_660_000.0] * 9


@pytest.mark.requirement("mirror.durable-cursor")
def test_a_database_that_is_away_holds_the_cursor_and_gets_everything_later(
    engine: Engine, plant: Registry, gateway: SignedGateway, victoria_metrics: VictoriaMetrics
) -> None:
    fill(engine, gateway, steady(DEAD, start=START))
    victoria_metrics.stop()
    follower = make_mirror(engine, Influx(victoria_metrics.url))
    with pytest.raises(Exception, match=r"refused|Max retries"):
        follower.catch_up()
    with read(engine) as connection:
        assert lag(connection, "mirror") == 1
    victoria_metrics.start()
    fill(engine, gateway, steady(DEAD, start=START + 10))
    assert follower.catch_up() == 2
    follower.stop()
    wait_for(lambda: [len(s["timestamps"]) for s in export(victoria_metrics, "reading_active_power")] == [20])  # type: ignore[arg-type]
