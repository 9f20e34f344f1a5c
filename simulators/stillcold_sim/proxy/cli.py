"""``stillcold-sim proxy``: a bad network."""

import asyncio
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import click

from stillcold_core.files import BadFile
from stillcold_sim.proxy.model import ProxyFile, load_proxy
from stillcold_sim.proxy.run import Proxies, proxying
from stillcold_sim.whole import write_whole


@click.command("proxy")
@click.argument("proxy_file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--ports-file", type=click.Path(path_type=Path), help="Write where each route listens, JSON.")
def proxy_command(proxy_file: Path, ports_file: Path | None) -> None:
    """Stand as a bad network, as PROXY_FILE says, before a broker or anything that speaks TCP.

    What passed is printed as JSON at the end.
    """
    try:
        counts = asyncio.run(_run(load_proxy(proxy_file), ports_file))
    except BadFile as error:
        click.echo(error, err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(f"cannot listen: {error}", err=True)
        sys.exit(1)
    click.echo(json.dumps(counts))


async def _run(file: ProxyFile, ports_file: Path | None) -> dict[str, dict[str, int]]:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with proxying(file) as proxies:
        for route in file.route:
            host, port = proxies.ports[route.id]
            click.echo(f"{route.id}: {host}:{port} leads to {route.to_host}:{route.to_port}", err=True)
        if ports_file:
            write_whole(ports_file, json.dumps(proxies.ports))
        await _until(told, proxies)
        return {route: asdict(counts) for route, counts in proxies.counts.items()}


async def _until(told: asyncio.Event, proxies: Proxies) -> None:
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait({waiting, proxies.watch}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if proxies.watch.done():
        proxies.watch.result()
