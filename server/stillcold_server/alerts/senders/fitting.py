"""Cutting a message to what a channel can carry: what, where, since when and the link first, then the rest."""

from collections.abc import Callable
from typing import Any

from stillcold_server.alerts.message import Message

Size = Callable[[str], int]


def utf8(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text.encode())


def fitted(message: Message, limit: int, size: Size = len) -> str:
    """Title and text of a message in at most ``limit`` of ``size``.

    Where all does not fit, the title and the link stay, the title cut if need be, then since when, and of the other
    lines those that have room, in their order.

    Examples
    --------
    >>> message = {"title": "Plant: restart", "text": "9 kW.\\nBegan: 3 h\\nhttps://x/1", "since": "3 h", "url": "https://x/1"}
    >>> fitted(message, 100)
    'Plant: restart\\n9 kW.\\nBegan: 3 h\\nhttps://x/1'
    >>> fitted(message, 40), fitted(message, 20)
    ('Plant: restart\\nBegan: 3 h\\nhttps://x/1', 'Plant: …\\nhttps://x/1')
    """
    whole = f"{message['title']}\n{message['text']}"
    if size(whole) <= limit:
        return whole
    first, *lines = whole.split("\n")
    link = message.get("url")
    kept = {i for i, line in enumerate(lines) if line == link and size(f"\n{line}") < limit}
    first = cut(first, limit - size(_joined("", lines, kept)), size)
    for i in _by_weight(lines, message):
        if size(_joined(first, lines, {*kept, i})) <= limit:
            kept.add(i)
    return _joined(first, lines, kept)


def _joined(first: str, lines: list[str], kept: set[int]) -> str:
    return "\n".join([first, *(lines[i] for i in sorted(kept))])


def _by_weight(lines: list[str], message: Message) -> list[int]:
    """Positions of the lines, the one that says since when before the others."""
    since = str(message.get("since") or "\n")
    return sorted(range(len(lines)), key=lambda i: (since not in lines[i], i))


def cut(text: str, limit: int, size: Size = len) -> str:
    """A text in at most ``limit`` of ``size``, with an ellipsis where something is missing.

    Examples
    --------
    >>> cut("炉子重新启动", 4), cut("炉子重新启动", 10, utf8)
    ('炉子重…', '炉子…')
    """
    if size(text) <= limit:
        return text
    while text and size(text + "…") > limit:
        text = text[:-1]
    return text + "…" if text else ""


def variable(message: Message, field: str, limit: int) -> str:
    """A field of a message as a template's variable: one line, cut, never empty, which providers refuse."""
    value: Any = message.get(field) or "-"
    return cut(" ".join(str(value).split()), limit)
