"""The batch: what a gateway read in a period, by columns, as the server stores it.

A number on the wire is an integer mantissa and a power of ten, so a value decodes to the same bits everywhere, and what
the meter resolves is all that is sent.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cbor2
import numpy as np
import numpy.typing as npt
import zstandard

from stillcold_core.contract.arrays import Ints, decode_bytes, decode_ints, decode_words
from stillcold_core.contract.errors import BadBatch
from stillcold_core.contract.losses import Gap, decode_gaps
from stillcold_core.contract.names import END_OF_TIME, checked_name
from stillcold_core.contract.packing import (
    CAUSES,
    CONTENT_TYPE,
    UNASKED,
    Packed,
    columns_of,
    moments_of,
    pack_batch,
    pack_point,
    words_of,
)
from stillcold_core.contract.steps import Step, decode_steps
from stillcold_core.readings import Sample, Value
from stillcold_core.samples import Samples

__all__ = [
    "CAUSES", "CONTENT_TYPE", "MAX_ENVELOPE", "MAX_PAYLOAD", "MAX_POINTS", "MAX_VALUES", "UNASKED", "Batch", "Block",
    "Column", "block_of", "decode_batch", "encode_batch", "from_mantissas", "to_mantissas",
]  # fmt: skip
MAX_ENVELOPE = 1 << 20
"""Bytes. A longer message is refused before anything looks into it."""
MAX_PAYLOAD = 4 << 20
"""Bytes after decompression."""
MAX_POINTS = 1024
"""Points in a batch."""
MAX_VALUES = 1 << 20
"""Numbers in a batch, times and absent ones included: a constant series is a few bytes however long it is."""
_DEPTH = 8  # a batch nests 7 deep


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One quantity of one point.

    Attributes
    ----------
    exponent : int
        A value is ``mantissa * 10**exponent``.
    mantissas : ndarray of int64, shape (present,)
        Only of the samples that have a number.
    causes : ndarray of uint8, shape (samples,)
        0 where there is a number, else 1 + index into :data:`CAUSES`, or :data:`UNASKED`.
    """

    exponent: int
    mantissas: Ints
    causes: npt.NDArray[np.uint8]

    def values(self) -> npt.NDArray[np.float64]:
        """Values in the vocabulary's unit, NaN where absent; shape (samples,)."""
        numbers = from_mantissas(self.mantissas, self.exponent)
        if len(numbers) == len(self.causes):
            return numbers
        out = np.full(len(self.causes), np.nan)
        out[self.causes == 0] = numbers
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What one point showed.

    Attributes
    ----------
    point : str
        Id of the point.
    profile : str
        Model of the profile that decoded it.
    times, monotonic : ndarray of int64, shape (samples,)
        Milliseconds: UTC since 1970, and of the gateway's monotonic clock.
    columns : mapping of str to Column
        By quantity.
    raw : mapping of str to ndarray of uint16, shape (present, words)
        Register words as they came, where the profile keeps them.
    """

    point: str
    profile: str
    times: Ints
    monotonic: Ints
    columns: Mapping[str, Column]
    raw: Mapping[str, npt.NDArray[np.uint16]] = field(default_factory=dict)

    def samples(self) -> Iterator[Sample]:
        """The samples in order, without raw words."""
        columns = {name: _listed(column) for name, column in self.columns.items()}
        for i, (time, monotonic) in enumerate(zip(self.times.tolist(), self.monotonic.tolist(), strict=True)):
            values = {name: v for name, column in columns.items() if (v := column[i]) is not None}
            yield Sample(self.point, time / 1000, values, monotonic / 1000)

    def numbers(self) -> Samples:
        """The samples by columns, NaN where absent."""
        columns = {name: column.values() for name, column in self.columns.items()}
        return Samples(self.point, self.times / 1000, columns, self.monotonic / 1000)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One link of a gateway's chain.

    Attributes
    ----------
    gateway : str
        Who read it.
    epoch : bytes, 8
        Names one journal; a new journal begins a new epoch at sequence 1.
    sequence : int
        Counts from 1 in an epoch, without holes.
    previous : bytes, 32
        SHA-256 of the envelope before it; zeros in the first.
    boot : bytes, 16
        Names one boot of the gateway, within which monotonic times compare.
    synced : bool
        Whether the wall clock was synchronised when the batch was closed, or had been since the agent started.
    profiles : mapping of str to str
        Version of each profile used: the first 16 hex digits of the SHA-256 of its file.
    blocks : sequence of Block
        One a point.
    gaps : sequence of Gap
        What the gateway has lost.
    steps : sequence of Step
        Where its wall clock was moved.
    """

    gateway: str
    epoch: bytes
    sequence: int
    previous: bytes
    boot: bytes
    synced: bool
    profiles: Mapping[str, str]
    blocks: Sequence[Block]
    gaps: Sequence[Gap] = ()
    steps: Sequence[Step] = ()


