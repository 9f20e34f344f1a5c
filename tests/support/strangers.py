"""Programs that nobody here wrote, from the Python package index, each in an environment of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_UV = ROOT / ".uv" / "uv"
_HOME = ROOT / ".uv" / "clients"  # kept from run to run
_INSTALL = 300.0  # s


def require_stranger(package: str, *more: str) -> str:
    """Path of the program that is named as its package is; skips the test where it cannot be installed.

    Parameters
    ----------
    package : str
        With its version, e.g. ``modpoll==1.6.0``.
    *more : str
        What it needs and does not say.
    """
    name = package.partition("==")[0]
    folder = _HOME / name
    done = folder / ("." + "+".join((package, *more)))
    if not done.exists():
        if not _UV.exists():
            pytest.skip(f"{name} needs .uv/uv to be installed (make setup)")
        _run(str(_UV), "venv", "--clear", "--python", sys.executable, str(folder))
        _run(str(_UV), "pip", "install", "--python", str(folder / "bin" / "python"), package, *more)
        done.touch()
    return str(folder / "bin" / name)


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"cannot be installed: {error}")
