"""Integer series as RFC 8746 typed arrays, read into numpy.

A series is a CBOR map: ``{"n": count, "first": int, "delta": typed array}``, each further value being the one before it
plus its delta; or ``{"n": count, "values": typed array}`` where that is narrower. Little-endian signed integers of the
smallest width that holds them; :mod:`stillcold_core.contract.packing` writes them.
"""

from typing import Any

import cbor2
import numpy as np
import numpy.typing as npt

from stillcold_core.contract.errors import BadBatch
from stillcold_core.contract.packing import UINT8

Ints = npt.NDArray[np.int64]

_DTYPE_OF_TAG = {64: "u1", 69: "<u2", 72: "i1", 77: "<i2", 78: "<i4", 79: "<i8"}
_MAX_WORDS = 4  # registers of the widest number


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
        case {"n": bool()} | {"first": bool()}:  # an int for Python, and not for numpy
            raise BadBatch("a series has a truth value for a number")
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


def decode_bytes(value: Any, count: int) -> npt.NDArray[np.uint8]:
    """Read ``count`` unsigned bytes.

    Raises
    ------
    BadBatch
        When it is not that.
    """
    if not isinstance(value, cbor2.CBORTag) or value.tag != UINT8:
        raise BadBatch("expected an array of bytes (tag 64)")
    return _untyped(value, count).astype(np.uint8)


def decode_words(value: Any, count: int) -> npt.NDArray[np.uint16]:
    """Read the register words of ``count`` samples, shape (samples, words).

    Raises
    ------
    BadBatch
        When it is not that.
    """
    match value:
        case cbor2.CBORTag(tag=40, value=[[int(rows), int(columns)], cbor2.CBORTag(tag=69) as words]) if (
            rows == count
            and 1 <= columns <= _MAX_WORDS
            and not isinstance(rows, bool)
            and not isinstance(columns, bool)
        ):
            return _untyped(words, rows * columns).astype(np.uint16).reshape(rows, columns)
    raise BadBatch("expected register words (tag 40 of tag 69)")


def _untyped(value: Any, count: int) -> Ints:
    """The ``count`` elements of a typed array."""
    if not isinstance(value, cbor2.CBORTag) or value.tag not in _DTYPE_OF_TAG or not isinstance(value.value, bytes):
        raise BadBatch("expected a typed array of RFC 8746")
    dtype = np.dtype(_DTYPE_OF_TAG[value.tag])
    if len(value.value) != count * dtype.itemsize:
        raise BadBatch(f"a typed array has {len(value.value)} bytes where {count} elements are expected")
    return np.frombuffer(value.value, dtype).astype(np.int64)
