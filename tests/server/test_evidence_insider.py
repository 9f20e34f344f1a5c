"""What the office itself could change in a bundle and sign again, and what it cannot."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import update

from stillcold_core.evidence.bundle.trust import load_checkpoint, load_trust, trust_text
from stillcold_core.evidence.bundle.verify import verify_bundle
from stillcold_core.evidence.envelope import digest
from stillcold_core.evidence.keys import Ed25519PrivateKey
from stillcold_core.evidence.note import NoteKey, checkpoint_text, note_text, open_checkpoint
from stillcold_server.evidence.key import Signer, new_key
from stillcold_server.evidence.log import extend
from stillcold_server.store import schema
from stillcold_server.store.database import write
from support.evidence import House, failed, minute, store
from support.gateway import SignedGateway
from support.tampering import batches_of, files_of, relisted, shell_says, signed

Files = dict[str, bytes]
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.requirement("evidence.insider")
@pytest.mark.parametrize("at", [3, 4])
@pytest.mark.parametrize("same", [True, False])
def test_a_batch_that_is_put_in_beside_another_is_found(
    house: House, gateway: SignedGateway, at: int, same: bool, tmp_path: Path
) -> None:
    """Before it or after it; the same again, or another that was signed with a copied key."""
    house.ten_minutes(gateway)
    copy = SignedGateway(key=gateway.key)
    for i in range(4):
        envelope = minute(copy, 20 + i)
    files = files_of(house.bundle(0, 8))
    batches = batches_of(files)
    receipt = batches[3][0]
    other = batches[3] if same else (replace(receipt, hash=digest(envelope)), envelope)
    forged = relisted(files, [*batches[:at], other, *batches[at:]], house.signer)
    assert failed(house.verified(forged)) == {"chain"}
    code, items = shell_says(forged, tmp_path / "roots.json", tmp_path)
    assert (code, {x.partition(":")[0] for x in items}) == (1, {"chain"})


@pytest.mark.requirement("evidence.two-verifiers")
def test_the_second_form_of_an_ecdsa_signature_is_none(house: House, gateway: SignedGateway, tmp_path: Path) -> None:
    """Anybody can make it of the first one; no later batch names the hash of the last one."""
    gateway.key = ec.generate_private_key(ec.SECP256R1())
    with write(house.engine) as connection:
        connection.execute(update(schema.gateway).values(public_key=gateway.public_key))
    house.ten_minutes(gateway)
    files = files_of(house.bundle(0, 9))
    *batches, (receipt, envelope) = batches_of(files)
    s = (P256_ORDER - int.from_bytes(envelope[-32:])).to_bytes(32)
    other = envelope[:-32] + s
    forged = relisted(files, [*batches, (replace(receipt, hash=digest(other)), other)], house.signer)
    assert "signatures" in failed(house.verified(forged))
    assert shell_says(forged, tmp_path / "roots.json", tmp_path) == (
        1,
        [f"signatures: batch 10 of gw-1, epoch {receipt.epoch.hex()}"],
    )


def _without_batch(files: Files) -> Files:
    """The third batch left out of bytes and list, so that both fit."""
    lines = files["batches.txt"].decode().splitlines()
    number, offset, length, entry = lines[2].split(" ", 3)
    begin, size = int(offset), int(length)
    kept = [*lines[:2]]
    for line in lines[3:]:
        number, offset, length, entry = line.split(" ", 3)
        kept.append(f"{number} {int(offset) - size} {length} {entry}")
    content = files["batches.bin"]
    return {
        **files,
        "batches.bin": content[:begin] + content[begin + size :],
        "batches.txt": ("\n".join(kept) + "\n").encode(),
    }


def _later(files: Files) -> Files:
    """A receipt dated a second later."""
    return {**files, "batches.txt": files["batches.txt"].replace(b"1800000240000", b"1800000241000")}


def _other_key(files: Files) -> Files:
    return {**files, "keys.txt": f"gw-1 {SignedGateway().public_key}\n".encode()}


def _text(name: str, old: str, new: str) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        assert old in files[name].decode()
        return {**files, name: files[name].replace(old.encode(), new.encode())}

    return change


def _profile(files: Files) -> Files:
    (name,) = (n for n in files if n.startswith("profiles/"))
    return _text(name, 'unit = "kWh"', 'unit = "MWh"')(files)


INSIDER: dict[str, tuple[Callable[[Files], Files], set[str], bool]] = {
    "a batch left out": (_without_batch, {"chain", "log"}, True),
    "a receipt dated later": (_later, {"log", "clock"}, True),
    "another gateway's key": (_other_key, {"signatures"}, True),
    "no gaps told": (_text("gaps.json", '"missing": []', '"missing":[]'), {"gaps"}, False),
    "a clock's history made better": (_text("clock.json", '"unsynced": 0', '"unsynced": -1'), {"clock"}, False),
    "a profile that reads more": (_profile, {"profiles"}, False),
    "an alert of another line": (_text("alerts.json", "[]", '[{"line": "f2"}]'), {"alerts"}, False),
    "an attestation of nobody's": (_text("attestations.json", "[]", '["made up"]'), {"statements"}, False),
    "attestations that are none": (_text("attestations.json", "[]", "{}"), {"statements"}, False),
    "a registry that is none": (_text("registry.toml", "[[site]]", "[[site"), {"statements"}, False),
}


@pytest.mark.requirement("evidence.insider")
@pytest.mark.parametrize("name", INSIDER)
def test_what_the_office_changes_and_signs_again_is_found(
    name: str, house: House, gateway: SignedGateway, tmp_path: Path
) -> None:
    """By what gateways have signed, and by the log; the shell's verifier finds what is no account of the server's."""
    house.ten_minutes(gateway)
    change, expected, by_shell = INSIDER[name]
    files = files_of(house.bundle(1, 8))
    assert failed(house.verified(signed(files, house.signer))) == set()
    changed = signed(change(files), house.signer)
    assert expected <= failed(house.verified(changed))
    assert shell_says(changed, tmp_path / "roots.json", tmp_path)[0] == int(by_shell)


def test_profiles_are_those_that_the_batches_name(house: House, gateway: SignedGateway) -> None:
    """One that is missing is said; another, that would read the same words otherwise, fails."""
    house.ten_minutes(gateway)
    files = files_of(house.bundle(1, 8))
    (name,) = (n for n in files if n.startswith("profiles/"))
    without = house.verified(signed({n: c for n, c in files.items() if n != name}, house.signer))
    assert (without.of("profiles").verdict, without.of("decoding").verdict) == ("ABSENT", "ABSENT")
    assert without.of("profiles").said == "not here: " + name.removeprefix("profiles/")[:-5].replace(".", " ")
    other = files[name].replace(b'unit = "kWh"', b'unit = "MWh"')
    more = f"profiles/eastron-sdm630.{hashlib.sha256(other).hexdigest()[:16]}.toml"
    report = house.verified(signed({**files, more: other}, house.signer))
    assert report.of("profiles").problems == (f"{more}: no signed batch names it",)


@pytest.mark.parametrize("records", ["{}", '{"p9": {}}', '{"p1": null}'])
def test_the_calibration_of_no_meter_is_no_calibration(house: House, gateway: SignedGateway, records: str) -> None:
    house.ten_minutes(gateway)
    files = files_of(house.bundle(1, 8))
    said = house.verified(signed({**files, "calibration.json": records.encode()}, house.signer)).of("calibration")
    assert (said.verdict, said.said) == ("ABSENT", "no record of p1")


@pytest.mark.requirement("evidence.trust")
def test_a_bundle_of_a_server_that_is_not_trusted_fails(house: House, gateway: SignedGateway, tmp_path: Path) -> None:
    house.ten_minutes(gateway)
    stranger = NoteKey("example.org/stillcold", Ed25519PrivateKey.generate().public_key())
    (tmp_path / "others.json").write_text(trust_text([], stranger))
    bundle = house.bundle(1, 8)
    assert failed(verify_bundle(memoryview(bundle), load_trust(tmp_path / "others.json"))) == {"manifest"}
    assert shell_says(bundle, tmp_path / "others.json", tmp_path)[0] == 1


@pytest.mark.requirement("evidence.trust")
def test_manifest_and_checkpoint_are_of_one_log(house: House, gateway: SignedGateway, tmp_path: Path) -> None:
    """Of two logs that are both trusted, neither speaks for the other; nor is one held to the other's checkpoint."""
    house.ten_minutes(gateway)
    (tmp_path / "other.key").write_bytes(new_key())
    other = Signer(tmp_path / "other.key", "example.org/other")
    logs = [house.signer.public, other.public]
    roots = tmp_path / "roots.json"
    roots.write_text(json.dumps({"authorities": [], "logs": [log.text for log in logs]}, indent=1))
    bundle = house.bundle(1, 8, since=3)
    files = files_of(bundle)
    theirs = note_text(files["checkpoint.txt"]).replace("/stillcold", "/other")
    borrowed = files | {"checkpoint.txt": other.sign(theirs)}
    assert failed(verify_bundle(memoryview(signed(borrowed, house.signer)), load_trust(roots))) == {"log"}
    assert shell_says(signed(borrowed, house.signer), roots, tmp_path)[0] == 1
    kept = tmp_path / "kept.txt"
    kept.write_bytes(other.sign(checkpoint_text("example.org/other", 3, bytes(32))))
    report = verify_bundle(memoryview(bundle), load_trust(roots), load_checkpoint(kept, logs))
    assert [i.problems for i in report.items if i.verdict == "FAIL"] == [
        ("the earlier checkpoint is of example.org/other, another log",)
    ]
    assert shell_says(bundle, roots, tmp_path, str(kept)) == (
        1,
        ["earlier: the earlier checkpoint is of example.org/other, another log"],
    )


