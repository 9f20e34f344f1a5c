"""Algorithms that are mixed up: the key in the registry decides, and whoever names another is refused and counted."""

from collections.abc import Callable
from dataclasses import dataclass

import cbor2
import pytest
from hostile import GOOD, KEY
from make_vectors import P256_KEY
from sqlalchemy import Engine, select

from stillcold_core.contract.batch import CONTENT_TYPE
from stillcold_core.evidence.envelope import BadEnvelope, open_envelope, seal, stored_payload
from stillcold_core.evidence.keys import EDDSA, ES256, PrivateKey, format_public_key, sign
from stillcold_core.registry import Gateway, Line, Point, Registry, Site
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store import schema
from stillcold_server.store.database import read, write

PAYLOAD = stored_payload(GOOD)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def sealed(algorithm: object, signer: PrivateKey, *, twist: Callable[[bytes], bytes] = bytes) -> bytes:
    """An envelope of gw-1 that names an algorithm, signed with a key; ``twist`` changes the signature."""
    protected = cbor2.dumps({1: algorithm, 3: CONTENT_TYPE, 4: b"gw-1"})
    signature = twist(sign(signer, cbor2.dumps(["Signature1", protected, b"", PAYLOAD])))
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, PAYLOAD, signature]))


def second_form(signature: bytes) -> bytes:
    """The other ECDSA signature that verifies, which needs no key."""
    return signature[:32] + (ORDER - int.from_bytes(signature[32:])).to_bytes(32)


@dataclass(frozen=True)
class Mix:
    """What the registry holds for gw-1, and what is sent under its name."""

    registered: PrivateKey
    envelope: bytes
    reason: str


MIXES = {
    "P-256 under an Ed25519 gateway": Mix(KEY, sealed(ES256, P256_KEY), "algorithm"),
    "P-256 that says EdDSA": Mix(KEY, sealed(EDDSA, P256_KEY), "signature"),
    "Ed25519 under a P-256 gateway": Mix(P256_KEY, sealed(EDDSA, KEY), "algorithm"),
    "Ed25519 that says ES256": Mix(P256_KEY, sealed(ES256, KEY), "signature"),
    "the right key, the other's name": Mix(KEY, sealed(ES256, KEY), "algorithm"),
    "the right P-256 key, the other's name": Mix(P256_KEY, sealed(EDDSA, P256_KEY), "algorithm"),
    "HMAC with the public key": Mix(KEY, sealed(5, KEY), "algorithm"),
    "no algorithm": Mix(P256_KEY, sealed(None, P256_KEY), "algorithm"),
    "ES384": Mix(P256_KEY, sealed(-35, P256_KEY), "algorithm"),
    "a signature's second form": Mix(P256_KEY, sealed(ES256, P256_KEY, twist=second_form), "signature"),
    "a signature of zeros": Mix(P256_KEY, sealed(ES256, P256_KEY, twist=lambda _: bytes(64)), "signature"),
    "no signature": Mix(P256_KEY, sealed(ES256, P256_KEY, twist=lambda _: b""), "signature"),
}


@pytest.mark.requirement("wire.algorithm-of-the-key")
@pytest.mark.parametrize("name", MIXES)
def test_another_algorithm_than_the_key_s_is_refused(name: str) -> None:
    mix = MIXES[name]
    with pytest.raises(BadEnvelope) as refused:
        open_envelope(mix.envelope, content_type=CONTENT_TYPE, key_of=lambda _: mix.registered.public_key())
    assert refused.value.reason == mix.reason


_REFUSED = select(schema.refusal.c.reason, schema.refusal.c.count.label("number"))


def known(key: PrivateKey) -> Registry:
    """A registry whose one gateway has that key."""
    return Registry(
        site=(Site("s", "S"),),
        line=(Line("f1", "s", "F", "permitted", 750e3),),
        gateway=(Gateway("gw-1", format_public_key(key.public_key()), "s"),),
        point=(Point("kc-017-p2", "f1", "feeder", "gw-1"),),
    )


@pytest.mark.requirement("wire.algorithm-of-the-key")
@pytest.mark.parametrize("key", [KEY, P256_KEY], ids=["Ed25519", "P-256"])
def test_the_server_stores_what_is_signed_with_the_registered_key_and_counts_every_mix(
    engine: Engine, key: PrivateKey
) -> None:
    """Of either kind; what is refused leaves no row."""
    with write(engine) as connection:
        import_registry(connection, known(key))
    mixes = [m for m in MIXES.values() if m.registered is key]
    good = seal(PAYLOAD, kid="gw-1", content_type=CONTENT_TYPE, key=key)
    Writer(engine, Metrics()).take([("gw-1", e) for e in (*(m.envelope for m in mixes), good)], 1)
    with read(engine) as connection:
        counted = {r.reason: r.number for r in connection.execute(_REFUSED)}
        assert connection.scalars(select(schema.batch.c.body)).all() == [good]
    reasons = [m.reason for m in mixes]
    assert counted == {reason: reasons.count(reason) for reason in set(reasons)}
