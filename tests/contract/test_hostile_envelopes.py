"""Envelopes that mean harm: always a refusal with its reason, never another exception, and little memory."""

from typing import Any

import cbor2
import pytest
from hostile import GOOD, KEY, bounded_memory
from hypothesis import given
from hypothesis import strategies as st

from stillcold_core.contract.batch import CONTENT_TYPE
from stillcold_core.evidence.envelope import BadEnvelope, Opened, open_envelope, seal, stored_payload
from stillcold_core.evidence.keys import Ed25519PrivateKey, Ed25519PublicKey

PAYLOAD = stored_payload(GOOD)


def key_of(kid: str) -> Ed25519PublicKey | None:
    """The registry: one gateway."""
    return KEY.public_key() if kid == "gw-1" else None


def opened(envelope: bytes) -> Opened:
    """Through the real door."""
    return open_envelope(envelope, content_type=CONTENT_TYPE, key_of=key_of)


def reason_of(envelope: bytes) -> str:
    """Why the envelope is refused."""
    with pytest.raises(BadEnvelope) as refused:
        opened(envelope)
    return refused.value.reason


@pytest.mark.requirement("wire.one-encoding")
def test_every_truncation_is_refused() -> None:
    """Each prefix, also of the empty one."""
    assert opened(GOOD).kid == "gw-1"
    assert {reason_of(GOOD[:n]) for n in range(len(GOOD))} == {"not_cose"}


@pytest.mark.requirement("wire.one-encoding")
def test_every_changed_bit_is_refused() -> None:
    """No bit is free: head, header, payload and signature."""
    reasons = set()
    for i in range(8 * len(GOOD)):
        changed = bytearray(GOOD)
        changed[i // 8] ^= 1 << (i % 8)
        reasons.add(reason_of(bytes(changed)))
    assert reasons == {"not_cose", "algorithm", "content_type", "unknown_key", "signature"}


def signed_with(header: Any, *, encoded: bytes | None = None) -> bytes:
    """An envelope with another protected header, rightly signed."""
    protected = cbor2.dumps(header) if encoded is None else encoded
    signature = KEY.sign(cbor2.dumps(["Signature1", protected, b"", PAYLOAD]))
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, PAYLOAD, signature]))


HEADER = {1: -8, 3: CONTENT_TYPE, 4: b"gw-1"}


@pytest.mark.requirement("wire.one-encoding")
@pytest.mark.parametrize(
    ("envelope", "reason"),
    [
        (signed_with(HEADER | {1: -7}), "algorithm"),
        (signed_with(HEADER | {1: "EdDSA"}), "algorithm"),
        (signed_with({3: CONTENT_TYPE, 4: b"gw-1"}), "algorithm"),
        (signed_with(HEADER | {3: "application/json"}), "content_type"),
        (signed_with(HEADER | {3: 5}), "content_type"),
        (signed_with(HEADER | {4: b"gw-2"}), "unknown_key"),
        (signed_with(HEADER | {4: b"\xff\xfe"}), "unknown_key"),
        (signed_with(HEADER | {4: "gw-1"}), "not_cose"),
        (signed_with(HEADER | {4: None}), "not_cose"),
        (signed_with(HEADER | {9: 1}), "not_cose"),
        (signed_with(HEADER | {1: -8.0}), "not_cose"),
        (signed_with({4: b"gw-1", 3: CONTENT_TYPE, 1: -8}), "not_cose"),
        (signed_with({True: -8, 3: CONTENT_TYPE, 4: b"gw-1"}), "not_cose"),
        (signed_with(None, encoded=cbor2.dumps(HEADER).replace(b"\xa3\x01", b"\xa3\x18\x01")), "not_cose"),
        (signed_with([1, 2]), "not_cose"),
        (signed_with(HEADER | {9: "x" * 300}), "not_cose"),
        (signed_with(HEADER | {9: [[[1]]]}), "not_cose"),
        (signed_with(None, encoded=b""), "not_cose"),
        (signed_with(None, encoded=cbor2.dumps(HEADER)[:-1]), "not_cose"),
        (signed_with(None, encoded=b"\xa2\x01\x27\x01\x27"), "not_cose"),
        (signed_with(None, encoded=b"\xbf\x01\x27\xff"), "not_cose"),
        (seal(PAYLOAD, kid="gw-1", content_type=CONTENT_TYPE, key=Ed25519PrivateKey.generate()), "signature"),
    ],
)
def test_another_header_is_refused(envelope: bytes, reason: str) -> None:
    """Rightly signed or not, and also the same one in another encoding."""
    assert reason_of(envelope) == reason


