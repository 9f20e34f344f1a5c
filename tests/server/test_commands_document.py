"""docs/server-commands.md and the command line name the same commands, options and arguments."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from stillcold_server.cli import COMMANDS, main

_CONTEXT = click.Context(main)
PAGE = Path(__file__).parents[2] / "docs" / "server-commands.md"


def commands(group: click.Group, before: str = "") -> Iterator[tuple[str, list[str]]]:
    """Each command by its words, with what it takes."""
    for name in group.list_commands(_CONTEXT):
        command = group.get_command(_CONTEXT, name)
        assert command is not None
        assert command.name == name
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


def loaded_by(code: str) -> set[str]:
    """What Python has loaded after some code."""
    shown = f"import sys; {code}; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    for name, (_, short) in COMMANDS.items():
        command = main.get_command(_CONTEXT, name)
        assert command is not None
        assert command.get_short_help_str(1000) == short
    assert main.get_command(_CONTEXT, "no-such-command") is None


@pytest.mark.requirement("server.start")
def test_commands_and_start_load_no_library_that_they_can_do_without() -> None:
    listing = loaded_by("from stillcold_server.cli import main; main(['--help'], standalone_mode=False)")
    assert not {"sqlalchemy", "numpy", "cryptography", "stillcold_server.options"} & listing
    starting = loaded_by("import stillcold_server.commands")
    assert "stillcold_server.app" in starting
    assert not {"fpdf", "openpyxl", "apprise", "psycopg", "influxdb_client", "pyarrow", "numba"} & starting
