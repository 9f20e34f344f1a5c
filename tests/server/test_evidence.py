"""Bundles of evidence: what is in them, and what both verifiers say of them."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import update

from stillcold_core.contract.batch import Block, block_of
from stillcold_core.contract.losses import Gap
from stillcold_core.contract.steps import Step
from stillcold_core.detect.findings import Finding
from stillcold_core.evidence.bundle.tables import write_tables
from stillcold_core.registry import Gateway, Meter, Registry
from stillcold_server.alerts.lifecycle import record
from stillcold_server.evidence.export import NothingStored
from stillcold_server.evidence.selection import NoReceipt
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store import schema
from stillcold_server.store.database import write
from stillcold_server.verification.statements import Draft, Kind, Statement, issue
from support.evidence import PROFILE, START, House, failed, minute, reading, store
from support.gateway import SignedGateway
from support.tampering import batches_of, files_of, relisted, shell_says, signed

CLONED = Finding("tamper.clone", "critical", "kc-017", "f1", "p1", START, START, "two journals", {"gateway": "gw-1"})
ABSENT = {"certificates", "calibration", "earlier"}


@pytest.mark.requirement("evidence.bundle")
@pytest.mark.parametrize("key", ["ed25519", "p256"])
def test_both_verifiers_pass_a_bundle(house: House, gateway: SignedGateway, key: str, tmp_path: Path) -> None:
    """It has the batches of the period and one on each side, and any reader of ZIP files opens it."""
    if key == "p256":
        gateway.key = ec.generate_private_key(ec.SECP256R1())
        with write(house.engine) as connection:
            connection.execute(update(schema.gateway).values(public_key=gateway.public_key))
    house.ten_minutes(gateway)
    bundle = house.bundle(2, 6)
    report = house.verified(bundle)
    assert {item.name for item in report.items if item.verdict == "ABSENT"} == ABSENT
    assert failed(report) == set()
    assert report.of("signatures").said == "7 batches, 21 samples"
    assert report.of("decoding").said == "21 values are what their register words give"
    assert shell_says(bundle, tmp_path / "roots.json", tmp_path) == (0, [])
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files_of(bundle)


@pytest.mark.requirement("evidence.calibration")
def test_the_calibration_that_the_ledger_has_is_in_the_bundle(house: House, gateway: SignedGateway) -> None:
    """The newest certificate of the point's meters; a meter without one is none."""
    meters = (Meter("m-0", "p1"), Meter("m-1", "p1", certificate="JL-1"), Meter("m-2", "p1", certificate="JL-2"))
    meters = (*meters[:2], msgspec.structs.replace(meters[2], issued=date(2026, 1, 1)))
    with write(house.engine) as connection:
        import_registry(connection, Registry(meter=meters))
    house.ten_minutes(gateway)
    bundle = house.bundle(2, 6)
    report = house.verified(bundle)
    assert (report.of("calibration").verdict, report.good) == ("PASS", True)
    (record,) = json.loads(files_of(bundle)["calibration.json"]).values()
    assert record == {"id": "m-2", "point": "p1", "certificate": "JL-2", "issued": "2026-01-01"}


def attested(house: House, kind: Kind, begin: int, result: str = "", line: str = "f1") -> Statement:
    """A signed statement of a minute."""
    at = (START + 60 * begin) * 1000
    with write(house.engine) as connection:
        content = {"line": line, "result": result}
        return issue(connection, house.signer, Draft(kind, line, at, at + 59_000, content, result), at)


@pytest.mark.requirement("evidence.attestations")
def test_the_statements_that_count_are_in_the_bundle(house: House, gateway: SignedGateway, tmp_path: Path) -> None:
    """With the certificate on which the sealing rests; not those that are superseded, earlier, or of another line."""
    house.ten_minutes(gateway)
    attested(house, "sealing", -9, "failed")
    attested(house, "day", -7)
    attested(house, "sealing", 3, "incomplete")
    counting = [attested(house, "sealing", -8, "passed"), attested(house, "sealing", 3, "passed")]
    counting.append(attested(house, "day", 4))
    other = attested(house, "day", 4, line="mill")
    bundle = house.bundle(2, 6)
    assert json.loads(files_of(bundle)["attestations.json"]) == [statement.note for statement in counting]
    assert failed(house.verified(bundle)) == set()
    assert shell_says(bundle, tmp_path / "roots.json", tmp_path) == (0, [])
    changed = files_of(bundle) | {"attestations.json": json.dumps([other.note]).encode()}
    assert failed(house.verified(signed(changed, house.signer))) == {"statements"}


