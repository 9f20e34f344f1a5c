"""Writes the golden vectors: ``python tests/contract/make_vectors.py``, with a key that anybody may know.

They change only when the wire does, when a profile that they name gets another version, or when another libzstd
compresses otherwise; an old file stays valid then.
"""

import json
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import independent_decoder
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from stillcold_core.contract.batch import CONTENT_TYPE, Batch, Block, block_of, encode_batch
from stillcold_core.contract.losses import Gap
from stillcold_core.contract.messages import (
    Acknowledgement,
    ReplayRequest,
    Status,
    encode_ack,
    encode_replay,
    encode_status,
)
from stillcold_core.contract.report import BusReport, GatewayReport
from stillcold_core.contract.steps import Step
from stillcold_core.evidence.envelope import GENESIS, digest, seal
from stillcold_core.evidence.keys import Ed25519PrivateKey, PrivateKey, format_public_key
from stillcold_core.profiles import load_profile
from stillcold_core.readings import Absence, Sample, Value

FOLDER = Path(__file__).parent / "vectors"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
P256_KEY = ec.derive_private_key(int.from_bytes(bytes(range(32))), ec.SECP256R1())
EPOCH, BOOT = bytes.fromhex("0102030405060708"), bytes(range(16, 32))
START = 1_767_225_600.0  # 2026-01-01T00:00:00Z


LOST = (
    Gap("full", 2, 3, None, round(START * 1000), round(START * 1000) + 3_599_000, ("kc-017-p1", "kc-017-p2")),
    Gap("damaged", 1, 9, b"\x08" * 8),
)
REPORT = GatewayReport(
    at=datetime(2026, 1, 1, 0, 5, tzinfo=UTC),
    meters=3,
    silent=1,
    synced=True,
    clock_offset=-0.000125,
    clock_error=0.012,
    waiting=12,
    oldest=datetime(2026, 1, 1, 0, 3, tzinfo=UTC),
    buses=(BusReport("cabinet", 2, 1, True), BusReport("hall", 1, 0)),
    counts={"reading_skipped": 4, "sent_again": 2},
)


def envelope(
    sequence: int,
    previous: bytes,
    blocks: list[Block],
    *,
    synced: bool = True,
    gaps: Sequence[Gap] = (),
    steps: Sequence[Step] = (),
    key: PrivateKey = KEY,
) -> bytes:
    """A signed batch of ``gw-1``."""
    profiles = {b.profile: load_profile(b.profile).version for b in blocks}
    batch = Batch("gw-1", EPOCH, sequence, previous, BOOT, synced, profiles, blocks, gaps, steps)
    return seal(encode_batch(batch), kid="gw-1", content_type=CONTENT_TYPE, key=key)


def block(point: str, model: str, rows: list[dict[str, Value]], **raw: list[tuple[int, ...]]) -> Block:
    """One sample a second."""
    words = {name: iter(values) for name, values in raw.items()}
    samples = []
    for i, row in enumerate(rows):
        kept = {n: next(words[n]) for n, v in row.items() if n in words and not isinstance(v, Absence)}
        samples.append(Sample(point, START + i + 0.001 * (i % 3), row, 1000.0 + i, kept))
    exponents = load_profile(model).exponents
    return block_of(samples, model, {name: exponents[name] for name in rows[0]})


def quiet_meter() -> Block:
    """A dead line: constant columns, small noise, an energy register with its words."""
    rows: list[dict[str, Value]] = [
        {
            "voltage_l1": 230.1 + 0.1 * (i % 4),
            "current_l1": 0.0,
            "active_power": float(i % 2),
            "active_energy_import": 123_456_780.0,
        }
        for i in range(12)
    ]
    return block("kc-017-p1", "eastron-sdm630", rows, active_energy_import=[(0x47F1, 0x2064)] * 12)


