"""Who may read and change the configuration and the keys."""

import stat
from collections.abc import Iterator
from pathlib import Path

from stillcold_agent.config import Config
from stillcold_agent.identity import KEY_FILE, load_key
from stillcold_agent.tools.doctor.finding import Finding, fail, good, warn
from stillcold_core.files import BadFile


def files(path: Path, config: Config) -> Iterator[Finding]:
    """Configuration, signing key, certificate's key, password."""
    mode = path.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield fail("configuration", f"others may change {path}", f"sudo chmod go-w {path}")
    else:
        yield good("configuration", f"{path}: {len(config.device)} meters on {len(config.bus)} buses")
    yield _signing_key(Path(config.data_dir) / KEY_FILE)
    for name in ("key_file", "password_file"):
        if secret := getattr(config.mqtt, name):
            yield _secret(f"mqtt.{name}", Path(secret))


def _signing_key(path: Path) -> Finding:
    if not path.exists():
        return fail("signing key", f"{path} is not there", "sudo stillcold-agent enrol")
    try:
        load_key(path)
    except BadFile as error:
        return fail(
            "signing key", str(error), f"the service must be able to read it, and nobody else: chmod 600 {path}"
        )
    return good("signing key", f"{path}: only its owner can read it")


def _secret(check: str, path: Path) -> Finding:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return fail(check, f"{path} cannot be read ({error.strerror})", "sudo stillcold-agent enrol makes the keys")
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        return fail(check, f"others may read or change {path}", f"sudo chmod 600 {path}; have its content replaced")
    if mode & stat.S_IRGRP:
        return warn(check, f"a group may read {path}", f"sudo chown stillcold-agent {path}; sudo chmod 600 {path}")
    return good(check, f"{path}: only its owner can read it")
