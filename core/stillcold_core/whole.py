"""Files that programs write and that must be there whole, whenever the power fails."""

import os
from pathlib import Path

from stillcold_core.files import BadFile


def write_whole(path: Path, content: bytes, mode: int) -> None:
    """Write a file beside its place and move it in whole, so that a power cut leaves the new one or what was there.

    Raises
    ------
    BadFile
        When it cannot be written.
    """
    draft = path.with_name(path.name + ".new")
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask says
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise BadFile(path, f"cannot be written ({error.strerror}); expected a folder to write to") from error


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on the disk, so that a file made in it outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
