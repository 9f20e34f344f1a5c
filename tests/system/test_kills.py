"""Agent, broker and server are killed in turn while a restart is going on: nothing is lost, nothing doubles."""

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select

from stillcold_server.store import schema
from support import Mosquitto, WebhookReceiver, wait_for
from support.house import House

KILLS = int(os.environ.get("STILLCOLD_KILLS", "30"))
SCENARIO = """
name = "kills"
registry = "{shipped}/plant-registry.toml"
seed = 11

[[port]]
id = "bus"

[[meter]]
id = "f1"
profile = "eastron-sdm630"
port = "bus"
unit = 1
point = "f1-p"
load = {{ kind = "furnace", power = 700e3, ramp = 3 }}
energised = false
running = false
ct_noise = 0.4
energy = 31_904_120

[[event]]
at = 45
meter = "f1"
what = "run"
"""


@pytest.fixture
def house(tmp_path: Path, mosquitto_tls: Mosquitto, webhook: WebhookReceiver) -> Iterator[House]:
    import stillcold_sim

    shipped = Path(stillcold_sim.__file__).parent / "scenarios"
    (tmp_path / "kills.toml").write_text(SCENARIO.format(shipped=shipped))
    with House(tmp_path, str(tmp_path / "kills.toml"), broker=mosquitto_tls, hook=webhook.url) as house:
        yield house


@pytest.mark.slow
@pytest.mark.requirement("system.kills")
def test_kills_lose_and_double_nothing(house: House, mosquitto_tls: Mosquitto, webhook: WebhookReceiver) -> None:
    house.start_server()
    house.start_meters()
    agent = house.agents[0]
    rng = random.Random(5)
    for i in range(KILLS):
        time.sleep(rng.uniform(0.3, 2.5))  # the moment of the kill is what is varied
        victim = (agent, mosquitto_tls, house.server)[i % 3]
        victim.kill()
        if victim is house.server:
            house.start_server()
        else:
            victim.start()
    last = _caught_up(house)
    sequence = schema.batch.c.sequence
    stored = [row.sequence for row in house.rows(select(sequence).where(sequence <= last).order_by(sequence))]
    assert stored == list(range(1, last + 1))
    assert last >= KILLS / 2
    assert len(house.rows(select(schema.batch.c.epoch).distinct())) == 1
    assert len(house.rows(select(schema.incident))) == 1
    kinds = [row.kind for row in house.rows(select(schema.alert.c.kind))]
    assert sorted(kinds) == ["restart.current", "restart.energy", "restart.power", "restart.voltage"]
    notes = house.rows(select(schema.chain_note.c.kind, schema.chain_note.c.closed_at))
    assert all(note.kind == "gap" and note.closed_at for note in notes), notes
    first = {r.json["id"] for r in webhook.requests}
    assert len(first) == 1, "one message, perhaps more than once: a kill may come between delivery and its note"


def _caught_up(house: House) -> int:
    """Wait until all that is in the agent's journal now is stored and judged; the last sequence of it."""
    wait_for(lambda: house.console.lines().get("f1") == "live", seconds=60, what="the line is seen to be live")
    with closing(sqlite3.connect(next(house.folder.glob("agent-*/journal.db")))) as journal:
        (last,) = journal.execute("SELECT sequence FROM chain").fetchone()
    counted = select(func.count().label("batches")).where(schema.batch.c.sequence <= last)
    wait_for(lambda: house.rows(counted)[0].batches >= last, seconds=60, what=f"all batches to {last} in the store")
    newest = select(func.max(schema.batch.c.id).label("id"))
    position = select(schema.cursor.c.position).where(schema.cursor.c.name == "detection")
    stored = house.rows(newest)[0].id
    wait_for(lambda: house.rows(position)[0].position >= stored, what="detection has caught up")
    return int(last)