@pytest.mark.requirement("evidence.bundle")
def test_the_same_period_gives_the_same_bundle(house: House, gateway: SignedGateway) -> None:
    house.ten_minutes(gateway)
    assert house.bundle(0, 9) == house.bundle(0, 9)


@pytest.mark.requirement("evidence.gaps")
def test_a_gap_that_the_gateway_has_signed_passes_with_its_cause_and_another_fails(
    house: House, gateway: SignedGateway, tmp_path: Path
) -> None:
    batches = [minute(gateway, i) for i in range(3)]
    lost = Gap("full", 3, 3, begun=1_800_000_120_000, ended=1_800_000_170_000, points=("p1",))
    batches += [minute(gateway, i, gaps=(lost,)) for i in range(3, 9)]
    store(house.engine, gateway, [*batches[:2], *batches[3:6], *batches[7:]])
    report = house.verified(house.bundle(0, 8))
    assert report.of("chain").problems == (
        "batches 7 to 7 of gw-1, epoch 65706f63682d2d31: missing, and the gateway has not said so",
    )
    assert failed(report) == {"chain"}
    code, items = shell_says(house.bundle(0, 8), tmp_path / "roots.json", tmp_path)
    assert (code, len(items)) == (1, 1)
    good = house.bundle(0, 3)
    assert failed(house.verified(good)) == set()
    assert shell_says(good, tmp_path / "roots.json", tmp_path) == (0, [])
    gaps = json.loads(files_of(good)["gaps.json"])
    assert [(m["first"], m["until"], m["reasons"], m["explained"]) for m in gaps["missing"]] == [(3, 3, ["full"], True)]
    assert [(r["reason"], r["from"], r["points"]) for r in gaps["records"]] == [("full", 1_800_000_120_000, ["p1"])]
    notes = json.loads(files_of(good)["notes.json"])
    assert {n["kind"] for n in notes} == {"gap", "lost"}


@pytest.mark.requirement("evidence.gaps")
def test_a_batch_that_does_not_name_the_one_before_it_fails(house: House, gateway: SignedGateway) -> None:
    """Though nothing is missing and each signature is right: two journals were made one, or a batch was exchanged."""
    batches = [minute(gateway, i) for i in range(3)]
    batches += [minute(gateway, 3, previous=bytes([7]) * 32), minute(gateway, 4)]
    store(house.engine, gateway, batches)
    report = house.verified(house.bundle(0, 4))
    assert failed(report) == {"chain"}
    assert report.of("chain").problems == (
        "batch 4 of gw-1, epoch 65706f63682d2d31: does not name the one before it",
    )  # fmt: skip


@pytest.mark.requirement("evidence.gaps")
@pytest.mark.parametrize("epoch", [b"epoch--1", b"epoch--2"])
def test_what_a_gateway_said_only_later_is_in_the_bundle(
    house: House, gateway: SignedGateway, epoch: bytes, tmp_path: Path
) -> None:
    """A full journal drops what is oldest: the batch that tells of it may be of another day, or of another journal."""
    batches = [minute(gateway, i) for i in range(10)]
    later = gateway if epoch == gateway.epoch else SignedGateway(epoch=epoch, key=gateway.key)
    of = None if later is gateway else gateway.epoch
    grown = [Gap("full", 4, until, of, (START + 180) * 1000, (START + 299) * 1000, ("p1",)) for until in (4, 5)]
    store(house.engine, gateway, [*batches[:3], *batches[5:]])
    store(house.engine, later, [minute(later, 10), *(minute(later, 11 + i, gaps=(g,)) for i, g in enumerate(grown))])
    store(house.engine, later, [minute(later, 13)])
    bundle = house.bundle(1, 7)
    report = house.verified(bundle)
    assert failed(report) == set()
    assert report.of("gaps").said == "1 gaps, with the causes that are signed"
    assert shell_says(bundle, tmp_path / "roots.json", tmp_path) == (0, [])