def gaps() -> Block:
    """Every cause of absence between numbers; negative numbers; one column wholly absent."""
    causes = list(Absence)
    rows: list[dict[str, Value]] = [
        {"active_power": -1500.0 * i if i % 2 else causes[i // 2 % 7], "frequency": Absence.TIMEOUT} for i in range(14)
    ]
    return block("kc-017-p2", "schneider-pm5000", rows)


def wide_numbers() -> Block:
    """Steps that need 8, 16, 32 and 64 bits, and a plain series."""
    rows: list[dict[str, Value]] = [
        {
            "voltage_l1": 220.0 + (i % 2) * 20,
            "active_power": 1e6 * math.sin(i),
            "active_energy_import": 9e14 * (i % 2),
            "frequency": 50.0 + 0.01 * (i % 2),
        }
        for i in range(8)
    ]
    return block("kc-017-p3", "schneider-iem3000", rows)


def contacts() -> Block:
    """A seal that opens, with its bits."""
    rows: list[dict[str, Value]] = [{"seal_closed": float(i < 3), "door_closed": 1.0} for i in range(5)]
    return block("kc-017-c1", "waveshare-8di", rows, seal_closed=[(1,), (1,), (1,), (0,), (0,)])


def slow() -> Block:
    """A ratio that is read with every third sample, once in vain."""
    ratios: list[Value] = [40.0, Absence.TIMEOUT, 80.0]
    rows: list[dict[str, Value]] = [
        {"ct_ratio": ratios[i // 3], "frequency": 50.0} if i % 3 == 0 else {"frequency": 50.0} for i in range(8)
    ]
    return block("kc-017-p4", "acrel-dtsd1352", rows)


def vectors() -> Iterator[tuple[str, str, bytes]]:
    """Name, description and bytes of each vector; the batches form a chain."""
    first = envelope(1, GENESIS, [quiet_meter()])
    yield "batch-quiet", "first of an epoch: a dead line", first
    second = envelope(2, digest(first), [gaps(), contacts()], synced=False)
    yield "batch-gaps", "absences, contacts, clock not synchronised", second
    third = envelope(3, digest(second), [wide_numbers()])
    yield "batch-wide", "wide numbers", third
    fourth = envelope(4, digest(third), [])
    yield "batch-empty", "a batch without points", fourth
    fifth = envelope(5, digest(fourth), [], gaps=LOST)
    yield "batch-lost", "gap records", fifth
    sixth = envelope(6, digest(fifth), [slow()])
    yield "batch-slow", "a quantity that is read more rarely", sixth
    steps = [Step(1_000_500, -7_200_000), Step(1_004_000, 7_200_012)]
    yield "batch-steps", "a clock that was set back and forward", envelope(7, digest(sixth), [], steps=steps)
    yield "batch-p256", "signed with a P-256 key", envelope(1, GENESIS, [quiet_meter()], key=P256_KEY)
    ack = Acknowledgement(EPOCH, {1: digest(first), 2: digest(second)}, {3: "fork"})
    yield "ack", "two stored, one refused", encode_ack(ack)
    replay = ReplayRequest(EPOCH, [(1, 1440), (2000, 2000)])
    yield "replay", "a day of batches and one more are wanted again", encode_replay(replay)
    status = Status("online", "0.1.0", EPOCH.hex(), "2026-01-01T00:00:00Z")
    yield "status", "an online gateway that reports nothing", encode_status(status)
    yield "status-report", "an online gateway", encode_status(msgspec.structs.replace(status, report=REPORT))


def document(name: str, description: str, data: bytes) -> dict[str, Any]:
    """What a vector's file holds, but for what it decodes to."""
    return {
        "name": name,
        "description": description,
        "public_key": format_public_key((P256_KEY if name == "batch-p256" else KEY).public_key()),
        "hex": data.hex(),
    }


def main() -> None:
    """Write the files; what they decode to is written by the independent decoder."""
    for name, description, data in vectors():
        found = document(name, description, data)
        if name.startswith("batch"):
            found["decoded"] = independent_decoder.decode(data, found["public_key"])
        text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
