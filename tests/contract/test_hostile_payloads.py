"""Signed payloads that are no batch: always a refusal with its reason, never another exception, and bounded memory."""

from collections.abc import Callable
from typing import Any

import cbor2
import pytest
import zstandard
from hostile import GOOD, bounded_memory
from hypothesis import given, settings
from hypothesis import strategies as st

from stillcold_core.contract.batch import MAX_PAYLOAD, MAX_POINTS, MAX_VALUES, Batch, decode_batch
from stillcold_core.contract.errors import BadBatch
from stillcold_core.contract.losses import MOST_GAPS, MOST_NAMED, Gap
from stillcold_core.contract.steps import MOST_STEPS
from stillcold_core.evidence.envelope import stored_payload

PAYLOAD = stored_payload(GOOD)
CONTENT = zstandard.decompress(PAYLOAD)


def packed(content: Any) -> bytes:
    """A payload of any CBOR content."""
    return zstandard.compress(content if isinstance(content, bytes) else cbor2.dumps(content))


def series(n: int, first: int = 0) -> dict[str, int]:
    """A constant series."""
    return {"n": n, "first": first}


def point(**changes: Any) -> dict[str, Any]:
    """A good point of three samples, but for the changes."""
    good: dict[str, Any] = {
        "point": "p1",
        "profile": "m",
        "time": series(3, 1_700_000_000_000),
        "monotonic": series(3),
        "columns": {"active_power": series(3, 5) | {"exp": 0}},
    }
    return good | changes


def content(**changes: Any) -> dict[str, Any]:
    """A good batch, but for the changes."""
    good: dict[str, Any] = {
        "v": 1,
        "gateway": "gw-1",
        "epoch": bytes(8),
        "sequence": 1,
        "previous": bytes(32),
        "boot": bytes(16),
        "synced": True,
        "profiles": {"m": "0123456789abcdef"},
        "points": [point()],
    }
    return good | changes


def gap(**changes: Any) -> dict[str, Any]:
    """A good gap record, but for the changes."""
    return {"reason": "full", "first": 3, "until": 5} | changes


def columned(**changes: Any) -> dict[str, Any]:
    """A good batch but for its one column."""
    return content(points=[point(columns={"active_power": series(3, 5) | {"exp": 0} | changes})])


def typed(tag: int, data: Any) -> cbor2.CBORTag:
    """A typed array, or what pretends to be one."""
    return cbor2.CBORTag(tag, data)