@pytest.mark.requirement("evidence.gaps")
def test_two_losses_of_one_place_are_both_told(house: House, gateway: SignedGateway) -> None:
    """Each by its own cause; of one that grew, how it was in the end, whatever else is told in between."""
    begin = START * 1000
    ends = (("disk_error", 1000), ("full", 2000), ("full", 3000))
    disk, full, more = (Gap(reason, 3, 2, None, begin, begin + end) for reason, end in ends)
    batches = [minute(gateway, i) for i in range(2)]
    batches += [minute(gateway, 2, gaps=(disk, more)), minute(gateway, 3, gaps=(disk, full))]
    store(house.engine, gateway, batches)
    records = json.loads(files_of(house.bundle(0, 3))["gaps.json"])["records"]
    assert [(r["reason"], r["to"] - begin) for r in records] == [("disk_error", 1000), ("full", 3000)]


@pytest.mark.requirement("evidence.bundle")
def test_a_key_that_was_replaced_in_the_registry_still_counts(
    house: House, gateway: SignedGateway, tmp_path: Path
) -> None:
    store(house.engine, gateway, [minute(gateway, i) for i in range(3)])
    other = SignedGateway(epoch=b"epoch--2")
    with write(house.engine) as connection:
        connection.execute(update(schema.gateway).values(public_key=other.public_key))
    store(house.engine, other, [minute(other, i) for i in range(3, 6)])
    bundle = house.bundle(0, 5)
    assert failed(house.verified(bundle)) == set()
    assert shell_says(bundle, tmp_path / "roots.json", tmp_path) == (0, [])


@pytest.mark.requirement("evidence.clock")
def test_the_clock_s_history_is_in_it(house: House, gateway: SignedGateway) -> None:
    first, second = bytes([1] * 16), bytes([2] * 16)
    batches = [minute(gateway, 0, boot=first), minute(gateway, 1, boot=second, synced=False)]
    batches += [minute(gateway, 2, boot=second, steps=(Step(5000, -60000),))]
    store(house.engine, gateway, batches)
    bundle = house.bundle(0, 2)
    assert failed(house.verified(bundle)) == set()
    boots = json.loads(files_of(bundle)["clock.json"])
    told = [(b["boot"], b["first"], b["last"], b["unsynced"], b["steps"]) for b in boots]
    assert told == [(first.hex(), 1, 1, 0, []), (second.hex(), 2, 3, 1, [[3, 5000, -60000]])]


@pytest.mark.requirement("evidence.period")
def test_a_period_that_the_samples_do_not_fill_is_said(house: House, gateway: SignedGateway) -> None:
    house.ten_minutes(gateway)
    assert house.verified(house.bundle(1, 8)).of("period").verdict == "PASS"
    report = house.verified(house.bundle(1, 30))
    assert (report.of("period").verdict, failed(report)) == ("ABSENT", set())
    with pytest.raises(NothingStored):
        house.bundle(100, 130)
    silent = house.verified(house.bundle(0, 9, line="mill"))
    assert silent.of("period").said == "the samples of p2 do not reach from the period's begin to its end"


@pytest.mark.requirement("evidence.period")
def test_a_gateway_that_does_not_speak_for_the_line_covers_nothing_of_it(
    house: House, plant: Registry, gateway: SignedGateway, tmp_path: Path
) -> None:
    """It has a key that is believed, and says what it likes of another plant's point; so with times to come."""
    stranger = SignedGateway("gw-2")
    known = (*plant.gateway, Gateway("gw-2", stranger.public_key, "kc-017"))
    with write(house.engine) as connection:
        import_registry(connection, msgspec.structs.replace(plant, gateway=known))
    for i in range(3):
        store(house.engine, gateway, [minute(gateway, i)])
        store(house.engine, stranger, [minute(stranger, 5 + i)], (START + 60 * (6 + i)) * 1000)
    bundle = house.bundle(1, 6)
    period = house.verified(bundle).of("period")
    assert (period.verdict, period.said.split("; ")[-1]) == (
        "ABSENT",
        "those of p1 that gw-2 has sent do not count, as it does not speak for it",
    )
    write_tables(memoryview(bundle), tmp_path)
    times = [row["time"] for row in csv.DictReader(io.StringIO((tmp_path / "values.csv").read_text()))]
    assert max(times) < "2027-01-15T08:03"
    store(house.engine, gateway, [minute(gateway, 30 * 1440)], (START + 60 * 4) * 1000)
    assert house.verified(house.bundle(1, 30 * 1440)).of("period").verdict == "ABSENT"


