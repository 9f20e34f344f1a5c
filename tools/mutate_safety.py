"""Take away, one at a time, what keeps the evidence safe: for each, the tests named beside it must turn red.

``python tools/mutate_safety.py ['NAME'…]``. The mutants are in mutants.toml. Each is made in a copy of the tree in a
temporary folder; the working tree is never touched. It fails when a mutant survives, when one does not apply any more
(its text stands no longer exactly once in its file), and when a test that is named is not green without any.
"""

import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
MUTANTS = Path(__file__).with_name("mutants.toml")
BUILT = Path("server/stillcold_server/console/static")  # git ignores it, and the web server does not start without
ROOMS = ("core", "agent", "server", "simulators")
_GREEN, _RED = 0, 1  # exit codes of pytest; others mean that it could not even run the tests
_AT_MOST = 600.0  # s for each test that is named; a mutant that hangs its tests is none that they find


class Mutant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A safety that is taken away.

    Attributes
    ----------
    name : str
        What is taken away.
    file : str
        Where.
    old, new : str
        The text that stands there, once, and what stands there instead.
    tests : list of str
        Node ids that must turn red, at least one of them.
    """

    name: str
    file: str
    old: str
    new: str
    tests: list[str]


class Unfit(Exception):
    """A mutant that cannot be made, or tests that could not find it."""


def load(path: Path = MUTANTS) -> list[Mutant]:
    """All mutants."""
    return msgspec.toml.decode(path.read_bytes(), type=dict[str, list[Mutant]])["mutant"]


def mutated(mutant: Mutant, root: Path = ROOT) -> str:
    """The text of its file with the safety taken away.

    Raises
    ------
    Unfit
        When it does not apply.
    """
    text = (root / mutant.file).read_text(encoding="utf-8")
    if (found := text.count(mutant.old)) != 1:
        raise Unfit(f"its text stands {found} times in {mutant.file}; expected once")
    changed = text.replace(mutant.old, mutant.new)
    if mutant.file.endswith(".py"):
        ast.parse(changed)
    return changed


@contextmanager
def copied(root: Path = ROOT) -> Iterator[Path]:
    """The tree without what git ignores, but with the built console, in a folder of its own."""
    command = [shutil.which("git") or "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="stillcold-mutants-") as folder:
        for name in filter(None, listed.decode().split("\0")):
            if (root / name).is_symlink() or (root / name).exists():
                target = Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, target, follow_symlinks=False)
        if (root / BUILT).exists():
            shutil.copytree(root / BUILT, Path(folder, BUILT))
        yield Path(folder)


def run(tests: Sequence[str], tree: Path) -> tuple[int, str]:
    """Exit code of pytest and the end of what it printed; the code under test is the tree's."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(tree / room) for room in ROOMS)}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # what is compiled of a mutant must not serve for the next one
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=line", *tests]
    seconds = _AT_MOST * len(tests)
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    return done.returncode, done.stdout[-2000:]


def check_green(mutants: Sequence[Mutant], tree: Path) -> None:
    """See that all tests that are named pass, none of them skipped, without any mutant.

    Raises
    ------
    Unfit
        When one does not.
    """
    code, said = run(sorted({test for mutant in mutants for test in mutant.tests}), tree)
    if code != _GREEN or " skipped" in said:
        raise Unfit(f"the tests are not green without any mutant:\n{said}")


def hunt(mutant: Mutant, tree: Path) -> str:
    """Make the mutant, run its tests, and put the file back; what is wrong, nothing where they have found it."""
    file = tree / mutant.file
    good = file.read_text(encoding="utf-8")
    try:
        file.write_text(mutated(mutant, tree), encoding="utf-8")
        code, said = run(mutant.tests, tree)
    except (Unfit, SyntaxError, OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        file.write_text(good, encoding="utf-8")
    if code == _GREEN:
        return f"SURVIVED {', '.join(mutant.tests)}"
    return "" if code == _RED else f"its tests could not run:\n{said}"


def main(names: Sequence[str]) -> int:
    """Hunt the mutants of these names, all by default; 1 where one was not found, 2 where there is none of a name."""
    known = {m.name: m for m in load()}
    if unknown := [name for name in names if name not in known]:
        print(f"no mutant is called {', '.join(map(repr, unknown))}; expected of {', '.join(map(repr, known))}")
        return 2
    mutants = [known[name] for name in names or known]
    wrong = 0
    with copied() as tree:
        try:
            check_green(mutants, tree)
        except Unfit as error:
            print(error)
            return 1
        for mutant in mutants:
            begun = time.monotonic()
            problem = hunt(mutant, tree)
            wrong += bool(problem)
            print(f"{'✗' if problem else '✓'} {mutant.name} ({time.monotonic() - begun:.0f} s) {problem}", flush=True)
    print(f"{len(mutants) - wrong} of {len(mutants)} mutants found")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
