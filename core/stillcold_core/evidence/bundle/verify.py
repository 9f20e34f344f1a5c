"""The offline verifier: looks at every byte of a bundle, and says item by item what holds.

What each item proves, and what it does not, is in docs/evidence.md and in ``items.<language>.toml``.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence

from stillcold_core.evidence.bundle import decoding
from stillcold_core.evidence.bundle.accounts import CLOCK, GAPS
from stillcold_core.evidence.bundle.certificates import (
    CERTIFICATES,
    KEYS,
    BadCertificate,
    Certified,
    parse_keys,
    read_certified,
)
from stillcold_core.evidence.bundle.container import BadContainer, read_container
from stillcold_core.evidence.bundle.listing import BATCHES, LISTING, parse_listing
from stillcold_core.evidence.bundle.logged import CHECKPOINT, GROWTH, PROOF, Files, earlier_item, log_item
from stillcold_core.evidence.bundle.manifest import MANIFEST, Manifest, parse_manifest
from stillcold_core.evidence.bundle.reading import Reading
from stillcold_core.evidence.bundle.report import Item, Report, judged
from stillcold_core.evidence.bundle.statements import (
    STATEMENTS,
    alerts,
    calibration,
    points_of,
    read_statements,
    revocations,
    unattested,
)
from stillcold_core.evidence.bundle.trust import Trust
from stillcold_core.evidence.note import BadNote, Checkpoint, NoteKey, open_note
from stillcold_core.profiles import Profile

REQUIRED = (BATCHES, LISTING, KEYS, CHECKPOINT, PROOF, GROWTH, GAPS, CLOCK, *STATEMENTS)
"""Files that every bundle has, beside the manifest, certificates and profiles."""


def verify_bundle(bundle: memoryview, trust: Trust, earlier: Checkpoint | None = None) -> Report:
    """Verify a bundle.

    Parameters
    ----------
    bundle : memoryview
        Its bytes.
    trust : Trust
        The roots.
    earlier : Checkpoint, optional
        One of the same log that was given away before.

    Returns
    -------
    Report
        The items in a fixed order. Where the container, the manifest or the list of batches cannot be read, it ends
        there.
    """
    return Report(tuple(_items(bundle, trust, earlier)))


def _items(bundle: memoryview, trust: Trust, earlier: Checkpoint | None) -> Iterator[Item]:
    try:
        files, problems = read_container(bundle)
    except BadContainer as error:
        yield judged("container", [str(error)], "")
        return
    yield judged("container", problems, f"{len(files)} files in {len(bundle):,} bytes, each byte accounted for")
    try:
        manifest, log = _manifest(files, trust.logs)
    except (BadNote, ValueError) as error:
        yield judged("manifest", [f"{MANIFEST}: {error}"], "")
        return
    said = f"line {manifest.line}, {manifest.begin} to {manifest.end}, made {manifest.made} by {manifest.by}"
    yield judged("manifest", [], f"{said}, signed by {log.name}")
    yield judged("files", _differing(files, manifest), f"{len(manifest.files)} files have the hashes that are signed")
    yield from _content(files, manifest, Trust(trust.authorities, (log,)), earlier)


def _manifest(files: Files, logs: Sequence[NoteKey]) -> tuple[Manifest, NoteKey]:
    """The manifest, and the one of these logs whose key has signed it: the bundle's checkpoint must be of the same."""
    if MANIFEST not in files:
        raise ValueError("is not in the bundle")
    text, key = open_note(bytes(files[MANIFEST]), logs)
    return parse_manifest(text), key


def _differing(files: Files, manifest: Manifest) -> Iterator[str]:
    stated = {f.name: f for f in manifest.files}
    if [*files] != [*stated, MANIFEST]:
        for name in sorted(files.keys() ^ {*stated, MANIFEST}):
            yield f"{name}: {'is not in the manifest' if name in files else 'is not in the bundle'}"
        if files.keys() == {*stated, MANIFEST}:
            yield "the files do not stand in the manifest's order"
    for name in sorted(set(REQUIRED) - files.keys() - stated.keys()):
        yield f"{name}: is not in the bundle"
    for name in files:
        if name not in (*REQUIRED, MANIFEST) and not name.startswith((CERTIFICATES, decoding.FOLDER)):
            yield f"{name}: is no file of a bundle, and nobody looks at it"
    for name, entry in stated.items():
        content = files.get(name)
        if content is not None and (len(content), hashlib.sha256(content).hexdigest()) != (entry.size, entry.sha256):
            yield f"{name}: is not the file whose hash is signed"


