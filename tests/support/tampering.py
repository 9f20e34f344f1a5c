"""Changes to a bundle, by somebody without the server's key and by somebody who has it."""

import hashlib
import io
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from stillcold_core.contract.batch import decode_batch
from stillcold_core.evidence.bundle.accounts import Chains, Clocks
from stillcold_core.evidence.bundle.container import ContainerWriter, read_container
from stillcold_core.evidence.bundle.listing import Listed, parse_listing
from stillcold_core.evidence.bundle.manifest import MANIFEST, FileEntry, parse_manifest
from stillcold_core.evidence.envelope import stored_payload
from stillcold_core.evidence.merkle import leaf_hash, root_from_proof
from stillcold_core.evidence.note import checkpoint_text, note_text
from stillcold_core.evidence.receipts import Receipt
from stillcold_server.evidence.key import Signer

SHELL = Path(__file__).parents[2] / "tools" / "verify_evidence.sh"


def files_of(bundle: bytes) -> dict[str, bytes]:
    """The files of a bundle."""
    files, problems = read_container(memoryview(bundle))
    assert problems == []
    return {name: bytes(content) for name, content in files.items()}


def packed(files: Mapping[str, bytes]) -> bytes:
    """A container of files, in the one form that it has."""
    target = io.BytesIO()
    writer = ContainerWriter(target)
    for name, content in files.items():
        writer.add(name, [content])
    writer.close()
    return target.getvalue()


def signed(files: Mapping[str, bytes], signer: Signer) -> bytes:
    """A bundle of other files, with a manifest that the server's key has signed: what the office itself could do."""
    rest = {name: content for name, content in files.items() if name != MANIFEST}
    entries = tuple(FileEntry(n, hashlib.sha256(c).hexdigest(), len(c)) for n, c in rest.items())
    old = parse_manifest(note_text(files[MANIFEST]))
    manifest = type(old)(old.line, old.begin, old.end, old.made, old.by, entries)
    return packed({**rest, MANIFEST: signer.sign(manifest.text)})


def relisted(files: Mapping[str, bytes], batches: Sequence[tuple[Receipt, bytes]], signer: Signer) -> bytes:
    """A bundle of other batches with receipts in a log that has nothing else, and with accounts to fit."""
    listed, offset, chains, clocks = [], 0, Chains(), Clocks()
    for number, (receipt, envelope) in enumerate(batches):
        listed.append(Listed(number, offset, len(envelope), receipt))
        offset += len(envelope)
        batch = decode_batch(stored_payload(envelope))
        chains.take(receipt, batch)
        clocks.take(receipt, batch)
    leaves = {one.number: leaf_hash(one.receipt.entry.encode()) for one in listed}
    root = root_from_proof(len(leaves), leaves, [])
    changed = {
        **files,
        "batches.bin": b"".join(envelope for _, envelope in batches),
        "batches.txt": "".join(one.line for one in listed).encode(),
        "checkpoint.txt": signer.sign(checkpoint_text(signer.public.name, len(leaves), root)),
        "proof.txt": b"",
        "gaps.json": chains.text().encode(),
        "clock.json": clocks.text().encode(),
    }
    return signed(changed, signer)


def batches_of(files: Mapping[str, bytes]) -> list[tuple[Receipt, bytes]]:
    """The batches of a bundle's files, each with its receipt."""
    content = files["batches.bin"]
    listed = parse_listing(files["batches.txt"], len(content))
    return [(one.receipt, content[one.offset : one.offset + one.length]) for one in listed]


def where(bundle: bytes, at: int) -> str:
    """The file that a byte of a bundle belongs to; empty for the container's own."""
    begin = 0
    for name, content in files_of(bundle).items():
        begin += 30 + len(name)
        if begin <= at < begin + len(content):
            return name
        begin += len(content)
    return ""


def flip(bundle: bytes, at: int, bits: int) -> bytes:
    """One byte changed."""
    return bundle[:at] + bytes([bundle[at] ^ bits]) + bundle[at + 1 :]


def edits(bundle: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Random changes, each with what it is: bytes changed, cut out, put in, doubled, moved, the end cut off."""
    chance = random.Random(seed)
    for i in range(count):
        a, b = sorted(chance.sample(range(len(bundle) + 1), 2))
        middle, few = bundle[a:b], chance.randbytes(chance.randint(1, 40))
        kind, changed = chance.choice(
            [
                ("written over", bundle[:a] + few + bundle[a + len(few) :]),
                ("cut out", bundle[:a] + bundle[b:]),
                ("put in", bundle[:a] + few + bundle[a:]),
                ("doubled", bundle[:b] + middle + bundle[b:]),
                ("turned round", bundle[:a] + middle[::-1] + bundle[b:]),
                ("set to zero", bundle[:a] + bytes(b - a) + bundle[b:]),
                ("truncated", bundle[:a]),
                ("appended to", bundle + few),
            ]
        )
        if changed != bundle:
            yield f"edit {i} of seed {seed}: {kind} at {a} to {b}", changed


def rearranged(bundle: bytes) -> Iterator[tuple[str, bytes]]:
    """Good containers of other files: left out, emptied, renamed, in another order, with something more."""
    files = files_of(bundle)
    names = list(files)
    for i, name in enumerate(names):
        yield f"without {name}", packed({n: c for n, c in files.items() if n != name})
        yield f"{name} emptied", packed({**files, name: b""})
        yield f"{name} renamed", packed({("other.txt" if n == name else n): c for n, c in files.items()})
        order = [*names[:i], *names[i + 1 :], name]
        if order != names:
            yield f"{name} last", packed({n: files[n] for n in order})
    yield "with something more", packed({**files, "more.txt": b"more"})
    yield "reversed", packed({n: files[n] for n in reversed(names)})


def shell_says(bundle: bytes, roots: Path, folder: Path, *more: str) -> tuple[int, list[str]]:
    """Exit code of the shell's verifier, and the items that it says failed."""
    (folder / "changed.zip").write_bytes(bundle)
    command = ["sh", str(SHELL), str(folder / "changed.zip"), str(roots), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode == 2 and " is missing" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.stderr == "", done.stderr
    lines = done.stdout.splitlines()
    return done.returncode, [x.removeprefix("FAIL").strip() for x in lines if x.startswith("FAIL  ")]
