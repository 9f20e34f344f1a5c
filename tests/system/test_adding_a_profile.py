"""The page on adding a profile: its example does what it says."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillcold_core.files import BadFile
from stillcold_core.profiles import load_profile, load_profile_file
from stillcold_sim.demo.processes import program
from support import Process, free_port, wait_for
from support.pages import blocks_of, files_of
from support.ports import accepts

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-profile.md").read_text(encoding="utf-8")
PORT = "15027"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The page's files, with a port that is free."""
    port = str(free_port())
    for name, text in files_of(PAGE).items():
        (tmp_path / name).write_text(text.replace(PORT, port), encoding="utf-8")
    (tmp_path / "port").write_text(port)
    return tmp_path


@pytest.fixture
def shown(folder: Path) -> Iterator[Path]:
    """The same while the simulator shows the reading."""
    with Process([str(program("stillcold-sim")), "serve", str(folder / "shown.toml")], folder / "sim.log"):
        wait_for(lambda: accepts(int((folder / "port").read_text())), what="the simulator")
        yield folder


def _said(folder: Path, command: str) -> str:
    """What a command of the agent prints, with the page's port."""
    line = [str(program("stillcold-agent")), command, "--config", str(folder / "agent.toml")]
    printed = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    return "\n".join(line.rstrip() for line in printed.replace((folder / "port").read_text(), PORT).splitlines())


@pytest.mark.requirement("docs.adding-a-profile")
def test_plan_and_read_once_print_what_the_page_shows(shown: Path) -> None:
    printed = {_said(shown, "plan"), _said(shown, "read-once")}
    assert printed <= {block.strip() for block in blocks_of(PAGE)}


@pytest.mark.requirement("docs.adding-a-profile")
def test_the_example_is_the_shipped_profile_s_beginning(folder: Path) -> None:
    """Nobody needs to ask which of the two is right."""
    example, shipped = load_profile_file(folder / "my-dds238.toml"), load_profile("hiking-dds238")
    for register in example.register:
        other = shipped.register_of(register.quantity)
        assert (register.address, register.type, register.step) == (other.address, other.type, other.step)


@pytest.mark.requirement("docs.adding-a-profile")
def test_the_mistake_that_the_page_shows_is_said_so(folder: Path) -> None:
    """A unit that is not one, with its line."""
    file = folder / "my-dds238.toml"
    file.write_text(file.read_text().replace('unit = "kWh"', 'unit = "kwh"', 1))
    with pytest.raises(BadFile) as refused:
        load_profile_file(file)
    mistake = "my-dds238.toml:11: register[0].unit: got 'kwh'; expected one of V, kV, "
    assert str(refused.value).removeprefix(f"{folder}/").startswith(mistake)
    assert mistake in PAGE.replace("\n", " ")
