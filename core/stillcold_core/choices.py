"""What a field of a file may hold, where that is one of a few words."""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import inspect


def choices(kind: type, steps: Sequence[str | int]) -> list[str]:
    """The words that fit at a path in a structure, sorted; none where it takes more than words.

    Parameters
    ----------
    kind : type
        A :class:`msgspec.Struct`.
    steps : sequence of str or int
        Path to the field.

    Examples
    --------
    >>> from stillcold_core.registry import Registry
    >>> choices(Registry, ["line", 0, "state"])
    ['permitted', 'sealed']
    """
    nodes = [inspect.type_info(kind)]
    for i, step in enumerate(steps):
        last = i == len(steps) - 1
        tags = [n.tag for n in _flat(nodes) if isinstance(n, inspect.StructType) and last and n.tag_field == step]
        if tags:
            return sorted(str(tag) for tag in tags)
        nodes = [inner for node in _flat(nodes) for inner in _inside(node, step)]
    return sorted(str(w) for node in _flat(nodes) if isinstance(node, inspect.LiteralType) for w in node.values)


def _flat(nodes: Sequence[Any]) -> Iterator[Any]:
    for node in nodes:
        if isinstance(node, inspect.UnionType):
            yield from _flat(node.types)
        elif isinstance(node, inspect.Metadata):
            yield from _flat([node.type])
        else:
            yield node


def _inside(node: Any, step: str | int) -> Iterator[Any]:
    match node:
        case inspect.StructType():
            yield from (field.type for field in node.fields if field.encode_name == step)
        case inspect.ListType() | inspect.VarTupleType():
            yield node.item_type
        case inspect.DictType():
            yield node.value_type
