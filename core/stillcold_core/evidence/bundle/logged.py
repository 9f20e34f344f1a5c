"""Whether a bundle's receipts are in the server's log, and whether that log goes on from an earlier checkpoint."""

import re
from collections.abc import Mapping

from stillcold_core.evidence.bundle.report import Item, judged
from stillcold_core.evidence.bundle.trust import Trust
from stillcold_core.evidence.merkle import BadProof, root_from_proof, roots_from_growth
from stillcold_core.evidence.note import BadNote, Checkpoint, open_checkpoint

CHECKPOINT, GROWTH, PROOF = "checkpoint.txt", "growth.txt", "proof.txt"
Files = Mapping[str, memoryview]
_HASHES = re.compile(rb"([0-9a-f]{64}\n)*")


def log_item(files: Files, leaves: Mapping[int, bytes], trust: Trust) -> Item:
    """Whether leaves, by their number, are in the log of the bundle's checkpoint."""
    try:
        checkpoint = _checkpoint(files, trust)
        root = root_from_proof(checkpoint.size, leaves, _hashes(files, PROOF))
    except BadNote as error:
        return judged("log", [f"{CHECKPOINT}: {error}"], "")
    except ValueError as error:
        return judged("log", [f"{PROOF}: {error}"], "")
    problems = [] if root == checkpoint.root else [f"{PROOF}: it does not lead from these receipts to the checkpoint"]
    return judged("log", problems, f"{len(leaves)} receipts are in the log of {checkpoint.size} entries")


def earlier_item(files: Files, trust: Trust, earlier: Checkpoint | None) -> Item:
    """Whether the log of the bundle's checkpoint begins with that of an earlier one."""
    if earlier is None or earlier.size == 0:
        return Item("earlier", "ABSENT", "no earlier checkpoint was given, or one of an empty log")
    try:
        checkpoint = _checkpoint(files, trust)
        if checkpoint.origin != earlier.origin:
            return judged("earlier", [f"the earlier checkpoint is of {earlier.origin}, another log"], "")
        grown = roots_from_growth(earlier.size, checkpoint.size, _hashes(files, GROWTH))
    except BadNote as error:
        return judged("earlier", [f"{CHECKPOINT}: {error}"], "")
    except BadProof as error:
        return judged("earlier", [f"{GROWTH}: {error}; have it exported with --since this checkpoint"], "")
    except ValueError as error:
        return judged("earlier", [f"{GROWTH}: {error}"], "")
    problems = [] if grown == (earlier.root, checkpoint.root) else ["the log does not go on from this checkpoint"]
    return judged("earlier", problems, f"the log goes on from its first {earlier.size} entries")


def _checkpoint(files: Files, trust: Trust) -> Checkpoint:
    return open_checkpoint(bytes(files.get(CHECKPOINT, b"")), trust.logs)


def _hashes(files: Files, name: str) -> list[bytes]:
    content = bytes(files.get(name, b""))
    if not _HASHES.fullmatch(content):
        raise ValueError("expected a line of 64 hexadecimal digits for each hash")
    return [bytes.fromhex(line.decode()) for line in content.splitlines()]
