"""What is wrong in a file, which programs say in English, in another language: by the template that it was made of."""

import re
from functools import cache

from stillcold_server.language.texts import Texts, load_texts

_HOLE = re.compile(r"\\\{(\w+)\\\}")


def expected(sentence: str, texts: Texts) -> str:
    """An English sentence in a language, by the template of ``expected`` that it fits; itself where none does.

    Examples
    --------
    >>> chinese = load_texts()["zh"]
    >>> expected("expected at most 8 rows", chinese), expected("not so", chinese)
    ('最多 8 行', 'not so')
    """
    found = ((key, pattern.fullmatch(sentence)) for key, pattern in _patterns())
    return next((texts(f"expected.{key}", **fits.groupdict()) for key, fits in found if fits), sentence)


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """The English templates, those first that say most themselves."""
    t = load_texts()["en"]
    templates = {key: re.escape(text) for key, text in t.group("expected").items()}
    longest = sorted(templates, key=lambda key: -len(_HOLE.sub("", templates[key])))
    return [(key, re.compile(_HOLE.sub(r"(?P<\1>.*)", templates[key]), re.DOTALL)) for key in longest]