def encode_batch(batch: Batch) -> bytes:
    """The payload of an envelope: zstd of CBOR."""
    return pack_batch(
        gateway=batch.gateway,
        epoch=batch.epoch,
        sequence=batch.sequence,
        previous=batch.previous,
        boot=batch.boot,
        synced=batch.synced,
        profiles=batch.profiles,
        points=[_packed(b) for b in batch.blocks],
        gaps=batch.gaps,
        steps=batch.steps,
    )


def decode_batch(payload: bytes, only: Collection[str] | None = None) -> Batch:
    """Read a payload whose signature has been verified.

    Parameters
    ----------
    payload : bytes
        As it came.
    only : collection of str, optional
        Points whose blocks are wanted; the others are left out, which saves most of the time.

    Raises
    ------
    BadBatch
        When it is no batch, or would be larger than :data:`MAX_PAYLOAD`.
    """
    content = _load(payload)
    match content:
        case {
            "v": 1,
            "gateway": str(gateway),
            "epoch": bytes(epoch),
            "sequence": int(sequence),
            "previous": bytes(previous),
            "boot": bytes(boot),
            "synced": bool(synced),
            "profiles": dict(profiles),
            "points": list(points),
        } if len(epoch) == 8 and len(previous) == 32 and 0 < sequence < 2**63 and sequence is not True:
            _check_size(points)
            wanted = points if only is None else [p for p in points if p.get("point") in only]
            blocks = [_decode_block(p) for p in wanted]
            if len({b.point for b in blocks}) != len(blocks):
                raise BadBatch("a point stands in it twice")
            versions = {checked_name(k): checked_name(v) for k, v in profiles.items()}
            gaps, steps = decode_gaps(content.get("gaps", [])), decode_steps(content.get("steps", []))
            return Batch(checked_name(gateway), epoch, sequence, previous, boot, synced, versions, blocks, gaps, steps)
    raise BadBatch("a field is missing or of the wrong type")


def block_of(samples: Sequence[Sample], profile: str, exponents: Mapping[str, int]) -> Block:
    """Columns from the samples of one point.

    Parameters
    ----------
    samples : sequence of Sample
        Of one point, in order.
    profile : str
        Model of its profile.
    exponents : mapping of str to int
        Power of ten of each quantity that the profile reads; one that no sample has gets no column.
    """
    columns = {
        name: Column(c.exponent, np.array(c.mantissas, np.int64), np.frombuffer(bytes(c.causes), np.uint8))
        for name, c in columns_of(samples, exponents).items()
    }
    raw = {name: np.array(rows, np.uint16) for name, rows in words_of(samples, exponents).items()}
    times, monotonic = moments_of(samples)
    return Block(samples[0].point, profile, np.array(times, np.int64), np.array(monotonic, np.int64), columns, raw)


def to_mantissas(values: npt.NDArray[np.float64], exponent: int) -> Ints:
    """Nearest integers to ``values / 10**exponent``."""
    scaled = values * 10.0**-exponent if exponent < 0 else values / 10.0**exponent
    return np.rint(scaled).astype(np.int64)


