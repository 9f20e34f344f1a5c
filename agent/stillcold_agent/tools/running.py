"""Whether an agent works in a data folder now."""

import fcntl
import os
from pathlib import Path

from stillcold_core.files import BadFile


def agent_runs(data_dir: Path) -> bool:
    """Whether the folder's lock is held; no agent runs where there is no folder.

    Raises
    ------
    BadFile
        When the folder may not be looked into.
    """
    if not data_dir.exists():
        return False
    try:
        descriptor = os.open(data_dir, os.O_RDONLY)
    except OSError as error:
        right = "run this as root or as the service's user"
        raise BadFile(data_dir, f"cannot be looked into ({error.strerror}); {right}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
