"""What is thinned at the edge is found at the server all the same."""

from pathlib import Path

import pytest

from support.thinned import Found, found, played


@pytest.mark.requirement("agent.thin.same-alerts")
@pytest.mark.parametrize(
    ("name", "hours", "least"),
    [
        ("night-restart", 2.5, 1.4),
        ("burst-minute", 1, 6),
        ("small-hidden-load", 2.5, 7),
        ("blackout-restart", 2, 5),
        ("wire-restart-among-losses", 2, 2.5),
        ("boot-zeros", 1, 5),
        ("tamper-frozen", 2.5, 7),
        ("tamper-replayed", 4, 7),
    ],
)
def test_alerts_and_proved_time_are_the_same(tmp_path: Path, name: str, hours: float, least: float) -> None:
    """Read once a second. The same kinds at the same points, within seconds, and no time less proved dead."""
    night = played(name, tmp_path, hours * 3600)
    full, thinned = found(night, thin=False), found(night, thin=True)
    assert _said(thinned) == _said(full)
    assert full.samples > least * thinned.samples
    for one, other in _pairs(full, thinned):
        assert other == pytest.approx(one, abs=300)
    for line, was in full.lines.items():
        now = thinned.lines[line]
        assert now["condition"] == was["condition"]
        assert [now[k] for k in _TIMES] == pytest.approx([was[k] for k in _TIMES], abs=20)


_TIMES = ("dead_s", "live_s", "unknown_s")


def _said(what: Found) -> list[tuple[str, str]]:
    return sorted((f.point, f.kind) for f in what.alerts.values())


def _pairs(full: Found, thinned: Found) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Beginning and detection of each alert."""
    one, other = (sorted(f.alerts.values(), key=lambda a: (a.point, a.kind, a.began)) for f in (full, thinned))
    return [((a.began, a.detected), (b.began, b.detected)) for a, b in zip(one, other, strict=True)]
