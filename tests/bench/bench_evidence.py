"""What a bundle of thirty days of one gateway costs to make and to verify; DAYS=1 for a shorter look."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

from sqlalchemy import Engine

from stillcold_core.contract.batch import Batch, Block, block_of, encode_batch
from stillcold_core.evidence.bundle.trust import trust_text
from stillcold_core.evidence.envelope import digest
from stillcold_core.registry import Gateway, Line, Point, Registry, Site
from stillcold_server.evidence.export import write_bundle
from stillcold_server.evidence.log import extend
from stillcold_server.evidence.selection import Period
from stillcold_server.ingest.verify import Verified
from stillcold_server.ingest.writer import insert_batch
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store.database import read, write
from support.evidence import PROFILE, START, House, reading
from support.gateway import SignedGateway
from support.tampering import SHELL

DAYS = int(os.environ.get("DAYS", "30"))
_TOGETHER = 100
_VERIFY = """
import os, sys
from stillcold_core.evidence.bundle.cli import main
code = main(sys.argv[1:])
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
spent = os.times()
print(f"{spent.user + spent.system:.0f} s of a core")
print("at most", status["VmHWM"].strip(), "in memory; at the end", status["RssAnon"].strip(), "of its own and",
      status["RssFile"].strip(), "of files")
sys.exit(code)
"""


def one_line(gateway: SignedGateway) -> Registry:
    """A site with one feeder."""
    return Registry(
        (Site("kc-017", "kc-017"),),
        (Line("f1", "kc-017", "f1", "permitted", 750e3),),
        (Gateway(gateway.name, gateway.public_key, "kc-017"),),
        (Point("p1", "f1", "feeder", gateway.name),),
    )


@cache
def readings(number: int) -> Block:
    """A minute's readings, one a second."""
    return block_of([reading(START + 60 * number + i) for i in range(60)], PROFILE.model, PROFILE.exponents)


def signed_minute(gateway: SignedGateway, number: int) -> Verified:
    """A minute's batch: the readings of one of fifty minutes, which is quicker to make, at their own times."""
    like = number % 50
    later = 60_000 * (number - like)
    block = replace(readings(like), times=readings(like).times + later, monotonic=readings(like).monotonic + later)
    gateway.sequence += 1
    batch = Batch(
        gateway.name, gateway.epoch, gateway.sequence, gateway.previous, bytes(16), True,
        {PROFILE.model: PROFILE.version}, [block],
    )  # fmt: skip
    envelope = gateway.seal(encode_batch(batch))
    gateway.previous = digest(envelope)
    return Verified(batch, envelope, gateway.previous, gateway.key.public_key())


def test_thirty_days(engine: Engine, tmp_path: Path) -> None:
    """A batch a minute, a reading a second in it, with the energy register's words."""
    gateway = SignedGateway()
    with write(engine) as connection:
        import_registry(connection, one_line(gateway))
    house, minutes = House.over(engine, tmp_path), DAYS * 1440
    for first in range(0, minutes, _TOGETHER):
        with write(engine) as connection:
            for i in range(first, min(first + _TOGETHER, minutes)):
                insert_batch(connection, signed_minute(gateway, i), (START + 60 * i + 61) * 1000)
            extend(connection)
    begin = time.perf_counter()
    with read(engine) as connection, (tmp_path / "bundle.zip").open("wb") as target:
        period = Period("f1", START * 1000, (START + 60 * minutes) * 1000 - 1000)
        count = write_bundle(connection, period, house.signer, START * 1000, target)
    size = (tmp_path / "bundle.zip").stat().st_size
    print(f"\n{count} batches in {size / 1e6:.1f} MB, made in {time.perf_counter() - begin:.0f} s", flush=True)
    roots = tmp_path / "roots.json"
    roots.write_text(trust_text([], house.signer.public))
    begin = time.perf_counter()
    words = [sys.executable, "-c", _VERIFY, str(tmp_path / "bundle.zip"), "--trust", str(roots), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    print(done.stdout)
    print(f"verified in {time.perf_counter() - begin:.0f} s")
    if DAYS <= 1:
        begin = time.perf_counter()
        subprocess.run(["sh", str(SHELL), str(tmp_path / "bundle.zip"), str(roots)], check=True)
        print(f"verified by the shell in {time.perf_counter() - begin:.0f} s")
