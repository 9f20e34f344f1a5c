"""Files that are never seen half written."""

from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a file that whoever waits for it reads complete.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
