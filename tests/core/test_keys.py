"""The kinds of key: known answers of their standards, their text forms, and one form of each signature."""

import base64
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from stillcold_core.evidence.keys import (
    EDDSA,
    ES256,
    Ed25519PrivateKey,
    PrivateKey,
    algorithm_of,
    can_sign,
    format_public_key,
    parse_public_key,
    sign,
    verifies,
)
from support import require_program

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# RFC 8032, section 7.1, test 2
ED25519 = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
)
ED25519_OF_72 = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
# RFC 6979, section A.2.5
P256 = ec.derive_private_key(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, ec.SECP256R1())
R_OF_SAMPLE = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
S_OF_SAMPLE = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
KEYS = [ED25519, P256]


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32) + s.to_bytes(32)


@pytest.mark.requirement("key.standard")
def test_signatures_are_those_of_the_standards() -> None:
    """Of P-256 the one with the smaller s: the document's own is the larger one here."""
    assert sign(ED25519, b"\x72") == ED25519_OF_72
    assert sign(P256, b"sample") == raw(R_OF_SAMPLE, ORDER - S_OF_SAMPLE)


@pytest.mark.requirement("key.standard")
def test_openssl_takes_a_signature_of_ours_and_we_take_its(tmp_path: Path) -> None:
    """Its own may be the second form: the holder of the key, nobody else, makes the first one of it."""
    openssl, pem = require_program("openssl"), tmp_path / "key.pem"
    subprocess.run(
        [openssl, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", pem], check=True
    )
    key = serialization.load_pem_private_key(pem.read_bytes(), password=None)
    assert can_sign(key)
    (tmp_path / "message").write_bytes(b"dead since January")
    ours = sign(key, b"dead since January")
    der = encode_dss_signature(int.from_bytes(ours[:32]), int.from_bytes(ours[32:]))
    (tmp_path / "ours").write_bytes(der)
    said = subprocess.run(
        [openssl, "dgst", "-sha256", "-prverify", pem, "-signature", tmp_path / "ours", tmp_path / "message"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == b"Verified OK"
    theirs = subprocess.run(
        [openssl, "dgst", "-sha256", "-sign", pem, tmp_path / "message"], capture_output=True, check=True
    )
    r, s = decode_dss_signature(theirs.stdout)
    assert verifies(key.public_key(), raw(r, min(s, ORDER - s)), b"dead since January")


@pytest.mark.parametrize("key", KEYS)
@given(message=st.binary(max_size=100))
def test_what_is_signed_verifies_and_nothing_else_does(key: PrivateKey, message: bytes) -> None:
    signature, public = sign(key, message), key.public_key()
    assert len(signature) == 64
    assert verifies(public, signature, message)
    assert not verifies(public, signature, message + b"\0")
    for i in (0, 31, 32, 63):
        assert not verifies(public, signature[:i] + bytes([signature[i] ^ 1]) + signature[i + 1 :], message)


@pytest.mark.requirement("key.one-signature")
@pytest.mark.parametrize(
    "signature",
    {
        "the second form": raw(R_OF_SAMPLE, S_OF_SAMPLE),
        "s beyond the order": raw(R_OF_SAMPLE, ORDER + 1),
        "s of 0": raw(R_OF_SAMPLE, 0),
        "r of 0": raw(0, ORDER - S_OF_SAMPLE),
        "both 0": bytes(64),
        "all ones": b"\xff" * 64,
        "DER": encode_dss_signature(R_OF_SAMPLE, ORDER - S_OF_SAMPLE),
        "longer": raw(R_OF_SAMPLE, ORDER - S_OF_SAMPLE) + b"\0",
        "shorter": raw(R_OF_SAMPLE, ORDER - S_OF_SAMPLE)[:-1],
        "longer in front": b"\0" + raw(R_OF_SAMPLE, ORDER - S_OF_SAMPLE),
        "nothing": b"",
    }.items(),
    ids=lambda case: case[0],
)
def test_p256_has_one_form_of_a_signature(signature: tuple[str, bytes]) -> None:
    """Whoever can make a second one for a batch gives it a second hash."""
    assert verifies(P256.public_key(), raw(R_OF_SAMPLE, ORDER - S_OF_SAMPLE), b"sample")
    assert not verifies(P256.public_key(), signature[1], b"sample")


@pytest.mark.requirement("key.text-form")
@pytest.mark.parametrize("key", KEYS)
def test_a_public_key_is_read_back(key: PrivateKey) -> None:
    text = format_public_key(key.public_key())
    again = parse_public_key(text)
    assert format_public_key(again) == text
    assert algorithm_of(again) == algorithm_of(key) == {"ed25519": EDDSA, "p256": ES256}[text.partition(":")[0]]


def _uncompressed() -> bytes:
    return P256.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _p384() -> bytes:
    key = ec.derive_private_key(7, ec.SECP384R1()).public_key()
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)


@pytest.mark.requirement("key.text-form")
@pytest.mark.parametrize(
    "text",
    [
        "", "ed25519", "ed25519:", "p256:", "rsa:AAAA", "ed25519:" + "A" * 40, "P256:" + "A" * 44, "p256:!",
        "p256:" + base64.b64encode(bytes(33)).decode(),
        "p256:" + base64.b64encode(b"\x02" + b"\xff" * 32).decode(),
        "p256:" + base64.b64encode(_uncompressed()).decode(),
        "p256:" + base64.b64encode(_p384()).decode(),
        format_public_key(ED25519.public_key()).replace("ed25519", "p256"),
        format_public_key(P256.public_key()).replace("p256", "ed25519"),
    ],
)  # fmt: skip
def test_another_text_is_no_key(text: str) -> None:
    """Also a point that is not on the curve, in its long form, or of another curve."""
    with pytest.raises(ValueError, match="expected ed25519:<32 bytes in base64> or p256:<33 bytes"):
        parse_public_key(text)


def test_no_other_key_signs() -> None:
    """A public key, or one of another curve."""
    assert can_sign(ED25519)
    assert can_sign(P256)
    assert not can_sign(P256.public_key())
    assert not can_sign(ec.generate_private_key(ec.SECP384R1()))
    assert not can_sign(hashes.SHA256())
