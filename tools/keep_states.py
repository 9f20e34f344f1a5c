"""Write states of the detectors in mid-stream into tests/core/states, for the versions that have none there yet."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.exercises import EXERCISES, exercise  # noqa: E402


def main() -> None:
    """One file an exercise: the state after the run in which something was found first."""
    folder = ROOT / "tests" / "core" / "states"
    folder.mkdir(exist_ok=True)
    current = set()
    for name in EXERCISES:
        played = exercise(*name)
        detector, state = played.subject.detector, played.subject.detector.begin()
        file = folder / f"{detector.name}-v{detector.version}-{played.scenario}.msgpack"
        current.add(file)
        for run in played.runs:
            state, findings = detector.advance(played.subject.watched, state, run)
            if findings:
                break
        if not file.exists():
            file.write_bytes(detector.save(state))
            print(file.relative_to(ROOT))
    for old in set(folder.glob("*.msgpack")) - current:
        old.unlink()
        print("removed", old.relative_to(ROOT))


if __name__ == "__main__":
    main()
