"""What the documents name is what there is."""

import re
import subprocess
import sys
import typing
from pathlib import Path

import msgspec
import pytest

from stillcold_agent.config import load_config as load_agent_config
from stillcold_core.contract import batch, topics
from stillcold_core.contract.messages import MOST_STATUS, Status
from stillcold_core.contract.report import BusReport, GatewayReport
from stillcold_core.evidence.bundle.report import meanings
from stillcold_core.evidence.bundle.verify import REQUIRED
from stillcold_core.profiles import Profile, Register, load_profile, load_profile_file, profile_names
from stillcold_core.profiles.model import UNITS, WORDS, Serial
from stillcold_core.readings import Absence
from stillcold_core.registry import load_registry
from stillcold_server.alerts.channels import Channel
from stillcold_server.config import Config
from stillcold_server.config import load_config as load_server_config
from stillcold_server.detection.scan import scan_files
from stillcold_server.evidence.commands import evidence
from stillcold_server.language.texts import Language, load_texts
from stillcold_sim.fleet.model import load_fleet
from stillcold_sim.proxy.model import load_proxy
from stillcold_sim.scenario import load_scenario
from support.pages import blocks_of, files_of
from support.settings import documented_settings, settings_of

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
_TWINS = ("channels", "duty", "gateway-image", "installer", "ledger", "officer", "verification")


def text_of(name: str) -> str:
    """Text of a document."""
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.requirement("docs.server-config")
def test_every_setting_of_the_server_is_documented_with_its_default() -> None:
    """And the document names no other."""
    assert documented_settings(DOCS / "server-config.md") == settings_of(Config)


@pytest.mark.requirement("docs.channels")
@pytest.mark.parametrize("name", ["channels.md", "channels.zh-CN.md"])
def test_every_kind_of_channel_is_documented_with_what_delivered_means(name: str) -> None:
    """And the documents name no other."""
    kinds = {str(kind.__struct_config__.tag) for kind in typing.get_args(Channel)}
    table, _, rest = text_of(name).partition("```")
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == kinds
    assert [kind for kind in kinds - {"apprise", "webhook", "mail"} if f"`{kind}`" not in rest] == []


def rows_of(text: str) -> dict[str, str]:
    """First and second cell of the table rows that begin with a word in back quotes."""
    return dict(re.findall(r"^\| `([a-z0-9_-]+)` \| (.+?) \|", text, re.MULTILINE))


@pytest.mark.requirement("docs.profiles")
def test_every_profile_is_documented() -> None:
    """A row each, with title, kind, number of quantities and source, and no other row."""
    models, _, _ = text_of("profiles.md").partition("## The file")
    rows = re.findall(r"^\| `.+ \|$", models, re.MULTILINE)
    profiles = [load_profile(name) for name in profile_names()]
    assert rows == [f"| `{p.model}` | {p.title} | {p.kind} | {len(p.register)} | {p.source} |" for p in profiles]


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
    for limit in (batch.MAX_ENVELOPE, batch.MAX_PAYLOAD, batch.MAX_VALUES, MOST_STATUS):
        assert f"{limit:,}" in text
    assert f"at most {batch.MAX_POINTS}," in text
    assert batch.CONTENT_TYPE in text
    for struct in (Status, GatewayReport, BusReport):
        for field in msgspec.structs.fields(struct):
            assert f"`{field.name}`" in text, field.name


def test_links_between_documents_lead_somewhere() -> None:
    """Relative links to files of the tree, and to headings of the same page; of the READMEs too."""
    for document in [*ROOT.glob("README*.md"), *DOCS.rglob("*.md")]:
        text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        headings = {
            re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        }
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith("#"):
                assert target[1:] in headings, f"{document.name}: {target}"
            elif "://" not in target and not target.startswith("mailto:"):
                assert (document.parent / target.partition("#")[0]).exists(), f"{document.name}: {target}"