def from_mantissas(mantissas: Ints, exponent: int) -> npt.NDArray[np.float64]:
    """The floats nearest to ``mantissas * 10**exponent``: dividing by an exact power of ten rounds once."""
    wide = mantissas.astype(np.float64)
    return wide / np.float64(10.0**-exponent) if exponent < 0 else wide * np.float64(10.0**exponent)


def _listed(column: Column) -> list[Value | None]:
    return [
        (None if cause == UNASKED else CAUSES[cause - 1]) if cause else value
        for value, cause in zip(column.values().tolist(), column.causes.tolist(), strict=True)
    ]


def _packed(block: Block) -> dict[str, Any]:
    columns = {n: Packed(c.exponent, c.mantissas.tolist(), c.causes.tobytes()) for n, c in block.columns.items()}
    raw = {name: words.tolist() for name, words in block.raw.items()}
    return pack_point(block.point, block.profile, block.times.tolist(), block.monotonic.tolist(), columns, raw)


def _decode_block(content: Any) -> Block:
    match content:
        case {
            "point": str(point),
            "profile": str(profile),
            "time": time,
            "monotonic": monotonic,
            "columns": dict(columns),
        }:
            times = _moments(decode_ints(time))
            decoded = {checked_name(name): _decode_column(c, len(times)) for name, c in columns.items()}
            return Block(
                checked_name(point),
                checked_name(profile),
                times,
                _same_length(decode_ints(monotonic, len(times)), len(times)),
                decoded,
                _decode_raw(content.get("raw", {}), decoded),
            )
    raise BadBatch("a point's field is missing or of the wrong type")


def _decode_column(content: Any, samples: int) -> Column:
    match content:
        case {"exp": int(exponent)} if -18 <= exponent <= 18 and not isinstance(exponent, bool):
            mantissas = decode_ints(content, samples)
            causes = decode_bytes(content["causes"], samples) if "causes" in content else np.zeros(samples, np.uint8)
            known = (causes <= len(CAUSES)) | (causes == UNASKED)
            if not known.all() or np.count_nonzero(causes == 0) != len(mantissas):
                raise BadBatch("a column's causes do not fit its values")
            return Column(exponent, mantissas, causes)
    raise BadBatch("expected a column")


def _decode_raw(content: Any, columns: Mapping[str, Column]) -> dict[str, npt.NDArray[np.uint16]]:
    if not isinstance(content, dict) or not content.keys() <= columns.keys():
        raise BadBatch("expected a map of register words by the names of columns")
    return {name: decode_words(words, len(columns[name].mantissas)) for name, words in content.items()}


def _load(payload: bytes) -> Any:
    try:
        size = zstandard.frame_content_size(payload)
        if not 0 <= size <= MAX_PAYLOAD:
            raise BadBatch("the size before compression is missing or too large", "too_large")
        content = zstandard.ZstdDecompressor().decompress(payload, allow_extra_data=False)
        return cbor2.loads(content, allow_indefinite=False, allow_duplicate_keys=False, max_depth=_DEPTH)
    except (zstandard.ZstdError, cbor2.CBORDecodeError) as error:
        raise BadBatch(f"not zstd of CBOR ({type(error).__name__})") from error


def _check_size(points: list[Any]) -> None:
    """Refuse what would unfold to more than the limits, before anything is unfolded."""
    if len(points) > MAX_POINTS:
        raise BadBatch(f"{len(points)} points", "too_large")
    values = 0
    for point in points:
        match point:
            case {"time": {"n": int(n)}, "columns": dict(columns)} if n >= 0:
                values += n * (2 + len(columns))
            case _:
                raise BadBatch("a point's field is missing or of the wrong type")
    if values > MAX_VALUES:
        raise BadBatch(f"{values} numbers", "too_large")


def _moments(times: Ints) -> Ints:
    if len(times) and not (times.min() >= 0 and times.max() < END_OF_TIME):
        raise BadBatch("a time lies outside the years 1970 to 9999")
    return times


def _same_length(values: Any, count: int) -> Any:
    if len(values) != count:
        raise BadBatch(f"{len(values)} entries for {count} samples")
    return values
