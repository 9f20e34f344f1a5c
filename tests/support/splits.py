"""Which sites thresholds may be chosen on, and which figures are told for.

A simulated site is drawn from its number alone, whatever the generator: sites of different numbers share nothing.
"""

from collections.abc import Mapping
from typing import Literal

Split = Literal["tune", "calibrate", "test"]
SPLITS: Mapping[Split, range] = {
    "tune": range(1, 1000),
    "calibrate": range(1000, 2000),
    "test": range(2000, 3000),
}
"""Numbers of sites: for the shape of a detector and its weights; for its thresholds; for figures that are told."""


def sites(split: Split, count: int) -> range:
    """The first ``count`` sites of a split.

    Raises
    ------
    ValueError
        When there are not so many.
    """
    whole = SPLITS[split]
    if count > len(whole):
        raise ValueError(f"{split} has {len(whole)} sites, not {count}")
    return whole[:count]
