"""Tests by their ids, ``path::name``, as documents and lists of mutants name them."""

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def unknown_tests(ids: Iterable[str]) -> list[str]:
    """Those ids that no test has; a path alone stands for all tests of a file."""
    return [node for node in ids if not _exists(*node.partition("::")[::2])]


def _exists(path: str, name: str) -> bool:
    return name in _names(path) if name else bool(_names(path))


@cache
def _names(path: str) -> frozenset[str]:
    """Names of the test functions of a file."""
    file = ROOT / path
    if not path.startswith("tests/") or not file.is_file():
        return frozenset()
    names = [n.name for n in ast.walk(ast.parse(file.read_bytes())) if isinstance(n, _FUNCTION)]
    return frozenset(name for name in names if name.startswith("test_"))
