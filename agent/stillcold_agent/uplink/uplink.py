"""Publishes the journal in order and keeps doing so until the server has acknowledged each batch."""

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import paho.mqtt.client as mqtt

import stillcold_agent
from stillcold_agent.batcher import Importance
from stillcold_agent.config import Mqtt
from stillcold_agent.counts import Counts
from stillcold_agent.journal.entries import Kept
from stillcold_agent.journal.store import Journal
from stillcold_agent.threads import reporting
from stillcold_agent.uplink.client import make_client
from stillcold_agent.uplink.fresh import Fresh
from stillcold_agent.uplink.pace import Pace
from stillcold_agent.uplink.stats import UplinkStats
from stillcold_core.contract.messages import (
    Acknowledgement,
    BadMessage,
    ReplayRequest,
    Status,
    decode_ack,
    decode_replay,
    encode_status,
)
from stillcold_core.contract.report import GatewayReport
from stillcold_core.contract.topics import ack_topic, ahead_topic, batch_topic, replay_topic, status_topic

log = logging.getLogger(__name__)
WINDOW = 16
"""Batches on the way at a time; the journal is the queue."""
_MOST_WAITING = 256
_IDLE = 5.0  # s between looks at the deadlines when nothing else happens
_AGAIN = 1.0  # s between attempts at what did not succeed
_KEEPALIVE = 30  # s
_NO_SUBSCRIBER = 0x10
"""Reason in a receipt: the message went to nobody (MQTT 5, section 3.4.2.1)."""
_REST = 0.5  # s after a batch went to nobody, at first


@dataclass(slots=True)
class _Sent:
    """A batch on its way."""

    kept: Kept
    mid: int
    deadline: float


