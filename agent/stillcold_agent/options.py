"""What the commands share: the configuration's option, and errors in one line."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click

from stillcold_agent.config import Config, load_config
from stillcold_agent.uplink.client import tls_context
from stillcold_core.files import BadFile

P = ParamSpec("P")


def clear_errors(command: Callable[P, None]) -> Callable[P, None]:
    """A file that cannot be used is one line on stderr and exit code 2."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BadFile as error:
            click.echo(f"stillcold-agent: {error}", err=True)
            sys.exit(2)

    return guarded


config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/stillcold/agent.toml"),
    show_default=True,
    help="The configuration file.",
)


def load_with_files(path: Path) -> Config:
    """The configuration, checked with the files that it names before anything is opened.

    Raises
    ------
    BadFile
        Naming what is wrong.
    """
    config = load_config(path)
    tls_context(config.mqtt)
    return config
