"""The backup that is made every night."""

from pathlib import Path

from stillcold_server.backup.archive import back_up, rotate
from stillcold_server.jobs.model import JobContext


def nightly(context: JobContext, _due: int) -> str:
    """Make a backup and delete the oldest ones.

    Raises
    ------
    BackupFailed
        Then the older ones stay.
    """
    settings = context.config.backup
    if settings is None:
        return "nothing was backed up: there is no [backup] in the configuration"
    folder = Path(settings.folder)
    place = back_up(context.engine, folder, context.now())
    return f"made {place.name}, deleted {rotate(folder, settings.keep)}"
