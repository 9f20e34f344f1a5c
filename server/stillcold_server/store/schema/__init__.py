"""Tables. Every time is UTC in whole milliseconds since 1970 (``*_at``, ``first``, ``last``, ``began``, …)."""

from stillcold_server.store.schema.alerts import (
    ahead,
    alert,
    alert_journal,
    delivery,
    delivery_try,
    incident,
    out_of_service,
    shelf,
)
from stillcold_server.store.schema.audit import audit_checkpoint, audit_entry, audit_head
from stillcold_server.store.schema.columns import metadata
from stillcold_server.store.schema.detection import detector_state, line_status
from stillcold_server.store.schema.evidence import (
    batch,
    batch_point,
    chain_note,
    cursor,
    journal_epoch,
    log_entry,
    log_tile,
    mark,
    refusal,
    replay,
    rollup,
)
from stillcold_server.store.schema.identity import certificate, enrolment, invitation
from stillcold_server.store.schema.jobs import job_run, lease, scheduler_job
from stillcold_server.store.schema.people import session, user
from stillcold_server.store.schema.registry import district, enterprise, gateway, line, permit, point, site

__all__ = [
    "ahead",
    "alert",
    "alert_journal",
    "audit_checkpoint",
    "audit_entry",
    "audit_head",
    "batch",
    "batch_point",
    "certificate",
    "chain_note",
    "cursor",
    "delivery",
    "delivery_try",
    "detector_state",
    "district",
    "enrolment",
    "enterprise",
    "gateway",
    "incident",
    "invitation",
    "job_run",
    "journal_epoch",
    "lease",
    "line",
    "line_status",
    "log_entry",
    "log_tile",
    "mark",
    "metadata",
    "out_of_service",
    "permit",
    "point",
    "refusal",
    "replay",
    "rollup",
    "scheduler_job",
    "session",
    "shelf",
    "site",
    "user",
]