def test_the_header_that_the_tests_change_is_good() -> None:
    """Else the refusals above would prove nothing."""
    assert opened(signed_with(HEADER)).payload == PAYLOAD


def reencoded(data: bytes) -> dict[str, bytes]:
    """The same message in other encodings that CBOR allows."""
    protected, _, payload, signature = cbor2.loads(data).value
    parts = {"p": protected, "b": payload, "s": signature}
    short = {k: cbor2.dumps(v) for k, v in parts.items()}
    wide = {k: b"\x5a" + len(v).to_bytes(4) + v for k, v in parts.items()}
    widest = {k: b"\x5b" + len(v).to_bytes(8) + v for k, v in parts.items()}
    pieces = {k: b"\x5f" + cbor2.dumps(v[:5]) + cbor2.dumps(v[5:]) + b"\xff" for k, v in parts.items()}
    found = {
        f"{which}-{name}": b"\xd2\x84"
        + (short | {which: other[which]})["p"]
        + b"\xa0"
        + (short | {which: other[which]})["b"]
        + (short | {which: other[which]})["s"]
        for name, other in (("wide", wide), ("widest", widest), ("pieces", pieces))
        for which in parts
    }
    body = short["p"] + b"\xa0" + short["b"] + short["s"]
    return found | {
        "no tag": b"\x84" + body,
        "wide tag": b"\xd8\x12\x84" + body,
        "tag 17": b"\xd1\x84" + body,
        "two tags": b"\xd2\xd2\x84" + body,
        "self-described": b"\xd9\xd9\xf7\xd2\x84" + body,
        "wide array": b"\xd2\x98\x04" + body,
        "open array": b"\xd2\x9f" + body + b"\xff",
        "five": b"\xd2\x85" + body + b"\xf6",
        "three": b"\xd2\x83" + body,
        "open map": b"\xd2\x84" + short["p"] + b"\xbf\xff" + short["b"] + short["s"],
        "unprotected": b"\xd2\x84" + short["p"] + b"\xa1\x04\x41x" + short["b"] + short["s"],
        "nil map": b"\xd2\x84" + short["p"] + b"\xf6" + short["b"] + short["s"],
        "detached": b"\xd2\x84" + short["p"] + b"\xa0\xf6" + short["s"],
        "text": b"\xd2\x84" + short["p"] + b"\xa0" + short["b"] + b"\x60",
        "more": data + b"\x00",
        "twice": data + data,
    }


@pytest.mark.requirement("wire.one-encoding")
@pytest.mark.parametrize("name", reencoded(GOOD))
def test_another_encoding_of_the_same_message_is_refused(name: str) -> None:
    """Otherwise a stranger could give a batch a second hash."""
    other = reencoded(GOOD)[name]
    assert other != GOOD
    assert reason_of(other) == "not_cose"


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda b: b"\xd2\x84" + b))
def test_any_bytes_are_refused(data: bytes) -> None:
    """With the same reason."""
    assert reason_of(data) == "not_cose"


@pytest.mark.parametrize(
    "data",
    [
        b"\xd2\x84\x5b" + b"\xff" * 8,
        b"\xd2\x84\x5a\xff\xff\xff\xff",
        b"\x81" * 1_000_000,
        b"\xd2" * 1_000_000,
        b"\xd2\x84" + b"\x9b\x00\x00\x00\x00\x00\x0f\x42\x40" + b"\xa0" * 1_000_000,
        b"\xd2\x84\x5a\x00\x0f\x00\x00" + b"\xa1\x80" * 0x78000,
        bytes(1 << 20),
    ],
)
def test_refusing_an_envelope_takes_little_memory(data: bytes) -> None:
    """Claimed lengths and deep nests are not believed; nothing is built from what is not verified."""
    with bounded_memory(4 << 20):
        assert reason_of(data) == "not_cose"
