"""A socket in the data folder at which ``stillcold-agent watch`` looks in: one state a connection, nothing is read."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from stillcold_agent.observe.live import Live, LiveState, LiveUplink
from stillcold_agent.observe.snapshot import Observer

log = logging.getLogger(__name__)
_NAME = "live.sock"
_MOST_CLIENTS = 4
_PATIENCE = 5.0  # s that a client has to take the state


class Window:
    """Shows the state to whoever may enter the data folder: the service's user, and root.

    Parameters
    ----------
    data_dir : Path
        The folder.
    live : Live
        What the meters showed.
    observer : Observer
        Knows the way to the server.
    """

    def __init__(self, data_dir: Path, live: Live, observer: Observer) -> None:
        self._data_dir, self._live, self._observer = data_dir, live, observer
        self._clients = 0

    async def run(self) -> None:
        """Serve until cancelled; the agent works without it where the socket cannot be had."""
        with _place(self._data_dir) as path:
            try:
                server = await asyncio.start_unix_server(self._serve, path, backlog=_MOST_CLIENTS)
            except OSError as error:
                log.warning("nobody can watch: %s cannot be made (%s)", self._data_dir / _NAME, error.strerror)
                await asyncio.Event().wait()
                return
            try:
                async with server:
                    await server.serve_forever()
            finally:
                _remove(path)

    async def _serve(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._clients >= _MOST_CLIENTS:
            writer.transport.abort()
            return
        self._clients += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                writer.write(msgspec.json.encode(await self._state()))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, OSError):
            log.debug("somebody who watched left")
        finally:
            self._clients -= 1
            writer.transport.abort()

    async def _state(self) -> LiveState:
        snapshot = await self._observer.look()
        depth = snapshot.journal.depth if snapshot.journal else None
        uplink = LiveUplink(snapshot.uplink.connected, depth, snapshot.waiting_for)
        return self._live.state(time.time(), uplink)


async def look_in(data_dir: Path) -> LiveState:
    """The state of the agent that runs in a folder.

    Raises
    ------
    OSError
        When nobody shows it.
    """
    with _place(data_dir) as path:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                content = await reader.read()
            finally:
                writer.close()
    if not content:
        raise OSError(f"too many watch it, or it ends; at most {_MOST_CLIENTS} may")
    return msgspec.json.decode(content, type=LiveState)


def _remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)


@contextlib.contextmanager
def _place(data_dir: Path) -> Iterator[str]:
    """The socket's path by an open folder: the name of a socket may be 107 bytes long at most (unix(7))."""
    folder = os.open(data_dir, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{_NAME}"
    finally:
        os.close(folder)
