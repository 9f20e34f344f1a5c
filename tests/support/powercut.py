"""Power cuts: what a process wrote to a folder, and every state in which the disk may be found after it.

Between two syncs a disk may have taken any of the writes, in any order, and parts of them by sectors; a file's entry in
its folder is sure only when the folder was synced. A process that is killed shows nothing of this: its writes are in
the kernel's memory and arrive all the same.
"""

import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support.process import require_program

SECTOR = 512
_HEAD = struct.Struct("<qI")


@dataclass(frozen=True, slots=True)
class Op:
    """What was done to a file: ``W`` written, ``T`` truncated, ``S`` synced, ``U`` removed."""

    kind: str
    name: str
    at: int
    data: bytes


@dataclass(slots=True)
class _File:
    sure: bytearray = field(default_factory=bytearray)
    unsure: list[Op] = field(default_factory=list)
    named: bool = False
    """Whether its folder was synced since it was made."""


def build(folder: Path) -> Path:
    """The library that is loaded before the C library; compiled with gcc."""
    source, library = Path(__file__).with_name("powercut.c"), folder / "powercut.so"
    if not library.exists():
        gcc = require_program("gcc")
        subprocess.run([gcc, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"], check=True)
    return library


def run(library: Path, watched: Path, arguments: Sequence[str], *, log: Path | None = None, fail: str = "") -> str:
    """Run Python below the library; what it printed."""
    environment = {**os.environ, "LD_PRELOAD": str(library), "POWERCUT_FOLDER": str(watched)}
    environment |= {"POWERCUT_LOG": str(log)} if log else {}
    environment |= {"POWERCUT_FAIL": fail} if fail else {}
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def read_log(log: Path) -> list[Op]:
    """What was recorded, in order."""
    data, at, ops = log.read_bytes(), 0, []
    while at < len(data):
        kind, (named,) = chr(data[at]), struct.unpack_from("<I", data, at + 1)
        name = data[at + 5 : at + 5 + named].decode()
        at += 5 + named
        offset, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        ops.append(Op(kind, name, offset, data[at : at + length]))
        at += length
    return ops


def crashes(ops: Sequence[Op], points: Sequence[int], chance: random.Random) -> Iterator[tuple[int, dict[str, bytes]]]:
    """For each point, the files as they may be found when the power went after so many operations.

    Parameters
    ----------
    points : sequence of int
        In order.
    """
    files: dict[str, _File] = {}
    done = 0
    for point in points:
        for op in ops[done:point]:
            _apply(files, op)
        done = max(done, point)
        found = {name: _found(file, chance) for name, file in files.items() if file.named or chance.random() < 0.5}
        yield point, found


def _apply(files: dict[str, _File], op: Op) -> None:
    if op.kind == "S" and not op.name:
        for file in files.values():
            file.named = True
    elif op.kind == "S":
        file = files.setdefault(op.name, _File())
        for earlier in file.unsure:
            _write(file.sure, earlier)
        file.unsure.clear()
    elif op.kind == "U":
        files.pop(op.name, None)
    else:
        files.setdefault(op.name, _File()).unsure.append(op)


def _found(file: _File, chance: random.Random) -> bytes:
    content = bytearray(file.sure)
    taken = [op for op in file.unsure if chance.random() < 0.6]
    chance.shuffle(taken)
    for op in taken:
        for part in _torn(op, chance):
            _write(content, part)
    return bytes(content)


def _torn(op: Op, chance: random.Random) -> Iterator[Op]:
    """The whole write, or some sectors of it."""
    if op.kind == "T" or chance.random() < 0.5:
        yield op
        return
    for start in range(0, len(op.data), SECTOR):
        if chance.random() < 0.5:
            yield Op("W", op.name, op.at + start, op.data[start : start + SECTOR])


def _write(content: bytearray, op: Op) -> None:
    if op.kind == "T":
        del content[op.at :]
        content.extend(bytes(op.at - len(content)))
        return
    content.extend(bytes(max(op.at - len(content), 0)))
    content[op.at : op.at + len(op.data)] = op.data
