"""Compiling the detectors' inner loops, and going on without."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stillcold_server.detection import compiled


@pytest.fixture
def compilers(monkeypatch: pytest.MonkeyPatch) -> list[compiled.Compiler]:
    """The compilers that were handed over; no kernel of this process is compiled."""
    handed: list[compiled.Compiler] = []
    monkeypatch.setattr(compiled, "compile_kernels", handed.append)
    return handed


def half(number: float) -> float:
    return number / 2


@pytest.mark.requirement("detection.compiled")
def test_what_was_compiled_is_kept(tmp_path: Path, compilers: list[compiled.Compiler]) -> None:
    assert compiled.compile_detectors(tmp_path / "new" / "folder")
    fast: Callable[..., object] = compilers[0](half)
    assert fast(3.0) == 1.5
    assert list((tmp_path / "new" / "folder").rglob("*.nbi"))


def test_a_compiler_that_was_found_is_taken_once_between_blocks(
    tmp_path: Path, compilers: list[compiled.Compiler]
) -> None:
    compiling = compiled.Compiling(tmp_path)
    compiling.stop()  # nothing had begun
    compiling.take()
    compiling.stop()
    assert compilers == []
    compiling.take()
    compiling.take()
    assert len(compilers) == 1


@pytest.mark.requirement("detection.compiled")
def test_without_a_compiler_they_run_uncompiled_and_the_log_says_so(
    tmp_path: Path,
    compilers: list[compiled.Compiler],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    assert not compiled.compile_detectors(tmp_path)
    assert compilers == []
    assert [(r.levelno, "uncompiled" in r.message) for r in caplog.records] == [(logging.WARNING, True)]


def test_a_folder_that_cannot_be_written_to_is_named(
    tmp_path: Path, compilers: list[compiled.Compiler], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    assert compiled.compile_detectors(tmp_path / "file")
    assert compilers[0](half)(3.0) == 1.5
    assert f"cannot be kept in {tmp_path / 'file'}" in caplog.text


def test_the_service_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/home-of-caches")
    assert compiled.usual_folder() == Path("/home-of-caches/stillcold")
    monkeypatch.setenv("CACHE_DIRECTORY", "/var/cache/stillcold-server")
    assert compiled.usual_folder() == Path("/var/cache/stillcold-server")
