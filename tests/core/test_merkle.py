"""The Merkle tree is RFC 9162's, and a proof proves its leaves and nothing else."""

import random

import pytest

from stillcold_core.evidence.merkle import (
    EMPTY,
    BadProof,
    HashOf,
    leaf_hash,
    node_hash,
    prove,
    prove_growth,
    root,
    root_from_proof,
    roots_from_growth,
)

# The entries and roots that Certificate Transparency's own implementations are tested with
# (certificate-transparency-go, merkletree tests).
ENTRIES = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def tree(leaves: list[bytes]) -> HashOf:
    """Complete subtrees, worked out anew each time."""

    def hash_of(level: int, number: int) -> bytes:
        if level == 0:
            return leaves[number]
        return node_hash(hash_of(level - 1, 2 * number), hash_of(level - 1, 2 * number + 1))

    return hash_of


@pytest.mark.requirement("evidence.merkle")
def test_the_roots_are_those_of_certificate_transparency() -> None:
    leaves = [leaf_hash(bytes.fromhex(e)) for e in ENTRIES]
    assert root(0, tree([])) == EMPTY
    assert [root(n, tree(leaves)).hex() for n in range(1, 9)] == ROOTS


@pytest.mark.requirement("evidence.merkle")
def test_a_proof_proves_its_leaves_in_every_small_tree() -> None:
    """Each single leaf, all, and random ones; with RFC 9162's number of hashes for a single one."""
    random_ones = random.Random(1)
    for size in range(1, 40):
        leaves = [leaf_hash(bytes([i])) for i in range(size)]
        hash_of, top = tree(leaves), root(size, tree(leaves))
        chosen = [[i] for i in range(size)] + [list(range(size))]
        chosen += [sorted(random_ones.sample(range(size), random_ones.randint(1, size))) for _ in range(5)]
        for numbers in chosen:
            proof = prove(size, numbers, hash_of)
            assert root_from_proof(size, {i: leaves[i] for i in numbers}, proof) == top
            assert len(numbers) > 1 or len(proof) <= (size - 1).bit_length()


@pytest.mark.requirement("evidence.merkle")
def test_another_leaf_place_or_proof_gives_another_root() -> None:
    """The size is a checkpoint's to say: trees of nearly the same size can have the same proof."""
    leaves = [leaf_hash(bytes([i])) for i in range(13)]
    top, proof = root(13, tree(leaves)), prove(13, [4, 9], tree(leaves))
    good = {4: leaves[4], 9: leaves[9]}

    def gives_it(size: int, claimed: dict[int, bytes], hashes: list[bytes]) -> bool:
        try:
            return root_from_proof(size, claimed, hashes) == top
        except BadProof:
            return False

    assert gives_it(13, good, proof)
    assert not gives_it(13, {4: leaves[9], 9: leaves[4]}, proof)
    assert not gives_it(13, {5: leaves[4], 9: leaves[9]}, proof)
    assert not gives_it(13, {4: leaves[4]}, proof)
    assert not gives_it(13, {}, [top])
    assert not any(gives_it(size, good, proof) for size in (0, 1, 9, 12, 17, 100))
    for i in range(len(proof)):
        assert not gives_it(13, good, [*proof[:i], *proof[i + 1 :]])
        assert not gives_it(13, good, [*proof[:i], proof[i], *proof[i:]])
        assert not gives_it(13, good, [*proof[:i], bytes(32), *proof[i + 1 :]])


@pytest.mark.requirement("evidence.merkle")
def test_a_tree_is_shown_to_begin_with_each_that_it_grew_from() -> None:
    """By no more hashes than RFC 9162 would need and one; and with no other."""
    leaves = [leaf_hash(bytes([i])) for i in range(35)]
    others = [leaf_hash(bytes([i + 1])) for i in range(35)]
    for size in range(1, 36):
        for old in range(1, size + 1):
            proof = prove_growth(old, size, tree(leaves))
            assert roots_from_growth(old, size, proof) == (root(old, tree(leaves)), root(size, tree(leaves)))
            assert len(proof) <= size.bit_length() + 2
            changed = prove_growth(old, size, tree([*others[:old], *leaves[old:]]))
            assert roots_from_growth(old, size, changed)[1] != root(size, tree(leaves))
            for wrong in (proof[:-1], [*proof, proof[0]]):
                with pytest.raises(BadProof):
                    roots_from_growth(old, size, wrong)
    for old, size in ((0, 5), (6, 5), (-1, 5)):
        with pytest.raises(BadProof):
            roots_from_growth(old, size, [bytes(32)])
