"""The benchmark's page of plots."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from bench.detect.cold import WITHIN
from bench.detect.tables import GROUPS, Found, compared, large, ours
from bench.detect.trace import OURS, YEAR, Trace

INK, OUR = "#7a7a7a", "#d1495b"  # readable on white and on dark
PALETTE = ("#3a86c8", "#e0a030", "#4caf7a", "#9a6fd0", "#c76f9a", "#7fa8a8")


def style() -> None:
    """Transparent, in middle tones, so that white and dark pages show it alike; the same bytes each time."""
    mpl.rcParams.update({
        "figure.facecolor": "none", "axes.facecolor": "none", "savefig.transparent": True, "svg.hashsalt": "stillcold",
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
        "axes.spines.top": False, "axes.spines.right": False, "font.size": 9, "legend.frameon": False,
        "axes.grid": True, "grid.color": INK, "grid.alpha": 0.2, "figure.dpi": 110,
    })  # fmt: skip


def save(figure: Any, path: Path) -> None:
    """As PNG without a date."""
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def draw(found: Found, speed: Mapping[str, float], folder: Path) -> None:
    """All plots of the benchmark."""
    style()
    _curves(found["main"], folder / "curves.png")
    _delays(found["main"], folder / "delays.png")
    _cold(found["cold"], folder / "cold-start.png")
    _speed(speed, folder / "throughput.png")


def _curves(traces: Sequence[Trace], path: Path) -> None:
    figure, axes = plt.subplots(1, len(GROUPS), figsize=(10, 3.6), sharey=True)
    for axis, (group, meter) in zip(axes, GROUPS.items(), strict=True):
        test = [t for t in compared(traces, meter) if t.split == "test"]
        judges = list(dict.fromkeys(t.judge for t in test))
        for i, judge in enumerate(judges):
            rates, recalls = curve([t for t in test if t.judge == judge])
            color, width = (OUR, 2.4) if judge == OURS else (PALETTE[(i - 1) % len(PALETTE)], 1.2)
            axis.step(rates, recalls, where="post", color=color, linewidth=width, label=judge)
        axis.set(xscale="symlog", xlabel="false alerts a meter-year", title=group, ylim=(-0.02, 1.04), xlim=(0, 366))
        axis.title.set_fontsize(9)
        axis.set_xscale("symlog", linthresh=1)
    axes[0].set_ylabel("found within two heats")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncol=4, fontsize=8)
    figure.tight_layout(rect=(0, 0.13, 1, 1))
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def curve(traces: Sequence[Trace]) -> tuple[list[float], list[float]]:
    """False alerts a meter-year, and share found within two heats, as the threshold falls."""
    hidden, years = [t for t in traces if large(t)], sum(t.days for t in traces) / YEAR
    scores = {s for t in traces for s in t.honest} | {s for t in traces for _, s in t.rise}
    tried = sorted(scores - {float("-inf")}, reverse=True)
    tried = tried[:: max(1, len(tried) // 400)] + tried[-1:]
    points = [(0.0, 0.0)] + [
        (sum(t.false(s) for t in traces) / years, sum(t.within(s, 2) for t in hidden) / max(1, len(hidden)))
        for s in tried
    ]
    return [x for x, _ in points], [y for _, y in points]


def _delays(traces: Sequence[Trace], path: Path) -> None:
    mine = [t for t in ours(traces) if t.split == "test" and large(t)]
    meters = list(dict.fromkeys(t.meter for t in mine))
    figure, axis = plt.subplots(figsize=(7, 3.4))
    for i, meter in enumerate(meters):
        of_one = [t for t in mine if t.meter == meter]
        delays = sorted(d / 60 for t in of_one if (d := t.delay(1.0)) is not None)
        shares = np.arange(1, len(delays) + 1) / len(of_one)
        line = "-" if i < 6 else "--"
        axis.step([0.0, *delays], [0.0, *shares], where="post", color=PALETTE[i % 6], linestyle=line, label=meter)
    axis.set(xlabel="minutes since the furnace was lit", ylabel="share found", xlim=(0, 480), ylim=(0, 1.03))
    axis.legend(fontsize=8, loc="lower right")
    save(figure, path)


def _cold(traces: Sequence[Trace], path: Path) -> None:
    groups = list(dict.fromkeys((t.family, t.meter) for t in traces))
    figure, axis = plt.subplots(figsize=(7, 3.0))
    for i, (name, limit) in enumerate(WITHIN.items()):
        shares = []
        for group in groups:
            delays = [t.delay(1.0) for t in traces if (t.family, t.meter) == group]
            shares.append(sum(d is not None and d <= limit for d in delays) / len(delays))
        axis.bar(np.arange(len(groups)) + 0.27 * (i - 1), shares, 0.25, color=PALETTE[i], label=f"within {name}")
    axis.set_xticks(range(len(groups)), [f"{f}\n{m}" for f, m in groups], fontsize=8)
    axis.set(ylabel="share found", ylim=(0, 1.15))
    axis.legend(fontsize=8, ncol=3, loc="upper center")
    save(figure, path)


def _speed(speed: Mapping[str, float], path: Path) -> None:
    figure, axis = plt.subplots(figsize=(7, 2.8))
    names = list(speed)[::-1]
    colors = [PALETTE[0] if n.startswith(("river", "STUMPY")) else OUR for n in names]
    axis.barh(names, [speed[n] for n in names], color=colors)
    axis.set(xscale="log", xlabel="µs of CPU a sample at 1 Hz")
    for i, name in enumerate(names):
        axis.text(speed[name], i, f" {speed[name]:.1f}", va="center", fontsize=8)
    save(figure, path)
