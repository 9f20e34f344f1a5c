"""The golden vectors, and a second decoder that must read what ours writes."""

import json
from typing import Any

import independent_decoder
import make_vectors
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillcold_core.contract.batch import (
    CAUSES,
    CONTENT_TYPE,
    UNASKED,
    Batch,
    Block,
    Column,
    decode_batch,
    encode_batch,
)
from stillcold_core.contract.losses import Gap
from stillcold_core.contract.messages import (
    Acknowledgement,
    ReplayRequest,
    Status,
    decode_ack,
    decode_replay,
    decode_status,
)
from stillcold_core.contract.steps import Step
from stillcold_core.evidence.envelope import digest, open_envelope, seal, stored_payload
from stillcold_core.evidence.keys import format_public_key, parse_public_key
from stillcold_core.readings import Absence
from support.gateway import DEAD, SignedGateway, steady

FILES = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in make_vectors.FOLDER.glob("*.json")}
BATCHES = [f for name, f in FILES.items() if name.startswith("batch")]
KEY = make_vectors.KEY
PUBLIC = format_public_key(KEY.public_key())


def ours(envelope: bytes, public_key: str = PUBLIC) -> dict[str, Any]:
    """An envelope through our own decoder, in the independent decoder's form."""
    opened = open_envelope(envelope, content_type=CONTENT_TYPE, key_of=lambda _: parse_public_key(public_key))
    batch = decode_batch(opened.payload)
    return {
        "gateway": batch.gateway,
        "epoch": batch.epoch.hex(),
        "sequence": batch.sequence,
        "previous": batch.previous.hex(),
        "boot": batch.boot.hex(),
        "synced": batch.synced,
        "profiles": dict(batch.profiles),
        "points": [_plain(block) for block in batch.blocks],
        "gaps": [_plain_gap(gap) for gap in batch.gaps],
        "steps": [list(step) for step in batch.steps],
        "hash": digest(envelope).hex(),
    }


def _plain(block: Block) -> dict[str, Any]:
    samples = list(block.samples())
    return {
        "point": block.point,
        "profile": block.profile,
        "time": block.times.tolist(),
        "monotonic": block.monotonic.tolist(),
        "columns": {
            n: [v.value if isinstance(v, Absence) else v for v in (s.values.get(n) for s in samples)]
            for n in block.columns
        },
        "raw": {n: words.tolist() for n, words in block.raw.items()},
    }


def _plain_gap(gap: Gap) -> dict[str, Any]:
    return {
        "reason": gap.reason,
        "first": gap.first,
        "until": gap.until,
        "epoch": gap.epoch and gap.epoch.hex(),
        "from": gap.begun,
        "to": gap.ended,
        "points": list(gap.points),
    }


@pytest.mark.requirement("wire.golden-vectors")
def test_the_vectors_are_made_again_byte_for_byte() -> None:
    """The script and the files are one."""
    made = {name: data.hex() for name, _, data in make_vectors.vectors()}
    assert made == {name: f["hex"] for name, f in FILES.items()}


@pytest.mark.requirement("wire.golden-vectors")
@pytest.mark.parametrize("vector", BATCHES, ids=lambda v: v["name"])
def test_both_decoders_read_the_vector(vector: dict[str, Any]) -> None:
    """The same numbers, to the bit, and the same words for what is missing."""
    envelope = bytes.fromhex(vector["hex"])
    assert independent_decoder.decode(envelope, vector["public_key"]) == vector["decoded"]
    assert ours(envelope, vector["public_key"]) == vector["decoded"]


