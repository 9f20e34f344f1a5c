"""What the documents name is what there is."""

import re
from pathlib import Path

import msgspec
import pytest

from stillcold_core.contract import batch, topics
from stillcold_core.profiles import Profile, Register, load_profile, profile_names
from stillcold_core.profiles.model import UNITS, WORDS, Serial
from stillcold_core.readings import Absence
from stillcold_server.config import Config
from support.settings import documented_settings, settings_of

DOCS = Path(__file__).parents[1] / "docs"


def text_of(name: str) -> str:
    """Text of a document."""
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.requirement("docs.server-config")
def test_every_setting_of_the_server_is_documented_with_its_default() -> None:
    """And the document names no other."""
    assert documented_settings(DOCS / "server-config.md") == settings_of(Config)


def rows_of(text: str) -> dict[str, str]:
    """First and second cell of the table rows that begin with a word in back quotes."""
    return dict(re.findall(r"^\| `([a-z0-9_-]+)` \| (.+?) \|", text, re.MULTILINE))


@pytest.mark.requirement("docs.profiles")
def test_every_profile_is_documented() -> None:
    """A row each, with its title, and no other row."""
    models, _, _ = text_of("profiles.md").partition("## The file")
    assert rows_of(models) == {name: load_profile(name).title for name in profile_names()}


@pytest.mark.requirement("docs.profiles")
def test_every_field_of_a_profile_is_documented() -> None:
    """Of the file, of a register and of the serial settings; every unit and type."""
    _, _, text = text_of("profiles.md").partition("## The file")
    fields = {f.name for struct in (Profile, Register, Serial) for f in msgspec.structs.fields(struct)}
    assert set(rows_of(text)) == fields - {"version"}
    for word in [*UNITS, *WORDS]:
        assert f"`{word}`" in text


@pytest.mark.requirement("docs.wire")
def test_the_wire_s_topics_causes_and_limits_are_documented() -> None:
    """In numbers that a stranger can use."""
    text = text_of("wire.md")
    for topic in (topics.batch_topic, topics.ack_topic, topics.status_topic):
        assert f"`{topic('<gateway>')}`" in text
    for number, cause in enumerate(batch.CAUSES, 1):
        assert f"| {number} | `{cause.value}` |" in text
    assert len(batch.CAUSES) == len(Absence)
    for limit in (batch.MAX_ENVELOPE, batch.MAX_PAYLOAD, batch.MAX_VALUES):
        assert f"{limit:,}" in text
    assert f"at most {batch.MAX_POINTS}," in text
    assert batch.CONTENT_TYPE in text


def test_links_between_documents_lead_somewhere() -> None:
    """Relative links to files of the tree, and to headings of the same page."""
    for document in DOCS.rglob("*.md"):
        text = document.read_text(encoding="utf-8")
        headings = {
            re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        }
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith("#"):
                assert target[1:] in headings, f"{document.name}: {target}"
            elif "://" not in target and not target.startswith("mailto:"):
                assert (document.parent / target.partition("#")[0]).exists(), f"{document.name}: {target}"
