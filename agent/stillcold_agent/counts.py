"""Counts of what was dropped, refused or missed, each under a named reason."""

import threading
from collections import Counter
from typing import Literal, get_args

Reason = Literal[
    "ack_full",
    "ack_hash",
    "ack_malformed",
    "clock_step",
    "hook_failed",
    "hook_full",
    "hook_timeout",
    "http_bad_request",
    "http_refused",
    "journal_age",
    "journal_begun",
    "journal_damaged",
    "journal_error",
    "journal_full",
    "journal_rekeyed",
    "keeper_full",
    "keeper_stopped",
    "log_left_out",
    "notify_failed",
    "publish_refused",
    "reading_skipped",
    "refused_by_server",
    "renewal_failed",
    "replay_malformed",
    "replayed",
    "sent_again",
    "sent_ahead",
    "status_file",
]
"""Every reason; docs/agent-metrics.md says what each means."""
REASONS: tuple[Reason, ...] = get_args(Reason)


class Counts:
    """Counters by reason, shared by the threads of one agent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_reason: Counter[str] = Counter()

    def add(self, reason: Reason, count: int = 1) -> int:
        """Count ``reason``, and give its total."""
        with self._lock:
            self._by_reason[reason] += count
            return self._by_reason[reason]

    def totals(self) -> dict[str, int]:
        """Totals by reason."""
        with self._lock:
            return dict(self._by_reason)
