"""Getting uv onto a machine that has nothing, from an index of either kind."""

import hashlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "tools" / "get_uv.py"


@pytest.fixture(scope="module")
def get_uv() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("get_uv", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _wheel(version: str) -> bytes:
    """A wheel whose uv is a script that says its version."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"uv-{version}.data/scripts/uv", f"#!/bin/sh\necho uv {version}\n")
    return out.getvalue()


def _names(version: str) -> list[str]:
    linux = "manylinux_2_17_{0}.manylinux2014_{0}.whl"
    tags = [linux.format(m) for m in ("x86_64", "aarch64", "armv7l")] + [
        "musllinux_1_1_x86_64.whl", "macosx_11_0_arm64.whl", "macosx_10_12_x86_64.whl",
    ]  # fmt: skip
    return [f"uv-{v}-py3-none-{t}" for v in ("0.1.0", version) for t in tags]


Serve = Callable[[dict[str, tuple[str, bytes]]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server of fixed pages; gives its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(pages: dict[str, tuple[str, bytes]]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, body = pages.get(self.path, ("text/plain", b""))
                self.send_response(200 if self.path in pages else 404)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep the test's output quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _json_page(names: list[str], sha256: str) -> tuple[str, bytes]:
    files = [{"filename": n, "url": f"/files/{n}", "hashes": {"sha256": sha256}} for n in names]
    return "application/vnd.pypi.simple.v1+json", json.dumps({"files": files}).encode()


def _html_page(names: list[str], sha256: str) -> tuple[str, bytes]:
    links = "".join(f'<a href="../../files/{n}#sha256={sha256}">{n}</a>' for n in names)
    return "text/html", f"<!DOCTYPE html><html><body>{links}</body></html>".encode()


def _run(folder: Path, index: str) -> subprocess.CompletedProcess[str]:
    """Run a copy of the script without a uv on PATH and without pip."""
    (folder / "tools").mkdir()
    script = folder / "tools" / "get_uv.py"
    script.write_text(SCRIPT.read_text())
    (folder / "pip.py").write_text("raise SystemExit(1)\n")  # found before the real one
    environment = {"PATH": "/nowhere", "PYTHONPATH": str(folder), "PIP_INDEX_URL": index}
    return subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.requirement("setup.uv-from-index")
@pytest.mark.parametrize("page", [_json_page, _html_page])
def test_uv_comes_from_an_index_of_either_kind(
    tmp_path: Path, serve: Serve, get_uv: ModuleType, page: Callable[[list[str], str], tuple[str, bytes]]
) -> None:
    """The pinned version, for this machine, is put in place and runs."""
    wheel, names = _wheel(get_uv.VERSION), _names(get_uv.VERSION)
    pages = {f"/files/{n}": ("application/zip", wheel) for n in names if get_uv.VERSION in n}
    index = serve({"/simple/uv/": page(names, hashlib.sha256(wheel).hexdigest()), **pages})
    result = _run(tmp_path, f"{index}/simple/")
    assert result.returncode == 0, result.stderr
    program = tmp_path / ".uv" / "uv"
    assert subprocess.run([program, "--version"], capture_output=True, check=True).stdout.startswith(b"uv ")
    assert os.access(program, os.X_OK)


@pytest.mark.requirement("setup.uv-hash")
def test_a_wheel_that_is_not_what_the_index_states_is_refused(tmp_path: Path, serve: Serve, get_uv: ModuleType) -> None:
    """Nothing is put in place."""
    names = _names(get_uv.VERSION)
    pages = {f"/files/{n}": ("application/zip", _wheel(get_uv.VERSION)) for n in names}
    result = _run(tmp_path, serve({"/uv/": _json_page(names, "0" * 64), **pages}))
    assert result.returncode == 1
    assert "does not have the SHA-256" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / ".uv" / "uv").exists()


def test_an_index_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    """With what to do."""
    result = _run(tmp_path, "http://127.0.0.1:1/simple")
    assert result.returncode == 1
    assert "Install it by hand" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("machine", "pointer", "libc", "expected"),
    [
        ("x86_64", 8, "glibc", ("manylinux", "_x86_64.")),
        ("aarch64", 8, "glibc", ("manylinux", "_aarch64.")),
        ("aarch64", 4, "glibc", ("manylinux", "_armv7l.")),
        ("x86_64", 8, "", ("musllinux", "_x86_64.")),
    ],
)
def test_a_raspberry_pi_gets_its_own_wheel(
    get_uv: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    machine: str,
    pointer: int,
    libc: str,
    expected: tuple[str, str],
) -> None:
    """Also with 32-bit programs on a 64-bit kernel."""
    monkeypatch.setattr(get_uv.platform, "machine", lambda: machine)
    monkeypatch.setattr(get_uv.platform, "libc_ver", lambda: (libc, ""))
    monkeypatch.setattr(get_uv.struct, "calcsize", lambda _: pointer)
    assert get_uv.wheel_tags() == expected
