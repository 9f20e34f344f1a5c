"""Who writes to the database next."""

import threading
from datetime import date
from statistics import mean
from typing import Self

import pytest
from sqlalchemy import Engine, insert

from stillcold_server.store.database import write
from stillcold_server.store.schema import calendar_day

BOTH_DATABASES = True
BUSY, TRIES = 3, 15


class Busy:
    """Writers that do one transaction after the other until it is over, and the count of what they did."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.done, self._stopping = engine, 0, threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(BUSY)]

    def _run(self) -> None:
        while not self._stopping.is_set():
            with write(self.engine) as connection:
                connection.execute(
                    insert(calendar_day), {"day": date.fromordinal(1 + self.done), "kind": "off", "name": ""}
                )
                self.done += 1

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.requirement("store.turns")
def test_a_writer_waits_for_those_only_that_came_before_it(engine: Engine) -> None:
    """Beside writers that never pause; on average, as some slip in between the count and the question."""
    passed = []
    with Busy(engine) as busy:
        for _ in range(TRIES):
            before = busy.done
            with write(engine):
                passed.append(busy.done - before)
    assert mean(passed) <= 2 * BUSY, passed
