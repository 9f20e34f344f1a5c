"""Payloads that mean harm once their signature is right: zstd, CBOR and the batch in them, rules broken at random."""

from collections.abc import Callable
from random import Random
from typing import Any

import cbor2
import zstandard

from stillcold_core.contract.batch import MAX_PAYLOAD

Make = Callable[[Random, bytes], bytes]
"""A payload, of chance and of the content of a batch that is stored."""

_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x50\x2a\x4d\x18"
_BLOCK = zstandard.compress(bytes(64))
_BOMBS = [zstandard.compress(bytes(MAX_PAYLOAD + n)) for n in (1, 1 << 20, 28 << 20)]
_MAPS = zstandard.compress(b"\x9a" + (1 << 16).to_bytes(4) + b"\xa0" * (1 << 16))
_NESTS = [zstandard.compress(b * n + b"\x00") for b in (b"\x81", b"\xc1", b"\xa1\x00") for n in (9, 300, 100_000)]
_STREAM = zstandard.ZstdCompressor(write_content_size=False)
_WORDS = ("", "gw-2", "../gw-1", "gw-1\x00", "a" * 65, "a" * 5000, "电表", "'; DROP TABLE batch; --", "{}", "-1")
_NUMBERS = (0, -1, 1 << 31, (1 << 53) + 1, (1 << 63) - 1, 1 << 63, -(1 << 63) - 1, 1 << 64, 1 << 200, -(1 << 200))
_REALS = (0.0, -0.0, 1.5, 1e308, float("inf"), float("-inf"), float("nan"))
_TAGS = (0, 1, 2, 3, 4, 5, 24, 25, 28, 29, 30, 35, 36, 37, 40, 64, 69, 72, 78, 79, 86, 100, 256, 258, 1 << 40)
# Where a batch stands in its chain: with another place that is right it would be a good batch of another one.
_PLACE: dict[str, tuple[Any, ...]] = {
    "epoch": (b"", bytes(7), bytes(9), "epoch--1", 8, None, [1] * 8),
    "sequence": (0, -1, 1 << 63, 1 << 200, True, 1.0, "1", b"\1", None, []),
}


def garbage(rng: Random, _content: bytes) -> bytes:
    """Bytes that are no zstd, or only begin like it."""
    return rng.choice((b"", _MAGIC, _SKIPPABLE)) + rng.randbytes(rng.randrange(200))


def bombs(rng: Random, _content: bytes) -> bytes:
    """A few bytes that would unfold to a lot, or to very many things."""
    return rng.choice((*_BOMBS, _MAPS, *_NESTS))


def frames(rng: Random, content: bytes) -> bytes:
    """The content of a good batch in a frame that is not as it should be."""
    good = zstandard.compress(content)
    return rng.choice(
        (
            _STREAM.compress(content),
            good + _BLOCK,
            _BLOCK + good,
            _SKIPPABLE + (4).to_bytes(4, "little") + b"skip" + good,
            good[: rng.randrange(len(good))],
            _MAGIC + bytes([0xE0]) + rng.randrange(1 << 62, 1 << 64).to_bytes(8, "little") + good[6:],
            _MAGIC + bytes([good[4] | 0x03]) + rng.randbytes(4) + good[5:],
        )
    )


def overwritten(rng: Random, content: bytes) -> bytes:
    """Some bytes of the content changed, but for those that say its place in the chain."""
    kept = [_span(content, name) for name in _PLACE]
    changed = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(changed))
        if not any(first <= at < end for first, end in kept):
            changed[at] = rng.randrange(256)
    return zstandard.compress(bytes(changed), 1)


def cut(rng: Random, content: bytes) -> bytes:
    """The content cut short, with a tail, or with nothing of a batch in it."""
    at = rng.randrange(len(content))
    return zstandard.compress(rng.choice((content[:at], content + rng.randbytes(3), rng.randbytes(at), b"\xa0")), 1)


def twisted(rng: Random, content: bytes) -> bytes:
    """One value, anywhere in the batch, exchanged for one that nobody expects there."""
    batch = cbor2.loads(content)
    parent, key = rng.choice(list(_places(batch)))
    parent[key] = rng.choice(_PLACE[key]) if parent is batch and key in _PLACE else _value(rng, batch)
    return zstandard.compress(cbor2.dumps(batch), 1)


def grown(rng: Random, content: bytes) -> bytes:
    """Claims of more numbers, points, gaps or steps than there may be."""
    batch = cbor2.loads(content)
    n = rng.choice((1 << 20, 1 << 40, 1 << 62, (1 << 63) - 1, 1 << 70))
    constant = {"n": n, "first": 0}
    point = {**batch["points"][0], "time": constant, "monotonic": constant}
    columns = {"active_power": {**constant, "exp": 0}}
    batch |= rng.choice(
        (
            {"points": [point | {"columns": columns}]},
            {"points": [point | {"columns": {f"q{i}": columns["active_power"] for i in range(99)}}]},
            {"points": [{**batch["points"][0], "point": f"p{i}"} for i in range(1025)]},
            {"points": batch["points"] * 2},
            {"steps": [[5, 5]] * 257},
            {"gaps": [{"reason": "full", "first": 1, "until": n}] * 257},
            {"gaps": [{"reason": "full", "first": n, "until": 1}]},
        )
    )
    return zstandard.compress(cbor2.dumps(batch), 1)


def rival(rng: Random, content: bytes) -> bytes:
    """A good batch, but another than the one that is stored in its place."""
    batch = cbor2.loads(content)
    batch["boot"] = rng.randbytes(16)
    return zstandard.compress(cbor2.dumps(batch), 1)


PAYLOADS: dict[str, Make] = {
    f.__name__: f for f in (garbage, bombs, frames, overwritten, cut, twisted, grown, rival)
}  # fmt: skip


def _span(content: bytes, name: str) -> tuple[int, int]:
    """Where a key of the batch and its value stand."""
    key = cbor2.dumps(name)
    first = content.index(key)
    return first, first + len(key) + len(cbor2.dumps(cbor2.loads(content)[name]))


def _places(value: Any) -> Any:
    """Every place in maps and lists, however deep."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from _places(inner)


def _value(rng: Random, batch: dict[str, Any]) -> Any:
    """Something of any type."""
    makes: tuple[Callable[[], Any], ...] = (
        lambda: rng.choice(_NUMBERS),
        lambda: rng.choice(_REALS),
        lambda: rng.choice(_WORDS),
        lambda: rng.choice((None, True, False, cbor2.undefined, cbor2.CBORSimpleValue(99))),
        lambda: rng.randbytes(rng.choice((0, 1, 8, 16, 32, 3000))),
        lambda: [rng.choice(_NUMBERS)] * rng.choice((0, 1, 2, 5000)),
        lambda: {rng.choice(_WORDS): rng.choice(_NUMBERS)},
        lambda: cbor2.CBORTag(rng.choice(_TAGS), rng.choice((*_NUMBERS, *_WORDS, rng.randbytes(8), [1, 0]))),
        lambda: cbor2.loads(cbor2.dumps(batch)),
        lambda: _nested(rng.choice((3, 9, 200))),
    )
    return rng.choice(makes)()


def _nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value
