"""Parts of the documents' pages."""

import re


def blocks_of(text: str) -> list[str]:
    """The fenced blocks of a page, with what was said of their language."""
    return re.findall(r"^```(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def files_of(text: str) -> dict[str, str]:
    """Blocks that stand below the name of a file, by that name."""
    found = re.findall(
        r"^`([a-z0-9_-]+\.[a-z]+)`[^\n]*\n(?:[^\n]+\n)*\n```[a-z]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
    )
    return dict(found)
