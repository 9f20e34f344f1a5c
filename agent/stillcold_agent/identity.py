"""The gateway's own key: made here at the first start, and never given out."""

from pathlib import Path

from stillcold_core.evidence.keys import Ed25519PrivateKey, PrivateKey, can_sign, format_public_key
from stillcold_core.files import BadFile
from stillcold_core.pem import key_pem, read_key
from stillcold_core.whole import write_whole

KEY_FILE = "gateway-key.pem"


def load_or_make_key(data_dir: Path) -> PrivateKey:
    """The gateway's key; an Ed25519 key is made if there is none.

    Parameters
    ----------
    data_dir : Path
        Folder that holds it as PEM (PKCS #8), readable by its owner only.

    Raises
    ------
    BadFile
        When the file is no such key, or others may read it.
    """
    path = data_dir / KEY_FILE
    if not path.exists():
        _make_key(path)
    return load_key(path)


def _make_key(path: Path) -> None:
    write_whole(path, key_pem(Ed25519PrivateKey.generate()), 0o600)


def load_key(path: Path) -> PrivateKey:
    """The gateway's key: Ed25519, or P-256 where somebody has put one there.

    Raises
    ------
    BadFile
        When the file is no such key, or others may read it.
    """
    try:
        mode = path.stat().st_mode & 0o777
        pem = path.read_bytes()
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror}); expected this gateway's key") from error
    if mode & 0o077:
        raise BadFile(path, "others may read it; expected 0o600", field="mode", value=oct(mode))
    key = read_key(pem, path, "expected an Ed25519 or P-256 private key in PEM (PKCS #8) without a password")
    if not can_sign(key):
        raise BadFile(path, "expected an Ed25519 or P-256 key", value=type(key).__name__)
    return key


def registry_lines(gateway: str, key: PrivateKey) -> str:
    """The entry that makes a server accept this gateway."""
    return f'[[gateway]]\nid = "{gateway}"\npublic_key = "{format_public_key(key.public_key())}"'
