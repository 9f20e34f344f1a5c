"""Batches that have just been committed: who publishes in order need not wait for the journal to read them again."""

from collections import deque
from collections.abc import Sequence

from stillcold_agent.journal.entries import Kept


class Fresh:
    """The newest batches, from the thread that writes the journal to the one that publishes.

    Parameters
    ----------
    most : int
        How many are held; older ones are only in the journal.
    """

    def __init__(self, most: int) -> None:
        self._held: deque[Kept] = deque(maxlen=most)
        self.newest = 0
        """Sequence of the last one that came."""

    def offer(self, kept: Sequence[Kept]) -> None:
        """Take what a commit has made, in order."""
        if not kept:
            return
        if kept[0].sequence != self.newest + 1:
            self._held.clear()  # a new journal: what is left of the old one would be taken for its batches
        self._held.extend(kept)
        self.newest = kept[-1].sequence

    def after(self, sequence: int, limit: int) -> list[Kept]:
        """Those that follow a sequence without a hole, at most ``limit``; they are held no longer, nor are older ones.

        Examples
        --------
        >>> fresh = Fresh(2)
        >>> fresh.offer([Kept(n, b"") for n in (1, 2, 3)])
        >>> [k.sequence for k in fresh.after(1, 9)], fresh.after(3, 9)
        ([2, 3], [])
        >>> fresh.offer([Kept(1, b"")])
        >>> [k.sequence for k in fresh.after(0, 9)]
        [1]
        """
        out: list[Kept] = []
        while self._held and len(out) < limit and self._held[0].sequence <= sequence + 1:
            kept = self._held.popleft()
            if kept.sequence == sequence + 1:
                out.append(kept)
                sequence += 1
        return out
