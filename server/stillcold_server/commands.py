"""The command that runs the server."""

import gc
from pathlib import Path

import click

from stillcold_server.app import serve
from stillcold_server.config import load_config
from stillcold_server.options import config_option, plain_errors


@click.command()
@config_option
@plain_errors
def run(config_file: Path) -> None:
    """Receive, store, detect, tell, and serve the console until stopped."""
    gc.freeze()  # what has been loaded stays: it is not looked through again
    serve(load_config(config_file), click.echo)
