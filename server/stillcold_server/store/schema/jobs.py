"""Tables of jobs, and of leases that servers hold on work."""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, Table, Unicode

from stillcold_server.store.schema.columns import metadata, text, time

scheduler_job = Table(
    "scheduler_job", metadata,
    Column("id", Unicode(191), primary_key=True), Column("next_run_time", Float(25)),
    Column("job_state", LargeBinary, nullable=False),
    Index("ix_scheduler_job_next_run_time", "next_run_time"),
)  # fmt: skip
"""Of APScheduler's SQLAlchemyJobStore, in its form. ``next_run_time``: s since 1970."""

job_run = Table(
    "job_run", metadata,
    text("job", primary_key=True), Column("due_at", BigInteger, primary_key=True, autoincrement=False),
    text("state"), Column("attempts", Integer, nullable=False), time("try_at"),
    text("server", nullable=True), time("until", nullable=True),
    time("started_at", nullable=True), time("ended_at", nullable=True), text("detail"),
    Index("ix_job_run_state", "state"),
)  # fmt: skip
"""``state``: waiting, running (by ``server``, whose lease lasts ``until`` unless it renews it), done, failed (given
up), skipped (a later one replaces it). ``try_at``: not before. ``detail``: what was done, or why it failed."""

lease = Table(
    "lease", metadata,
    text("name", primary_key=True), text("owner"), time("until"),
)  # fmt: skip
"""Work that one server at a time does, and which one; whoever comes ``until`` then takes it over."""
