"""Integer series as RFC 8746 typed arrays.

A series is a CBOR map: ``{"n": count, "first": int, "delta": typed array}``, each further value being the one before it
plus its delta; or ``{"n": count, "values": typed array}`` where that is narrower. Little-endian signed integers of the
smallest width that holds them.

::

    BadBatch (ValueError)        a payload that is signed but is no batch
"""

from typing import Any

import cbor2
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_TAG_OF_WIDTH = {1: 72, 2: 77, 4: 78, 8: 79}  # RFC 8746: sint8, sint16 LE, sint32 LE, sint64 LE
_DTYPE_OF_TAG = {64: "u1", 69: "<u2", 72: "i1", 77: "<i2", 78: "<i4", 79: "<i8"}
_UINT16_LE = 69
_MULTI_DIM = 40
_MAX_WORDS = 4  # registers of the widest number


class BadBatch(ValueError):
    """A payload that is signed and yet is no batch. ``reason`` is ``malformed`` or ``too_large``."""

    def __init__(self, detail: str, reason: str = "malformed") -> None:
        self.reason = reason
        super().__init__(f"batch refused: {detail}")


def encode_ints(values: Ints) -> dict[str, Any]:
    """A series of integers, in the narrower of its two forms.

    Parameters
    ----------
    values : ndarray of int64, shape (n,)

    Examples
    --------
    >>> decode_ints(encode_ints(np.array([7, 8, 9]))).tolist()
    [7, 8, 9]
    """
    if len(values) == 0:
        return {"n": 0}
    delta = np.diff(values)
    if _cost(delta) <= _cost(values):
        head: dict[str, Any] = {"n": len(values), "first": int(values[0])}
        return head | {"delta": _typed(delta)} if delta.any() else head
    return {"n": len(values), "values": _typed(values)}


def decode_ints(series: Any, limit: int = 1 << 20) -> Ints:
    """Read a series; nothing larger than ``limit`` is ever made.

    Returns
    -------
    ndarray of int64, shape (n,)

    Raises
    ------
    BadBatch
        When it is no series, or longer than ``limit``.
    """
    match series:
        case {"n": int(n)} if not 0 <= n <= limit:
            raise BadBatch(f"a series of {n} where at most {limit} are expected")
        case {"n": 0}:
            return np.empty(0, np.int64)
        case {"n": int(n), "values": values}:
            return _untyped(values, n)
        case {"n": int(n), "first": int(first), "delta": delta} if -(2**63) <= first < 2**63:
            return np.cumsum(np.concatenate([[first], _untyped(delta, n - 1)]), dtype=np.int64)
        case {"n": int(n), "first": int(first)} if -(2**63) <= first < 2**63:
            return np.full(n, first, np.int64)
    raise BadBatch("expected a series of integers")


def encode_bytes(values: npt.NDArray[np.uint8]) -> cbor2.CBORTag:
    """Unsigned bytes as a typed array (tag 64)."""
    return cbor2.CBORTag(64, values.tobytes())


def decode_bytes(value: Any, count: int) -> npt.NDArray[np.uint8]:
    """Read ``count`` bytes that :func:`encode_bytes` wrote.

    Raises
    ------
    BadBatch
        When it is not that.
    """
    if not isinstance(value, cbor2.CBORTag) or value.tag != 64:
        raise BadBatch("expected an array of bytes (tag 64)")
    return _untyped(value, count).astype(np.uint8)


def encode_words(words: npt.NDArray[np.uint16]) -> cbor2.CBORTag:
    """Register words, shape (samples, words), as a multi-dimensional array (tag 40)."""
    return cbor2.CBORTag(_MULTI_DIM, [list(words.shape), cbor2.CBORTag(_UINT16_LE, words.astype("<u2").tobytes())])


def decode_words(value: Any, count: int) -> npt.NDArray[np.uint16]:
    """Read the words of ``count`` samples that :func:`encode_words` wrote.

    Raises
    ------
    BadBatch
        When it is not that.
    """
    match value:
        case cbor2.CBORTag(tag=40, value=[[int(rows), int(columns)], cbor2.CBORTag(tag=69) as words]) if (
            rows == count and 1 <= columns <= _MAX_WORDS
        ):
            return _untyped(words, rows * columns).astype(np.uint16).reshape(rows, columns)
    raise BadBatch("expected register words (tag 40 of tag 69)")


def _width(values: Ints) -> int:
    low, high = int(values.min()), int(values.max())
    return next(w for w in (1, 2, 4, 8) if -(1 << (8 * w - 1)) <= low and high < 1 << (8 * w - 1))


def _cost(values: Ints) -> float:
    """Width first; among equal widths the smaller numbers, which compress better."""
    return 0.0 if len(values) == 0 else _width(values) + float(np.abs(values.astype(np.float64)).mean()) / 2**64


def _typed(values: Ints) -> cbor2.CBORTag:
    width = _width(values)
    return cbor2.CBORTag(_TAG_OF_WIDTH[width], values.astype(f"<i{width}").tobytes())


def _untyped(value: Any, count: int) -> Ints:
    """The ``count`` elements of a typed array."""
    if not isinstance(value, cbor2.CBORTag) or value.tag not in _DTYPE_OF_TAG or not isinstance(value.value, bytes):
        raise BadBatch("expected a typed array of RFC 8746")
    dtype = np.dtype(_DTYPE_OF_TAG[value.tag])
    if len(value.value) != count * dtype.itemsize:
        raise BadBatch(f"a typed array has {len(value.value)} bytes where {count} elements are expected")
    return np.frombuffer(value.value, dtype).astype(np.int64)
