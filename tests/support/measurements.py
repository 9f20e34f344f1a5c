"""Measurements files, for tests."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from stillcold_core.readings import Absence, Sample


def write_csv(path: Path, samples: Sequence[Sample], names: Iterable[str]) -> Path:
    """A measurements file with some quantities of samples; absent ones are empty."""
    columns = list(names)
    lines = [",".join(["time", "point", *columns])]
    for s in samples:
        cells = ["" if isinstance(v := s.values.get(n, ""), Absence) else str(v) for n in columns]
        lines.append(",".join([str(s.time), s.point, *cells]))
    path.write_text("\n".join(lines) + "\n")
    return path
