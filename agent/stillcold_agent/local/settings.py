"""The part of the configuration that says what is told at the gateway itself."""

import os
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from stillcold_core.files import TomlFile


class Local(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is told at the gateway itself."""

    status_file: str = ""
    """Path of the status file; none where it is empty."""
    hook: tuple[str, ...] = ()
    """Program and arguments that are run when the standing of a sealed line changes."""
    hook_timeout: Annotated[float, Meta(ge=0.1, le=60)] = 10.0
    """s after which it is killed"""


def check_local(file: TomlFile, local: Local) -> None:
    """Look whether the program is there. The status file's folder may come with the service.

    Raises
    ------
    BadFile
        When it is not.
    """
    if local.hook:
        program = Path(local.hook[0])
        if not program.is_absolute() or not program.is_file() or not os.access(program, os.X_OK):
            raise file.bad(["local", "hook", 0], "expected the whole path of a program that can be run")
