"""The machine: its clock, its disk, the service."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from stillcold_agent.boot import ClockState
from stillcold_agent.config import Config
from stillcold_agent.tools.doctor.finding import Finding, fail, good, warn

UNIT = "stillcold-agent.service"
_WORN = 9  # of 11: 80 to 90 % of the life time used (JEDEC eMMC 5.1, DEVICE_LIFE_TIME_EST_TYP_A and _B)
_CLOSE = 1.0  # s; readings of other sites at the same second are compared with ours
_SPARE = 100  # MB beside the journal's own bound
_MEGA = 1_000_000


def clock(state: ClockState) -> Iterator[Finding]:
    """Whether a time service keeps the clock, and how far off it can be."""
    do = "systemctl status systemd-timesyncd (or chrony); is UDP port 123 open, and an NTP server set?"
    if not state.synced:
        yield fail("clock", "not synchronised", do)
    elif state.error > _CLOSE:
        yield warn("clock", f"synchronised, but may be {state.error:.1f} s off", do)
    else:
        yield good("clock", f"synchronised, at most {state.error:.3f} s off")


def disk(config: Config, sys: Path = Path("/sys")) -> Iterator[Finding]:
    """Whether the journal's folder can be written to and has room, and how worn the card is.

    Parameters
    ----------
    sys : Path
        Where sysfs is mounted.
    """
    folder = Path(config.data_dir)
    if not folder.is_dir():
        yield fail("disk", f"{folder} is not there", f"sudo install -d -m 700 -o stillcold-agent {folder}")
        return
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        yield fail(
            "disk", f"{folder} is mounted read-only", "dmesg shows why; a card that did so once is to be replaced"
        )
        return
    yield _room(folder, config.journal.max_megabytes)
    yield from _wear(folder, sys)


def service() -> Iterator[Finding]:
    """Whether systemd runs the agent, now and after the next start of the machine."""
    systemctl = shutil.which("systemctl")
    active, enabled = (_asked(systemctl, word) if systemctl else "" for word in ("is-active", "is-enabled"))
    if active not in {"active", "activating", "inactive", "failed", "deactivating"}:
        yield warn("service", "systemd does not say", "start the agent by another supervisor, and after each boot")
    elif active != "active":
        yield fail("service", f"{UNIT} is {active}", f"sudo systemctl restart {UNIT}; journalctl --unit {UNIT}")
    elif enabled != "enabled":
        yield warn("service", f"runs, but is {enabled or 'not enabled'}", f"sudo systemctl enable {UNIT}")
    else:
        yield good("service", "runs, and starts with the machine")


def _room(folder: Path, megabytes: int) -> Finding:
    free = shutil.disk_usage(folder).free // _MEGA
    held = sum(f.stat().st_size for f in folder.glob("journal*")) // _MEGA
    needed = max(megabytes - held, 0) + _SPARE
    if free >= needed:
        return good("disk", f"{free} MB free")
    do = f"free {needed - free} MB, or set journal.max_megabytes lower"
    return (fail if free < _SPARE else warn)("disk", f"{free} MB free, the journal may need {needed} MB", do)


def _wear(folder: Path, sys: Path) -> Iterator[Finding]:
    """What the kernel knows of the medium: errors of its file system, and the wear that an eMMC tells of itself."""
    device = folder.stat().st_dev
    block = (sys / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}").resolve()
    errors = _text(sys / "fs" / "ext4" / block.name / "errors_count")
    if errors not in {"", "0"}:
        yield fail("wear", f"the file system has had {errors} errors", "save data_dir, replace the card, run fsck")
    used = _text(block.parent / "device" / "life_time").split()
    if used:
        worst = max(int(u, 16) for u in used)
        found = f"the card has used up to {10 * worst} % of its life"
        yield warn("wear", found, "replace it soon") if worst >= _WORN else good("wear", found)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _asked(systemctl: str, word: str) -> str:
    try:
        done = subprocess.run([systemctl, word, UNIT], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
