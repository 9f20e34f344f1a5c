"""A thousand alerts through channels that fail three times in ten: what kills lose and double, how long it takes.

The server is the whole program. The channels are real HTTP servers that refuse a fifth of the requests, and take a
tenth without answering so.
"""

import asyncio
import sys
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, Engine, func, select

from stillcold_core.registry import Line, Point, Registry, Site
from stillcold_server.alerts.pipeline import take
from stillcold_server.duty.contacts import save_contact
from stillcold_server.duty.escalation import page_by
from stillcold_server.duty.reach import Channels
from stillcold_server.duty.roster import Roster, Shift
from stillcold_server.duty.rosters import save_roster
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store.clock import wall_clock
from stillcold_server.store.database import read, write
from stillcold_server.store.schema import alert, batch, delivery, user
from stillcold_sim.fleet import Broker, FleetFile, Rate, registry_of, run_fleet
from stillcold_sim.fleet.cli import told
from support import Mosquitto, free_port, wait_for
from support.alerts import found
from support.flaky import FlakyReceiver
from support.ports import accepts
from support.process import Process

BOTH_DATABASES = True
ALERTS = 1000
GATEWAYS = 500
RESTARTS, LASTS = 0.5, 120.0  # share of the fleet's lines, and s in which they do
GROUP, PERSONAL = "robot", ("sms", "voice")
BODY = '{"id": "{id}", "to": "{address}", "text": "{text}"}'
LONGEST = 300.0  # s that anything here may take


def server(folder: Path, engine: Engine, mqtt: int, http: int, hooks: dict[str, FlakyReceiver]) -> Process:
    """The server on these ports, not started yet, with a channel for each hook."""
    url = engine.url.render_as_string(hide_password=False)
    text = f'database = "{url}"\n[mqtt]\nport = {mqtt}\n[http]\nport = {http}\n'
    for name, hook in hooks.items():
        kind = f"kind = \"gateway\"\nbody = '{BODY}'" if name in PERSONAL else 'kind = "webhook"'
        text += f'[[channel]]\nid = "{name}"\nurl = "{hook.url}"\nallow = ["127.0.0.1"]\n{kind}\n'
    (folder / "server.toml").write_text(text)
    program = Path(sys.executable).with_name("stillcold-server")
    return Process([str(program), "run", "-c", str(folder / "server.toml")], folder / "server.log")


def test_three_kills(engine: Engine, mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Each kill comes when a quarter more of the messages has been taken."""
    sealed = datetime(2026, 1, 1, tzinfo=UTC)
    lines = [Line(f"f{i}", "kc-017", f"{i}", "sealed", 750e3, sealed_at=sealed) for i in range(ALERTS)]
    points = [Point(f"p{i}", f"f{i}", "feeder") for i in range(ALERTS)]
    with write(engine) as connection:
        import_registry(connection, Registry(site=(Site("kc-017", "S"),), line=tuple(lines), point=tuple(points)))
        for i in range(ALERTS):
            take(connection, found(line=f"f{i}", point=f"p{i}"), wall_clock(), page_by(Channels((GROUP,), ())))
    began = time.monotonic()
    with FlakyReceiver(seed=11) as hook:
        running = server(tmp_path, engine, mosquitto.port, free_port(), {GROUP: hook})
        for kill in (1, 2, 3):
            with running:
                wait_for(lambda: len(hook.alerts) >= kill * ALERTS // 4, seconds=LONGEST)  # noqa: B023
                running.kill()
        with running:
            wait_for(lambda: len(hook.alerts) >= ALERTS, seconds=LONGEST)
            wait_for(lambda: left(engine) <= ALERTS // 100, seconds=LONGEST)  # some of whose answers were lost
    with read(engine) as connection:
        doubtful = connection.scalar(select(func.count()).where(delivery.c.doubtful)) or 0
    alerts = Counter(hook.alerts.values())
    print(
        f"\n{ALERTS} alerts, 3 kills, {len(hook.requests)} requests in {time.monotonic() - began:.0f} s: "
        f"{ALERTS - len(alerts)} lost, {sum(n - 1 for n in alerts.values())} under two keys; taken again under a known "
        f"key {sum(n - 1 for n in hook.shown.values())}; marked doubtful {doubtful}"
    )
    assert set(alerts.values()) == {1}
    assert len(alerts) == ALERTS


def test_latency(engine: Engine, mosquitto: Mosquitto, tmp_path: Path) -> None:
    """From an alert's row to the first channel that has taken it, while lines of 500 gateways restart."""
    fleet = FleetFile(
        gateways=GATEWAYS, duration=LASTS, live=0.0, restarts=RESTARTS,
        broker=Broker(port=mosquitto.port), rate=Rate(batch=20.0),
    )  # fmt: skip
    with write(engine) as connection:
        import_registry(connection, registry_of(fleet))
        put_on_duty(connection, "li")
    with ExitStack() as stack:
        hooks = {n: stack.enter_context(FlakyReceiver(seed)) for seed, n in enumerate((GROUP, *PERSONAL))}
        running = stack.enter_context(server(tmp_path, engine, mosquitto.port, http := free_port(), hooks))
        wait_for(lambda: accepts(http), seconds=LONGEST)
        print(f"\n{told(asyncio.run(run_fleet(fleet)))}")
        wait_for(lambda: left(engine) <= ALERTS // 100, seconds=LONGEST)  # some wait a minute for their sixth try
        assert running.alive
    with read(engine) as connection:
        stored = connection.scalar(select(func.count()).select_from(batch))
        paged = connection.scalar(select(func.count(delivery.c.alert.distinct()))) or 0
    print(f"{stored} batches of {GATEWAYS} gateways in {LASTS:.0f} s; {paged} alerts told")
    for name, recipient in (("a person with two contacts", "li"), ("a group by one channel", "")):
        taken = np.array(waits(engine, recipient)) / 1000
        seconds = np.append(taken, np.full(paged - len(taken), np.inf))
        p50, p99 = np.percentile(seconds, (50, 99), method="higher")
        print(f"{name}: p50 {p50:.2f} s, p99 {p99:.2f} s; {paged - len(taken)} of {paged} still wait")
        assert p99 <= 5.0


def put_on_duty(connection: Connection, name: str) -> None:
    """The only one on the roster, at all times, with two contacts."""
    row = {"name": name, "roles": ["duty_officer"], "password_hash": "", "must_change": False, "disabled": False}
    connection.execute(user.insert(), row | {"created_at": 0})
    for channel in PERSONAL:
        save_contact(connection, name, channel, "13800001230", Channels((), PERSONAL), 0)
    day = Shift("day", 480, 1440, "all", {"first": [name]})
    save_roster(connection, Roster("r", "R", None, 480, True, 1, date(2026, 1, 1), None, [day]))


def waits(engine: Engine, recipient: str) -> list[int]:
    """ms from each alert to the first message to a recipient that was taken."""
    d = delivery.c
    first = select(d.alert, func.min(d.delivered_at).label("at")).where(
        d.recipient == recipient, d.state == "delivered"
    )
    taken = first.group_by(d.alert).subquery()
    with read(engine) as connection:
        return list(connection.scalars(select(taken.c.at - alert.c.raised_at).join(alert, taken.c.alert == alert.c.id)))


def left(engine: Engine) -> int:
    """Messages that are on their way."""
    with read(engine) as connection:
        ahead = delivery.c.state.in_(("waiting", "sending"))
        return connection.scalar(select(func.count()).select_from(delivery).where(ahead)) or 0
