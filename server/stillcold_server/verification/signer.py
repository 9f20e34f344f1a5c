"""The key that signs statements: that of the evidence's log.

::

    NoKey (Exception)     the office has not made it yet; the message says what to do
"""

from pathlib import Path

from stillcold_server.config import Config
from stillcold_server.evidence.key import Signer


class NoKey(Exception):
    """There is no key to sign with."""


def signer_of(config: Config) -> Signer:
    """Signs in the office's name.

    Raises
    ------
    NoKey
    BadFile
        When there is a file, and no such key in it.
    """
    path = Path(config.evidence.key_file)
    if not path.exists():
        raise NoKey(f"there is no key {path}: run `stillcold-server evidence roots` once")
    return Signer(path, config.evidence.origin)
