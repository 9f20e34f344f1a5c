"""What a run of a fleet came to."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PERCENTILES = (50, 90, 99, 100)


@dataclass(frozen=True, slots=True)
class Report:
    """Counts and delays of a run.

    Attributes
    ----------
    gateways, connections : int
        How many.
    made, values, bytes : int
        Batches, the numbers in them, and their bytes.
    sent, duplicates, again : int
        Messages handed to the broker in all; those sent twice on purpose; those sent again because no acknowledgement
        came.
    acknowledged, lost : int
        Batches that the server says are on its disk; batches that it said nothing of.
    refused, dropped : mapping of str to int
        Batches by the server's reason; by the reason for which a gateway never sent them.
    reconnects : int
        Connections made after the first ones.
    seconds : float
        Real time from the first batch to the end.
    latency : mapping of str to float
        s from the first time that a batch was sent to its acknowledgement, by percentile.
    behind : float
        s by which the fleet itself was late with the latest one percent of its batches: where it is not small, the
        machine that runs the fleet is the limit.
    """

    gateways: int
    connections: int
    made: int
    values: int
    bytes: int
    sent: int
    duplicates: int
    again: int
    acknowledged: int
    lost: int
    refused: dict[str, int]
    dropped: dict[str, int]
    reconnects: int
    seconds: float
    latency: dict[str, float]
    behind: float

    @property
    def clean(self) -> bool:
        """Whether the server has everything."""
        return not (self.lost or self.refused or self.dropped)


@dataclass
class Tally:
    """Counts while a fleet runs."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    behind: list[float] = field(default_factory=list)

    @property
    def unsettled(self) -> int:
        """Batches that were made, and neither acknowledged nor refused nor dropped."""
        return self.counts["made"] - self.counts["acknowledged"] - self.refused.total() - self.dropped.total()

    def report(self, **about: Any) -> Report:
        """The report; ``about`` gives what only the run knows."""
        counts = self.counts
        return Report(
            **about,
            made=counts["made"],
            values=counts["values"],
            bytes=counts["bytes"],
            sent=counts["sent"],
            duplicates=counts["duplicates"],
            again=counts["again"],
            acknowledged=counts["acknowledged"],
            lost=self.unsettled,
            refused=dict(self.refused),
            dropped=dict(self.dropped),
            latency=_percentiles(self.latencies),
            behind=_percentiles(self.behind).get("p99", 0.0),
        )


def _percentiles(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    found = np.percentile(values, PERCENTILES).tolist()
    return {f"p{p}" if p < 100 else "max": round(v, 4) for p, v in zip(PERCENTILES, found, strict=True)}
