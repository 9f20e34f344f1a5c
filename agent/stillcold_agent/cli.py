"""The command line, ``stillcold-agent``."""

import asyncio
import importlib
import signal
from pathlib import Path

import click

import stillcold_agent
from stillcold_agent import loop
from stillcold_agent.app import Agent, make_data_dir, sole_use
from stillcold_agent.counts import Counts
from stillcold_agent.identity import load_or_make_key, registry_lines
from stillcold_agent.observe.logs import set_up_log
from stillcold_agent.options import clear_errors, config_option, load_with_files


class _Commands(click.Group):
    """The agent's own commands, and the installer's tools, loaded when one is asked for.

    The agent that runs for years on a small gateway does without what they need in memory.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_tools()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or _tools().get(cmd_name)


def _tools() -> dict[str, click.Command]:
    found: dict[str, click.Command] = importlib.import_module("stillcold_agent.tools.commands").TOOLS
    return found


@click.group(cls=_Commands)
@click.version_option(stillcold_agent.__version__)
def main() -> None:
    """Read meters over Modbus, sign what they show, keep it, and publish it until the server has it."""


@main.command()
@config_option
@clear_errors
def run(path: Path) -> None:
    """Work until SIGTERM or SIGINT."""
    config = load_with_files(path)
    counts = Counts()
    set_up_log(config.log_level, config.log_format, counts)
    with sole_use(Path(config.data_dir)):
        loop.run(_run(Agent(config, counts)))


@main.command("check-config")
@config_option
@clear_errors
def check_config(path: Path) -> None:
    """Check the file, and print how the server must register this gateway.

    The gateway's key is made if there is none.
    """
    config = load_with_files(path)
    make_data_dir(Path(config.data_dir))
    key = load_or_make_key(Path(config.data_dir))
    click.echo(f"{path}: good, {len(config.device)} meters on {len(config.bus)} buses")
    click.echo("\n# for the server's registry.toml")
    click.echo(registry_lines(config.gateway, key))


async def _run(agent: Agent) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await agent.run(stop)


if __name__ == "__main__":
    main()
