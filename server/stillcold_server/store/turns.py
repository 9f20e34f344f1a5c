"""Writers of one process go one after the other, in the order in which they came.

SQLite lets in whoever asks at the right moment, and one that waits asks every 0.1 s: beside writers that follow each
other closely it waits for seconds. PostgreSQL's locks have a queue of their own.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 30.0
"""s after which a writer no longer waits for its turn: the database decides, and refuses it where another holds it."""


class Turns:
    """A queue before the database's own lock, which still decides between processes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def one(self) -> Iterator[None]:
        """A turn; the next one's begins when it is over."""
        mine = threading.Event()
        with self._lock:
            self._waiting.append(mine)
            self._waiting[0].set()
        try:
            mine.wait(PATIENCE)
            yield
        finally:
            with self._lock:
                self._waiting.remove(mine)
                if self._waiting:
                    self._waiting[0].set()
