"""States as bytes: what one process saves, another one of the same version goes on with."""

from typing import Protocol, TypeVar

import msgspec


class Versioned(Protocol):
    """A detector's state."""

    @property
    def version(self) -> int:
        """Of the detector that made it."""


S = TypeVar("S", bound=Versioned)


def decode_state(data: bytes, kind: type[S], *, version: int, detector: str) -> S:
    """Read a saved state.

    Parameters
    ----------
    data : bytes
        MessagePack.
    kind : type
        The state's :class:`msgspec.Struct`.
    version : int
        The one that can be gone on with.
    detector : str
        Whose state it is, for the error.

    Raises
    ------
    ValueError
        When it is no such state, or was saved by another version of the detector.
    """
    try:
        state = msgspec.msgpack.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a state of {detector}: {error}") from error
    if state.version != version:
        raise ValueError(f"state has version {state.version}; expected {version}")
    return state
