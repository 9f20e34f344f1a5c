"""Hostile messages without end: what somebody without the key, and what somebody with it, may put on a gateway's topic.

None of them may be stored. They are of many families in turn, and the same seed gives the same messages.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import cbor2
import zstandard
from cryptography.hazmat.primitives.asymmetric import ec

from stillcold_core.contract.batch import CONTENT_TYPE, MAX_ENVELOPE
from stillcold_core.evidence.envelope import stored_payload
from stillcold_core.evidence.keys import EDDSA, ES256, Ed25519PrivateKey, PrivateKey, sign
from support.attack_payloads import PAYLOADS, Make
from support.gateway import DEAD, SignedGateway, steady

Message = tuple[str, bytes]
"""Gateway by the topic, and what was published there."""
Attack = Callable[[Random, "Target"], Message]
_ALGORITHM = {"gw-1": EDDSA, "gw-2": ES256}
_OTHER = {"gw-1": "gw-2", "gw-2": "gw-1"}
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_HUGE = bytes(MAX_ENVELOPE + 1)
_DEEP = (b"\x81" * 100_000, b"\xd2" * 100_000, b"\xd2\x84" + b"\x9b\x00\x00\x00\x00\x00\x0f\x42\x40" + b"\xa0" * 99_999)
_TWICE, _OPEN, _CUT = b"\xa2\x01\x27\x01\x27", b"\xbf\x01\x27\xff", b"\xa3\x01\x27"


@dataclass(frozen=True)
class Target:
    """A gateway in the registry, some envelopes of it that are stored, the keys of others, and one that was revoked."""

    gateway: SignedGateway
    stored: list[bytes]
    contents: list[bytes]
    others: list[PrivateKey]
    revoked: SignedGateway

    @property
    def name(self) -> str:
        """Its id."""
        return self.gateway.name


def targets() -> list[Target]:
    """One with a key of each kind; the envelopes are still to be stored."""
    keys: list[PrivateKey] = [Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())]
    revoked = SignedGateway("gw-3")
    others = [*keys, Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())]
    return [_target(f"gw-{i}", key, [o for o in others if o is not key], revoked) for i, key in enumerate(keys, 1)]


def attacks(seed: int, victims: list[Target]) -> Iterator[tuple[str, Message]]:
    """Family and message, without end."""
    rng = Random(seed)
    families = [pair for pair in ATTACKS.items() for _ in range(1 if pair[0] in _RARE else 20)]
    while True:
        (family, attack), target = rng.choice(families), rng.choice(victims)
        message = attack(rng, target)
        unchanged = message in [(target.name, e) for e in target.stored]  # chance may change nothing
        if family == "replayed" or not unchanged:
            yield family, message


def _target(name: str, key: PrivateKey, others: list[PrivateKey], revoked: SignedGateway) -> Target:
    gateway = SignedGateway(name, key=key)
    stored = [gateway.batch(steady(DEAD, start=1.8e9 + 10 * i, count=1 + i % 3, point=f"p-{name}")) for i in range(8)]
    return Target(gateway, stored, [zstandard.decompress(stored_payload(e)) for e in stored], others, revoked)


# --- without the key


def _truncated(rng: Random, target: Target) -> Message:
    good = rng.choice(target.stored)
    return target.name, good[: rng.randrange(len(good))]


def _flipped(rng: Random, target: Target) -> Message:
    changed = bytearray(rng.choice(target.stored))
    for bit in rng.sample(range(8 * len(changed)), rng.choice((1, 1, 1, 2, 8, 64))):
        changed[bit // 8] ^= 1 << (bit % 8)
    return target.name, bytes(changed)


def _spliced(rng: Random, target: Target) -> Message:
    one, other = rng.sample(target.stored, 2)
    at, to = rng.randrange(1, len(one)), rng.randrange(len(other))
    return target.name, rng.choice((one[:at] + other[to:] + b"\0", one + other, one + rng.randbytes(5), one[at:]))


def _random(rng: Random, target: Target) -> Message:
    start = rng.choice((b"", b"\xd2", b"\xd2\x84", b"\xd2\x84\x58", b"\xd2\x84\x43\xa1\x01\x27\xa0"))
    return target.name, start + rng.randbytes(rng.choice((0, 1, 10, 300, 3000)))


def _claimed(rng: Random, target: Target) -> Message:
    """A length that is not there."""
    width = rng.choice((1, 2, 4, 8))
    head = bytes([{1: 0x58, 2: 0x59, 4: 0x5A, 8: 0x5B}[width]]) + rng.randbytes(width)
    return target.name, b"\xd2\x84" + head + rng.choice(target.stored)[4:]


def _oversized(rng: Random, target: Target) -> Message:
    return target.name, rng.choice((_HUGE, *_DEEP))


def _elsewhere(rng: Random, target: Target) -> Message:
    """A good envelope on a topic that is not its gateway's."""
    return rng.choice((_OTHER[target.name], "gw-9", "")), rng.choice(target.stored)


