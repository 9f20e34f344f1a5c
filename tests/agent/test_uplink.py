"""The journal to the broker and the acknowledgements back, over a real mosquitto."""

import os
import signal
import sqlite3
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from stillcold_agent.batcher import Importance
from stillcold_agent.config import Mqtt
from stillcold_agent.uplink.uplink import WINDOW
from stillcold_core.contract.batch import Batch
from stillcold_core.contract.losses import Gap
from stillcold_core.contract.messages import Acknowledgement, ReplayRequest, encode_ack, encode_replay
from stillcold_core.evidence.envelope import digest
from support import Authority, Mosquitto, wait_for
from support.acker import accept
from support.authority import Certificate
from support.journals import entry
from support.uplinks import GATEWAY, acker, line, signed
from support.waiting import LONG


@pytest.mark.requirement("agent.uplink.order")
def test_batches_come_in_order_and_are_pruned_when_acknowledged(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """More than fit the window, some before the uplink starts and some after."""
    with acker(mosquitto) as far, line(tmp_path, mosquitto.port) as one:
        one.add(3 * WINDOW)
        far.wait_for_batches(3 * WINDOW)
        one.add(5)
        one.wait_until_empty()
        assert far.sequences == list(range(1, 3 * WINDOW + 6))
        assert one.counts.totals() == {}


def test_no_more_than_the_window_is_on_the_way(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """The journal is the queue; an acknowledgement makes room for the next."""
    with acker(mosquitto) as far, line(tmp_path, mosquitto.port) as one:
        far.reply = lambda _batch, _envelope: None
        one.add(WINDOW + 4)
        far.wait_for_batches(WINDOW)
        far.send(encode_ack(accept(far.batches[2], far.envelopes[2])))
        far.wait_for_batches(WINDOW + 1)
        assert far.sequences == list(range(1, WINDOW + 2))


@pytest.mark.requirement("agent.uplink.again")
def test_what_is_not_acknowledged_is_sent_again_until_it_is(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """The broker's receipt means nothing."""
    silent = {1, 2, 3}

    def reply(batch: Batch, envelope: bytes) -> Acknowledgement | None:
        if batch.sequence in silent:
            silent.discard(batch.sequence)
            return None
        return accept(batch, envelope)

    with acker(mosquitto) as far, line(tmp_path, mosquitto.port, patience=3.0) as one:
        far.reply = reply
        one.add(4)
        one.wait_until_empty()
        assert sorted(far.sequences) == [1, 1, 2, 2, 3, 3, 4]
        assert one.counts.totals() == {"sent_again": 3}
        assert len({digest(e) for e in far.envelopes}) == 4  # the same bytes again


@pytest.mark.requirement("agent.uplink.again")
def test_what_could_not_be_sent_again_at_once_is_sent_later(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection's queue may be full just then; the only retry does not end by it."""
    with acker(mosquitto) as far, line(tmp_path, mosquitto.port, patience=0.2) as one:
        far.reply = lambda _batch, _envelope: None
        one.add(1)
        far.wait_for_batches(1)
        refused = threading.Event()

        def full(*_: object, **__: object) -> mqtt.MQTTMessageInfo:
            refused.set()
            info = mqtt.MQTTMessageInfo(0)
            info.rc = mqtt.MQTT_ERR_QUEUE_SIZE
            return info

        with monkeypatch.context() as patch:
            patch.setattr(one.uplink._client, "publish", full)
            assert refused.wait(LONG)
        far.reply = accept
        one.wait_until_empty()


def test_receipts_of_what_is_settled_are_forgotten(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Their numbers come again: one of long ago would pass for the receipt of a batch that is on its way."""
    with acker(mosquitto) as far, line(tmp_path, mosquitto.port, patience=LONG) as one:
        far.reply = lambda batch, envelope: accept(batch, envelope) if batch.sequence < 40 else None
        one.add(40)
        wait_for(lambda: one.journal.count_pending() == 1)
        wait_for(lambda: len(one.uplink._receipts) == 1, what="only the receipt of the batch on its way")


@pytest.mark.requirement("agent.uplink.bad-ack")
def test_acknowledgements_that_are_none_change_nothing(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Garbage, another epoch's, another hash's; a right one still works after them."""
    with acker(mosquitto) as far, line(tmp_path, mosquitto.port) as one:
        far.reply = lambda _batch, _envelope: None
        one.add(1)
        (batch,) = far.wait_for_batches(1)
        right = accept(batch, far.envelopes[0])
        for payload in (b"", b"\xff\xff", b"{}", encode_ack(right)[:-3], bytes(200_000)):
            far.send(payload)
        far.send(encode_ack(Acknowledgement(batch.epoch, {2**63: bytes(32)})))  # no sequence, and no number to SQLite
        far.send(encode_ack(Acknowledgement(batch.epoch, refused={2**63: "fork"})))
        far.send(encode_ack(Acknowledgement(b"another!", right.stored)))
        far.send(encode_ack(Acknowledgement(batch.epoch, {1: bytes(32)})))
        wait_for(lambda: one.counts.totals() == {"ack_malformed": 7, "ack_hash": 1})
        assert one.journal.count_pending() == 1
        far.send(encode_ack(right))
        one.wait_until_empty()


@pytest.mark.requirement("agent.uplink.replay")
def test_what_the_server_asks_for_is_sent_again(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """The same bytes, also while a batch that nobody acknowledges is on its way; garbage sends nothing."""

    def reply(batch: Batch, envelope: bytes) -> Acknowledgement | None:
        return None if batch.sequence == 7 else accept(batch, envelope)

    with acker(mosquitto) as far, line(tmp_path, mosquitto.port, patience=LONG) as one:
        far.reply = reply
        one.add(9)
        wait_for(lambda: one.journal.count_pending() == 1)
        far.ask(b"everything")
        far.ask(encode_replay(ReplayRequest(b"another!", [(1, 9)])))
        far.ask(encode_replay(ReplayRequest(one.journal.epoch, [(2, 3), (9, 400)])))
        wait_for(lambda: len(far.sequences) == 12)
        wait_for(lambda: one.journal.count_pending() == 1)
        assert far.sequences == [*range(1, 10), 2, 3, 9]
        assert len({digest(e) for e in far.envelopes}) == 9
        assert one.counts.totals() == {"replay_malformed": 1, "replayed": 3}


@pytest.mark.requirement("agent.uplink.fresh")
def test_a_batch_that_was_just_committed_leaves_while_the_journal_is_busy(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """With the next commit, or with what the server said of others."""
    with acker(mosquitto) as far, line(tmp_path, mosquitto.port, patience=LONG) as one:
        one.add(1)
        one.wait_until_empty()
        kept = one.journal.append([entry(signed)] * 2)
        with one.journal._lock:
            one.uplink.offer(kept)
            far.wait_for_batches(3)
        one.wait_until_empty()
        assert far.sequences == [1, 2, 3]


@pytest.mark.requirement("agent.uplink.nobody")
def test_what_went_to_nobody_is_not_overtaken(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """A broker that was killed has lost the server's session, and the server comes after the gateway."""
    with line(tmp_path, mosquitto.port, patience=LONG) as one:
        one.add(3)
        wait_for(lambda: one.uplink.stats.published >= 3)
        with acker(mosquitto) as far:
            one.add(2)
            one.wait_until_empty()
            assert far.sequences == [1, 2, 3, 4, 5]


@pytest.mark.requirement("agent.uplink.ahead")
def test_what_decides_a_restart_does_not_wait_for_the_backlog(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """A copy leaves at once, once a connection, and the batch in its place; without a backlog there is no copy."""
    with acker(mosquitto) as far, line(tmp_path, mosquitto.port, patience=LONG) as one:
        one.uplink.offer(one.journal.append([entry(signed, Importance.DECIDING)]))
        one.wait_until_empty()
        far.reply = lambda _batch, _envelope: None
        one.add(2 * WINDOW)
        far.wait_for_batches(1 + WINDOW)
        one.uplink.offer(
            one.journal.append([entry(signed, Importance.LIVE), *[entry(signed, Importance.DECIDING)] * 2])
        )
        wait_for(lambda: len(far.ahead) == 2)
        assert [b.sequence for b in far.ahead] == [2 * WINDOW + 3, 2 * WINDOW + 4]
        assert far.sequences == list(range(1, WINDOW + 2))
        far.reply = accept
        for batch, envelope in list(zip(far.batches, far.envelopes, strict=True)):
            far.send(encode_ack(accept(batch, envelope)))
        one.wait_until_empty()
        assert far.sequences == list(range(1, 2 * WINDOW + 5))
        assert len(far.ahead) == 2
        assert one.counts.totals() == {"sent_ahead": 2}


@pytest.mark.requirement("agent.uplink.disk")
def test_a_disk_that_notes_nothing_for_a_while_loses_nothing(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Acknowledgements that could not be noted come again, as the batches do."""
    with acker(mosquitto) as far, line(tmp_path, mosquitto.port, patience=1.0) as one:
        with monkeypatch.context() as full:

            def fail(_: object) -> None:
                raise sqlite3.OperationalError("database or disk is full")

            full.setattr(one.journal, "settle", fail)
            one.add(3)
            far.wait_for_batches(3)
            wait_for(lambda: one.counts.totals().get("journal_error"))
            assert one.journal.count_pending() == 3
        one.wait_until_empty()


@pytest.mark.requirement("agent.journal.damaged")
def test_a_journal_that_begins_anew_is_sent_from_its_beginning(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Its status names the new epoch, and its first batch says what happened."""
    with acker(mosquitto) as far, line(tmp_path, mosquitto.port) as one:
        far.reply = lambda _batch, _envelope: None
        one.add(3)
        far.wait_for_batches(3)
        old = one.journal.epoch
        one.journal._broken = sqlite3.DatabaseError("met by a reader")
        one.journal._db.close()
        far.reply = accept
        one.add(1)
        one.wait_until_empty()
        assert far.batches[-1].gaps == (Gap("damaged", 1, 3, old),)
        wait_for(lambda: far.statuses[-1].epoch == one.journal.epoch.hex() != old.hex())


@pytest.mark.requirement("agent.uplink.refused")
def test_a_refused_batch_does_not_stop_the_others(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """It is not sent again."""

    def reply(batch: Batch, envelope: bytes) -> Acknowledgement:
        if batch.sequence == 2:
            return Acknowledgement(batch.epoch, refused={2: "unknown_point"})
        return accept(batch, envelope)

    with acker(mosquitto) as far, line(tmp_path, mosquitto.port, patience=2.0) as one:
        far.reply = reply
        one.add(2 * WINDOW)
        one.wait_until_empty()
        time.sleep(3.0)  # longer than its patience
        one.add(1)
        one.wait_until_empty()
        assert far.sequences.count(2) == 1
        assert one.counts.totals()["refused_by_server"] == 1


@pytest.mark.requirement("agent.uplink.broker-restart")
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_broker_that_restarts_loses_nothing(tmp_path: Path, mosquitto: Mosquitto, how: str) -> None:
    """Whether in good order or not, and whatever it forgot: what is not acknowledged is sent again."""
    with acker(mosquitto) as far, line(tmp_path, mosquitto.port) as one:
        one.add(5)
        one.wait_until_empty()
        far.reply = lambda _batch, _envelope: None
        one.add(5)
        far.wait_for_batches(10)
        getattr(mosquitto, how)()
        one.add(30)
        far.reply = accept
        mosquitto.start()
        one.wait_until_empty()
        assert set(far.sequences) == set(range(1, 41))


def test_what_was_on_the_way_to_a_dying_broker_is_sent_once_by_one_owner(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """The MQTT library would send it again too."""
    with acker(mosquitto) as far, line(tmp_path, mosquitto.port, patience=6.0) as one:
        one.add(1)
        one.wait_until_empty()
        os.kill(mosquitto.pid, signal.SIGSTOP)
        one.add(5)
        wait_for(lambda: len(one.uplink._window) == 5)
        mosquitto.kill()
        mosquitto.start()
        one.wait_until_empty()
        assert sorted(far.sequences) == [1, 2, 3, 4, 5, 6]


def test_a_broker_that_comes_late_gets_everything(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """The agent starts without one."""
    mosquitto.stop()
    with line(tmp_path, mosquitto.port) as one:
        one.add(3)
        mosquitto.start()
        with acker(mosquitto) as far:
            one.add(3)
            far.wait_for_batches(6)
            one.wait_until_empty()


@pytest.mark.requirement("agent.uplink.status")
def test_the_gateway_says_online_and_offline(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Retained: whoever asks later hears it too; the epoch lets a server see a new journal."""
    with line(tmp_path, mosquitto.port) as one:
        with acker(mosquitto) as far:
            wait_for(lambda: [s.state for s in far.statuses][-1:] == ["online"])
            assert far.statuses[-1].epoch == one.journal.epoch.hex()
            assert far.statuses[-1].version
        with acker(mosquitto) as later:
            wait_for(lambda: [s.state for s in later.statuses] == ["online"])
    with acker(mosquitto) as far:
        wait_for(lambda: [s.state for s in far.statuses] == ["offline"])


def test_stopping_gives_the_server_time_to_acknowledge(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """What is on the way gets there; what the server does not take stays in the journal."""
    with acker(mosquitto) as far, line(tmp_path, mosquitto.port) as one:
        wait_for(lambda: far.statuses)
        one.add(3)
        one.uplink._drain(LONG)
        assert one.journal.count_pending() == 0


def tls(broker: Mosquitto, authority: Authority, mine: Certificate) -> Mqtt:
    return Mqtt(
        port=broker.port,
        ca_file=str(authority.ca_file),
        cert_file=str(mine.cert_file),
        key_file=str(mine.key_file),
    )


@pytest.mark.requirement("agent.uplink.tls")
def test_the_production_broker_lets_a_gateway_in_by_its_certificate(
    tmp_path: Path, authority: Authority, mosquitto_tls: Mosquitto
) -> None:
    """TLS with both certificates checked, and the access list in force."""
    mine = authority.client(GATEWAY)
    with line(tmp_path, tls(mosquitto_tls, authority, mine)) as one:
        one.add(1)
        wait_for(one.uplink._client.is_connected)
        wait_for(lambda: one.uplink.stats.published > 1, what="the broker's receipt, which says that nobody is there")
        assert one.counts.totals() == {}


@pytest.mark.requirement("agent.renewal.shown")
def test_a_renewed_certificate_is_shown_at_the_next_connection(
    tmp_path: Path, authority: Authority, mosquitto_tls: Mosquitto
) -> None:
    """The agent goes on; the broker does not believe the old one any more."""
    mine = authority.client(GATEWAY)
    old = Certificate(tmp_path / "old.crt", mine.key_file)
    old.cert_file.write_bytes(mine.cert_file.read_bytes())
    with line(tmp_path, tls(mosquitto_tls, authority, mine)) as one:
        wait_for(one.uplink._client.is_connected)
        authority.client(GATEWAY)  # in the same files
        authority.revoked(old)
        mosquitto_tls.restart()
        wait_for(lambda: one.uplink.stats.disconnects == 1 and one.uplink.stats.connected, what="the new certificate")


# The MQTT library leaves a socket whose TLS handshake failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_of_another_authority_gets_nothing(
    tmp_path: Path, mosquitto_tls: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection is not made, and the log says so."""
    stranger = Authority(tmp_path / "stranger")
    mine = stranger.client(GATEWAY)
    with line(tmp_path, tls(mosquitto_tls, stranger, mine)) as one:
        one.add(1)
        wait_for(lambda: "cannot reach the broker" in caplog.text)
        assert not one.uplink._client.is_connected()
        assert one.journal.count_pending() == 1
