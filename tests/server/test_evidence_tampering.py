"""Nobody without the server's key changes a bundle unseen: every byte, random edits, truncations, reorders.

A part of it runs with the suite; ``make tamper`` runs all of it.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from stillcold_core.evidence.bundle.report import Report
from stillcold_core.evidence.bundle.trust import trust_text
from stillcold_core.evidence.bundle.verify import verify_bundle
from stillcold_core.registry import Registry
from support.evidence import House, minute, store
from support.gateway import SignedGateway
from support.tampering import edits, files_of, flip, rearranged, shell_says, where

FULL = os.environ.get("STILLCOLD_TAMPER") == "full"
FLIPS_EVERY, EDITS, BY_SHELL = (1, 10_000, 250) if FULL else (37, 300, 8)
BOTH = {"container", "manifest", "files", "certificates", "signatures", "receipts", "log", "chain"}
"""Items that the shell's verifier looks at too."""


@pytest.fixture
def house(engine: Engine, plant: Registry, gateway: SignedGateway, tmp_path: Path) -> House:
    """With eight minutes of a gateway."""
    house = House.over(engine, tmp_path)
    (tmp_path / "roots.json").write_text(trust_text([], house.signer.public))
    for i in range(8):
        store(engine, gateway, [minute(gateway, i)])
    return house


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
def test_a_changed_byte_is_found_and_what_it_belongs_to_is_named(house: House) -> None:
    bundle = house.bundle(2, 4)
    chance = random.Random(1)
    places = range(0, len(bundle), FLIPS_EVERY)
    for at in places:
        changed = flip(bundle, at, chance.randint(1, 255))
        report = verify_bundle(memoryview(changed), house.trust)
        assert not report.good, at
        assert owner(bundle, at) in said(report), at
    print(f"\n{len(places)} of {len(bundle)} bytes changed, each found and named")


@pytest.mark.requirement("evidence.tampering")
def test_random_edits_truncations_and_reorders_are_found(house: House) -> None:
    bundle = house.bundle(2, 4)
    changes = [*edits(bundle, EDITS, seed=2), *rearranged(bundle)]
    for what, changed in changes:
        report = verify_bundle(memoryview(changed), house.trust)
        assert not report.good, what
        assert said(report), what
    print(f"\n{len(changes)} edits, each found")


@pytest.mark.requirement("evidence.two-verifiers")
def test_both_verifiers_say_the_same(house: House, tmp_path: Path) -> None:
    """The same verdict, and the same items failed, of those that both look at."""
    bundle = house.bundle(2, 4)
    assert shell_says(bundle, tmp_path / "roots.json", tmp_path) == (0, [])
    for what, changed in sampled(bundle):
        report = verify_bundle(memoryview(changed), house.trust)
        code, items = shell_says(changed, tmp_path / "roots.json", tmp_path)
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
