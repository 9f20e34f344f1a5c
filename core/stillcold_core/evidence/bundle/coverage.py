"""Whether what gateways recorded reaches over a period, as far as the batches themselves can show it.

A chain shows that nothing is missing between its first batch and its last. Nothing links a journal to the one that
came after it: so a journal that begins or ends within the period is named.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stillcold_core.contract.batch import Batch
from stillcold_core.evidence.bundle.accounts import Chain
from stillcold_core.evidence.bundle.report import Item, Verdict
from stillcold_core.evidence.receipts import Receipt

Span = tuple[int, int]
"""First and last moment, ms."""
_FUTURE = 86_400_000  # ms


@dataclass(slots=True)
class _Journal:
    """Of the batches with samples, the first with its first time, and the last with its last."""

    first: tuple[int, int]
    last: tuple[int, int]


class Coverage:
    """What is covered by some batches, which may come in any order."""

    def __init__(self) -> None:
        self._points: dict[tuple[str, str], Span] = {}
        self._journals: dict[Chain, _Journal] = {}
        self._lowest: dict[Chain, int] = {}

    def take(self, receipt: Receipt, batch: Batch) -> None:
        """Add a batch; samples that are stamped long after it came count nowhere."""
        spans = {b.point: (int(b.times.min()), int(b.times.max())) for b in batch.blocks if len(b.times)}
        spans = {p: span for p, span in spans.items() if span[1] <= receipt.received_at + _FUTURE}
        for point, span in spans.items():
            whose = (point, batch.gateway)
            self._points[whose] = _joined([self._points.get(whose, span), span])
        key, number = (batch.gateway, batch.epoch), batch.sequence
        self._lowest[key] = min(number, self._lowest.get(key, number))
        if spans:
            first, last = ((number, moment) for moment in _joined([*spans.values()]))
            journal = self._journals.setdefault(key, _Journal(first, last))
            journal.first, journal.last = min(journal.first, first), max(journal.last, last)

    def item(self, period: Span, points: Mapping[str, str | None]) -> Item:
        """Whether a period is covered for some points, each by the gateway that speaks for it, or by any."""
        begin, end = period
        here = {p: self._span(p, gateway) for p, gateway in points.items()}
        short = [p for p, span in here.items() if span is None or span[0] > begin or span[1] < end]
        said = f"samples of {', '.join(points)} reach from the period's begin to its end"
        if short or not points:
            said = f"the samples of {', '.join(short) or 'no point'} do not reach from the period's begin to its end"
        strangers = [
            f"those of {p} that {g} has sent do not count, as it does not speak for it"
            for p, g in sorted(self._points)
            if points.get(p) not in (None, g)
        ]
        edges = [*self._edges(period)]
        verdict: Verdict = "ABSENT" if short or edges or not points else "PASS"
        return Item("period", verdict, "; ".join([said, *edges, *strangers]))

    def _span(self, point: str, gateway: str | None) -> Span | None:
        spans = [span for (p, g), span in self._points.items() if p == point and gateway in (None, g)]
        return _joined(spans) if spans else None

    def _edges(self, period: Span) -> Iterator[str]:
        """The journals of which nothing shows that they did not begin earlier, or go on, within the period."""
        begin, end = period
        for key in sorted(self._journals):
            of, journal = f"of {key[0]}, epoch {key[1].hex()},", self._journals[key]
            if self._lowest[key] > 1 and begin < journal.first[1] <= end:
                yield f"before batch {self._lowest[key]} {of} within the period, others of its journal are not here"
            if journal.last[1] < end:
                yield f"after batch {journal.last[0]} {of} within the period, nothing of its journal is here"


def _joined(spans: Sequence[Span]) -> Span:
    return min(s[0] for s in spans), max(s[1] for s in spans)
