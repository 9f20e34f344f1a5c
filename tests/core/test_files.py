"""Files that people write: what is wrong is said with file, line, field, value and what would be right."""

from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from stillcold_core.files import BadFile, TomlFile, find_line, format_path, load_toml, parse_path, read_text, shorten


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    """A table in an array of tables."""

    id: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 1
    tags: tuple[str, ...] = ()


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    """A whole file."""

    name: str
    limit: float = 1.0
    table: Inner | None = None
    item: tuple[Inner, ...] = ()


GOOD = """\
# a comment
name = "x"

[table]
id = "t"

[[item]]
id = "a"

[[item]]
id = "b"
port = 502
tags = ["p", "q"]
"""


def write(folder: Path, text: str) -> Path:
    """A file with that text."""
    file = folder / "f.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_good_file_is_read(tmp_path: Path) -> None:
    """Into the types that were asked for."""
    assert load_toml(write(tmp_path, GOOD), Outer) == Outer(
        "x", table=Inner("t"), item=(Inner("a"), Inner("b", 502, ("p", "q")))
    )


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    """Windows editors write one."""
    file = tmp_path / "f.toml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_toml(file, Outer).name == "x"


@pytest.mark.requirement("files.error-names-its-place")
@pytest.mark.parametrize(
    ("old", "new", "line", "field", "value", "expected"),
    [
        ('name = "x"', "name = 5", 2, "name", 5, "Expected `str`, got `int`"),
        ('name = "x"', 'nome = "x"', 2, "nome", "x", "unknown field `nome`"),
        ('id = "t"', "", 4, "table", None, "missing required field `id`"),
        ("port = 502", "port = 70000", 12, "item[1].port", 70000, "<= 65535"),
        ("port = 502", "prot = 502", 12, "item[1].prot", 502, "unknown field `prot`"),
        ('tags = ["p", "q"]', 'tags = ["p", 3]', 13, "item[1].tags[1]", 3, "Expected `str`"),
        ('tags = ["p", "q"]', 'tags = [\n  "p",\n  3,\n]', 13, "item[1].tags[1]", 3, "Expected `str`"),
        ('id = "b"', "id = true", 11, "item[1].id", True, "Expected `str`"),
        ('[table]\nid = "t"', "table.id = 7", 4, "table.id", 7, "Expected `str`"),
        ('[table]\nid = "t"', '"table" = { id = 7 }', 4, "table.id", 7, "Expected `str`"),
    ],
)
def test_a_wrong_value_is_found_on_its_line(
    tmp_path: Path, old: str, new: str, line: int, field: str, value: object, expected: str
) -> None:
    """In tables, arrays of tables, dotted keys, inline tables and arrays over several lines."""
    assert old in GOOD
    file = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(BadFile) as refused:
        load_toml(file, Outer)
    error = refused.value
    assert (error.file, error.line, error.field, error.value) == (str(file), line, field, value)
    assert expected in error.expected
    assert str(error).startswith(f"{file}:{line}: {field}: ")


def test_what_is_not_toml_names_the_line(tmp_path: Path) -> None:
    """With the parser's own words."""
    with pytest.raises(BadFile) as refused:
        TomlFile(write(tmp_path, 'name = "x"\nlimit = = 3\n'))
    assert refused.value.line == 2
    assert "not TOML" in str(refused.value)


def test_a_key_twice_is_refused(tmp_path: Path) -> None:
    """TOML forbids it; so do we."""
    with pytest.raises(BadFile, match="not TOML"):
        TomlFile(write(tmp_path, "a = 1\na = 2\n"))


def test_what_is_not_utf_8_names_the_line(tmp_path: Path) -> None:
    """A file in GBK is a common one."""
    file = tmp_path / "f.toml"
    file.write_bytes(b'name = "a"\nother = "' + "铸造".encode("gbk") + b'"\n')
    with pytest.raises(BadFile, match="UTF-8") as refused:
        TomlFile(file)
    assert refused.value.line == 2


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    """With the system's reason."""
    with pytest.raises(BadFile, match="No such file"):
        read_text(tmp_path / "nothing")
    with pytest.raises(BadFile, match="Is a directory"):
        read_text(tmp_path)


def test_a_long_value_is_shortened() -> None:
    """A message stays readable."""
    assert len(shorten("x" * 10_000)) == 60
    assert shorten("short") == "'short'"


@given(
    st.lists(st.from_regex(r"[a-z_]{1,8}", fullmatch=True) | st.integers(0, 99), min_size=1).filter(
        lambda steps: isinstance(steps[0], str)
    )
)
def test_paths_are_written_as_they_are_read(steps: list[str | int]) -> None:
    """``parse_path`` undoes ``format_path``."""
    assert parse_path("." + format_path(steps)) == steps


@given(st.text(alphabet="abc=[].\"' \n#", max_size=200), st.lists(st.sampled_from(["a", "b", 0, 1]), max_size=4))
def test_any_text_has_a_line_or_none(text: str, steps: list[str | int]) -> None:
    """Looking for a line never fails, whatever the text."""
    assert 0 <= find_line(text, steps) <= text.count("\n") + 1
