"""The Merkle tree of RFC 9162 section 2.1: its root, and one proof for any number of its leaves.

A proof lists the hashes of the largest subtrees that hold none of the proved leaves, from left to right. For one leaf
these are the hashes of its audit path (section 2.1.3), in another order; for many, what their paths share stands once.

::

    BadProof (ValueError)     a proof that cannot be one for this tree and these leaves
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence

EMPTY = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""
HashOf = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree of ``2**level`` leaves with a number: ``(level, number)``."""


class BadProof(ValueError):
    """A proof that does not fit its tree."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of a leaf."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root(size: int, hash_of: HashOf) -> bytes:
    """Root of the tree of the first ``size`` leaves."""
    return _subtree(0, size, hash_of) if size else EMPTY


def prove(size: int, leaves: Sequence[int], hash_of: HashOf) -> list[bytes]:
    """Proof that some leaves, by ascending number, are in the tree of the first ``size``."""
    return list(_missing(0, size, leaves, hash_of)) if size else []


def root_from_proof(size: int, leaves: Mapping[int, bytes], proof: Sequence[bytes]) -> bytes:
    """The root that some leaves and a proof give; they are in the tree where it is the tree's.

    Parameters
    ----------
    size : int
        Leaves of the tree.
    leaves : mapping of int to bytes
        Hash of each proved leaf by its number.
    proof : sequence of bytes
        As :func:`prove` makes it.

    Raises
    ------
    BadProof
        When a leaf lies outside the tree, or the proof has too few hashes or too many.
    """
    numbers = sorted(leaves)
    if not numbers or numbers[0] < 0 or numbers[-1] >= size:
        raise BadProof(f"no leaves, or leaves outside a tree of {size}")
    rest = iter(proof)
    try:
        found = _fold(0, size, numbers, leaves, rest)
    except StopIteration:
        raise BadProof("the proof has too few hashes") from None
    if next(rest, None) is not None:
        raise BadProof("the proof has too many hashes")
    return found


def prove_growth(old: int, size: int, hash_of: HashOf) -> list[bytes]:
    """Proof that the tree of the first ``size`` leaves begins with that of the first ``old``, which is not empty.

    The hashes of the largest subtrees that lie on one side of the edge, from left to right: what RFC 9162 calls
    consistency, section 2.1.4, in an order of its own.
    """
    return list(_sides(0, size, old, hash_of))


def roots_from_growth(old: int, size: int, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The roots of the first ``old`` and of the first ``size`` leaves that a proof of :func:`prove_growth` gives.

    Raises
    ------
    BadProof
        When the sizes do not fit each other, or the proof has too few hashes or too many.
    """
    if not 0 < old <= size:
        raise BadProof(f"a tree of {size} does not begin with one of {old}")
    rest = iter(proof)
    try:
        before, after = _fold_sides(0, size, old, rest)
    except StopIteration:
        raise BadProof("the proof has too few hashes") from None
    if next(rest, None) is not None:
        raise BadProof("the proof has too many hashes")
    return before, after


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def _subtree(first: int, size: int, hash_of: HashOf) -> bytes:
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return hash_of(level, first >> level)
    left = _split(size)
    return node_hash(_subtree(first, left, hash_of), _subtree(first + left, size - left, hash_of))


def _holds(leaves: Sequence[int], first: int, size: int) -> bool:
    at = bisect_left(leaves, first)
    return at < len(leaves) and leaves[at] < first + size


def _missing(first: int, size: int, leaves: Sequence[int], hash_of: HashOf) -> Iterator[bytes]:
    if not _holds(leaves, first, size):
        yield _subtree(first, size, hash_of)
    elif size > 1:
        left = _split(size)
        yield from _missing(first, left, leaves, hash_of)
        yield from _missing(first + left, size - left, leaves, hash_of)


def _fold(first: int, size: int, numbers: Sequence[int], leaves: Mapping[int, bytes], rest: Iterator[bytes]) -> bytes:
    if not _holds(numbers, first, size):
        return next(rest)
    if size == 1:
        return leaves[first]
    half = _split(size)
    left = _fold(first, half, numbers, leaves, rest)
    return node_hash(left, _fold(first + half, size - half, numbers, leaves, rest))


def _sides(first: int, size: int, edge: int, hash_of: HashOf) -> Iterator[bytes]:
    if first + size <= edge or first >= edge:
        yield _subtree(first, size, hash_of)
    else:
        half = _split(size)
        yield from _sides(first, half, edge, hash_of)
        yield from _sides(first + half, size - half, edge, hash_of)


def _fold_sides(first: int, size: int, edge: int, rest: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Hashes of what lies before the edge, and of all; ``first`` lies before it."""
    if first + size <= edge:
        found = next(rest)
        return found, found
    half = _split(size)
    before, left = _fold_sides(first, half, edge, rest)
    if first + half >= edge:
        return before, node_hash(left, next(rest))
    more, right = _fold_sides(first + half, size - half, edge, rest)
    return node_hash(before, more), node_hash(left, right)
