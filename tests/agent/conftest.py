"""Parts that the agent's tests share."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from stillcold_core.profiles import Profile, load_profile, load_profile_file

_TWO_BLOCKS = """\
model = "two-blocks"
title = "Two registers that take two requests"
kind = "meter"
source = "made for tests"
function = 3
max_gap = 0

[[register]]
quantity = "frequency"
address = 10
type = "uint16"
unit = "Hz"
scale = 0.01
source = "test"
raw = true

[[register]]
quantity = "active_power"
address = 100
type = "uint16"
unit = "W"
source = "test"
"""


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    """The loop in which the agent runs."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def two_blocks(tmp_path: Path) -> Profile:
    """A profile whose two registers lie far apart."""
    path = tmp_path / "two-blocks.toml"
    path.write_text(_TWO_BLOCKS)
    return load_profile_file(path)


@pytest.fixture
def sdm630() -> Profile:
    """A shipped profile."""
    return load_profile("eastron-sdm630")
