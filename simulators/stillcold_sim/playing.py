"""A scenario played from the command line."""

import asyncio
import json
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click

from stillcold_sim.scenario import Scenario
from stillcold_sim.serve import Served, serving
from stillcold_sim.whole import write_whole

_KINDS = {"tcp": "TCP", "rtu_over_tcp": "RTU over TCP", "rtu": "RTU"}


async def play_until_told(
    scenario: Scenario, options: dict[str, Any], ports_file: Path | None, stay: bool, control: tuple[str, int] | None
) -> None:
    """Serve a scenario, and say what listens where, until its end or a signal.

    Parameters
    ----------
    scenario : Scenario
        What to play.
    options : dict
        Of :func:`stillcold_sim.serve.serving`.
    ports_file : Path, optional
        File to write what listens where to, JSON.
    stay : bool
        Whether to keep serving when the story is over.
    control : tuple of str and int, optional
        Where to serve the control page.

    Raises
    ------
    OSError
        When something cannot be opened.
    """
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(serving(scenario, **options))
        listing = served.listing()
        _print(listing)
        if control:
            from stillcold_sim.control import controlled  # noqa: PLC0415  # half a second that meters alone need not wait

            page = await stack.enter_async_context(controlled(served, *control))
            listing |= {"control": page.link}
            click.echo(f"control: {page.link}")
        if ports_file:
            write_whole(ports_file, json.dumps(listing, ensure_ascii=False, indent=1))
        await _until(told, served, stay)


async def _until(told: asyncio.Event, served: Served, stay: bool) -> None:
    waits: set[asyncio.Task[object]] = {asyncio.create_task(told.wait())}
    if not stay:
        waits.add(asyncio.create_task(served.ended()))
    done, waiting = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    for task in done:
        task.result()


def _print(listing: dict[str, Any]) -> None:
    for name, port in listing["ports"].items():
        where = f"{port['host']}:{port['port']}" if "host" in port else port["link"] or port["device"]
        click.echo(f"{name}: Modbus {_KINDS[port['kind']]} on {where}")
        for meter, m in listing["meters"].items():
            if m["port"] == name:
                click.echo(f"  unit {m['unit']:3}  {m['profile']}  {meter}, point {m['point']}")