class Uplink:
    """The gateway's side of the broker.

    Parameters
    ----------
    config : Mqtt
        Broker and login.
    gateway : str
        Whose batches they are.
    journal : Journal
        Where they wait.
    on_failure : callable
        Gets the error that nobody foresaw and that has ended the thread.
    counts : Counts
        ``sent_again`` counts batches that the server did not acknowledge in time, ``ack_malformed`` and ``ack_full``
        acknowledgements that could not be used, ``replay_malformed`` requests that could not, ``publish_refused``
        batches that the broker did not take, ``journal_error`` what the disk refused and ``sent_ahead`` copies that did
        not wait for a backlog.
    heartbeat : float
        Seconds in which at least one batch leaves; said in the status, so that the server knows what silence is.
    patience : float
        Seconds after which a batch without the server's acknowledgement is published again. This is the only retry.

    Attributes
    ----------
    stats : UplinkStats
        What it has done so far.
    """

    def __init__(
        self,
        config: Mqtt,
        gateway: str,
        journal: Journal,
        *,
        on_failure: Callable[[BaseException], None],
        counts: Counts,
        heartbeat: float = 60.0,
        patience: float = 10.0,
    ) -> None:
        self._config, self._gateway, self._journal, self._counts = config, gateway, journal, counts
        self._heartbeat, self._patience = heartbeat, patience
        self.stats = UplinkStats()
        self._heard = False
        self._report: GatewayReport | None = None
        self._since = datetime.now(UTC).isoformat(timespec="seconds")
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._reconnected = threading.Event()
        self._messages: queue.Queue[mqtt.MQTTMessage] = queue.Queue(_MOST_WAITING)
        self._window: dict[int, _Sent] = {}
        self._ahead = 0  # the last sequence of which a copy was sent ahead on this connection
        self._epoch = journal.epoch
        self._pace = Pace(config.drain_rate, WINDOW)
        self._receipts: set[int] = set()
        self._unheard: set[int] = set()  # receipts that say that nobody got the message
        self._rest, self._rests_until = _REST, 0.0
        self._fresh = Fresh(WINDOW)
        self._tail: int | None = None
        """Up to where everything was published on this connection; None where that is not known."""
        self._client = make_client(config, gateway)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._thread = threading.Thread(target=reporting(self._run, on_failure), name="uplink")

    def start(self) -> None:
        """Begin; the connection is made, and made again, in the background."""
        self._client.connect_async(self._config.host, self._config.port, keepalive=_KEEPALIVE, clean_start=True)
        self._client.loop_start()
        self._thread.start()

    def offer(self, kept: Sequence[Kept]) -> None:
        """Say what the journal has just committed."""
        self._fresh.offer(kept)
        self._wake.set()

    def report(self, report: GatewayReport) -> None:
        """Say ``report`` in the status, now and whenever the broker is back; never waits."""
        self._report = report
        if self._client.is_connected():
            self._publish_status("online")

    def stop(self, seconds: float) -> None:
        """Give the server ``seconds`` to acknowledge what is left, say that this gateway goes offline, and end."""
        self._drain(seconds)
        self._stopping.set()
        self._wake.set()
        self._thread.join()
        if self._client.is_connected():
            self._say_offline()
        self._client.disconnect()
        self._client.loop_stop()

    def _drain(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._client.is_connected() and self._journal.count_pending() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _say_offline(self) -> None:
        info = self._publish_status("offline")
        if info.rc == mqtt.MQTT_ERR_SUCCESS:
            info.wait_for_publish(2.0)

    def _publish_status(self, state: Literal["online", "offline"]) -> mqtt.MQTTMessageInfo:
        epoch, version = self._journal.epoch.hex(), stillcold_agent.__version__
        status = Status(state, version, epoch, self._since, self._heartbeat, self._report)
        return self._client.publish(status_topic(self._gateway), encode_status(status), qos=1, retain=True)

    # The library's thread: hands over and returns.

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.error("the broker refused the login: %s", reason)
            return
        log.info("connected to the broker at %s:%s", self._config.host, self._config.port)
        client.drop_out_messages()  # what was on the way is published anew from the journal, by one owner
        client.subscribe([(ack_topic(self._gateway), 1), (replay_topic(self._gateway), 1)])
        self._publish_status("online")
        self._reconnected.set()
        self.stats.connected = True  # last: from here on our own thread publishes
        self._wake.set()

    def _on_connect_fail(self, _client: mqtt.Client, _data: Any) -> None:
        log.warning("cannot reach the broker at %s:%s", self._config.host, self._config.port)

    def _on_disconnect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        was_connected, self.stats.connected = self.stats.connected, False
        if not self._stopping.is_set():
            self.stats.disconnects += was_connected
            log.warning("lost the broker: %s", reason)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            self._messages.put_nowait(message)
        except queue.Full:
            self._counts.add("ack_full")  # the batch is published again, and acknowledged again
        self._wake.set()

    def _on_publish(self, _client: mqtt.Client, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        self._receipts.add(mid)
        if reason.value == _NO_SUBSCRIBER:
            self._unheard.add(mid)
            self._wake.set()
        if reason.is_failure:
            total = self._counts.add("publish_refused")
            log.error("the broker refused a message: %s, %d so far", reason, total)

    # Our own thread.

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(self._until_next())
            self._wake.clear()
            try:
                self._work()
            except sqlite3.Error:
                # Nothing is forgotten and nothing is taken for sent: what was not noted comes again.
                self._counts.add("journal_error")
                log.exception("the journal does not answer")
                self._stopping.wait(_AGAIN)

    def _until_next(self) -> float:
        """Seconds until there may be something to do of which nobody says that it is there."""
        now = time.monotonic()
        deadlines = [max(sent.deadline - now, _AGAIN) for sent in self._window.values()]
        rest = self._rests_until - now
        return min(_IDLE, self._pace.next_in(now) or _IDLE, rest if rest > 0 else _IDLE, *deadlines)

    def _work(self) -> None:
        connected = self.stats.connected  # first: what is sent before a reconnection is noted is sent twice
        if self._reconnected.is_set():
            self._reconnected.clear()
            self._heard = False
            self._forget_sent()
        if self._journal.epoch != self._epoch:  # it was damaged and has begun anew
            self._epoch = self._journal.epoch
            self._forget_sent()
            self._publish_status("online")
        if self._went_to_nobody():
            self._begin_again_later()
        if connected:
            self._fill()  # first: what the server says waits for a commit that may be on its way
        self._take_messages()
        if connected:
            self._send_again()
            self._fill()
            if self._tail is None:
                self._send_ahead()

    def _forget_sent(self) -> None:
        self._window.clear()
        self._receipts.clear()
        self._ahead, self._tail = 0, None

    def _went_to_nobody(self) -> bool:
        unheard, self._unheard = self._unheard, set()
        return any(sent.mid in unheard for sent in self._window.values())

    def _begin_again_later(self) -> None:
        """A restarted broker may have lost the server's session: what follows must not overtake what it lost."""
        self._forget_sent()
        self._rests_until = time.monotonic() + self._rest
        self._rest = min(2 * self._rest, self._patience)

    def _take_messages(self) -> None:
        acks: list[Acknowledgement] = []
        while not self._messages.empty():
            message = self._messages.get_nowait()
            wanted = message.topic == replay_topic(self._gateway)
            try:
                if wanted:
                    self._replay(decode_replay(bytes(message.payload)))
                else:
                    acks.append(decode_ack(bytes(message.payload)))
            except BadMessage as error:
                log.warning("a message on %s refused: %s", message.topic, error)
                self._counts.add("replay_malformed" if wanted else "ack_malformed")
        if acks:
            self._settle(acks)

    def _settle(self, acks: list[Acknowledgement]) -> None:
        settled = self._journal.settle(acks)
        if settled:
            self._rest = _REST
        if settled and not self._heard:
            log.info("the server acknowledges, up to batch %d; nothing is said of the next ones", max(settled))
            self._heard = True
        for sequence in settled:
            if sent := self._window.pop(sequence, None):
                self._receipts.discard(sent.mid)

    def _replay(self, request: ReplayRequest) -> None:
        self._tail = None
        log.warning("the server asks for batches again: %d are sent", self._journal.replay(request))

    def _send_again(self) -> None:
        now = time.monotonic()
        self._receipts -= self._receipts - {sent.mid for sent in self._window.values()}  # ids come again
        for sent in list(self._window.values()):
            # Without the broker's receipt the message is still on its way, or the connection is about to break.
            if now >= sent.deadline and sent.mid in self._receipts and self._publish(sent.kept):
                self._counts.add("sent_again")
                self._receipts.discard(sent.mid)

    def _fill(self) -> None:
        """Publish what waits, as far as the window and the pace allow."""
        nothing_new = self._tail is not None and self._tail >= self._fresh.newest
        if nothing_new or time.monotonic() < self._rests_until:
            return
        room = min(WINDOW - len(self._window), self._pace.available(time.monotonic()))
        waiting = self._fresh.after(self._tail, room) if self._tail is not None else []
        all_of_it = bool(waiting)
        if not waiting and room > 0:
            waiting = self._journal.pending(room, self._window)
            all_of_it = len(waiting) < room
        for kept in waiting:
            if not self._publish(kept):
                all_of_it = False
                break
            self._pace.take()
        self._tail = max(self._window) if all_of_it and self._window else None

    def _send_ahead(self) -> None:
        """Copies of what an officer waits for, where a backlog stands before it."""
        waiting = self._journal.count_pending() - len(self._window)
        if not waiting:
            return
        for kept in self._journal.latest(Importance.DECIDING, self._ahead, WINDOW):
            if kept.sequence not in self._window:
                info = self._client.publish(ahead_topic(self._gateway), kept.envelope, qos=1)
                if info.rc != mqtt.MQTT_ERR_SUCCESS:
                    return
                self._ahead = kept.sequence
                self._counts.add("sent_ahead")

    def _publish(self, kept: Kept) -> bool:
        info = self._client.publish(batch_topic(self._gateway), kept.envelope, qos=1)
        if info.rc != mqtt.MQTT_ERR_SUCCESS:
            return False  # not connected: it is published when we are again
        self.stats.published += 1
        self.stats.published_bytes += len(kept.envelope)
        self._window[kept.sequence] = _Sent(kept, info.mid, time.monotonic() + self._patience)
        return True
