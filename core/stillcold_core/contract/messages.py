"""The small messages beside the batch: the server's acknowledgement and request for a replay, a gateway's status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import cbor2
import msgspec
from msgspec import Meta

from stillcold_core.contract.report import GatewayReport

MOST_RANGES = 64
"""Ranges in a request for a replay."""

MOST_STATUS = 4096
"""Bytes of a status."""


class BadMessage(ValueError):
    """Bytes that are not the message they should be."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What the server has on disk, and what it will never take.

    Attributes
    ----------
    epoch : bytes, 8
        The epoch that the sequences belong to.
    stored : mapping of int to bytes
        SHA-256 of the stored envelope by sequence. A gateway may forget a batch only when the hash is its own.
    refused : mapping of int to str
        Reason by sequence, for envelopes whose signature was right: sending them again would not help.
    """

    epoch: bytes
    stored: Mapping[int, bytes] = field(default_factory=dict)
    refused: Mapping[int, str] = field(default_factory=dict)


def encode_ack(ack: Acknowledgement) -> bytes:
    """CBOR of an acknowledgement."""
    return cbor2.dumps({"v": 1, "epoch": ack.epoch, "stored": dict(ack.stored), "refused": dict(ack.refused)})


def decode_ack(payload: bytes) -> Acknowledgement:
    """Read an acknowledgement.

    Raises
    ------
    BadMessage
        When it is none.
    """
    match _load(payload):
        case {"v": 1, "epoch": bytes(epoch), "stored": dict(stored), "refused": dict(refused)}:
            sequences = all(0 < s < 2**63 for s in (*stored, *refused) if isinstance(s, int))
            if sequences and _typed(stored, int, bytes) and _typed(refused, int, str):
                return Acknowledgement(epoch, stored, refused)
    raise BadMessage("expected an acknowledgement")


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """The server has lost what it had acknowledged, and wants it again.

    Attributes
    ----------
    epoch : bytes, 8
        The epoch that the sequences belong to.
    ranges : sequence of (int, int)
        First and last sequence of each.
    """

    epoch: bytes
    ranges: Sequence[tuple[int, int]]


def encode_replay(request: ReplayRequest) -> bytes:
    """CBOR of a request for a replay."""
    return cbor2.dumps({"v": 1, "epoch": request.epoch, "ranges": [list(r) for r in request.ranges]})


def decode_replay(payload: bytes) -> ReplayRequest:
    """Read a request for a replay.

    Raises
    ------
    BadMessage
        When it is none.
    """
    match _load(payload):
        case {"v": 1, "epoch": bytes(epoch), "ranges": list(ranges)} if len(epoch) == 8 and len(ranges) <= MOST_RANGES:
            return ReplayRequest(epoch, tuple(_range(r) for r in ranges))
    raise BadMessage("expected a request for a replay")


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a gateway says of itself, as retained JSON, so that any MQTT client can read it.

    Attributes
    ----------
    state : "online" or "offline"
        Whether it is connected; its last will says offline.
    version, epoch, since : str
        Of the agent, of its journal in hex, and the time it started.
    heartbeat : float
        s; a batch leaves at least so often, whatever happens. What is silent for longer is silent.
    report : GatewayReport or None
        What it says of its work; None of a last will and of agents that say nothing.
    """

    state: Literal["online", "offline"]
    version: str = ""
    epoch: str = ""
    since: str = ""
    heartbeat: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    report: GatewayReport | None = None


def encode_status(status: Status) -> bytes:
    """JSON of a status, without what would make it too long: the report's buses, then its counts."""
    payload = msgspec.json.encode(status)
    for name, empty in (("buses", ()), ("counts", {})):
        if status.report and len(payload) > MOST_STATUS:
            status = msgspec.structs.replace(status, report=msgspec.structs.replace(status.report, **{name: empty}))
            payload = msgspec.json.encode(status)
    return payload


def decode_status(payload: bytes) -> Status:
    """Read a status.

    Raises
    ------
    BadMessage
        When it is none.
    """
    if len(payload) > MOST_STATUS:
        raise BadMessage(f"expected a status of at most {MOST_STATUS} bytes")
    try:
        return msgspec.json.decode(payload, type=Status)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadMessage(f"expected a status: {error}") from error


def _load(payload: bytes) -> Any:
    try:
        return cbor2.loads(payload)
    except (cbor2.CBORDecodeError, ValueError, OverflowError, TypeError, RecursionError) as error:
        raise BadMessage("not CBOR") from error


def _range(content: Any) -> tuple[int, int]:
    match content:
        case [int(first), int(last)] if 0 < first <= last < 2**63 and first is not True:
            return first, last
    raise BadMessage("expected the first and the last sequence of a range")


def _typed(mapping: dict[Any, Any], key: type, value: type) -> bool:
    return all(isinstance(k, key) and isinstance(v, value) for k, v in mapping.items())
