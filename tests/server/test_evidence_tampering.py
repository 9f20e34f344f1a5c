"""Nobody without the server's key changes a bundle unseen: every byte, random edits, truncations, reorders.

A part of it runs with the suite; ``make tamper`` runs all of it.
"""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine

from stillcold_core.evidence.bundle.cli import main
from stillcold_core.evidence.bundle.report import Report
from stillcold_core.evidence.bundle.trust import load_checkpoint, trust_text
from stillcold_core.evidence.bundle.verify import verify_bundle
from stillcold_core.evidence.note import Checkpoint
from stillcold_core.registry import Registry
from support.evidence import House, minute, store
from support.gateway import SignedGateway
from support.tampering import edits, files_of, flip, packed, rearranged, shell_says, signed, where

FULL = os.environ.get("STILLCOLD_TAMPER") == "full"
FLIPS_EVERY, EDITS, BY_SHELL = (1, 10_000, 250) if FULL else (37, 300, 8)
BOTH = {"container", "manifest", "files", "certificates", "signatures", "receipts", "log", "earlier", "chain"}
"""Items that the shell's verifier looks at too."""


@dataclass(frozen=True)
class Case:
    """A bundle, and how it is verified: against an earlier checkpoint too, so that every file of it counts."""

    house: House
    folder: Path
    bundle: bytes
    earlier: Checkpoint

    def verified(self, bundle: bytes) -> Report:
        """What ``stillcold-verify`` says."""
        return verify_bundle(memoryview(bundle), self.house.trust, self.earlier)

    def by_shell(self, bundle: bytes) -> tuple[int, list[str]]:
        """What the shell's verifier says."""
        return shell_says(bundle, self.folder / "roots.json", self.folder, str(self.folder / "kept.txt"))


@pytest.fixture
def case(engine: Engine, plant: Registry, gateway: SignedGateway, tmp_path: Path) -> Case:
    """Of some of eight minutes of a gateway."""
    house = House.over(engine, tmp_path)
    (tmp_path / "roots.json").write_text(trust_text([], house.signer.public))
    for i in range(3):
        store(engine, gateway, [minute(gateway, i)])
    (tmp_path / "kept.txt").write_bytes(house.checkpoint())
    for i in range(3, 8):
        store(engine, gateway, [minute(gateway, i)])
    return Case(house, tmp_path, house.bundle(2, 4, since=3), load_checkpoint(tmp_path / "kept.txt", house.trust.logs))


def said(report: Report) -> str:
    """Everything that is wrong with a bundle."""
    return "\n".join(problem for item in report.items for problem in item.problems)


def owner(bundle: bytes, at: int) -> str:
    """What a byte belongs to, as a verifier would call it: a file, or a batch."""
    name = where(bundle, at)
    if name != "batches.bin":
        return name
    at -= bundle.index(files_of(bundle)["batches.bin"])
    for line in files_of(bundle)["batches.txt"].decode().splitlines():
        _, offset, length, _, gateway, epoch, sequence, _, _ = line.split(" ")
        if int(offset) <= at < int(offset) + int(length):
            return f"batch {sequence} of {gateway}, epoch {epoch}"
    raise AssertionError(at)


@pytest.mark.requirement("evidence.tampering")
def test_a_changed_byte_is_found_and_what_it_belongs_to_is_named(case: Case) -> None:
    bundle = case.bundle
    chance = random.Random(1)
    places = range(0, len(bundle), FLIPS_EVERY)
    for at in places:
        changed = flip(bundle, at, chance.randint(1, 255))
        report = case.verified(changed)
        assert not report.good, at
        assert owner(bundle, at) in said(report), at
    print(f"\n{len(places)} of {len(bundle)} bytes changed, each found and named")


