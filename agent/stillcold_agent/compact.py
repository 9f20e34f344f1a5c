"""Samples that wait in memory, in a quarter of the room: those of a minute of many meters are thousands."""

from array import array
from collections.abc import Iterator, Mapping
from functools import lru_cache

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
    if isinstance(values, Row):
        return sample
    numbers = [value for value in values.values() if isinstance(value, float)]
    if len(numbers) < len(values):
        return sample
    row = Row(_places(tuple(values)), array("d", numbers))
    return Sample(sample.point, sample.time, row, sample.monotonic, sample.raw)


@lru_cache(maxsize=1024)
def _places(quantities: tuple[str, ...]) -> Mapping[str, int]:
    return {quantity: place for place, quantity in enumerate(quantities)}
