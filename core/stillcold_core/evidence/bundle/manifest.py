"""The manifest: what a bundle is of, and the hash of each of its files; a note that the server's key has signed.

::

    stillcold-evidence/1
    line kc-017-f1
    from 2026-03-01T00:00:00.000Z
    to 2026-03-31T00:00:00.000Z
    made 2026-04-02T08:15:00.000Z
    by stillcold-server 0.1.0
    file 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef 1024 batches.bin
    …
"""

import re
from dataclasses import dataclass
from datetime import datetime

MANIFEST = "manifest.txt"
_TITLE = "stillcold-evidence/1"
_ID, _TIME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
_HEAD = re.compile(
    rf"{_TITLE}\nline ({_ID})\nfrom ({_TIME})\nto ({_TIME})\nmade ({_TIME})\nby ([ -~]{{1,80}})\n((?:file [^\n]+\n)+)"
)
_FILE = re.compile(r"file ([0-9a-f]{64}) (0|[1-9][0-9]{0,9}) ([A-Za-z0-9][A-Za-z0-9._/-]*)\n")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the bundle: its name, SHA-256 in hexadecimal, and size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle is of; times are ISO 8601 in UTC.

    Attributes
    ----------
    line : str
        Id of the line.
    begin, end : str
        The period.
    made : str
        When it was made, by the server's clock.
    by : str
        Program and version that made it.
    files : tuple of FileEntry
        In the order in which they lie in the bundle, before the manifest.
    """

    line: str
    begin: str
    end: str
    made: str
    by: str
    files: tuple[FileEntry, ...]

    @property
    def period(self) -> tuple[int, int]:
        """Begin and end of the period, ms."""
        begin, end = (round(datetime.fromisoformat(t).timestamp() * 1000) for t in (self.begin, self.end))
        return begin, end

    @property
    def text(self) -> str:
        """What is signed."""
        head = f"{_TITLE}\nline {self.line}\nfrom {self.begin}\nto {self.end}\nmade {self.made}\nby {self.by}\n"
        return head + "".join(f"file {f.sha256} {f.size} {f.name}\n" for f in self.files)


def parse_manifest(text: str) -> Manifest:
    """Read a manifest's text.

    Raises
    ------
    ValueError
        When it is none.
    """
    match = _HEAD.fullmatch(text)
    files = tuple(FileEntry(m[3], m[1], int(m[2])) for m in _FILE.finditer(match[6])) if match else ()
    if match is None or len(files) != match[6].count("\n"):
        raise ValueError("expected a manifest of a bundle")
    for time in match[2], match[3], match[4]:
        datetime.fromisoformat(time)  # that there is such a day
    return Manifest(match[1], match[2], match[3], match[4], match[5], files)
