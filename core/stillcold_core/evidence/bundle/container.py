"""The container: a ZIP file that has exactly one form for its content.

Entries are stored, not compressed, one after another, with no byte that a reader would skip: fixed version, time and
attributes, no extra fields, no comments (PKWARE's APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16). So every byte of a
bundle is either a file's, whose hash the manifest has, or follows from the files. The standard library reads ZIP files
as they mostly are, and looks at half of these bytes.

::

    BadContainer (ValueError)     not such a file; the message names the place
"""

import re
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

MOST_BYTES = 0xFFFF_FFFE
"""Of a container: more would need ZIP64."""
MOST_FILES = 4096
_NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_HEAD = struct.Struct("<HHHHHIIIHH")
_FIXED = (20, 0, 0, 0, 33)  # version 2.0, no flags, stored, 0:00 on 1980-01-01, where the format's time begins
_ROOM = 1 << 20  # bytes kept free for the directory at the end


class BadContainer(ValueError):
    """Not a container in its one form."""


@dataclass(frozen=True, slots=True)
class _Entry:
    name: bytes
    size: int
    crc: int
    offset: int

    def local(self) -> bytes:
        return _LOCAL + self._head()

    def central(self) -> bytes:
        version, rest = struct.pack("<H", _FIXED[0]), struct.pack("<HHHII", 0, 0, 0, 0, self.offset)
        head = self._head()
        return _CENTRAL + version + head[: _HEAD.size] + rest + self.name

    def _head(self) -> bytes:
        return _HEAD.pack(*_FIXED, self.crc, self.size, self.size, len(self.name), 0) + self.name


class ContainerWriter:
    """Writes a container into an open file, one entry after another.

    Parameters
    ----------
    target : binary file
        Where to; it can seek, and is empty.
    """

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._entries: list[_Entry] = []

    def add(self, name: str, content: Iterable[bytes]) -> None:
        """Put in a file, given in pieces.

        Raises
        ------
        BadContainer
            When the container would become too large.
        """
        offset, size, crc = self._target.tell(), 0, 0
        self._target.write(_Entry(name.encode(), 0, 0, offset).local())
        for piece in content:
            size, crc = size + len(piece), zlib.crc32(piece, crc)
            if offset + size + _ROOM > MOST_BYTES:
                raise BadContainer("it would be larger than 4 GiB; expected a shorter period")
            self._target.write(piece)
        entry, end = _Entry(name.encode(), size, crc, offset), self._target.tell()
        self._target.seek(offset)
        self._target.write(entry.local())
        self._target.seek(end)
        self._entries.append(entry)

    def close(self) -> None:
        """Write the directory, which stands at the end."""
        self._target.write(_tail(self._entries, self._target.tell()))


def read_container(data: memoryview) -> tuple[dict[str, memoryview], list[str]]:
    """The files of a container, in their order, and what is wrong with its form.

    Parameters
    ----------
    data : memoryview
        The whole container; the files are views of it.

    Returns
    -------
    files : dict of str to memoryview
    problems : list of str
        Empty where the container is byte for byte what :class:`ContainerWriter` makes of these files.

    Raises
    ------
    BadContainer
        When the files cannot be told apart.
    """
    if len(data) > MOST_BYTES:
        raise BadContainer("it is larger than 4 GiB")
    files: dict[str, memoryview] = {}
    entries: list[_Entry] = []
    problems: list[str] = []
    at = 0
    while bytes(data[at : at + 4]) == _LOCAL:
        entry, content = _next(data, at)
        name, local = entry.name.decode(), entry.local()
        if name in files or len(files) == MOST_FILES:
            raise BadContainer(f"{name}: stands in it twice, or after {MOST_FILES} others")
        if bytes(data[at : at + len(local)]) != local:
            problems.append(f"{name}: its header is not the one that its content has")
        files[name] = content
        entries.append(entry)
        at += len(local) + len(content)
    tail = _tail(entries, at)
    if len(data) - at != len(tail) or bytes(data[at:]) != tail:
        problems.append(f"what follows the last file, from byte {at} on, is not the directory of these files")
    return files, problems


def _next(data: memoryview, at: int) -> tuple[_Entry, memoryview]:
    head = data[at + 4 : at + 4 + _HEAD.size]
    if len(head) < _HEAD.size:
        raise BadContainer(f"it ends in the header at byte {at}")
    *_, size, length, _extra = _HEAD.unpack(head)
    begin = at + 4 + _HEAD.size
    name = bytes(data[begin : begin + length])
    if not _NAME.fullmatch(name):
        raise BadContainer(f"the header at byte {at} has no name of a file")
    content = data[begin + length : begin + length + size]
    if len(content) < size:
        raise BadContainer(f"{name.decode()}: the container ends within it")
    return _Entry(name, size, zlib.crc32(content), at), content


def _tail(entries: Sequence[_Entry], at: int) -> bytes:
    directory = b"".join(e.central() for e in entries)
    return directory + _END + struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory), at, 0)
