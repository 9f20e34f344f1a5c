"""docs/keys.md has every secret, algorithm, table, connection and library that there is."""

import json
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from stillcold_server.config import Config
from stillcold_server.store.schema import metadata

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
SECRET_FILE = re.compile(r"^\| `([\w.]*(?:key|password|token|url|secret|headers)_file)`", re.MULTILINE)
USED = re.compile(
    r"hashlib\.(?!file_digest|sha256)\w+|hashes\.(?!SHA256\b|Hash\b)[A-Z]\w+|\b(?:AESGCM|AESCCM|AESSIV|ChaCha20\w*|Ed25519|Ed448|ECDSA"
    r"|ECDH|HKDF|PBKDF2\w*|Scrypt|Fernet|PKCS1v15|RSA(?=P)|PasswordHasher|pyotp)|modes\.\w+"
)
TOLD_AS = {"AESGCM": "AES-256-GCM", "PasswordHasher": "Argon2id"}


def section(title: str) -> str:
    """A part of the page."""
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The table of a part, without its head."""
    return [line.strip("|").split(" | ") for line in re.findall(r"^\| .+\|$", section(title), re.MULTILINE)[1:]]


@pytest.mark.requirement("docs.keys")
def test_every_setting_that_names_a_secret_is_in_the_inventory() -> None:
    """Of server and agent, by the names that their own pages have."""
    pages = ((ROOT / "docs" / f"{room}-config.md").read_text(encoding="utf-8") for room in ("server", "agent"))
    settings = {name for page in pages for name in SECRET_FILE.findall(page)}
    assert len(settings) >= 10
    assert [name for name in sorted(settings) if f"`{name}`" not in section("Keys")] == []


@pytest.mark.requirement("docs.keys")
def test_every_algorithm_that_the_code_uses_is_in_the_inventory() -> None:
    """And no other hash than SHA-256 is called, no bare block mode, no padding of PKCS#1."""
    rooms = ("core/stillcold_core", "agent/stillcold_agent", "server/stillcold_server")
    files = [file for room in rooms for file in (ROOT / room).rglob("*.py")]
    used = {word for file in files for word in USED.findall(file.read_text(encoding="utf-8"))}
    assert used == {"AESGCM", "ECDH", "ECDSA", "Ed25519", "HKDF", "PasswordHasher", "RSA", "pyotp"}
    assert [word for word in used if TOLD_AS.get(word, word) not in section("Keys")] == []


@pytest.mark.requirement("docs.keys")
def test_every_table_of_the_database_has_a_class() -> None:
    """One, and there is no class of a table that is gone."""
    named = [table for row in rows("Data") for table in re.findall(r"`(\w+)`", row[2])]
    assert sorted(named) == sorted(metadata.tables)


@pytest.mark.requirement("docs.keys")
def test_every_journal_of_the_database_is_among_the_logs() -> None:
    """Those that only grow, and those that tell what came of something."""
    journals = [
        name for name in metadata.tables if re.search(r"(_journal|_entry|_step|_change|_run|_try|_note)$", name)
    ]
    elsewhere = {"log_entry", "policy_step"}  # evidence, and an order of calls
    assert [name for name in journals if name not in elsewhere and f"`{name}`" not in section("Logs")] == []


@pytest.mark.requirement("docs.keys")
def test_every_connection_that_the_settings_open_is_named() -> None:
    """A table of settings with a host or an address is one."""
    opening = {"`database`", "`[[channel]]`"}
    for field in msgspec.structs.fields(Config):
        keys = re.findall(rf"^\| `{field.name}\.(\w+)`", (ROOT / "docs" / "server-config.md").read_text(), re.MULTILINE)
        if field.name != "channel" and {"host", "url", "url_file"}.intersection(keys):
            opening.add(f"`[{field.name}]`")
    named = {row[3].strip() for row in rows("Connections") if "agent" not in row[3]}
    assert named == opening


@pytest.mark.requirement("docs.keys")
def test_each_library_of_a_distribution_comes_by_a_hash() -> None:
    """Whatever an index or a mirror sends."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    fetched = [p for p in packages if not {"editable", "virtual"}.intersection(p["source"])]
    assert len(fetched) > 50
    for package in fetched:
        assert "registry" in package["source"], package["name"]
        files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
        assert files, package["name"]
        assert all(file["hash"].startswith("sha256:") for file in files), package["name"]
    scripts = json.loads((ROOT / "server/console/package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert [
        name for name, entry in scripts.items() if name and not entry.get("integrity", "").startswith("sha512-")
    ] == []
