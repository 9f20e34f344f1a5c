"""Bytes that are no acknowledgement, no request for a replay or no status."""

from typing import Any

import cbor2
import msgspec
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
REPORT: dict[str, Any] = {"at": "2026-01-01T00:00:00Z", "meters": 2, "silent": 1, "synced": True}
BUS: dict[str, Any] = {"bus": "b", "meters": 2, "silent": 1}
REPORT_CHANGES: list[dict[str, Any]] = [
    {"at": "yesterday"}, {"at": "2026-01-01T00:00:00"}, {"at": "0001-01-01T00:00:00+14:00"}, {"meters": -1},
    {"meters": 1.5}, {"silent": None}, {"synced": "yes"}, {"waiting": 2**53}, {"oldest": "9999-12-31T23:59:59-14:00"},
    {"clock_error": -1.0}, {"clock_offset": "1"}, {"buses": {}}, {"buses": [BUS] * 65},
    {"buses": [BUS | {"bus": "a b"}]}, {"buses": [{"bus": "b"}]}, {"counts": {"a b": 1}}, {"counts": {"a": -1}},
    {"counts": {"x" * 65: 1}}, {"counts": {f"r{i}": 1 for i in range(129)}},
]  # fmt: skip


def reported(report: dict[str, Any]) -> bytes:
    """A status with a report."""
    return msgspec.json.encode({"state": "online", "report": report})


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
    b'{"state": "online", "version": "' + b"x" * 4096 + b'"}',
    *(
        msgspec.json.encode({"state": "online", "report": {k: v for k, v in REPORT.items() if k != key}})
        for key in REPORT
    ),
    *(msgspec.json.encode({"state": "online", "report": REPORT | change}) for change in REPORT_CHANGES),
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
    whole = REPORT | {"buses": [BUS], "counts": {"sent_again": 1}, "later": "is ignored"}
    assert decode_status(reported(whole)).report
    with bounded_memory(), pytest.raises(BadMessage):
        decode_status(data)


@given(st.binary(max_size=100))
def test_any_bytes_as_small_messages_are_refused(data: bytes) -> None:
    """Neither an acknowledgement nor a status comes of chance."""
    with pytest.raises(BadMessage):
        decode_ack(data)
    with pytest.raises(BadMessage):
        decode_status(data)
