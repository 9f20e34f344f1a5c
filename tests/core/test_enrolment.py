"""A gateway's request, its fingerprint, and what the one-time code proves."""

import hashlib
import hmac
import ssl
import struct
from collections.abc import Callable, Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from msgspec.structs import replace

from stillcold_core.enrolment.answer import Answer, BadAnswer, answer_mac, code_key, read_answer, request_mac
from stillcold_core.enrolment.request import BadRequest, Request, make_request, names_of, read_request
from stillcold_core.evidence.keys import Ed25519PrivateKey, format_public_key

KEY = ec.generate_private_key(ec.SECP256R1())
SIGNING = format_public_key(Ed25519PrivateKey.generate().public_key())
NAME = x509.NameAttribute(NameOID.COMMON_NAME, "gw-1")
CODE = code_key("k7wq-m2xd-9fhe-tz4p")


def csr(
    name: Sequence[x509.NameAttribute[str]] = (NAME,),
    names: Sequence[x509.GeneralName] = tuple(names_of("gw-1", SIGNING)),
    extra: x509.ExtensionType | None = None,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY,
) -> bytes:
    """Any request, in PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(name))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if extra:
        builder = builder.add_extension(extra, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.requirement("enrolment.request")
def test_a_request_is_read_back_with_the_same_fingerprint() -> None:
    """Also when it is signed again; another key or name gives another one."""
    first, again = (make_request("gw-1", KEY, SIGNING) for _ in range(2))
    assert first.pem != again.pem
    read = read_request(first.pem)
    assert (read.gateway, read.public_key, read.fingerprint) == ("gw-1", SIGNING, again.fingerprint)
    other = ec.generate_private_key(ec.SECP256R1())
    prints = {make_request(g, k, SIGNING).fingerprint for g in ("gw-1", "gw-2") for k in (KEY, other)}
    signing = format_public_key(Ed25519PrivateKey.generate().public_key())
    assert len(prints | {make_request("gw-1", KEY, signing).fingerprint}) == 5


WRONG: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "no PEM": lambda: b"-----BEGIN CERTIFICATE REQUEST-----\n!!!\n-----END CERTIFICATE REQUEST-----\n",
    "too long": lambda: csr() + b" " * 8192,
    "no name": lambda: csr(name=()),
    "two names": lambda: csr(name=(NAME, NAME)),
    "another attribute": lambda: csr(name=(x509.NameAttribute(NameOID.ORGANIZATION_NAME, "gw-1"),)),
    "a name that is no id": lambda: csr(name=(x509.NameAttribute(NameOID.COMMON_NAME, "gw/+"),)),
    "the server's name beside its own": lambda: csr(
        names=[*names_of("gw-1", SIGNING), x509.DNSName("stillcold-server")]
    ),
    "another alternative name": lambda: csr(names=[*names_of("gw-2", SIGNING)]),
    "no alternative name": lambda: csr(names=()),
    "no key of batches": lambda: csr(names=[x509.DNSName("gw-1")]),
    "a key that is none": lambda: csr(names=[*names_of("gw-1", "ed25519:AAAA")]),
    "an authority": lambda: csr(extra=x509.BasicConstraints(ca=True, path_length=None)),
    "another curve": lambda: csr(key=ec.generate_private_key(ec.SECP384R1())),
    "an office's program": lambda: make_request("stillcold-server", KEY, SIGNING).pem,
    "a short key": lambda: csr(key=rsa.generate_private_key(65537, 1024)),
}


@pytest.mark.requirement("enrolment.request-strict")
@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_request_of_a_gateway_is_refused(what: str) -> None:
    """Whatever else it may be."""
    with pytest.raises(BadRequest):
        read_request(WRONG[what]())


@pytest.mark.requirement("enrolment.request-strict")
def test_a_request_with_any_changed_byte_is_refused_or_asks_for_the_same() -> None:
    """Its own signature covers what is asked for; DER has a second form of the signature's last byte (unused bits)."""
    request = make_request("gw-1", KEY, SIGNING)
    der = request.csr.public_bytes(Encoding.DER)
    taken = [
        read_or_none(der[:i] + bytes([der[i] ^ bit]) + der[i + 1 :]) for i in range(len(der)) for bit in (1, 16, 128)
    ]
    assert {t.digest for t in taken if t} <= {request.digest}
    assert sum(t is not None for t in taken) <= 1


def read_or_none(der: bytes) -> Request | None:
    """A request, or None where it is refused."""
    pem = ssl.DER_cert_to_PEM_cert(der).replace("CERTIFICATE", "CERTIFICATE REQUEST")
    try:
        return read_request(pem.encode())
    except BadRequest:
        return None


@pytest.mark.requirement("enrolment.code")
def test_a_code_proves_request_and_every_part_of_the_answer() -> None:
    """For this request only, and in one direction only."""
    request, other = make_request("gw-1", KEY, SIGNING), make_request("gw-2", KEY, SIGNING)
    answer = Answer("approved", "certificate", "root", "")
    changes = {"state": "refused", "certificate": "certificater", "root": "oot", "mac": "x"}
    others = [replace(answer, **{name: value}) for name, value in changes.items()]
    macs = {answer_mac(CODE, request, a) for a in (answer, *others)}
    assert len(macs) == 4  # the MAC is not of itself
    macs |= {answer_mac(CODE, other, answer), answer_mac(code_key("k7wq-m2xd-9fhe-tz4q"), request, answer)}
    macs |= {request_mac(CODE, request), request_mac(CODE, other)}
    assert len(macs) == 8


@pytest.mark.requirement("enrolment.code")
def test_what_a_code_proves_is_computed_as_the_page_of_the_wire_says() -> None:
    """By somebody who has only that page."""
    request, answer = make_request("gw-1", KEY, SIGNING), Answer("approved", "certificate", "root", "")
    key = hashlib.sha256(b"stillcold enrolment code\0k7wqm2xd9fhetz4p").digest()
    digest = hashlib.sha256(request.csr.tbs_certrequest_bytes).digest()
    assert request.fingerprint.replace(" ", "") == digest.hex()[:20]

    def mac(*parts: bytes) -> str:
        return hmac.new(key, b"".join(struct.pack(">I", len(p)) + p for p in parts), hashlib.sha256).hexdigest()

    assert request_mac(CODE, request) == mac(b"request", digest)
    assert answer_mac(CODE, request, answer) == mac(b"answer", digest, b"approved", b"certificate", b"root")


@pytest.mark.requirement("enrolment.code")
@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"state": "yes", "certificate": "", "root": "", "mac": ""}', b"[" * 40_000]
)
def test_what_is_no_answer_is_refused(content: bytes) -> None:
    with pytest.raises(BadAnswer):
        read_answer(content)
