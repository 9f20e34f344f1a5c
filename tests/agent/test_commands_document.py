"""docs/agent-commands.md and the command line name the same commands, options and defaults."""

import re
from pathlib import Path

import click
import pytest

from stillcold_agent.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "agent-commands.md"


def documented() -> dict[str, dict[str, str]]:
    """Options and arguments with their defaults, by command."""
    sections = re.split(r"^## `([a-z-]+)`$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    rows = re.compile(r"^\| `([A-Za-z-]+)` \| (.+?) \|", re.MULTILINE)
    return {
        name: dict(rows.findall(text.partition("| option |")[2]))
        for name, text in zip(sections[::2], sections[1::2], strict=True)
    }


def default_of(parameter: click.Parameter) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return "off"
    default = parameter.to_info_dict()["default"]
    if isinstance(default, tuple | list):
        return f"`{', '.join(map(str, default))}`" if default else "none"
    return "none" if default is None else f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def name_of(parameter: click.Parameter) -> str:
    return parameter.opts[0] if isinstance(parameter, click.Option) else parameter.make_metavar(_CONTEXT)


_CONTEXT = click.Context(main)


@pytest.mark.requirement("agent.commands.documented")
def test_every_command_and_option_is_documented_with_its_default() -> None:
    """And no other."""
    commands = {name: main.get_command(_CONTEXT, name) for name in main.list_commands(_CONTEXT)}
    assert documented() == {
        name: {name_of(p): default_of(p) for p in command.params} for name, command in commands.items() if command
    }
    assert main.get_command(_CONTEXT, "no-such-command") is None
