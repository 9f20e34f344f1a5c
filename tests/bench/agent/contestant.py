"""What every contestant has in common."""

import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]


class Reading(NamedTuple):
    """One reading of one meter as it came out of the broker."""

    unit: int
    number: int
    """Which of the meter's readings it is; the plant counts."""
    power: int


@dataclass(frozen=True)
class Job:
    """One run of a contestant.

    Attributes
    ----------
    folder : Path
        For its files and its log.
    plant, broker : int
        Ports on loopback.
    interval : float
        Seconds between readings of a meter; 0: as short as it goes.
    """

    folder: Path
    plant: int
    broker: int
    interval: float


class Contestant(ABC):
    """A program that reads fifty meters and publishes them.

    Parameters
    ----------
    cache : Path
        Where it is installed.
    """

    name: str
    message = "one a meter and reading"
    """What a message carries, for the page."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache / self.name

    @property
    @abstractmethod
    def version(self) -> str:
        """Of what is installed."""

    @abstractmethod
    def install(self) -> None:
        """Install it, where it is not yet."""

    @abstractmethod
    def command(self, job: Job) -> Sequence[str]:
        """What to run, after its configuration has been written into the job's folder."""

    @abstractmethod
    def readings(self, topic: str, payload: bytes) -> Iterator[Reading]:
        """The readings of a message; none where it carries something else."""

    def environment(self, job: Job) -> Mapping[str, str]:
        """What its environment has more than this one."""
        return {}

    def reply(self, topic: str, payload: bytes) -> tuple[str, bytes] | None:
        """Topic and payload of what its far end answers to a message."""
        return None


class FromPyPI(Contestant):
    """A contestant in an environment of its own."""

    package: str

    @property
    def site(self) -> Path:
        """Where its packages are."""
        return next(self.cache.glob("lib/python*/site-packages"))

    @property
    def version(self) -> str:
        return version_in(self.site, self.package.partition("==")[0])

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.cache / "bin" / "python"

    def install(self) -> None:
        if not (self.cache / "installed").exists():
            environment_with(self.cache, self.package)
            (self.cache / "installed").touch()


def environment_with(folder: Path, *packages: str) -> None:
    """A virtual environment that holds packages."""
    uv = str(ROOT / ".uv" / "uv")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *packages], check=True)


def version_in(site: Path, package: str) -> str:
    """Version of a package that lies in a folder."""
    return next(d.version for d in distributions(name=package, path=[str(site)]))
