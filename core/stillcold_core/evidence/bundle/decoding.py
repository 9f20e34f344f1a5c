"""Whether the values of a batch are those that its register words give, by the profile that it names.

Words are not kept of every register, and those of a meter behind transformers need ratios that the gateway's
configuration holds: both are counted, and left.
"""

import hashlib
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

import msgspec
import numpy as np

from stillcold_core.contract.batch import Batch, Block, to_mantissas
from stillcold_core.profiles import Profile, Register, decoder
from stillcold_core.readings import Absence, Value

FOLDER = "profiles/"
_BEYOND = 2.0**63  # mantissas are below it
Decode = Callable[[Sequence[int]], Value]


def profile_file(model: str, version: str) -> str:
    """Where the bundle has a profile."""
    return f"{FOLDER}{model}.{version}.toml"


def read_profile(content: bytes) -> Profile:
    """A profile from the content of its file, which the version is the hash of.

    Raises
    ------
    ValueError
        When it is none.
    """
    profile = msgspec.convert(tomllib.loads(content.decode()), Profile)
    if problems := profile.problems():
        raise ValueError(problems[0][1])
    return msgspec.structs.replace(profile, version=hashlib.sha256(content).hexdigest()[:16])


class Decoding:
    """Decodes register words again.

    Parameters
    ----------
    profiles : mapping of (str, str) to Profile
        By model and version.

    Attributes
    ----------
    checked : int
        Values that are what their words give.
    left : Counter
        Values with words that were not decoded, by why: ``ratio`` or ``profile``.
    """

    def __init__(self, profiles: Mapping[tuple[str, str], Profile]) -> None:
        self._profiles = profiles
        self._decode = cache(self._make)
        self.checked = 0
        self.left: Counter[str] = Counter()

    def problems(self, batch: Batch) -> Iterator[str]:
        """The points and quantities of a batch whose values are not those of their words."""
        for block in batch.blocks:
            version = batch.profiles.get(block.profile, "")
            for name in block.raw:
                if not self._agrees(block, version, name):
                    yield f"{block.point} {name}: its values are not those of its register words"

    def _agrees(self, block: Block, version: str, quantity: str) -> bool:
        rows, column = [*map(tuple, block.raw[quantity].tolist())], block.columns[quantity]
        known = self._decode(block.profile, version, quantity)
        if isinstance(known, str):
            self.left[known] += len(rows)
            return True
        register, decode = known
        coarser = column.exponent > register.exponent  # with which any value rounds to the same
        if coarser or block.raw[quantity].shape[1] != register.words:
            return False
        values = {row: decode(row) for row in set(rows)}
        if any(isinstance(v, Absence) for v in values.values()):
            return False
        self.checked += len(rows)
        numbers = np.array([values[row] for row in rows], float)
        if (np.abs(numbers) >= _BEYOND * 10.0**column.exponent).any():
            return False
        return bool((to_mantissas(numbers, column.exponent) == column.mantissas).all())

    def _make(self, model: str, version: str, quantity: str) -> tuple[Register, Decode] | str:
        """A register and how to decode it, or why not."""
        profile = self._profiles.get((model, version))
        register = profile.by_quantity.get(quantity) if profile else None
        if profile is None or register is None:
            return "profile"
        return "ratio" if register.ratio else (register, decoder(profile, register))
