"""``stillcold-verify``: verifies an evidence bundle, or a signed statement, offline.

Exit code 0: nothing failed; 1: something did; 2: the bundle or the roots cannot be read.
"""

import argparse
import json
import mmap
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from stillcold_core.evidence.bundle.report import Report, lines_of
from stillcold_core.evidence.bundle.tables import write_tables
from stillcold_core.evidence.bundle.trust import Trust, load_checkpoint, load_trust
from stillcold_core.evidence.bundle.verify import verify_bundle
from stillcold_core.files import BadFile, unreadable
from stillcold_core.proof.statement import verify_statement

_ZIP = b"PK"
_MOST_STATEMENT = 1 << 20  # bytes


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify a bundle and print what was found."""
    asked = _parser().parse_args(arguments)
    try:
        trust = load_trust(asked.trust)
        earlier = load_checkpoint(asked.checkpoint, trust.logs) if asked.checkpoint else None
        with _opened(asked.bundle) as content:
            is_bundle = bytes(content[:2]) == _ZIP
            report = verify_bundle(content, trust, earlier) if is_bundle else _statement(content, trust)
            if is_bundle and asked.readings and report.good:
                _write_tables(content, asked.readings)
    except BadFile as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    told = _json(report) if asked.json else "\n".join(lines_of(report, asked.language))
    print(told.encode(errors="backslashreplace").decode())  # JSON can hold what no terminal takes: half a character
    return 0 if report.good else 1


def _statement(content: memoryview, trust: Trust) -> Report:
    """A longer file is none, and fails as one that is cut off."""
    return verify_statement(bytes(content[:_MOST_STATEMENT]), trust.logs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stillcold-verify", description="Verify an evidence bundle or a statement, offline."
    )
    parser.add_argument("bundle", type=Path, help="the bundle, a ZIP file; or a certificate or attestation, a .note")
    parser.add_argument("--trust", type=Path, required=True, help="the roots, from another hand than the bundle's")
    parser.add_argument(
        "--readings", type=Path, metavar="FOLDER", help="write the readings as tables, where all passed"
    )
    parser.add_argument("--checkpoint", type=Path, help="an earlier one of the log, which it must go on from")
    parser.add_argument("--json", action="store_true", help="print the items as JSON")
    parser.add_argument("--language", choices=("en", "zh"), default="en", help="of what each item proves")
    return parser


def _json(report: Report) -> str:
    items = [asdict(item) for item in report.items]
    return json.dumps({"good": report.good, "items": items}, ensure_ascii=False, indent=1)


def _write_tables(content: memoryview, folder: Path) -> None:
    try:
        write_tables(content, folder)
    except OSError as error:
        raise BadFile(folder, f"cannot be written ({error.strerror}); expected a folder to write to") from error


@contextmanager
def _opened(path: Path) -> Iterator[memoryview]:
    """The bytes of a file, which are not read before they are looked at."""
    try:
        with path.open("rb") as file:
            content = file.read(1) and mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise unreadable(path, error) from error
    view = memoryview(content)
    yield view