@pytest.mark.requirement("evidence.period")
def test_a_journal_that_breaks_off_within_the_period_is_said(house: House, gateway: SignedGateway) -> None:
    """Nothing links it to the next one: whole journals, or their ends, could be left out unseen."""
    second, third = (SignedGateway(epoch=name, key=gateway.key) for name in (b"epoch--2", b"epoch--3"))
    for journal, minutes in ((gateway, range(4)), (second, range(4, 8)), (third, range(8, 12))):
        for i in minutes:
            store(house.engine, journal, [minute(journal, i)], (START + 60 * (i + 1)) * 1000)

    def said(bundle: bytes) -> list[str]:
        report = house.verified(bundle)
        assert failed(report) == set()
        period = report.of("period")
        return [] if period.verdict == "PASS" else period.said.split("; ")[1:]

    def breaks_off(number: int, epoch: bytes) -> str:
        return f"after batch {number} of gw-1, epoch {epoch.hex()}, within the period, nothing of its journal is here"

    whole = house.bundle(1, 10)
    assert said(whole) == [breaks_off(4, b"epoch--1"), breaks_off(4, b"epoch--2")]
    files = files_of(whole)
    batches = batches_of(files)
    without = [b for b in batches if b[0].epoch != b"epoch--2"]
    assert said(relisted(files, without, house.signer)) == [breaks_off(4, b"epoch--1")]
    late = [b for b in batches if (b[0].epoch, b[0].sequence) not in ((b"epoch--3", 1), (b"epoch--2", 4))]
    beginning = "before batch 2 of gw-1, epoch 65706f63682d2d33, within the period, others of its journal are not here"
    assert said(relisted(files, late, house.signer)) == [
        breaks_off(4, b"epoch--1"),
        breaks_off(3, b"epoch--2"),
        beginning,
    ]


def test_a_batch_without_a_receipt_is_not_exported(house: House, gateway: SignedGateway) -> None:
    house.ten_minutes(gateway)
    with write(house.engine) as connection:
        connection.execute(schema.log_entry.delete())
    with pytest.raises(NoReceipt, match="start the server"):
        house.bundle(0, 9)


@pytest.mark.requirement("evidence.bundle")
def test_a_copied_gateway_is_told_of_in_the_evidence_of_each_of_its_lines(house: House, gateway: SignedGateway) -> None:
    """The alert stands on one of them, and casts doubt on all."""
    house.ten_minutes(gateway)
    stranger = msgspec.structs.replace(CLONED, began=START + 1, detected=START + 1, evidence={"gateway": "gw-9"})
    with write(house.engine) as connection:
        for finding in (CLONED, stranger):
            record(connection, finding, START * 1000)
    for line in ("f1", "mill"):
        bundle = house.bundle(0, 9, line=line)
        assert failed(house.verified(bundle)) == set()
        told = [a["evidence"]["gateway"] for a in json.loads(files_of(bundle)["alerts.json"])]
        assert told == (["gw-1", "gw-9"] if line == "f1" else ["gw-1"])


SPOILT: dict[str, Callable[[Block, str], Block]] = {
    "too few words": lambda block, name: replace(block, raw={name: block.raw[name][:, :1]}),
    "too many words": lambda block, name: replace(block, raw={name: np.repeat(block.raw[name], 2, axis=1)}),
    "no number": lambda block, name: replace(block, raw={name: np.full_like(block.raw[name], 0xFFFF)}),
    "coarser": lambda block, name: with_column(block, name, 18, 0),
    "finer than 64 bits": lambda block, name: with_column(block, name, -18, -(2**63)),
}


def with_column(block: Block, name: str, exponent: int, mantissa: int) -> Block:
    """With other values of a quantity beside the same words."""
    column = block.columns[name]
    changed = replace(column, exponent=exponent, mantissas=np.full_like(column.mantissas, mantissa))
    return replace(block, columns={**block.columns, name: changed})


@pytest.mark.requirement("evidence.decoding")
@pytest.mark.parametrize("how", SPOILT)
def test_values_that_are_not_those_of_their_words_are_named(house: House, gateway: SignedGateway, how: str) -> None:
    """Whatever somebody who holds the gateway's key has signed, it ends no verification."""
    samples = [reading(START + i) for i in range(3)]
    block = SPOILT[how](block_of(samples, PROFILE.model, PROFILE.exponents), "active_energy_import")
    store(house.engine, gateway, [minute(gateway, 0, blocks=[block]), minute(gateway, 1)])
    report = house.verified(house.bundle(0, 1))
    assert failed(report) == {"decoding"}
    (problem,) = report.of("decoding").problems
    assert problem.endswith("p1 active_energy_import: its values are not those of its register words")