def test_the_vectors_hold_what_the_page_describes() -> None:
    """Numbers known beforehand, so that both decoders cannot be wrong in the same way."""
    quiet, gaps = FILES["batch-quiet"]["decoded"]["points"][0], FILES["batch-gaps"]["decoded"]
    assert quiet["columns"]["active_power"] == [float(i % 2) for i in range(12)]
    assert quiet["columns"]["voltage_l1"][:4] == [230.1, 230.2, 230.3, 230.4]
    assert quiet["raw"]["active_energy_import"] == [[0x47F1, 0x2064]] * 12
    assert quiet["time"][:3] == [1767225600000, 1767225601001, 1767225602002]
    assert gaps["points"][0]["columns"]["active_power"][:4] == ["timeout", -1500.0, "exception", -4500.0]
    assert gaps["points"][1]["raw"]["seal_closed"] == [[1], [1], [1], [0], [0]]
    assert gaps["previous"] == FILES["batch-quiet"]["decoded"]["hash"]
    assert FILES["batch-quiet"]["decoded"]["previous"] == "00" * 32
    used = {v for p in gaps["points"] for c in p["columns"].values() for v in c if isinstance(v, str)}
    assert used == {a.value for a in CAUSES}
    slow = FILES["batch-slow"]["decoded"]["points"][0]["columns"]
    assert slow["ct_ratio"] == [40.0, None, None, "timeout", None, None, 80.0, None]
    assert slow["frequency"] == [50.0] * 8
    full, damaged = FILES["batch-lost"]["decoded"]["gaps"]
    period = {"from": 1767225600000, "to": 1767229199000}
    known = {"reason": "full", "first": 2, "until": 3, "epoch": None, "points": ["kc-017-p1", "kc-017-p2"]}
    assert full == known | period
    unknown: dict[str, Any] = {"from": None, "to": None, "points": []}
    assert damaged == {"reason": "damaged", "first": 1, "until": 9, "epoch": "08" * 8} | unknown


def test_the_small_messages_read_back() -> None:
    """Acknowledgement, request for a replay and status."""
    ack = decode_ack(bytes.fromhex(FILES["ack"]["hex"]))
    hashes = {n: bytes.fromhex(FILES[f]["decoded"]["hash"]) for n, f in ((1, "batch-quiet"), (2, "batch-gaps"))}
    assert ack == Acknowledgement(make_vectors.EPOCH, hashes, {3: "fork"})
    plain = independent_decoder.whole(bytes.fromhex(FILES["ack"]["hex"]))
    assert plain == {"v": 1, "epoch": make_vectors.EPOCH, "stored": hashes, "refused": {3: "fork"}}
    replay = bytes.fromhex(FILES["replay"]["hex"])
    assert decode_replay(replay) == ReplayRequest(make_vectors.EPOCH, ((1, 1440), (2000, 2000)))
    ranges = [[1, 1440], [2000, 2000]]
    assert independent_decoder.whole(replay) == {"v": 1, "epoch": make_vectors.EPOCH, "ranges": ranges}
    status = bytes.fromhex(FILES["status"]["hex"])
    assert decode_status(status) == Status("online", "0.1.0", "0102030405060708", "2026-01-01T00:00:00Z")
    assert json.loads(status)["state"] == "online"
    told = bytes.fromhex(FILES["status-report"]["hex"])
    assert decode_status(told).report == make_vectors.REPORT
    assert json.loads(told)["report"] == {
        "at": "2026-01-01T00:05:00Z",
        "meters": 3,
        "silent": 1,
        "synced": True,
        "clock_offset": -0.000125,
        "clock_error": 0.012,
        "waiting": 12,
        "oldest": "2026-01-01T00:03:00Z",
        "buses": [
            {"bus": "cabinet", "meters": 2, "silent": 1, "connected": True},
            {"bus": "hall", "meters": 1, "silent": 0},
        ],
        "counts": {"reading_skipped": 4, "sent_again": 2},
    }


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
INTEGERS = st.one_of(*(st.integers(-(2**b), 2**b - 1) for b in (3, 7, 15, 31, 63)))


@st.composite
def columns(draw: st.DrawFn, samples: int) -> Column:
    """Any column."""
    causes = draw(
        st.lists(st.just(0) | st.integers(0, len(CAUSES)) | st.just(UNASKED), min_size=samples, max_size=samples)
    )
    numbers = draw(st.lists(INTEGERS, min_size=causes.count(0), max_size=causes.count(0)))
    return Column(draw(st.integers(-18, 18)), np.array(numbers, np.int64), np.array(causes, np.uint8))


