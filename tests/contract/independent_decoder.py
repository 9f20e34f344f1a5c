"""A second decoder, written from docs/wire.md alone: it imports nothing of Stillcold and reads CBOR by hand."""

import base64
import hashlib
import re
import struct
from typing import Any

import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

CONTENT_TYPE = "application/vnd.stillcold.batch+cbor+zstd"
CAUSES = ("timeout", "exception", "bad_reply", "out_of_range", "not_supported", "breaker_open", "disconnected")
ELEMENTS = {64: "B", 69: "H", 72: "b", 77: "h", 78: "i", 79: "q"}
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Wrong(Exception):
    """Not what the page describes."""


def need(condition: object, what: str) -> None:
    """Refuse unless ``condition`` holds."""
    if not condition:
        raise Wrong(what)


class Tag:
    """A tagged CBOR item."""

    def __init__(self, number: int, content: Any) -> None:
        self.number, self.content = number, content


class Reader:
    """Reads CBOR items of definite length from bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        need(count <= len(self.data) - self.at, "the bytes end too soon")
        self.at += count
        return self.data[self.at - count : self.at]

    def head(self) -> tuple[int, int]:
        """Major type and argument."""
        first = self.take(1)[0]
        low = first & 31
        if low < 24:
            return first >> 5, low
        need(low < 28, "not a definite length")
        width = 1 << (low - 24)
        value = int.from_bytes(self.take(width))
        need(first >> 5 == 7 or value >= (24 if width == 1 else 1 << (4 * width)), "not the shortest form")
        return first >> 5, value

    def item(self, depth: int = 0) -> Any:
        """The next item."""
        need(depth <= 8, "nested too deep")
        major, value = self.head()
        match major:
            case 0:
                return value
            case 1:
                return -1 - value
            case 2:
                return self.take(value)
            case 3:
                return self.take(value).decode()
            case 4:
                return [self.item(depth + 1) for _ in range(value)]
            case 5:
                pairs = [(self.item(depth + 1), self.item(depth + 1)) for _ in range(value)]
                need(len({k for k, _ in pairs}) == len(pairs), "a key twice")
                return dict(pairs)
            case 6:
                return Tag(value, self.item(depth + 1))
        need(value in (20, 21, 22), "an unknown simple value")
        return {20: False, 21: True, 22: None}[value]


def whole(data: bytes) -> Any:
    """The one item that the bytes are."""
    reader = Reader(data)
    item = reader.item()
    need(reader.at == len(data), "bytes after the end")
    return item


def byte_head(length: int) -> bytes:
    """How a byte string of that length begins."""
    if length < 24:
        return bytes([0x40 + length])
    width = 1 if length < 1 << 8 else 2 if length < 1 << 16 else 4
    return bytes([{1: 0x58, 2: 0x59, 4: 0x5A}[width]]) + length.to_bytes(width)


def open_envelope(envelope: bytes, public_key: str) -> tuple[str, bytes]:
    """Gateway and payload of an envelope whose signature is the key's."""
    need(len(envelope) <= 1 << 20, "too long")
    reader = Reader(envelope)
    need(reader.take(2) == b"\xd2\x84", "not a COSE_Sign1 of four")
    protected = reader.item()
    need(reader.take(1) == b"\xa0", "an unprotected header")
    payload, signature = reader.item(), reader.item()
    need(reader.at == len(envelope), "bytes after the signature")
    header = whole(protected)
    kind, _, key = public_key.partition(":")
    need(header.get(1) == {"ed25519": -8, "p256": -7}[kind], "another algorithm than the key's")
    need(header.get(3) == CONTENT_TYPE, "another content type")
    wanted = bytes([0xA3, 1, {"ed25519": 0x27, "p256": 0x26}[kind], 3, 0x78, len(CONTENT_TYPE)]) + CONTENT_TYPE.encode()
    need(protected == wanted + b"\x04" + byte_head(len(header[4])) + header[4], "another header")
    signed = b"\x84\x6aSignature1" + byte_head(len(protected)) + protected + b"\x40" + byte_head(len(payload)) + payload
    need(len(signature) == 64, "a signature of another length")
    try:
        {"ed25519": check_ed25519, "p256": check_p256}[kind](base64.b64decode(key), signature, signed)
    except InvalidSignature as error:
        raise Wrong("the signature is another's") from error
    return header[4].decode("ascii"), payload


def check_ed25519(key: bytes, signature: bytes, signed: bytes) -> None:
    """Raise InvalidSignature where it is another's."""
    Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)


def check_p256(key: bytes, signature: bytes, signed: bytes) -> None:
    """Raise InvalidSignature where it is another's."""
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    need(s <= ORDER // 2, "the signature's second form")
    point = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), key)
    point.verify(encode_dss_signature(r, s), signed, ECDSA(SHA256()))


def digest(envelope: bytes) -> str:
    """The batch's hash in hexadecimal."""
    return hashlib.sha256(envelope).hexdigest()


def name(value: Any) -> str:
    """A name as a gateway's id is."""
    need(isinstance(value, str) and NAME.fullmatch(value), "not a name")
    return str(value)


