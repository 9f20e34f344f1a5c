"""The command that detects over files."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from stillcold_core.registry import load_registry
from stillcold_server.detection.scan import scan_files
from stillcold_server.options import FILE, plain_errors


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


@click.command()
@click.option("--registry", "-r", "registry_file", type=FILE, required=True, help="Registry file.")
@click.option(
    "--measurements",
    "-m",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="CSV (also .csv.gz) or Parquet file, or a folder of them; may be repeated.",
)
@click.argument("more", metavar="[MEASUREMENTS]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--alerts", "-o", "alerts_file", type=FILE, required=True, help="Where to write the alerts, JSON lines.")
@click.option(
    "--jobs", "-j", type=click.IntRange(min=1), default=_cores, show_default="cores", help="Processes at most."
)
@plain_errors
def scan(
    registry_file: Path, measurements: tuple[Path, ...], more: tuple[Path, ...], alerts_file: Path, jobs: int
) -> None:
    """Run the detection over files of measurements, exactly as it runs live.

    The alerts are the same however the rows lie in the files, and however many processes there are. Rows are put
    into order in a temporary file beside the alerts, which takes 8 bytes a number. Exit code 1: a detector failed on
    some of them, and an alert may be missing.
    """
    scanned = scan_files(
        load_registry(registry_file), [*measurements, *more], alerts_file, jobs=jobs, watch=_progress_bar
    )
    click.echo(f"{scanned.alerts} alerts written to {alerts_file}")
    if scanned.failed:
        click.echo(f"a detector failed on {scanned.failed} blocks of samples: alerts may be missing", err=True)
        sys.exit(1)


@contextmanager
def _progress_bar(stage: str, amount: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; elsewhere a line for each stage."""
    with click.progressbar(length=amount, label=stage, file=sys.stderr) as bar:
        yield bar.update