def without(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    """A map without a key."""
    return {k: v for k, v in mapping.items() if k != key}


def test_the_content_that_the_tests_change_is_good() -> None:
    """Else the refusals below would prove nothing."""
    assert decode_batch(packed(content())).blocks[0].columns["active_power"].values().tolist() == [5.0] * 3
    causes = columned(n=1, causes=typed(64, b"\x01\x00\x07"))
    assert decode_batch(packed(causes)).blocks[0].columns["active_power"].causes.tolist() == [1, 0, 7]
    words = typed(40, [[3, 2], typed(69, bytes(12))])
    raw = decode_batch(packed(content(points=[point(raw={"active_power": words})]))).blocks[0].raw
    assert raw["active_power"].shape == (3, 2)
    lost = decode_batch(packed(content(gaps=[gap(until=2, epoch=bytes(8), points=["p"]) | {"from": 5, "to": 5}]))).gaps
    assert lost == (Gap("full", 3, 2, bytes(8), 5, 5, ("p",)),)


TYPES: tuple[Any, ...] = (
    None,
    True,
    1.5,
    -1,
    2**70,
    "x",
    b"x",
    [],
    {},
    [1],
    {"a": 1},
    typed(64, b"x"),
    typed(1, 0),
    typed(30, [1, 2]),
)


RIGHT: dict[str, tuple[Any, ...]] = {
    "v": (True,),  # it equals 1
    "gateway": ("x",),
    "synced": (True,),
    "boot": (b"x",),
    "profiles": ({},),
    "points": ([],),
    "point": ("x",),
    "profile": ("x",),
    "columns": ({},),
    "raw": ({},),
}
"""Which of the types above are right in a place."""


def is_right(key: str, value: Any) -> bool:
    """Whether a value may stand there."""
    return any(type(value) is type(right) and value == right for right in RIGHT.get(key, ()))


@pytest.mark.requirement("wire.hostile-payload")
@pytest.mark.parametrize("key", content())
def test_a_missing_or_wrong_field_of_a_batch_is_refused(key: str) -> None:
    """Each type in each place, where it does not happen to be right."""
    assert batch_or_refusal(packed(without(content(), key))) is None
    for value in TYPES:
        taken = batch_or_refusal(packed(content(**{key: value}))) is not None
        assert taken == is_right(key, value), value


@pytest.mark.requirement("wire.hostile-payload")
@pytest.mark.parametrize("key", point(raw={}))
def test_a_missing_or_wrong_field_of_a_point_is_refused(key: str) -> None:
    """Also what is optional, when it is there."""
    if key != "raw":
        assert batch_or_refusal(packed(content(points=[without(point(), key)]))) is None
    for value in TYPES:
        taken = batch_or_refusal(packed(content(points=[point(**{key: value})]))) is not None
        assert taken == is_right(key, value), value


MALFORMED = {
    "version": content(v=2),
    "epoch too long": content(epoch=bytes(9)),
    "previous too short": content(previous=bytes(31)),
    "sequence zero": content(sequence=0),
    "sequence beyond 63 bits": content(sequence=2**63),
    "gateway with a slash": content(gateway="a/b"),
    "gateway too long": content(gateway="g" * 65),
    "point with a line end": content(points=[point(point="p\n")]),
    "a point twice": content(points=[point(), point()]),
    "profile names no text": content(profiles={1: "a"}),
    "column with a blank": content(points=[point(columns={"active power": series(3) | {"exp": 0}})]),
    "column is a list": content(points=[point(columns={"active_power": [1, 2, 3]})]),
    "fewer numbers than samples": columned(n=2),
    "more numbers than samples": columned(n=4),
    "more numbers than causes allow": columned(causes=typed(64, b"\x01\x00\x00")),
    "fewer numbers than causes allow": columned(n=1, causes=typed(64, b"\x01\x00\x00")),
    "causes too short": columned(causes=typed(64, b"\x00\x00")),
    "causes too long": columned(causes=typed(64, bytes(4))),
    "unknown cause": columned(n=2, causes=typed(64, b"\x08\x00\x00")),
    "causes of 16 bits": columned(causes=typed(69, bytes(6))),
    "causes bare": columned(causes=bytes(3)),
    "exponent too large": columned(exp=19),
    "exponent too small": columned(exp=-19),
    "no exponent": content(points=[point(columns={"active_power": series(3)})]),
    "negative n": columned(n=-1),
    "n of true": content(points=[point(time=series(True), monotonic=series(1), columns={})]),
    "first of true": columned(first=True),
    "exponent of true": columned(exp=True),
    "n beyond 64 bits": columned(n=2**70),
    "first beyond 63 bits": columned(first=2**63),
    "delta too short": columned(delta=typed(72, b"\x01")),
    "delta too long": columned(delta=typed(72, bytes(3))),
    "delta cut within an element": columned(delta=typed(79, bytes(15))),
    "delta of text": columned(delta=typed(72, "ab")),
    "delta of floats": columned(delta=typed(86, bytes(16))),
    "delta bare": columned(delta=[0, 0]),
    "time before 1970": content(points=[point(time=series(3, -1))]),
    "time beyond 9999": content(points=[point(time=series(3, 253_402_300_800_000))]),
    "monotonic shorter": content(points=[point(monotonic=series(2))]),
    "raw of no column": content(points=[point(raw={"frequency": typed(40, [[3, 1], typed(69, bytes(6))])})]),
    "raw with other rows": content(points=[point(raw={"active_power": typed(40, [[2, 1], typed(69, bytes(4))])})]),
    "raw without words": content(points=[point(raw={"active_power": typed(40, [[3, 0], typed(69, b"")])})]),
    "raw too wide": content(points=[point(raw={"active_power": typed(40, [[3, 5], typed(69, bytes(30))])})]),
    "raw of true": content(points=[point(raw={"active_power": typed(40, [[3, True], typed(69, bytes(6))])})]),
    "raw negative": content(points=[point(raw={"active_power": typed(40, [[-3, -1], typed(69, bytes(6))])})]),
    "raw huge": content(points=[point(raw={"active_power": typed(40, [[3, 2**70], typed(69, b"")])})]),
    "raw of bytes": content(points=[point(raw={"active_power": typed(40, [[3, 1], typed(64, bytes(3))])})]),
    "raw bare": content(points=[point(raw={"active_power": [1, 2, 3]})]),
    "not a map": [1, 2, 3],
    "a number": 7,
    "nested deep": cbor2.dumps(content()).replace(cbor2.dumps("0123456789abcdef"), b"\x81" * 300 + b"\x00"),
    "nested very deep": b"\x81" * 1_000_000,
    "key twice": b"\xa2\x61v\x01\x61v\x01",
    "open map": b"\xbf\x61v\x01\xff",
    "a regular expression": cbor2.dumps(content(boot=cbor2.CBORTag(35, "("))),
    "a huge bigfloat": cbor2.dumps(content(boot=cbor2.CBORTag(5, [10**9, 3]))),
    "a fraction by zero": cbor2.dumps(content(boot=cbor2.CBORTag(30, [1, 0]))),
    "gaps no list": content(gaps={}),
    "steps no list": content(steps={}),
    "step no pair": content(steps=[[5]]),
    "step of text": content(steps=[[5, "back"]]),
    "step that is none": content(steps=[[5, 0]]),
    "step before the boot": content(steps=[[-1, 5]]),
    "step of true": content(steps=[[5, True]]),
    "step beyond any clock": content(steps=[[5, 2**53]]),
    "gap no map": content(gaps=[1]),
    "gap without reason": content(gaps=[without(gap(), "reason")]),
    "gap without first": content(gaps=[without(gap(), "first")]),
    "gap without until": content(gaps=[without(gap(), "until")]),
    "gap from zero": content(gaps=[gap(first=0)]),
    "gap from true": content(gaps=[gap(first=True)]),
    "gap until true": content(gaps=[gap(first=1, until=True)]),
    "gap of a period of true": content(gaps=[gap() | {"from": True, "to": 5}]),
    "gap that ends before it begins": content(gaps=[gap(until=1)]),
    "gap beyond 63 bits": content(gaps=[gap(until=2**63)]),
    "gap before a sequence beyond 63 bits": content(gaps=[gap(first=2**63, until=2**63 - 1)]),
    "gap with a sentence for a reason": content(gaps=[gap(reason="the disk is full")]),
    "gap of a long epoch": content(gaps=[gap(epoch=bytes(9))]),
    "gap of half a period": content(gaps=[gap(to=5)]),
    "gap of a period backwards": content(gaps=[gap() | {"from": 6, "to": 5}]),
    "gap before 1970": content(gaps=[gap() | {"from": -1, "to": 5}]),
    "gap of text for points": content(gaps=[gap(points="p1")]),
    "gap of a point with a blank": content(gaps=[gap(points=["p 1"])]),
    "a cycle": b"\xd8\x1c\x81\xd8\x1d\x00",
    "claims of length": b"\xbb\x00\xff\xff\xff\xff\xff\xff\xff",
    "nothing": b"",
}


@pytest.mark.requirement("wire.hostile-payload")
@pytest.mark.parametrize("name", MALFORMED)
def test_a_signed_payload_that_is_no_batch_is_refused(name: str) -> None:
    """By hand: every rule of the page broken once."""
    with bounded_memory(), pytest.raises(BadBatch) as refused:
        decode_batch(packed(MALFORMED[name]))
    assert refused.value.reason == "malformed"


def streamed(data: bytes) -> bytes:
    """A frame that does not say how much it holds."""
    return zstandard.ZstdCompressor(write_content_size=False).compress(data)


TOO_LARGE: dict[str, Callable[[], bytes]] = {
    "a bomb of zeros": lambda: zstandard.compress(bytes(MAX_PAYLOAD + 1)),
    "a claim of 2^60": lambda: b"\x28\xb5\x2f\xfd\xe0" + (1 << 60).to_bytes(8, "little") + b"\x01\x00\x00",
    "no size": lambda: streamed(CONTENT),
    "many points": lambda: packed(content(points=[point(point=f"p{i}") for i in range(MAX_POINTS + 1)])),
    "a long constant": lambda: packed(columned(n=MAX_VALUES) | content(points=[point(time=series(MAX_VALUES))])),
    "many long constants": lambda: packed(
        content(points=[point(point=f"p{i}", time=series(MAX_VALUES // 100)) for i in range(200)])
    ),
    "many steps": lambda: packed(content(steps=[[5, 5]] * (MOST_STEPS + 1))),
    "many gaps": lambda: packed(content(gaps=[gap()] * (MOST_GAPS + 1))),
    "a gap of many points": lambda: packed(content(gaps=[gap(points=["p"] * (MOST_NAMED + 1))])),
    "huge n": lambda: packed(content(points=[point(time=series(2**62))])),
}


@pytest.mark.requirement("wire.hostile-payload")
@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_would_unfold_to_too_much_is_refused(name: str) -> None:
    """Before it is unfolded."""
    payload = TOO_LARGE[name]()
    assert len(payload) < 100_000
    with bounded_memory(), pytest.raises(BadBatch) as refused:
        decode_batch(payload)
    assert refused.value.reason == "too_large"


@pytest.mark.requirement("wire.hostile-payload")
def test_the_worst_that_fits_the_limits_takes_bounded_memory() -> None:
    """Four million empty maps in a few hundred bytes: the most objects that a payload can hold."""
    bomb = packed(b"\x9a" + (MAX_PAYLOAD - 5).to_bytes(4) + b"\xa0" * (MAX_PAYLOAD - 5))
    assert len(bomb) < 1000
    with bounded_memory(512 << 20), pytest.raises(BadBatch):
        decode_batch(bomb)


def test_zstd_that_is_cut_or_changed_is_refused() -> None:
    """Each prefix, each byte changed, and bytes after the end."""
    for n in range(len(PAYLOAD)):
        with pytest.raises(BadBatch):
            decode_batch(PAYLOAD[:n])
    with pytest.raises(BadBatch):
        decode_batch(PAYLOAD + b"\x00")
    for i in range(len(PAYLOAD)):
        changed = bytearray(PAYLOAD)
        changed[i] ^= 0xFF
        batch_or_refusal(bytes(changed))


def batch_or_refusal(payload: bytes) -> Batch | None:
    """A batch or a clean refusal; anything else fails the test."""
    try:
        return decode_batch(payload)
    except BadBatch:
        return None


@pytest.mark.requirement("wire.hostile-payload")
@settings(max_examples=400, deadline=None)
@given(st.data())
def test_content_with_changed_bytes_is_a_batch_or_a_refusal(data: st.DataObject) -> None:
    """Some bytes of a good batch changed, cut out or put in."""
    changed = bytearray(CONTENT)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    batch = batch_or_refusal(packed(bytes(changed)))
    if batch is not None:
        for block in batch.blocks:
            assert all(len(column.causes) == len(block.times) for column in block.columns.values())
            assert sum(1 for _ in block.samples()) == len(block.times)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_as_content_are_refused(data: bytes) -> None:
    """As zstd of them, and bare."""
    assert batch_or_refusal(packed(data)) is None
    assert batch_or_refusal(data) is None