def _content(files: Files, manifest: Manifest, trust: Trust, earlier: Checkpoint | None) -> Iterator[Item]:
    try:
        envelopes = files.get(BATCHES, memoryview(b""))
        listed = list(parse_listing(bytes(files.get(LISTING, b"")), len(envelopes)))
        keys = parse_keys(bytes(files.get(KEYS, b"")))
    except ValueError as error:
        yield judged("receipts", [str(error)], "")
        return
    certified, problems = _certified(files, trust)
    profiles, wrong = _profiles(files)
    said, unread = read_statements(files)
    reading = Reading(keys, certified, revocations(said), profiles)
    reading.take(listed, envelopes)
    reading.problems["certificates"] += problems
    yield _certificates(reading, certified, trust)
    yield judged("signatures", reading.problems["signatures"], f"{reading.count} batches, {reading.samples:,} samples")
    yield judged("receipts", reading.problems["receipts"], f"{len(listed)} receipts")
    yield log_item(files, reading.leaves, trust)
    yield earlier_item(files, trust, earlier)
    yield from _accounts(files, reading)
    yield _named(reading, profiles, wrong)
    yield _decoding(reading)
    points = points_of(said, manifest.line)
    yield reading.coverage.item(manifest.period, points)
    wrong_notes = unattested(said, manifest.line, trust.logs)
    yield judged("statements", [*unread, *wrong_notes], f"{len(said)} files that the server answers for")
    yield alerts(said, manifest.line, keys)
    yield calibration(said, points)


def _certified(files: Files, trust: Trust) -> tuple[list[Certified], list[str]]:
    good, problems = [], []
    for name, content in files.items():
        if name.startswith(CERTIFICATES):
            try:
                found = read_certified(bytes(content), trust.authorities)
            except BadCertificate as error:
                problems.append(f"{name}: {error}")
            else:
                good += [found] if trust.authorities else []
    return good, problems


def _certificates(reading: Reading, certified: Sequence[Certified], trust: Trust) -> Item:
    missing = sorted(reading.uncertified)
    if missing and not trust.authorities and not reading.problems["certificates"]:
        return Item("certificates", "ABSENT", f"the keys of {', '.join(missing)} are the server's word alone")
    problems = reading.problems["certificates"] + [f"{g}: no certificate names its key" for g in missing]
    return judged("certificates", problems, f"{len(certified)} certificates lead to a trusted root")


def _profiles(files: Files) -> tuple[dict[tuple[str, str], Profile], list[str]]:
    found: dict[tuple[str, str], Profile] = {}
    problems = []
    for name, content in files.items():
        if name.startswith(decoding.FOLDER):
            try:
                profile = decoding.read_profile(bytes(content))
            except (ValueError, RecursionError):
                problems.append(f"{name}: expected a profile")
                continue
            found[profile.model, profile.version] = profile
            if name != decoding.profile_file(profile.model, profile.version):
                problems.append(f"{name}: it is version {profile.version} of {profile.model}")
    return found, problems


def _named(reading: Reading, profiles: Collection[tuple[str, str]], wrong: Sequence[str]) -> Item:
    """Whether the profiles are those that signed batches name."""
    strange = sorted({*profiles} - reading.profiles)
    problems = [*wrong, *(f"{decoding.profile_file(*p)}: no signed batch names it" for p in strange)]
    missing = sorted(reading.profiles - {*profiles})
    if missing and not problems:
        return Item("profiles", "ABSENT", f"not here: {', '.join(f'{model} {version}' for model, version in missing)}")
    return judged("profiles", problems, f"{len(profiles)} profiles, all that the batches name")


def _accounts(files: Files, reading: Reading) -> Iterator[Item]:
    missing = list(reading.chains.missing())
    lost = sum(m.until - m.first + 1 for m in missing if m.explained)
    holes = [
        f"batches {m.first} to {m.until} of {m.gateway}, epoch {m.epoch}: missing, and the gateway has not said so"
        for m in missing
        if not m.explained
    ]
    said = f"each batch names the one before it; {lost} are missing, which the gateways have said themselves"
    yield judged("chain", [*reading.chains.broken(), *holes], said)
    yield _same(files, GAPS, "gaps", reading.chains.text(), f"{len(missing)} gaps, with the causes that are signed")
    clocks = reading.clocks
    said = f"{clocks.moved} steps of a clock; {clocks.unsynced} batches with a clock that was not synchronised"
    yield _same(files, CLOCK, "clock", clocks.text(), said)


def _same(files: Files, name: str, item: str, expected: str, said: str) -> Item:
    same = bytes(files.get(name, b"")) == expected.encode()
    return judged(item, [] if same else [f"{name}: is not what the signed batches give"], said)


def _decoding(reading: Reading) -> Item:
    work, left = reading.decoding, reading.decoding.left
    said = f"{work.checked:,} values are what their register words give"
    if left:
        said += f"; {left['ratio']:,} need transformer ratios, {left['profile']:,} a profile that is not here"
    if not work.checked and not reading.problems["decoding"]:
        return Item("decoding", "ABSENT", said)
    return judged("decoding", reading.problems["decoding"], said)