@st.composite
def blocks(draw: st.DrawFn, point: str) -> Block:
    """Any block."""
    n = draw(st.integers(0, 12))
    times = draw(st.lists(st.integers(0, 253_402_300_799_999), min_size=n, max_size=n))
    monotonic = draw(st.lists(INTEGERS, min_size=n, max_size=n))
    found = draw(st.dictionaries(NAMES, columns(n), max_size=4))
    raw = {}
    for name in draw(st.lists(st.sampled_from(sorted(found)), unique=True) if found else st.just([])):
        rows, width = len(found[name].mantissas), draw(st.integers(1, 4))
        flat = draw(st.lists(st.integers(0, 65535), min_size=rows * width, max_size=rows * width))
        raw[name] = np.array(flat, np.uint16).reshape(rows, width)
    return Block(point, draw(NAMES), np.array(times, np.int64), np.array(monotonic, np.int64), found, raw)


@st.composite
def gaps(draw: st.DrawFn) -> Gap:
    """Any gap record."""
    first, count = draw(st.integers(1, 2**62)), draw(st.integers(0, 2**62))
    begun, length = draw(st.integers(0, 2**41)), draw(st.integers(0, 2**41))
    period = draw(st.sampled_from([(None, None), (begun, begun + length)]))
    epoch = draw(st.none() | st.binary(min_size=8, max_size=8))
    return Gap(draw(NAMES), first, first + count - 1, epoch, *period, tuple(draw(st.lists(NAMES, max_size=3))))


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Any batch."""
    points = draw(st.lists(NAMES, unique=True, max_size=3))
    return Batch(
        draw(NAMES),
        draw(st.binary(min_size=8, max_size=8)),
        draw(st.integers(1, 2**63 - 1)),
        draw(st.binary(min_size=32, max_size=32)),
        draw(st.binary(min_size=16, max_size=16)),
        draw(st.booleans()),
        draw(st.dictionaries(NAMES, NAMES, max_size=3)),
        [draw(blocks(point)) for point in points],
        draw(st.lists(gaps(), max_size=3)),
        draw(st.lists(st.builds(Step, st.integers(0, 2**53 - 1), st.integers(1, 2**53 - 1)), max_size=3)),
    )


@pytest.mark.requirement("wire.independent-decoder")
@settings(max_examples=150, deadline=None)
@given(batches())
def test_an_independent_decoder_agrees_on_any_batch(batch: Batch) -> None:
    """Every field, every number to the bit, every cause and every word."""
    envelope = seal(encode_batch(batch), kid=batch.gateway, content_type=CONTENT_TYPE, key=KEY)
    theirs = independent_decoder.decode(envelope, PUBLIC)
    assert theirs == ours(envelope)
    assert theirs["sequence"] == batch.sequence
    assert theirs["gaps"] == [_plain_gap(gap) for gap in batch.gaps]
    assert theirs["steps"] == [list(step) for step in batch.steps]
    for block, point in zip(batch.blocks, theirs["points"], strict=True):
        assert point["time"] == block.times.tolist()
        for name, column in block.columns.items():
            numbers = [v for v in point["columns"][name] if isinstance(v, float)]
            expected = [independent_decoder.number(m, column.exponent) for m in column.mantissas.tolist()]
            assert numbers == expected


def test_of_a_batch_only_the_points_that_are_wanted_are_decoded() -> None:
    """The same as when all are."""
    gateway = SignedGateway()
    samples = [s for p in ("p1", "p2", "p3") for s in steady(DEAD, point=p)]
    payload = stored_payload(gateway.batch(samples))
    every, some = decode_batch(payload).blocks, decode_batch(payload, {"p2", "p9"}).blocks
    assert [b.point for b in some] == ["p2"]
    assert list(some[0].samples()) == list(every[1].samples())
