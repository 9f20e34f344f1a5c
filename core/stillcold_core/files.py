"""Files that people write: one loader for TOML, and errors that say where, what and what would be right.

::

    BadFile (ValueError)      a file, or a value in it, that cannot be used
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from stillcold_core.choices import choices

T = TypeVar("T")
Step = str | int
_AT = re.compile(r" - at `\$(.*)`$")
_UNKNOWN = re.compile(r"unknown field `([^`]+)`")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]")


class BadFile(ValueError):
    """A file, or a value in it, cannot be used.

    Parameters
    ----------
    file : path or str
        The file.
    expected : str
        What would be right.
    field : str
        Path of the field, e.g. ``site[0].longitude``; empty for the whole file.
    value : object
        What stands there; ``None`` when nothing does.
    line : int
        Line, counted from 1; 0 when unknown.
    """

    def __init__(
        self, file: Path | str, expected: str, *, field: str = "", value: object = None, line: int = 0
    ) -> None:
        self.file, self.expected, self.field, self.value, self.line = str(file), expected, field, value, line
        where = f"{file}:{line}" if line else str(file)
        got = "" if value is None else f"got {shorten(value)}; "
        super().__init__(": ".join(part for part in (where, field, got + expected) if part))


def shorten(value: object, limit: int = 60) -> str:
    """``repr`` of a value, cut to what fits a message."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def unreadable(path: Path, error: OSError) -> BadFile:
    """What is said of a file that cannot be read."""
    return BadFile(path, f"cannot be read ({error.strerror}); expected a readable file")


def read_text(path: Path) -> str:
    """Text of a UTF-8 file.

    Raises
    ------
    BadFile
        When it is missing, unreadable or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise BadFile(path, "expected a text file in UTF-8", line=line) from error
    except OSError as error:
        raise unreadable(path, error) from error


class TomlFile:
    """A TOML file in memory that can say on which line a field stands.

    Parameters
    ----------
    path : Path
        Where it lies.

    Raises
    ------
    BadFile
        When it cannot be read or is not TOML.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = read_text(path)
        try:
            self.data = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"\(at line (\d+)", str(error))
            line = int(found[1]) if found else len(self.text.splitlines())  # else it is the end of the document
            raise BadFile(path, f"not TOML: {error}", line=line) from error

    def convert(self, kind: type[T]) -> T:
        """The content as ``kind``, a :class:`msgspec.Struct`.

        Raises
        ------
        BadFile
            Naming line, field and value of the first thing that does not fit.
        """
        try:
            return msgspec.convert(self.data, kind)
        except msgspec.ValidationError as error:
            message = str(error)
            at, unknown = _AT.search(message), _UNKNOWN.search(message)
            steps = [*parse_path(at[1] if at else ""), *([unknown[1]] if unknown else [])]
            words = choices(kind, steps) if message.startswith("Invalid") else []
            expected = f"expected one of {', '.join(words)}" if words else _AT.sub("", message)
            raise self.bad(steps, expected) from error

    def bad(self, steps: Sequence[Step], expected: str) -> BadFile:
        """An error about the field at ``steps``, with its line and the value that stands there."""
        return BadFile(
            self.path, expected, field=format_path(steps), value=self.value(steps), line=find_line(self.text, steps)
        )

    def value(self, steps: Sequence[Step]) -> object:
        """What stands at ``steps``; None for a whole table or where nothing stands."""
        node: Any = self.data
        for step in steps:
            try:
                node = node[step]
            except (KeyError, IndexError, TypeError):
                return None
        return None if isinstance(node, dict) else node


def load_toml(path: Path, kind: type[T]) -> T:
    """Read a TOML file as a :class:`msgspec.Struct`.

    Raises
    ------
    BadFile
        Naming file, line, field and value of the first thing that does not fit.
    """
    return TomlFile(path).convert(kind)


def repeated(table: str, field: str, keys: Iterable[object]) -> Iterator[tuple[list[Step], str]]:
    """What is wrong in a table whose entries must differ in a field: path, and what would be right.

    Examples
    --------
    >>> list(repeated("site", "id", ["a", "b", "a"]))
    [(['site', 2, 'id'], 'must be unique; site[0] has it already')]
    """
    first: dict[object, int] = {}
    for i, key in enumerate(keys):
        if first.setdefault(key, i) != i:
            yield [table, i, field], f"must be unique; {table}[{first[key]}] has it already"


def parse_path(text: str) -> list[Step]:
    """Steps of a path as msgspec writes it.

    Examples
    --------
    >>> parse_path(".site[0].longitude")
    ['site', 0, 'longitude']
    """
    return [name or (0 if index == "..." else int(index)) for name, index in _STEP.findall(text)]


def format_path(steps: Sequence[Step]) -> str:
    """A path as people read it.

    Examples
    --------
    >>> format_path(["site", 0, "longitude"])
    'site[0].longitude'
    """
    return "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in steps).removeprefix(".")


def find_line(text: str, steps: Sequence[Step]) -> int:
    """Line of the field at ``steps`` in TOML text: its key, else the header of the table around it, else 0."""
    best, depth = 0, 0
    table: list[Step] = []
    seen: dict[tuple[Step, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _enter(header[2], header[1] == "[[", seen)
            reached = min(len(table), len(steps)) if list(steps[: len(table)]) == table[: len(steps)] else 0
        else:
            path = [*table, *_keys(line.split("=", 1)[0])] if "=" in line else []
            reached = len(path) if path == list(steps[: len(path)]) else 0
        if reached > depth:
            best, depth = number, reached
    return best


def _enter(name: str, is_array: bool, seen: dict[tuple[Step, ...], int]) -> list[Step]:
    """Path of the table that a header opens; ``seen`` counts the elements of each array of tables."""
    parts = _keys(name)
    path: list[Step] = []
    for part in parts[:-1]:
        path.append(part)
        if tuple(path) in seen:
            path.append(seen[tuple(path)])
    path.append(parts[-1])
    if is_array:
        seen[tuple(path)] = seen.get(tuple(path), -1) + 1
        path.append(seen[tuple(path)])
    return path


def _keys(dotted: str) -> list[str]:
    return [key.strip().strip("\"'") for key in dotted.split(".")]