def elements(value: Any, count: int, tags: tuple[int, ...] = tuple(ELEMENTS)) -> list[int]:
    """The elements of a typed array."""
    need(isinstance(value, Tag) and value.number in tags and isinstance(value.content, bytes), "not a typed array")
    kind = ELEMENTS[value.number]
    need(len(value.content) == count * struct.calcsize("<" + kind), "not as many elements as said")
    return list(struct.unpack(f"<{count}{kind}", value.content))


def series(value: dict[str, Any]) -> list[int]:
    """A series of 64-bit integers."""
    n = value["n"]
    need(0 <= n <= 1 << 20, "too many values")
    if n == 0:
        return []
    if "values" in value:
        return elements(value["values"], n)
    steps = elements(value["delta"], n - 1) if "delta" in value else [0] * (n - 1)
    out = [value["first"]]
    for step in steps:
        out.append((out[-1] + step + 2**63) % 2**64 - 2**63)
    return out


def number(mantissa: int, exponent: int) -> float:
    """A mantissa and a power of ten as a 64-bit float."""
    return float(mantissa) / float(10**-exponent) if exponent < 0 else float(mantissa) * float(10**exponent)


def column(value: dict[str, Any], samples: int) -> list[float | str | None]:
    """Per sample a number, or the word for why there is none; None where the sample does not have the quantity."""
    causes = elements(value["causes"], samples, (64,)) if "causes" in value else [0] * samples
    mantissas = series(value)
    need(len(mantissas) == causes.count(0), "not as many numbers as zeros among the causes")
    need(-18 <= value["exp"] <= 18, "an exponent beyond 18")
    numbers = iter(mantissas)
    words = dict(enumerate(CAUSES, 1)) | {255: None}
    return [words[cause] if cause else number(next(numbers), value["exp"]) for cause in causes]


def words(value: Any, rows: int) -> list[list[int]]:
    """Register words, one row a number."""
    need(isinstance(value, Tag) and value.number == 40, "not register words")
    (stated, width), flat = value.content
    need(stated == rows and 1 <= width <= 4, "not one row a number")
    found = elements(flat, rows * width, (69,))
    return [found[i * width : (i + 1) * width] for i in range(rows)]


def point(value: dict[str, Any]) -> dict[str, Any]:
    """One point of a batch."""
    times, monotonic = series(value["time"]), series(value["monotonic"])
    need(len(times) == len(monotonic), "clocks of different length")
    need(all(0 <= t < 253_402_300_800_000 for t in times), "a time beyond the year 9999")
    columns = {name(k): column(v, len(times)) for k, v in value["columns"].items()}
    rows = {k: sum(isinstance(x, float) for x in v) for k, v in columns.items()}
    return {
        "point": name(value["point"]),
        "profile": name(value["profile"]),
        "time": times,
        "monotonic": monotonic,
        "columns": columns,
        "raw": {k: words(v, rows[k]) for k, v in value.get("raw", {}).items()},
    }


def gap_record(value: dict[str, Any]) -> dict[str, Any]:
    """One gap record of a batch; what it does not say is None."""
    first, until, begun, ended = value["first"], value["until"], value.get("from"), value.get("to")
    need(1 <= first <= until + 1 <= 2**63, "no range, nor an empty one")
    period: list[Any] = [] if begun is None and ended is None else [0, begun, ended, 253_402_300_799_999]
    need(None not in period and period == sorted(period), "no period")
    epoch, points = value.get("epoch"), value.get("points", [])
    need(epoch is None or len(epoch) == 8, "not an epoch")
    need(len(points) <= 1024, "too many points")
    return {
        "reason": name(value["reason"]),
        "first": first,
        "until": until,
        "epoch": None if epoch is None else epoch.hex(),
        "from": begun,
        "to": ended,
        "points": [name(p) for p in points],
    }


def clock_step(value: list[int]) -> list[int]:
    """One step of the clock."""
    monotonic, moved = value
    need(0 <= monotonic < 2**53 and 0 < abs(moved) < 2**53, "no step of the clock")
    return [monotonic, moved]


def decode(envelope: bytes, public_key: str) -> dict[str, Any]:
    """An envelope as plain lists and numbers; bytes as hexadecimal text."""
    gateway, payload = open_envelope(envelope, public_key)
    size = zstandard.frame_content_size(payload)
    need(0 <= size <= 4 << 20, "no size, or too large")
    content = whole(zstandard.ZstdDecompressor().decompress(payload))
    need(content["v"] == 1 and content["gateway"] == gateway, "another version or gateway")
    points = [point(p) for p in content["points"]]
    need(len({p["point"] for p in points}) == len(points), "a point twice")
    gaps = [gap_record(g) for g in content.get("gaps", [])]
    need(len(gaps) <= 256, "too many gap records")
    steps = [clock_step(s) for s in content.get("steps", [])]
    need(len(steps) <= 256, "too many steps of the clock")
    return {
        "gateway": gateway,
        "epoch": content["epoch"].hex(),
        "sequence": content["sequence"],
        "previous": content["previous"].hex(),
        "boot": content["boot"].hex(),
        "synced": content["synced"],
        "profiles": content["profiles"],
        "points": points,
        "gaps": gaps,
        "steps": steps,
        "hash": digest(envelope),
    }