def test_a_file_that_nobody_looks_at_fails(house: House, gateway: SignedGateway, tmp_path: Path) -> None:
    house.ten_minutes(gateway)
    more = signed({**files_of(house.bundle(1, 8)), "values.csv": b"time,point\n"}, house.signer)
    assert failed(house.verified(more)) == {"files"}
    assert shell_says(more, tmp_path / "roots.json", tmp_path) == (
        1,
        ["files: values.csv: is no file of a bundle, and nobody looks at it"],
    )


@pytest.mark.requirement("evidence.earlier")
def test_a_checkpoint_that_somebody_kept_binds_the_log(house: House, gateway: SignedGateway, tmp_path: Path) -> None:
    """The log goes on from it; one that was written anew meanwhile does not, and is signed as well as the other."""
    for i in range(5):
        store(house.engine, gateway, [minute(gateway, i)])
    kept = house.checkpoint()
    (tmp_path / "kept.txt").write_bytes(kept)
    earlier = open_checkpoint(kept, house.trust.logs)
    for i in range(5, 10):
        store(house.engine, gateway, [minute(gateway, i)])

    def both_say(bundle: bytes) -> str:
        report = verify_bundle(memoryview(bundle), house.trust, earlier)
        assert failed(report) <= {"earlier"}
        code, items = shell_says(bundle, tmp_path / "roots.json", tmp_path, str(tmp_path / "kept.txt"))
        assert (code, [x.partition(":")[0] for x in items]) == ((0, []) if report.good else (1, ["earlier"]))
        return report.of("earlier").said

    assert both_say(house.bundle(0, 9, since=earlier.size)) == "the log goes on from its first 5 entries"
    assert both_say(house.bundle(0, 9)) == "1 wrong"
    assert both_say(house.bundle(0, 9, since=4)) == "1 wrong"
    with write(house.engine) as connection:
        connection.execute(schema.log_entry.delete())
        connection.execute(schema.log_tile.delete())
        connection.execute(
            update(schema.batch).where(schema.batch.c.sequence == 2).values(received_at=1_800_000_119_000)
        )
        extend(connection)
    rewritten = house.bundle(0, 9, since=earlier.size)
    assert failed(house.verified(rewritten)) == set()
    assert both_say(rewritten) == "1 wrong"
