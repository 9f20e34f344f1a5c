"""Words in each language, by key."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, get_args

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
_NAMES = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Texts:
    """Words of one language; call it with a key such as ``"alerts.title"``.

    Attributes
    ----------
    language : "zh" or "en"
        Which.
    words : mapping of str to str
        By key.
    """

    language: Language
    words: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The words of a key with values put in.

        Raises
        ------
        KeyError
            When the key or a value that its words need is missing.
        """
        text = self.words[key]
        return text.format(**values) if values else text

    def known(self, key: str, otherwise: str, **values: object) -> str:
        """The words of a key that comes from data; ``otherwise`` where there are none, or a value is missing."""
        try:
            return self(key, **values)
        except KeyError:
            return otherwise

    def fitting(self, key: str, values: Mapping[str, object]) -> str | None:
        """Of a sentence and its variants (``key+…``) the one that says most of the values that are there, with them.

        Examples
        --------
        >>> texts = Texts("en", {"what.x": "Warm.", "what.x+two": "{a} and {b} K.", "what.x+one": "{a} K."})
        >>> texts.fitting("what.x", {"a": 3}), texts.fitting("what.x", {}), texts.fitting("what.y", {})
        ('3 K.', 'Warm.', None)
        """
        known = {k: set(_NAMES.findall(v)) for k, v in self.words.items() if k.partition("+")[0] == key}
        fit = [k for k, names in known.items() if names <= values.keys()]
        return self(max(fit, key=lambda k: (len(known[k]), k)), **values) if fit else None

    def group(self, prefix: str) -> dict[str, str]:
        """All words under a prefix, by the rest of their key."""
        return {k.removeprefix(f"{prefix}."): v for k, v in self.words.items() if k.startswith(f"{prefix}.")}


def load_texts() -> dict[Language, Texts]:
    """Every language."""
    return {language: Texts(language, _flat(_read(language))) for language in LANGUAGES}


def _read(language: Language) -> dict[str, Any]:
    """The tables of all files of a language; a table stands in one of them."""
    tables: dict[str, Any] = {}
    for file in files(__package__).joinpath("locales", language).iterdir():
        read = tomllib.loads(file.read_text(encoding="utf-8"))
        if twice := tables.keys() & read.keys():
            raise ValueError(f"{language}/{file.name}: {', '.join(sorted(twice))} stands in another file too")
        tables |= read
    return tables


def _flat(tables: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {f"{table}.{key}": text for table, words in tables.items() for key, text in words.items()}
