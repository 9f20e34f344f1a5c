"""The list of a bundle's batches: ``batches.bin`` has the envelopes one after another, ``batches.txt`` a line of each.

A line is ``<number> <offset> <length> <entry>``: the number of the log's entry, where the envelope lies in
``batches.bin``, and the :mod:`entry <stillcold_core.evidence.receipts>`. Lines ascend by their numbers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stillcold_core.evidence.receipts import Receipt, parse_receipt

BATCHES, LISTING = "batches.bin", "batches.txt"
_LINE = re.compile(r"(0|[1-9][0-9]{0,18}) (0|[1-9][0-9]{0,9}) ([1-9][0-9]{0,6}) ([ -~]+)")


@dataclass(frozen=True, slots=True)
class Listed:
    """A batch of a bundle: its number in the log, where its envelope lies in ``batches.bin``, and its receipt."""

    number: int
    offset: int
    length: int
    receipt: Receipt

    @property
    def line(self) -> str:
        """With its line break."""
        return f"{self.number} {self.offset} {self.length} {self.receipt.entry}\n"

    @property
    def name(self) -> str:
        """How it is called in what is said to people."""
        return f"batch {self.receipt.sequence} of {self.receipt.gateway}, epoch {self.receipt.epoch.hex()}"


def parse_listing(data: bytes, size: int) -> Iterator[Listed]:
    """Read the list of the batches that fill ``size`` bytes.

    Raises
    ------
    ValueError
        Naming the first line that is wrong: no line of this form, not after the one before, envelopes that do not lie
        one after another.
    """
    number, offset = -1, 0
    lines = data.split(b"\n")
    if lines.pop():
        raise ValueError(f"{LISTING}: it does not end with a line break")
    for i, line in enumerate(lines, 1):
        try:
            listed = _parse(line.decode())
        except ValueError as error:
            raise ValueError(f"{LISTING}:{i}: expected <number> <offset> <length> <entry>") from error
        if listed.number <= number or listed.offset != offset:
            raise ValueError(f"{LISTING}:{i}: expected a number above {number}, and offset {offset}")
        number, offset = listed.number, offset + listed.length
        yield listed
    if offset != size:
        raise ValueError(f"{LISTING}: its batches fill {offset} bytes, {BATCHES} has {size}")


def _parse(line: str) -> Listed:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError
    return Listed(int(match[1]), int(match[2]), int(match[3]), parse_receipt(match[4]))
