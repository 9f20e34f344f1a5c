"""The whole way with commands: roots, export, checkpoint, and the verifier's program."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from stillcold_core.evidence.bundle.cli import main as verify
from stillcold_core.evidence.bundle.report import meanings
from stillcold_core.evidence.bundle.trust import load_trust
from stillcold_core.evidence.note import open_checkpoint
from stillcold_core.profiles import decode
from stillcold_core.readings import Absence
from stillcold_core.registry import Registry, load_registry
from stillcold_server.cli import main
from stillcold_server.detection.scan import scan_files
from support.database import database_line
from support.evidence import PROFILE, minute, store
from support.gateway import DEAD, SignedGateway, steady
from support.story import START, feed, restart_story
from support.tampering import files_of

PERIOD = ("--line", "f1", "--from", "2027-01-15T08:01:00Z", "--to", "2027-01-15T16:08:00+08:00")


@pytest.fixture
def folder(engine: Engine, plant: Registry, gateway: SignedGateway, tmp_path: Path) -> Path:
    """A server's folder, with ten minutes of a gateway."""
    (tmp_path / "server.toml").write_text(database_line(engine), encoding="utf-8")
    for i in range(10):
        store(engine, gateway, [minute(gateway, i)])
    return tmp_path


def server(folder: Path, *words: str) -> tuple[int, str]:
    """Exit code and output of ``stillcold-server evidence``."""
    done = CliRunner().invoke(main, ["evidence", *words, "--config", str(folder / "server.toml")])
    return done.exit_code, done.output


def export(folder: Path, *words: str) -> tuple[int, str]:
    """Of minutes 1 to 8, unless told otherwise."""
    return server(folder, "export", *PERIOD, "--out", str(folder / "bundle.zip"), *words)


