"""The hunt for mutants: each one still applies, and a survivor is called one."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from support.named import unknown_tests

SCRIPT = Path(__file__).parents[1] / "tools" / "mutate_safety.py"
DEMANDED = {"signature", "dedup", "fsync at the gateway", "fsync at the server", "ACL"}


@pytest.fixture(scope="module")
def hunter() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("mutate_safety", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutate_safety"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.requirement("safety.mutants")
def test_every_mutant_applies_and_its_tests_are_there(hunter: ModuleType) -> None:
    """Whether they find it only the hunt itself tells: ``make mutate-safety``."""
    mutants = hunter.load()
    assert {m.name for m in mutants} > DEMANDED
    assert len({m.name for m in mutants}) == len(mutants)
    for mutant in mutants:
        assert hunter.mutated(mutant), mutant.name
        assert mutant.tests
        assert unknown_tests(mutant.tests) == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A program with a lock, a test that tries it, and one that does not."""
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "door.py").write_text("def opens(key):\n    return key == 'right'\n")
    lock, door = "assert not door.opens('wrong')", "assert door.opens('right')"
    tests = f"import door\n\ndef test_lock():\n    {lock}\n\ndef test_door():\n    {door}\n"
    (tmp_path / "test_door.py").write_text(tests)
    return tmp_path


@pytest.mark.slow
@pytest.mark.requirement("safety.mutants")
@pytest.mark.parametrize(
    ("old", "tests", "said"),
    [
        ("key == 'right'", ["test_door.py::test_lock"], ""),
        ("key == 'right'", ["test_door.py::test_door"], "SURVIVED test_door.py::test_door"),
        ("key == 'gone'", ["test_door.py::test_lock"], "stands 0 times in core/door.py"),
        ("e", ["test_door.py::test_lock"], "expected once"),
        ("key == 'right'", ["test_door.py::test_gone"], "its tests could not run"),
        ("return key == 'right'", ["test_door.py::test_lock"], "invalid syntax"),
    ],
)
def test_a_survivor_and_a_mutant_that_does_not_apply_are_told(
    hunter: ModuleType, tree: Path, old: str, tests: list[str], said: str
) -> None:
    """And the file is put back."""
    before = (tree / "core" / "door.py").read_text()
    new = "return return" if old.startswith("return") else "True"
    found = hunter.hunt(hunter.Mutant("lock", "core/door.py", old, new, tests), tree)
    assert said in found
    assert bool(found) == bool(said)
    assert (tree / "core" / "door.py").read_text() == before


@pytest.mark.requirement("safety.mutants")
def test_tests_that_are_red_or_skipped_without_a_mutant_find_none(hunter: ModuleType, tree: Path) -> None:
    """They would be red with it, too."""
    mutant = hunter.Mutant("lock", "core/door.py", "key", "True", ["test_door.py"])
    hunter.check_green([mutant], tree)
    for body in ("    assert False\n", "    import pytest\n    pytest.skip('no program')\n"):
        (tree / "test_door.py").write_text(f"def test_lock():\n{body}\ndef test_other():\n    pass\n")
        with pytest.raises(hunter.Unfit, match="not green without any mutant"):
            hunter.check_green([mutant], tree)


@pytest.mark.requirement("safety.mutants")
def test_a_name_that_no_mutant_has_is_told_before_anything_is_run(
    hunter: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as half of one with a space in it."""
    monkeypatch.delattr(hunter, "copied")
    assert hunter.main(["fsync", "ACL"]) == 2
    assert "no mutant is called 'fsync'; expected of 'signature', " in capsys.readouterr().out
