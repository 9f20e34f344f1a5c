"""For each detector a catch and a hard negative: ``python -m bench.detect.catches`` draws them into the documents."""

from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from bench.detect.plots import INK, OUR, PALETTE, save, style
from support.exercises import Exercise, exercise, joined

FOLDER = Path(__file__).parents[3] / "docs" / "figures" / "detection"


class Panel(NamedTuple):
    """A shipped scenario, whom to ask, and what to show of which points."""

    title: str
    detector: str
    scenario: str
    subject: str
    quantity: str
    points: tuple[str, ...]
    unit: str
    scale: float = 1.0


_KW = ("kW", 1e-3)
PAGES = {
    "restart": (
        Panel("catch: creep to 3 % in six hours", "restart", "creep-six-hours", "f2", "active_power", ("f2-p",), *_KW),
        Panel("nothing: lamps of a repair", "restart", "maintenance-light", "f2", "active_power", ("f2-p",), *_KW),
    ),
    "furnace": (
        Panel("catch: among a compressor, welders, an office", "furnace", "furnace-among-loads", "hall-p",
              "active_power", ("hall-p",), *_KW),
        Panel("nothing: a forging heater, all night", "furnace", "legal-forge-night", "forge-p", "active_power",
              ("forge-p",), *_KW),
    ),
    "power": (
        Panel("catch: power alone, once a minute", "furnace", "furnace-power-only", "hall-p", "active_power",
              ("hall-p",), *_KW),
        Panel("nothing: an oven, all day", "furnace", "legal-loads", "oven-p", "active_power", ("oven-p",),
              *_KW),
    ),
    "tamper-point": (
        Panel("catch: a frozen meter", "tamper.point", "tamper-frozen", "mf-p", "voltage_l1", ("mf-p",), "V"),
        Panel("nothing: a register that rolls over", "tamper.point", "after-roll-over", "f2-p", "active_energy_import",
              ("f2-p",), "MWh", 1e-6),
    ),
    "tamper-site": (
        Panel("catch: a bypassed feeder", "tamper.site", "tamper-ct-bypassed", "works", "active_power",
              ("in-p", "mf-p", "pump-p", "hall-p"), *_KW),
    ),
    "tamper-fleet": (
        Panel("catch: a line on a diesel set", "tamper.fleet", "tamper-genset", "fleet", "frequency",
              ("cut-p", "hall-p", "north-p"), "Hz"),
        Panel("nothing: the grid fails and returns", "tamper.fleet", "grid-outage", "fleet", "frequency", ("f1-p",),
              "Hz"),
    ),
}  # fmt: skip


def draw_panel(axis: Any, panel: Panel) -> None:
    """One story, with a line where each alert came."""
    played = exercise(panel.detector, panel.scenario, panel.subject)
    start = min(float(run.times[0]) for run in played.runs)
    for color, point in zip((INK, *PALETTE), panel.points, strict=False):
        hours, values = _series(played, point, panel.quantity)
        kept = ~np.isnan(values) & ((panel.quantity != "frequency") | (values > 0))
        axis.plot((hours[kept] - start) / 3600, values[kept] * panel.scale, color=color, linewidth=0.9, label=point)
    _, findings = played.judged(played.runs)
    for finding in {f.kind: f for f in reversed(findings) if f.ended is None}.values():
        axis.axvline((finding.detected - start) / 3600, color=OUR, linewidth=1.6, linestyle="--")
        where = ((finding.detected - start) / 3600, 1.0)
        axis.annotate(finding.kind, where, xycoords=("data", "axes fraction"), color=OUR, fontsize=7, rotation=90,
                      ha="right", va="top")  # fmt: skip
    axis.set(xlabel="h", ylabel=panel.unit, title=panel.title)
    axis.ticklabel_format(useOffset=False, axis="y")
    axis.title.set_fontsize(9)
    if len(panel.points) > 1:
        axis.legend(fontsize=7)


def _series(played: Exercise, point: str, quantity: str) -> tuple[Any, Any]:
    runs = [r for r in joined(played.runs) if r.point == point and quantity in r.columns]
    return np.concatenate([r.times for r in runs]), np.concatenate([r.columns[quantity] for r in runs])


def main() -> None:
    """Draw all of them."""
    style()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, panels in PAGES.items():
        figure, axes = plt.subplots(1, len(panels), figsize=(4.5 * len(panels), 2.7), squeeze=False)
        for axis, panel in zip(axes[0], panels, strict=True):
            draw_panel(axis, panel)
        save(figure, FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
