"""What goes into a journal in tests: envelopes that are none, but name what they carry."""

from collections.abc import Callable, Sequence

from stillcold_agent.journal.entries import Entry, Link
from stillcold_agent.journal.store import Journal

START = 1_800_000_000_000
"""ms"""


def envelope(link: Link, size: int = 100) -> bytes:
    """Names what it carries."""
    lost = " ".join(point for gap in link.gaps for point in gap.points)
    return f"{link.epoch.hex()} {link.sequence} {link.previous.hex()} {lost}".encode().ljust(size)


def entry(
    make: Callable[[Link], bytes] = envelope, importance: int = 0, begun: int = START, points: Sequence[str] = ("p1",)
) -> Entry:
    """A batch of a minute."""
    return Entry(make, importance, begun, begun + 59_000, tuple(points))


def fill(journal: Journal, count: int, size: int = 100, importance: int = 0) -> list[bytes]:
    """Journal so many batches, each in a transaction of its own; their envelopes."""
    made: list[bytes] = []

    def make(link: Link) -> bytes:
        made.append(envelope(link, size)[:size])
        return made[-1]

    for _ in range(count):
        journal.append([entry(make, importance)])
    return made


def next_link(journal: Journal) -> Link:
    """What the next batch carries."""
    links: list[Link] = []

    def make(link: Link) -> bytes:
        links.append(link)
        return envelope(link)

    journal.append([entry(make)])
    return links[0]
