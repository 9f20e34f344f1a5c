"""docs/server-commands.md and the command line name the same commands, options and arguments."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from stillcold_server.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "server-commands.md"


def commands(group: click.Group, before: str = "") -> Iterator[tuple[str, list[str]]]:
    """Each command by its words, with what it takes."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name, [_written(p) for p in command.params]


def _written(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        return parameter.opts[0]
    return parameter.human_readable_name.strip("[].")


@pytest.mark.requirement("docs.server-commands")
def test_every_command_of_the_server_is_documented_with_what_it_takes() -> None:
    """And no other."""
    rows = re.findall(r"^\| `([a-z -]+)` \| ((?:`[\w-]+` ?)+)\|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name: sorted(re.findall(r"`([\w-]+)`", takes)) for name, takes in rows} == {
        name: sorted(takes) for name, takes in commands(main)
    }