def _stranger(rng: Random, target: Target) -> Message:
    kid = rng.choice((f"gw-{rng.randrange(4, 10**9)}", "GW-1", "gw-1 ", "gw-1\0", "", "gw-1/../gw-2", "网关"))
    return kid, _sealed(target, rng.choice(target.others), kid=kid.encode())


def _forged(rng: Random, target: Target) -> Message:
    """The gateway's name, another's key; with the algorithm of either kind."""
    signer = rng.choice(target.others)
    return target.name, _sealed(target, signer, algorithm=rng.choice((EDDSA, ES256)))


def _signatures(rng: Random, target: Target) -> Message:
    """A good envelope with another signature, as one who has seen some may compose it."""
    one, other = rng.sample(target.stored, 2)
    signature = one[-64:]
    second = (_ORDER - int.from_bytes(signature[32:])) % _ORDER
    made = rng.choice(
        (
            other[-64:],
            bytes(64),
            b"\xff" * 64,
            signature[32:] + signature[:32],
            signature[:32] + (second or 1).to_bytes(32),
            rng.randbytes(64),
        )
    )
    return target.name, one[:-64] + made


def _replayed(rng: Random, target: Target) -> Message:
    return target.name, rng.choice(target.stored)


# --- with the key


def _confused(rng: Random, target: Target) -> Message:
    """The right key under another algorithm's name."""
    others = [
        a for a in (EDDSA, ES256, -19, -9, -35, -257, 5, 0, None, "none", 1 << 70) if a != _ALGORITHM[target.name]
    ]
    wrong = rng.choice(others)
    return target.name, _sealed(target, target.gateway.key, algorithm=wrong)


def _headers(rng: Random, target: Target) -> Message:
    """Another protected header, rightly signed."""
    right: dict[object, object] = {1: _ALGORITHM[target.name], 3: CONTENT_TYPE, 4: target.name.encode()}
    odd: list[dict[object, object]] = [
        {3: "text/plain"}, {3: 7}, {4: target.name}, {4: None}, {4: b"\xff"}, {9: "x" * 300}, {9: [[[1]]]}
    ]  # fmt: skip
    protected = rng.choice((cbor2.dumps(right | rng.choice(odd)), b"", _TWICE, _OPEN, _CUT, cbor2.dumps([1])))
    return target.name, _envelope(protected, stored_payload(target.stored[0]), target.gateway.key)


def _inside(make: Make) -> Attack:
    """A hostile payload, rightly signed."""

    def attack(rng: Random, target: Target) -> Message:
        return target.name, target.gateway.seal(make(rng, rng.choice(target.contents)))

    return attack


def _impostor(rng: Random, target: Target) -> Message:
    """Another gateway's batch under one's own name, or on the other's topic."""
    content = cbor2.loads(rng.choice(target.contents))
    content["gateway"] = name = rng.choice(("gw-9", _OTHER[target.name]))
    return rng.choice((target.name, name)), target.gateway.seal(zstandard.compress(cbor2.dumps(content), 1))


def _revoked(rng: Random, target: Target) -> Message:
    """A good batch of a gateway that is not believed any more."""
    return target.revoked.name, target.revoked.batch(steady(DEAD, start=1.8e9 + rng.randrange(1000), count=1))


ATTACKS: dict[str, Attack] = {
    "truncated": _truncated, "flipped": _flipped, "spliced": _spliced, "random": _random, "claimed": _claimed,
    "oversized": _oversized, "elsewhere": _elsewhere, "stranger": _stranger, "forged": _forged,
    "signatures": _signatures, "replayed": _replayed, "confused": _confused, "headers": _headers,
    "impostor": _impostor, "revoked": _revoked, **{f"signed {name}": _inside(make) for name, make in PAYLOADS.items()},
}  # fmt: skip
_RARE = ("oversized", "signed bombs", "signed grown")
"""They take milliseconds, to make and to refuse."""


def _sealed(target: Target, signer: PrivateKey, *, kid: bytes | None = None, algorithm: object = EDDSA) -> bytes:
    header = {1: algorithm, 3: CONTENT_TYPE, 4: target.name.encode() if kid is None else kid}
    return _envelope(cbor2.dumps(header), stored_payload(target.stored[0]), signer)


def _envelope(protected: bytes, payload: bytes, signer: PrivateKey) -> bytes:
    signature = sign(signer, cbor2.dumps(["Signature1", protected, b"", payload]))
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))
