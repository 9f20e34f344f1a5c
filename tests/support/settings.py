"""Settings as code has them and as a document lists them, so that a test can hold the two together."""

import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

_ROW = re.compile(r"^\| (`[a-z_.]+`(?: \(`[a-z-]+`\))?) \| (.+?) \|", re.MULTILINE)


def documented_settings(document: Path) -> dict[str, str]:
    """Key and default of each table row that begins with a key in back quotes; ``key (kind)`` where a kind follows."""
    rows = [(key.replace("`", ""), default) for key, default in _ROW.findall(document.read_text(encoding="utf-8"))]
    assert len(dict(rows)) == len(rows), "a key is documented twice"
    return dict(rows)


def settings_of(struct: type[msgspec.Struct], prefix: str = "") -> dict[str, str]:
    """Dotted key and default of each setting, tables and arrays of tables included.

    Of tables that have a kind, a key is followed by the kind, unless it is ``id`` or the kind itself.
    """
    config, found = struct.__struct_config__, dict[str, str]()
    if config.tag_field:
        found[prefix + config.tag_field] = "required"
    for field in msgspec.structs.fields(struct):
        inner = list(_structs(field.type))
        for table in inner:
            found |= settings_of(table, f"{prefix}{field.name}.")
        if not inner:
            kind = f" ({config.tag})" if config.tag_field and field.name != "id" else ""
            found[prefix + field.encode_name + kind] = _default(field)
    return found


def _structs(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """The structs in an annotation: itself, a union's, a tuple's elements."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    elif typing.get_origin(kind) in {types.UnionType, typing.Union, tuple, list, typing.Annotated}:
        for part in typing.get_args(kind):
            yield from _structs(part)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    if field.default_factory is dict:
        return "none"
    match field.default:
        case None | ():
            return "none"
        case bool(value):
            return f"`{str(value).lower()}`"
        case str(value):
            return f'`"{value}"`'
        case value:
            return f"`{value:g}`"