@pytest.mark.requirement("docs.try-it")
@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_commands_of_the_readme_are_targets(name: str) -> None:
    """Each `make` that it names is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


@pytest.mark.requirement("docs.two-languages")
@pytest.mark.parametrize("name", ["installer", "officer", "tester", "gateway-image", "channels", "verification"])
def test_a_page_has_the_same_commands_in_both_languages(name: str) -> None:
    """And the same files and output."""
    assert blocks_of(text_of(f"{name}.md")) == blocks_of(text_of(f"{name}.zh-CN.md"))
    assert blocks_of(text_of(f"{name}.md"))


@pytest.mark.requirement("docs.two-languages")
@pytest.mark.parametrize(
    "name", ["channels", "duty", "gateway-image", "installer", "ledger", "officer", "verification"]
)
def test_a_page_has_the_same_sections_and_rows_in_both_languages(name: str) -> None:
    """So that nothing is told in one language only."""
    shapes = [
        [line[0] for line in text_of(f"{name}{twin}.md").splitlines() if line.startswith(("#", "|"))]
        for twin in ("", ".zh-CN")
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.requirement("docs.two-languages")
def test_both_readmes_lead_to_the_same_documents() -> None:
    """To those in Chinese where there are any."""
    english, chinese = (
        set(re.findall(r"\]\(docs/([\w./-]+\.md)[)#]", (ROOT / name).read_text(encoding="utf-8")))
        for name in ("README.md", "README.zh-CN.md")
    )
    twins = {page.name for page in DOCS.glob("*.zh-CN.md")}
    assert {twin if (twin := page.replace(".md", ".zh-CN.md")) in twins else page for page in english} == chinese


@pytest.mark.requirement("docs.officer-words")
@pytest.mark.parametrize(("name", "language"), [("officer.md", "en"), ("officer.zh-CN.md", "zh")])
def test_the_officer_s_page_has_the_console_s_words(name: str, language: Language) -> None:
    """Of every kind of alert, every state of an alert and every condition of a line."""
    texts = load_texts()[language]
    words = {table: texts.group(table) for table in ("condition", "kind", "state", "alerts", "bar", "skipped")}
    text = text_of(name)
    named = [words["condition"][c] for c in ("dead", "live", "unknown")]
    named += [*words["kind"], *words["kind"].values(), *words["state"].values()]
    named += [
        words["alerts"]["acknowledge"],
        words["alerts"]["reset"],
        words["bar"]["quiet"],
        words["skipped"]["permit"],
    ]
    assert [word for word in named if word not in text] == []


@pytest.mark.requirement("docs.installer")
def test_the_installer_s_configuration_loads_and_every_absence_is_explained(tmp_path: Path) -> None:
    """A row each, with what to do."""
    (config,) = [b for b in blocks_of(text_of("installer.md")) if b.startswith("toml\ngateway = ")]
    (tmp_path / "agent.toml").write_text(config.removeprefix("toml\n"), encoding="utf-8")
    assert [d.point for d in load_agent_config(tmp_path / "agent.toml", enrolled=False).device] == [
        "kc-017-p1",
        "kc-017-p2",
    ]
    for page in ("installer.md", "installer.zh-CN.md"):
        assert set(rows_of(text_of(page))) == set(Absence)


@pytest.mark.requirement("docs.tester")
def test_the_tester_s_files_do_what_the_page_says(tmp_path: Path) -> None:
    """The scenarios load, and the scan finds one restart by the energy register."""
    files = files_of(text_of("tester.md"))
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert load_scenario(tmp_path / "mine.toml").file.meter
    assert load_profile_file(tmp_path / "my-meter.toml").by_quantity
    assert load_fleet(tmp_path / "fleet.toml").gateways
    assert load_proxy(tmp_path / "bad-network.toml").route
    assert load_server_config(tmp_path / "server.toml").mqtt.port
    measured = [tmp_path / "measured.csv"]
    assert scan_files(load_registry(tmp_path / "registry.toml"), measured, tmp_path / "alerts.jsonl").alerts == 1
    alert = msgspec.json.decode((tmp_path / "alerts.jsonl").read_bytes())
    for key in ("id", "kind", "reason"):
        assert f'"{key}": "{alert[key]}"' in text_of("tester.md")


@pytest.mark.requirement("docs.tester")
def test_the_tester_s_own_test_passes(tmp_path: Path) -> None:
    """By pytest in a process of its own, as a tester runs it."""
    (tmp_path / "test_mine.py").write_text(files_of(text_of("tester.md"))["test_mine.py"], encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "test_mine.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout


@pytest.mark.requirement("docs.evidence")
@pytest.mark.parametrize(("name", "language"), [("evidence.md", "en"), ("evidence.zh-CN.md", "zh")])
def test_the_page_on_evidence_says_of_each_item_what_the_verifier_says(name: str, language: str) -> None:
    """In the same words, both languages; and it names every file of a bundle."""
    text = text_of(name)
    rows = re.findall(r"^\| `([a-z]+)` \| (.+) \| (.+) \|$", text, re.MULTILINE)
    words = meanings(language)
    assert rows == [(item, said["proves"], said["not"]) for item, said in words.items() if item != "all"]
    assert [f for f in REQUIRED if f"`{f}`" not in text_of("evidence.md")] == []
    assert blocks_of(text) == blocks_of(text_of("evidence.md"))


@pytest.mark.requirement("docs.evidence")
def test_every_command_of_evidence_is_on_its_page() -> None:
    """With its options."""
    text = text_of("evidence.md")
    for name, command in evidence.commands.items():
        assert f"stillcold-server evidence {name}" in text
        for option in command.params:
            assert option.opts[0] in text, (name, option.opts)
