"""The hub between the threads that change something and the consoles that show it."""

import asyncio
import threading

from stillcold_server.live import Events, Hub
from support.waiting import LONG


async def test_a_topic_reaches_every_subscriber_from_any_thread() -> None:
    """And nobody who has gone."""
    hub = Hub()
    with hub.subscribe() as one, hub.subscribe() as two:
        thread = threading.Thread(target=hub.publish, args=("alerts",))
        thread.start()
        assert await asyncio.wait_for(anext(one), LONG) == "alerts"
        assert await asyncio.wait_for(anext(two), LONG) == "alerts"
        thread.join()
    hub.publish("alerts")
    with hub.subscribe() as late:
        hub.publish("lines")
        assert await asyncio.wait_for(anext(late), LONG) == "lines"


async def test_a_slow_subscriber_holds_each_topic_once() -> None:
    """However often it is published."""
    hub = Hub()
    with hub.subscribe() as events:
        for _ in range(1000):
            hub.publish("lines")
            hub.publish("alerts")
        assert [await anext(events), await anext(events)] == ["lines", "alerts"]
        hub.publish("alerts")
        assert await asyncio.wait_for(anext(events), LONG) == "alerts"


async def test_closing_ends_every_subscription() -> None:
    """Those that wait and those that come later."""
    hub = Hub()

    async def listen(events: Events) -> list[str]:
        return [topic async for topic in events]

    with hub.subscribe() as events:
        waiting = asyncio.create_task(listen(events))
        await asyncio.sleep(0)
        hub.close()
        assert await asyncio.wait_for(waiting, LONG) == []
    with hub.subscribe() as events:
        assert await asyncio.wait_for(listen(events), LONG) == []
