"""The readings of a line as tables that people and programs read; made of the signed batches, after they have passed.

``values.csv`` is a measurements file, as ``stillcold-server scan`` takes it: time, point, a column a quantity, empty
where there is no number. ``words.csv`` has the register words of each value whose words are kept, in hexadecimal in the
order of their addresses. ``missing.csv`` says why readings are missing.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from stillcold_core.contract.batch import CAUSES, Block, decode_batch
from stillcold_core.detect.findings import iso
from stillcold_core.evidence.bundle.container import read_container
from stillcold_core.evidence.bundle.listing import BATCHES, LISTING, parse_listing
from stillcold_core.evidence.bundle.manifest import MANIFEST, parse_manifest
from stillcold_core.evidence.bundle.statements import points_of, read_statements
from stillcold_core.evidence.envelope import stored_payload
from stillcold_core.evidence.note import note_text

Row = Sequence[object]


def write_tables(bundle: memoryview, folder: Path) -> None:
    """Write the three tables of a bundle that has passed.

    Raises
    ------
    OSError
        When they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    quantities = sorted({name for block in _blocks(bundle) for name in block.columns})
    heads = {
        "values.csv": ("time", "point", *quantities),
        "words.csv": ("time", "point", "quantity", "value", "words"),
        "missing.csv": ("time", "point", "quantity", "cause"),
    }
    files = {name: (folder / name).open("w", encoding="utf-8", newline="") for name in heads}
    try:
        values, words, missing = (csv.writer(file, lineterminator="\n") for file in files.values())
        for writer, head in zip((values, words, missing), heads.values(), strict=True):
            writer.writerow(head)
        for block in _blocks(bundle):
            times = [iso(t / 1000) for t in block.times.tolist()]
            values.writerows(_values(block, times, quantities))
            words.writerows(_words(block, times))
            missing.writerows(_missing(block, times))
    finally:
        for file in files.values():
            file.close()


def _blocks(bundle: memoryview) -> Iterator[Block]:
    """What the points of the bundle's line showed, by the gateways that speak for them."""
    files, _ = read_container(bundle)
    manifest = parse_manifest(note_text(bytes(files[MANIFEST])))
    points = points_of(read_statements(files)[0], manifest.line)
    envelopes = files[BATCHES]
    for one in parse_listing(bytes(files[LISTING]), len(envelopes)):
        payload = stored_payload(bytes(envelopes[one.offset : one.offset + one.length]))
        batch = decode_batch(payload)
        here = [block for block in batch.blocks if block.point in points]
        yield from (block for block in here if points[block.point] in (None, batch.gateway))


def _values(block: Block, times: Sequence[str], quantities: Sequence[str]) -> Iterator[Row]:
    nothing = [""] * len(times)
    columns = [_told(block, name) if name in block.columns else nothing for name in quantities]
    for time, *row in zip(times, *columns, strict=True):
        yield (time, block.point, *row)


def _told(block: Block, quantity: str) -> list[object]:
    """The numbers of a quantity, nothing where there is none."""
    column = block.columns[quantity]
    return ["" if c else v for v, c in zip(column.values().tolist(), column.causes.tolist(), strict=True)]


def _words(block: Block, times: Sequence[str]) -> Iterator[Row]:
    for name, rows in block.raw.items():
        there = [(t, v) for t, v in zip(times, _told(block, name), strict=True) if v != ""]
        for (time, value), row in zip(there, rows.tolist(), strict=True):
            yield time, block.point, name, value, " ".join(f"{word:04x}" for word in row)


def _missing(block: Block, times: Sequence[str]) -> Iterator[Row]:
    for name, column in block.columns.items():
        for time, cause in zip(times, column.causes.tolist(), strict=True):
            if 0 < cause <= len(CAUSES):
                yield time, block.point, name, CAUSES[cause - 1].value
