"""What detectors said, for tests."""

from collections.abc import Iterable

from stillcold_core.detect.findings import Finding


def first_said(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding as it was said first; progress and ends are left out."""
    first: dict[str, Finding] = {}
    for finding in findings:
        first.setdefault(finding.id, finding)
    return list(first.values())
