"""Fixtures for the simulators."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stillcold_sim.scenario import Scenario, load_scenario

HEAD = """
name = "test"
[[port]]
id = "bus"
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Write the text of a scenario named test."""

    def to_file(text: str) -> Path:
        path = tmp_path / "test.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


@pytest.fixture
def scenario(write: Callable[[str], Path]) -> Callable[[str], Scenario]:
    """Load a scenario with one TCP port, ``bus``, from the rest of its text."""
    return lambda text: load_scenario(write(HEAD + text))