@pytest.mark.requirement("evidence.commands")
def test_roots_export_verify(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roots = folder / "roots.json"
    code, said = export(folder)
    assert (code, said) == (
        1,
        f"Error: there is no key {folder}/evidence.key: run `stillcold-server evidence roots` first\n",
    )
    assert server(folder, "roots", "--out", str(roots))[0] == 0
    assert stat.S_IMODE((folder / "evidence.key").stat().st_mode) == 0o600
    before = roots.read_bytes()
    assert server(folder, "roots", "--out", str(roots))[0] == 0
    assert roots.read_bytes() == before
    assert export(folder) == (0, f"10 batches written to {folder}/bundle.zip\n")
    assert verify([str(folder / "bundle.zip"), "--trust", str(roots)]) == 0
    text = capsys.readouterr().out
    for item in meanings("en"):
        assert f" {item}: " in text or item in ("all", "statement"), item
    assert text.splitlines()[-1].startswith("PASS   Nothing failed.")
    assert verify([str(folder / "bundle.zip"), "--trust", str(roots), "--language", "zh"]) == 0
    assert "现场核实之前，告警只是线索" in capsys.readouterr().out


@pytest.mark.requirement("evidence.commands")
def test_a_changed_bundle_ends_with_1_and_names_the_item(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roots, bundle = folder / "roots.json", folder / "bundle.zip"
    server(folder, "roots", "--out", str(roots))
    export(folder)
    bundle.write_bytes(bundle.read_bytes().replace(b"kc-017", b"kc-018"))
    assert verify([str(bundle), "--trust", str(roots), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    found = {item["name"]: item["problems"] for item in report["items"] if item["verdict"] == "FAIL"}
    assert not report["good"]
    assert found["files"] == ["registry.toml: is not the file whose hash is signed"]


@pytest.mark.requirement("evidence.commands")
def test_a_checkpoint_is_the_log_s_size_now(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And a bundle that is exported since it shows that the log goes on from there."""
    server(folder, "roots", "--out", str(folder / "roots.json"))
    code, said = server(folder, "checkpoint")
    assert code == 0
    assert open_checkpoint(said.encode(), load_trust(folder / "roots.json").logs).size == 10
    kept = folder / "kept.txt"
    kept.write_text(said, encoding="utf-8")
    assert export(folder, "--since", str(kept))[0] == 0
    words = [str(folder / "bundle.zip"), "--trust", str(folder / "roots.json"), "--checkpoint", str(kept)]
    assert verify(words) == 0
    assert "PASS   earlier: the log goes on from its first 10 entries" in capsys.readouterr().out
    kept.write_text(said.replace("10", "11"), encoding="utf-8")
    assert verify(words) == 2
    assert f"{kept}: expected a checkpoint of a trusted log" in capsys.readouterr().err
    assert server(folder, "export", "--since", str(kept), *PERIOD, "--out", str(folder / "other.zip"))[0] == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--line", "f9"], "there is no line f9 in the registry"),
        (["--from", "yesterday"], "got 'yesterday'; expected ISO 8601"),
        (["--to", "2020-01-01T00:00:00Z"], "expected --to to be later than --from"),
        (["--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z"], "no samples of f1 are stored"),
        (["--out", "/nowhere/bundle.zip"], "/nowhere/bundle.zip: cannot be written"),
    ],
)
def test_what_cannot_be_exported_is_said(folder: Path, words: list[str], expected: str) -> None:
    server(folder, "roots", "--out", str(folder / "roots.json"))
    code, said = export(folder, *words)
    assert code in (1, 2)
    assert expected in " ".join(said.split())
    assert not list(folder.glob("bundle.zip*"))


def test_an_export_that_fails_leaves_the_bundle_that_was_there(folder: Path) -> None:
    server(folder, "roots", "--out", str(folder / "roots.json"))
    assert export(folder)[0] == 0
    before = (folder / "bundle.zip").read_bytes()
    assert export(folder, "--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z")[0] == 1
    assert (folder / "bundle.zip").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "expected the lists authorities and logs in JSON"),
        ('{"authorities": [], "logs": []}', "logs: expected the key of at least one log"),
        ('{"authorities": ["x"], "logs": []}', "authorities[0]: got 'x'; expected a certificate in PEM"),
        ('{"authorities": [], "logs": ["x"]}', "logs[0]: got 'x'; expected <name>+"),
    ],
)
def test_roots_that_are_none_are_named(
    folder: Path, content: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    roots = folder / "roots.json"
    roots.write_text(content)
    assert verify([str(folder / "server.db"), "--trust", str(roots)]) == 2
    assert expected in capsys.readouterr().err


def test_a_bundle_that_is_not_there_or_is_empty(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server(folder, "roots", "--out", str(folder / "roots.json"))
    assert verify([str(folder / "none.zip"), "--trust", str(folder / "roots.json")]) == 2
    assert f"{folder}/none.zip: cannot be read" in capsys.readouterr().err
    (folder / "empty.zip").touch()
    assert verify([str(folder / "empty.zip"), "--trust", str(folder / "roots.json")]) == 1


@pytest.mark.requirement("evidence.readings")
def test_the_readings_of_a_bundle_that_has_passed_are_tables(folder: Path) -> None:
    """With the words beside the values, and why a reading is missing; not of a bundle that fails."""
    roots, bundle, tables = folder / "roots.json", folder / "bundle.zip", folder / "tables"
    server(folder, "roots", "--out", str(roots))
    export(folder)
    words = ["--trust", str(roots), "--readings", str(tables)]
    assert verify([str(bundle), *words]) == 0
    values, raw = ((tables / f"{name}.csv").read_text().splitlines() for name in ("values", "words"))
    names = values[0].split(",")
    assert len(values) == len(raw) == 31
    first = dict(zip(names, values[1].split(","), strict=True))
    kept = dict(zip(raw[0].split(","), raw[1].split(","), strict=True))
    register = PROFILE.register_of("active_energy_import")
    shown = decode(PROFILE, register, [int(word, 16) for word in kept["words"].split()])
    assert first["time"] == kept["time"] == "2027-01-15T08:00:00.000Z"
    assert float(first["active_energy_import"]) == float(kept["value"]) == shown
    assert (tables / "missing.csv").read_text() == "time,point,quantity,cause\n"
    bundle.write_bytes(bundle.read_bytes()[:-1])
    assert verify([str(bundle), "--trust", str(roots), "--readings", str(folder / "none")]) == 1
    assert not (folder / "none").exists()


@pytest.mark.requirement("evidence.readings")
def test_whoever_has_a_bundle_can_judge_its_readings_again(
    engine: Engine, plant: Registry, gateway: SignedGateway, tmp_path: Path
) -> None:
    """A scan of its readings by its registry gives the alerts that it tells of."""
    (tmp_path / "server.toml").write_text(database_line(engine), encoding="utf-8")
    gap = {**DEAD, "active_power": Absence.TIMEOUT}
    others = steady(DEAD, start=START - 60, count=60, point="p2")  # of another line
    feed(engine, gateway, [*others, *steady(gap, start=START - 60, count=60), *restart_story()])
    roots, bundle, tables = tmp_path / "roots.json", tmp_path / "bundle.zip", tmp_path / "tables"
    server(tmp_path, "roots", "--out", str(roots))
    assert export(tmp_path, "--from", "2027-01-15T07:59:00Z")[0] == 0
    assert verify([str(bundle), "--trust", str(roots), "--readings", str(tables)]) == 0
    files = files_of(bundle.read_bytes())
    (tmp_path / "registry.toml").write_bytes(files["registry.toml"])
    found = tmp_path / "alerts.jsonl"
    scan_files(load_registry(tmp_path / "registry.toml"), [tables / "values.csv"], found)
    told = {alert["id"] for alert in json.loads(files["alerts.json"])}
    assert told
    assert {json.loads(line)["id"] for line in found.read_text().splitlines()} == told
    missing = (tables / "missing.csv").read_text().splitlines()
    assert (len(missing), missing[1]) == (61, "2027-01-15T07:59:00.000Z,p1,active_power,timeout")
