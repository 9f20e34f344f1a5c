"""Telling open consoles that something has changed, from any thread."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Literal, get_args

Topic = Literal["alerts", "lines"]
TOPICS: tuple[Topic, ...] = get_args(Topic)


class Events:
    """What one subscriber has still to hear of; iterate over it.

    A topic that is published again before the subscriber has taken it stands once, so a slow one holds no more than
    every topic once.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._lock = threading.Lock()
        self._pending: dict[Topic, None] = {}
        self._closed = False

    def put(self, topic: Topic) -> None:
        """Add a topic; from any thread."""
        with self._lock:
            known = topic in self._pending
            self._pending[topic] = None
        if not known:
            self._wake()

    def close(self) -> None:
        """End the iteration; from any thread."""
        self._closed = True
        self._wake()

    def __aiter__(self) -> AsyncIterator[Topic]:
        return self

    async def __anext__(self) -> Topic:
        while not self._closed:
            with self._lock:
                topic = next(iter(self._pending), None)
                if topic is None:
                    self._changed.clear()
                else:
                    del self._pending[topic]
            if topic is not None:
                return topic
            await self._changed.wait()
        raise StopAsyncIteration

    def _wake(self) -> None:
        if not self._loop.is_closed():  # a subscriber of a loop that has ended hears nothing more
            self._loop.call_soon_threadsafe(self._changed.set)


class Hub:
    """Passes topics to all who listen. Nothing is kept for those who do not."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: set[Events] = set()
        self._closed = False

    def publish(self, topic: Topic) -> None:
        """Say that something under a topic has changed; from any thread, never blocks."""
        with self._lock:
            subscribers = list(self._subscribers)
        for events in subscribers:
            events.put(topic)

    def close(self) -> None:
        """End every subscription, also those still to come: the server stops."""
        with self._lock:
            self._closed = True
            subscribers = list(self._subscribers)
        for events in subscribers:
            events.close()

    @contextmanager
    def subscribe(self) -> Iterator[Events]:
        """Listen, inside a running event loop."""
        events = Events()
        with self._lock:
            self._subscribers.add(events)
            closed = self._closed
        if closed:
            events.close()
        try:
            yield events
        finally:
            with self._lock:
                self._subscribers.discard(events)
