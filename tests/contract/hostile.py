"""What the tests of hostile bytes share."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import make_vectors

KEY = make_vectors.KEY
GOOD = {name: data for name, _, data in make_vectors.vectors()}["batch-gaps"]
"""An envelope with every kind of column."""


@contextmanager
def bounded_memory(limit: int = 64 << 20) -> Iterator[None]:
    """Fail when Python and numpy take more than ``limit`` bytes meanwhile."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit, f"{peak >> 20} MiB"
