# ruff: noqa: PLR0124  # NaN is the number that is not itself
"""What kernels work on: columns, and small states as rows of numbers."""

import math
from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

import msgspec
import numpy as np

from stillcold_core.detect.kernels import compiled
from stillcold_core.samples import Floats

S = TypeVar("S", bound=msgspec.Struct)


class Column(Protocol):
    """Numbers that a kernel reads or writes: an array where kernels are compiled, else a list.

    Python takes numbers out of a list several times faster than out of an array.
    """

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __getitem__(self, index: int, /) -> Any: ...
    def __setitem__(self, index: int, value: float, /) -> None: ...


def fed(column: Floats) -> Column:
    """A column for a kernel: always of the one kind of array that kernels are compiled for."""
    if not compiled():
        listed: list[float] = column.tolist()
        return listed
    return column if column.flags.writeable and column.flags.c_contiguous else np.array(column)


def blank(length: int, value: float = 0.0) -> Column:
    """A column for a kernel to write to."""
    return np.full(length, value) if compiled() else [value] * length


def row(state: msgspec.Struct) -> Column:
    """The fields of a state, all of them numbers; NaN for None."""
    numbers = [math.nan if v is None else v for v in msgspec.structs.astuple(state)]
    return np.array(numbers) if compiled() else numbers


def state_of(kind: type[S], numbers: Column) -> S:
    """The state whose :func:`row` was worked on."""
    listed = numbers.tolist() if isinstance(numbers, np.ndarray) else numbers
    return kind(*[None if v != v else v for v in listed])  # NaN


def array(column: Column) -> Floats:
    """A column as an array again."""
    return np.asarray(column, np.float64)