@pytest.mark.requirement("evidence.tampering")
def test_random_edits_truncations_and_reorders_are_found(case: Case) -> None:
    bundle = case.bundle
    changes = [*edits(bundle, EDITS, seed=2), *rearranged(bundle)]
    for what, changed in changes:
        report = case.verified(changed)
        assert not report.good, what
        assert said(report), what
    print(f"\n{len(changes)} edits, each found")


@pytest.mark.requirement("evidence.two-verifiers")
def test_both_verifiers_say_the_same(case: Case) -> None:
    """The same verdict, and the same items failed, of those that both look at."""
    bundle = case.bundle
    assert case.by_shell(bundle) == (0, [])
    for what, changed in sampled(bundle):
        report = case.verified(changed)
        code, items = case.by_shell(changed)
        assert code == 1, what
        found = {item.name for item in report.items if item.verdict == "FAIL"}
        assert {line.partition(":")[0] for line in items} == found & BOTH, what


def sampled(bundle: bytes) -> Iterator[tuple[str, bytes]]:
    """Changes of every kind, some bytes of every file among them."""
    chance = random.Random(3)
    kinds = [*edits(bundle, BY_SHELL, seed=4), *rearranged(bundle)]
    flips = [(f"byte {at}", flip(bundle, at, 1)) for at in chance.sample(range(len(bundle)), BY_SHELL)]
    yield from chance.sample(kinds, BY_SHELL // 2)
    yield from flips[: BY_SHELL // 2]


NONSENSE = {
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "a number": b"5\n",
    "many digits": b"9" * 5000,
    "nested": b"[" * 200_000,
    "nested arrays": b"a = " + b"[" * 20_000,
    "an object": b"{}\n",
    "an array of numbers": b"[1, 2]\n",
    "another array": b'[[], {"line": 5}]\n',
    "points that are none": b"point = 5\n",
    "a point that is none": b"point = [5, {id = [], line = 'f1'}]\n",
    "half a character": b'["\\ud800"]\n',
    "words": b"one two three\n",
    "hexadecimal": b"00\n" * 40,
    "PEM": b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
}
HARMLESS = {
    "an object",
    "an array of numbers",
    "another array",
    "half a character",
    "a number",
    "nothing",
    "points that are none",
    "a point that is none",
}
"""Some files may hold these: a server may sign what says nothing."""


@pytest.mark.requirement("evidence.tampering")
@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_in_any_file_is_found_and_ends_nothing(case: Case, what: str) -> None:
    """Also where the server's key has signed it: what is said of it is a failure and no traceback."""
    files = files_of(case.bundle)
    manifest = files.pop("manifest.txt")
    for name in [*files, "certificates/gw-1.1.pem", "profiles/x.1.toml"]:
        changed = {**files, name: NONSENSE[what], "manifest.txt": manifest}
        assert not case.verified(packed(changed)).good, name
        report = case.verified(signed(changed, case.house.signer))
        assert report.of("files").verdict == "PASS"
        assert report.good <= (name == "README.txt" or what in HARMLESS), name


@pytest.mark.requirement("evidence.tampering")
def test_a_file_beyond_any_container_is_refused_unread(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """However large it is, it is not taken into memory."""
    huge = case.folder / "huge.zip"
    huge.write_bytes(case.bundle)
    os.truncate(huge, 1 << 36)
    assert main([str(huge), "--trust", str(case.folder / "roots.json")]) == 1
    assert "container: 1 wrong" in capsys.readouterr().out


@pytest.mark.requirement("evidence.tampering")
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_what_no_terminal_can_show_is_told_all_the_same(
    case: Case, capsys: pytest.CaptureFixture[str], form: list[str]
) -> None:
    """Half a character, which JSON may hold."""
    bundle = case.folder / "half.zip"
    bundle.write_bytes(packed(files_of(case.bundle) | {"alerts.json": b'[{"id": "\\ud800"}]'}))
    assert main([str(bundle), "--trust", str(case.folder / "roots.json"), *form]) == 1
    assert "\\ud800 is of another line" in capsys.readouterr().out
