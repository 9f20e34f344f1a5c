"""Put uv, which sets up everything else, at ``.uv/uv``; needs nothing but Python's standard library.

It takes the first that works: a uv on PATH that is new enough; pip, where this Python has one; the wheel itself from
the package index (``UV_INDEX_URL``, ``UV_DEFAULT_INDEX`` or ``PIP_INDEX_URL``, else PyPI), checked against the SHA-256
that the index states. ``SSL_CERT_FILE`` or ``PIP_CERT`` names other certificate authorities.
"""

import hashlib
import html.parser
import io
import json
import os
import platform
import re
import shutil
import ssl
import struct
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

VERSION = "0.13.9"
OLDEST = (0, 9)  # [tool.uv] required-version
FOLDER = Path(__file__).parents[1] / ".uv"
_JSON = "application/vnd.pypi.simple.v1+json"
_ACCEPT = f"{_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


class NoUv(Exception):
    """uv cannot be had; the message says why and what to do."""


def main() -> None:
    """Make ``.uv/uv``, or end with one line that says why not."""
    if sys.version_info < (3, 11):
        sys.exit(f"Stillcold needs Python 3.11 or newer; {sys.executable} is {platform.python_version()}.")
    target = FOLDER / "uv"
    if _version(target) >= OLDEST:
        return
    FOLDER.mkdir(exist_ok=True)
    try:
        _link(target) or _install_by_pip(target) or _install_wheel(target)
    except (NoUv, OSError, ValueError) as error:
        sys.exit(f"uv {VERSION} cannot be had: {error}\nInstall it by hand (https://docs.astral.sh/uv) and try again.")


def _version(program: Path | str) -> tuple[int, ...]:
    """Version of a uv; empty where the program is none."""
    try:
        text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(int(n) for n in re.findall(r"\d+", text)[:3]) if text.startswith("uv ") else ()


def _link(target: Path) -> bool:
    found = shutil.which("uv")
    if not found or _version(found) < OLDEST:
        return False
    target.unlink(missing_ok=True)
    target.symlink_to(Path(found).resolve())
    return True


def _install_by_pip(target: Path) -> bool:
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, f"uv=={VERSION}"]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return False
        (Path(folder) / "bin" / "uv").replace(target)
    return True


def _install_wheel(target: Path) -> bool:
    url, sha256 = find_wheel(index_url())
    print(f"Downloading {url}", file=sys.stderr)
    wheel, _, _ = _get(url)
    if hashlib.sha256(wheel).hexdigest() != sha256:
        raise NoUv(f"{url} does not have the SHA-256 that the index states")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        program = archive.read(f"uv-{VERSION}.data/scripts/uv")
    fresh = target.with_suffix(".new")
    fresh.write_bytes(program)
    fresh.chmod(0o755)
    fresh.replace(target)
    return True


def index_url() -> str:
    """Root of the package index, without a slash at its end."""
    names = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
    return next((os.environ[n] for n in names if os.environ.get(n)), "https://pypi.org/simple").rstrip("/")


def find_wheel(index: str) -> tuple[str, str]:
    """URL and SHA-256 of this machine's wheel, from an index that speaks PEP 691 JSON or PEP 503 HTML."""
    body, kind, page = _get(f"{index}/uv/")
    found = _from_json(body) if kind.startswith(_JSON) else _from_html(body)
    tags = wheel_tags()
    for href, sha256 in found:
        name = urllib.parse.unquote(href.rsplit("/", 1)[-1])
        if name.startswith(f"uv-{VERSION}-py3-none-") and all(tag in name for tag in tags):
            return urllib.parse.urljoin(page, href), sha256
    raise NoUv(f"{index} has no wheel of it for {' '.join(tags)}")


def wheel_tags() -> tuple[str, str]:
    """What the name of this machine's wheel contains."""
    machine = platform.machine()
    if sys.platform == "darwin":
        return "macosx", f"_{machine}."
    if machine == "aarch64" and struct.calcsize("P") == 4:  # 32-bit Raspberry Pi OS on a 64-bit kernel
        machine = "armv7l"
    return ("manylinux" if platform.libc_ver()[0] == "glibc" else "musllinux"), f"_{machine}."


def _get(url: str) -> tuple[bytes, str, str]:
    """Body, content type, and the URL after redirections."""
    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or os.environ.get("PIP_CERT"))
    request = urllib.request.Request(url, headers={"Accept": _ACCEPT})
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return answer.read(), answer.headers.get("Content-Type", ""), answer.url
    except urllib.error.URLError as error:
        raise NoUv(f"{url}: {error}") from error


def _from_json(body: bytes) -> list[tuple[str, str]]:
    return [(f["url"], f["hashes"]["sha256"]) for f in json.loads(body)["files"] if "sha256" in f["hashes"]]


def _from_html(body: bytes) -> list[tuple[str, str]]:
    links: list[str] = []

    class Parser(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            links.extend(value for name, value in attrs if tag == "a" and name == "href" and value)

    Parser().feed(body.decode())
    return [(href, sha256) for href, _, sha256 in (link.partition("#sha256=") for link in links) if sha256]


if __name__ == "__main__":
    main()
