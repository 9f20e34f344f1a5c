"""What pages and scripts are made of, where only their source can show it."""

import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "server" / "console" / "src"


def code() -> dict[str, str]:
    """Text of each script, without comments."""
    found = {file.name: file.read_text(encoding="utf-8") for file in SCRIPTS.glob("*.ts")}
    assert len(found) > 8
    return {name: re.sub(r"/\*[\s\S]*?\*/|^\s*//.*$", "", text, flags=re.MULTILINE) for name, text in found.items()}


def lines_with(pattern: str) -> list[str]:
    """Lines of the scripts in which something stands."""
    return [line.strip() for text in code().values() for line in text.splitlines() if re.search(pattern, line)]


class Inputs(HTMLParser):
    """The fields and the handlers of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: list[dict[str, str | None]] = []
        self.handlers: list[str] = []
        self.feed(re.sub(r"\{[%#{].*?[%#}]\}", "", text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See :meth:`HTMLParser.handle_starttag`."""
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag == "input":
            self.fields.append(dict(attrs))


@pytest.mark.requirement("console.passwords")
def test_password_fields_are_masked_and_leave_pasting_alone() -> None:
    """And say which password they want, for whoever has a manager of passwords."""
    wanted = []
    for page in (files("stillcold_server.console") / "templates").iterdir():
        read = Inputs(page.read_text(encoding="utf-8"))
        assert read.handlers == [], page.name
        for field in read.fields:
            kept = str(field.get("autocomplete", ""))
            if "password" in kept or field.get("name") in ("password", "old", "new", "again"):
                assert field.get("type") == "password", (page.name, field)
                anothers = page.name == "handover.html"  # typed at somebody else's desk, whose browser keeps it not
                assert kept in ("current-password", "new-password") or anothers, (page.name, field)
                wanted.append(kept)
    assert wanted.count("current-password") >= 2
    assert wanted.count("new-password") >= 2
    assert lines_with(r"\b(paste|clipboard|beforeinput|contextmenu)\b") == []


@pytest.mark.requirement("console.scripts")
def test_scripts_write_no_markup_and_evaluate_nothing() -> None:
    """Text becomes text."""
    assert lines_with(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|javascript:") == []


@pytest.mark.requirement("console.scripts")
def test_scripts_copy_no_foreign_keys_into_objects() -> None:
    """So no prototype is changed by what a server, or somebody behind it, has said."""
    assert lines_with(r"Object\.(assign|fromEntries|defineProperty|setPrototypeOf)|__proto__|\.\.\.JSON\.parse") == []
    assert lines_with(r"\w\[[a-zA-Z_.]+\]\s*=[^=]") == []


@pytest.mark.requirement("console.scripts")
def test_scripts_keep_settings_in_the_browser_and_nothing_else() -> None:
    """Whether there is sound, which tab makes it, whether keys are on."""
    assert lines_with(r"sessionStorage|indexedDB|document\.cookie|caches\.") == []
    assert len(lines_with(r"setItem\(")) == 2
    kept = {key for text in code().values() for key in re.findall(r'\bkeep\("(\w+)"', text)}
    assert kept == {"loudness", "silence", "player"}
