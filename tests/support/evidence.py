"""A plant whose batches have register words, and bundles of it."""

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from sqlalchemy import Engine

from stillcold_core.contract.batch import block_of
from stillcold_core.evidence.bundle.report import Report
from stillcold_core.evidence.bundle.trust import Trust
from stillcold_core.evidence.bundle.verify import verify_bundle
from stillcold_core.profiles import decode, encode, load_profile
from stillcold_core.readings import Sample
from stillcold_server.evidence.export import checkpoint, write_bundle
from stillcold_server.evidence.key import Signer, new_key
from stillcold_server.evidence.selection import Period
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.store.database import read
from support.gateway import SignedGateway

START = 1_800_000_000
PROFILE = load_profile("eastron-sdm630")
PHASES = ("l1", "l2", "l3")


def reading(time: float, point: str = "p1") -> Sample:
    """A sample as an agent makes it of an SDM630's registers, with the words of those that are kept.

    A line that runs at about 500 kW and not steadily, so that what is signed compresses as little as in a plant.
    """
    chance = random.Random(time)
    power = chance.gauss(500e3, 20e3)
    shown = {f"voltage_{p}": chance.gauss(221, 1) for p in PHASES}
    shown |= {f"current_{p}": chance.gauss(power / 663, 10) for p in PHASES}
    shown |= {"active_power": power, "power_factor": chance.gauss(0.9, 0.01), "frequency": chance.gauss(50, 0.02)}
    shown |= {"active_energy_import": 5e6 + (time - START) * 140}
    words = {name: encode(PROFILE, PROFILE.register_of(name), value) for name, value in shown.items()}
    values = {name: decode(PROFILE, PROFILE.register_of(name), words[name]) for name in shown}
    kept = {name: words[name] for name in shown if PROFILE.register_of(name).raw}
    return Sample(point, time, values, time - START, kept)


def minute(gateway: SignedGateway, number: int, count: int = 3, **changes: object) -> bytes:
    """The batch of a minute after :data:`START`, signed."""
    samples = [reading(START + 60 * number + i * 60 / count) for i in range(count)]
    blocks = [block_of(samples, PROFILE.model, PROFILE.exponents)]
    return gateway.batch(samples, **{"blocks": blocks, "profiles": {PROFILE.model: PROFILE.version}, **changes})


def store(engine: Engine, gateway: SignedGateway, envelopes: Sequence[bytes], now: int | None = None) -> None:
    """Have the server take envelopes, in the second in which the last of these minutes ended."""
    received = (START + 60 * gateway.sequence) * 1000 if now is None else now
    Writer(engine, Metrics()).take([(gateway.name, e) for e in envelopes], received)


def failed(report: Report) -> set[str]:
    """The items that failed."""
    return {item.name for item in report.items if item.verdict == "FAIL"}


@dataclass(frozen=True)
class House:
    """A server's database, its log's key, and whom a verifier trusts."""

    engine: Engine
    signer: Signer
    trust: Trust

    @classmethod
    def over(cls, engine: Engine, folder: Path) -> "House":
        """With a new key."""
        (folder / "evidence.key").write_bytes(new_key())
        signer = Signer(folder / "evidence.key", "example.org/stillcold")
        return cls(engine, signer, Trust((), (signer.public,)))

    def bundle(
        self, first: int, last: int, line: str = "f1", issuing: x509.Certificate | None = None, since: int = 0
    ) -> bytes:
        """Evidence from one minute to another."""
        period = Period(line, (START + 60 * first) * 1000, (START + 60 * last) * 1000)
        target = io.BytesIO()
        with read(self.engine) as connection:
            write_bundle(connection, period, self.signer, (START + 86400) * 1000, target, issuing=issuing, since=since)
        return target.getvalue()

    def checkpoint(self) -> bytes:
        """Of the log as it is now."""
        with read(self.engine) as connection:
            return checkpoint(connection, self.signer)

    def verified(self, bundle: bytes) -> Report:
        """What ``stillcold-verify`` says."""
        return verify_bundle(memoryview(bundle), self.trust)

    def ten_minutes(self, gateway: SignedGateway) -> None:
        """Have the server take the first ten minutes of a gateway."""
        for i in range(10):
            store(self.engine, gateway, [minute(gateway, i)])
