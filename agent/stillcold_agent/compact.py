"""Samples that wait in memory, in a quarter of the room: those of a minute of many meters are thousands."""

from array import array
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from stillcold_core.readings import Sample


class Row(Mapping[str, float]):
    """Numbers by quantity.

    Parameters
    ----------
    places : mapping of str to int
        Of each quantity; shared by all rows of a meter.
    numbers : array of float64
        At those places.
    """

    __slots__ = ("_numbers", "_places")

    def __init__(self, places: Mapping[str, int], numbers: "array[float]") -> None:
        self._places, self._numbers = places, numbers

    def __getitem__(self, quantity: str) -> float:
        return self._numbers[self._places[quantity]]

    def get(self, quantity: str, default: Any = None) -> Any:
        """The number of a quantity; asked for thousands of times a batch."""
        place = self._places.get(quantity)
        return default if place is None else self._numbers[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._numbers)


def compact(sample: Sample) -> Sample:
    """The same sample; one that has no number for a quantity stays as it is, with the causes.

    Examples
    --------
    >>> dict(compact(Sample("p", 0.0, {"frequency": 50.0})).values)
    {'frequency': 50.0}
    """
    values = sample.values
    if type(values) is Row:
        return sample
    try:
        numbers: array[float] = array("d", tuple(values.values()))  # type: ignore[arg-type]  # an absence raises
    except TypeError:
        return sample
    return Sample(sample.point, sample.time, Row(_places(tuple(values)), numbers), sample.monotonic, sample.raw)


@lru_cache(maxsize=1024)
def _places(quantities: tuple[str, ...]) -> Mapping[str, int]:
    return {quantity: place for place, quantity in enumerate(quantities)}
