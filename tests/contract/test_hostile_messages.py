"""Bytes that are no acknowledgement, no request for a replay or no status."""

from typing import Any

import cbor2
import pytest
from hostile import bounded_memory
from hypothesis import given
from hypothesis import strategies as st

from stillcold_core.contract.messages import BadMessage, decode_ack, decode_replay, decode_status

ACK: dict[str, Any] = {"v": 1, "epoch": bytes(8), "stored": {1: bytes(32)}, "refused": {2: "fork"}}
ACK_CHANGES: list[dict[str, Any]] = [
    {"v": 2}, {"epoch": "x"}, {"stored": []}, {"stored": {"1": bytes(32)}}, {"stored": {1: "x"}},
    {"refused": {1: b"x"}}, {"refused": {None: "x"}}, {"stored": {1.5: bytes(32)}},
]  # fmt: skip
BAD_ACKS = [
    b"",
    b"\xff",
    b"\x81" * 100_000,
    cbor2.dumps(ACK)[:-1],
    *(cbor2.dumps({k: v for k, v in ACK.items() if k != key}) for key in ACK),
    *(cbor2.dumps(ACK | change) for change in ACK_CHANGES),
]
REPLAY: dict[str, Any] = {"v": 1, "epoch": bytes(8), "ranges": [[1, 5]]}
REPLAY_CHANGES: list[dict[str, Any]] = [
    {"v": 2}, {"epoch": bytes(7)}, {"ranges": {}}, {"ranges": [1]}, {"ranges": [[1]]}, {"ranges": [[0, 5]]},
    {"ranges": [[5, 4]]}, {"ranges": [[True, 5]]}, {"ranges": [[1, 2**63]]}, {"ranges": [[1, 5]] * 65},
]  # fmt: skip
BAD_REPLAYS = [
    b"",
    b"\x81" * 100_000,
    *(cbor2.dumps({k: v for k, v in REPLAY.items() if k != key}) for key in REPLAY),
    *(cbor2.dumps(REPLAY | change) for change in REPLAY_CHANGES),
]
BAD_STATUSES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"state": "asleep"}',
    b'{"state": 1}',
    b"{}",
    b'{"state": "online", "version": 7}',
    b'{"state": "online"} x',
    b'{"state": "\xff"}',
    b'{"state": NaN}',
    b'{"state": "online", "x": ' + b"[" * 200_000,
    b"[" * 200_000,
]


@pytest.mark.requirement("wire.hostile-message")
@pytest.mark.parametrize("data", BAD_ACKS, ids=range(len(BAD_ACKS)))
def test_what_is_no_acknowledgement_is_refused(data: bytes) -> None:
    """A gateway forgets nothing on account of it."""
    with bounded_memory(), pytest.raises(BadMessage):
        decode_ack(data)


@pytest.mark.requirement("wire.hostile-message")
@pytest.mark.parametrize("data", BAD_REPLAYS, ids=range(len(BAD_REPLAYS)))
def test_what_is_no_request_for_a_replay_is_refused(data: bytes) -> None:
    """Nothing is sent again on account of it."""
    assert decode_replay(cbor2.dumps(REPLAY)).ranges == ((1, 5),)
    with bounded_memory(), pytest.raises(BadMessage):
        decode_replay(data)


@pytest.mark.requirement("wire.hostile-message")
@pytest.mark.parametrize("data", BAD_STATUSES, ids=range(len(BAD_STATUSES)))
def test_what_is_no_status_is_refused(data: bytes) -> None:
    """Retained or not."""
    with bounded_memory(), pytest.raises(BadMessage):
        decode_status(data)


@given(st.binary(max_size=100))
def test_any_bytes_as_small_messages_are_refused(data: bytes) -> None:
    """Neither an acknowledgement nor a status comes of chance."""
    with pytest.raises(BadMessage):
        decode_ack(data)
    with pytest.raises(BadMessage):
        decode_status(data)
