"""Jobs: each run is done, by one server, also after a hard exit."""

import pickle
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from click.testing import CliRunner
from sqlalchemy import Engine, select, update

from stillcold_server.cli import main
from stillcold_server.config import Config
from stillcold_server.jobs.model import Job, JobContext
from stillcold_server.jobs.runner import Runner
from stillcold_server.jobs.runs import LEASE, MOST_QUIET, MOST_TELLING, enqueue, fail, failing, take
from stillcold_server.jobs.table import JOBS
from stillcold_server.metrics import Metrics
from stillcold_server.store.database import read, write
from stillcold_server.store.schema import delivery, job_run, rollup, scheduler_job, session
from support import job_worker
from support.process import Process
from support.seeds import content, seed
from support.waiting import wait_for
from support.web import Web, get, problem

BOTH_DATABASES = True
MINUTE = 60_000
Work = Callable[[JobContext, int], str]


def wall() -> int:
    return time.time_ns() // 1_000_000


def runner(engine: Engine, *jobs: Job, ahead: int = 0, metrics: Metrics | None = None) -> Runner:
    """A server's jobs; its clock is ``ahead`` ms."""
    context = JobContext(engine, Config(), lambda: wall() + ahead)
    return Runner(context, metrics or Metrics(), {job.name: job for job in jobs})


def every_minute(work: Work, name: str = "tick", *, each: bool = False) -> Job:
    return Job(name, IntervalTrigger(minutes=1), work, each=each)


def noted(done: list[int]) -> Work:
    """Work that writes down when it was due."""

    def work(_context: JobContext, due: int) -> str:
        done.append(due)
        return ""

    return work


@contextmanager
def running(*runners: Runner) -> Iterator[None]:
    for one in runners:
        one.start()
    try:
        yield
    finally:
        for one in runners:
            one.stop()


def runs(engine: Engine) -> list[Any]:
    with read(engine) as connection:
        return list(connection.execute(select(job_run).order_by(job_run.c.job, job_run.c.due_at)))


def gone_for(engine: Engine, minutes: int) -> None:
    """Put the next times back by so much: no server has run since then."""
    with write(engine) as connection:
        for row in connection.execute(select(scheduler_job)).all():
            state = pickle.loads(row.job_state)
            state["next_run_time"] = state["next_run_time"] - timedelta(minutes=minutes)
            values = {"job_state": pickle.dumps(state), "next_run_time": state["next_run_time"].timestamp()}
            connection.execute(update(scheduler_job).where(scheduler_job.c.id == row.id).values(values))


@pytest.mark.requirement("jobs.caught-up")
@pytest.mark.parametrize("each", [False, True])
def test_what_was_missed_is_caught_up(engine: Engine, *, each: bool) -> None:
    """Once, or for each time."""
    done: list[int] = []
    job = every_minute(noted(done), each=each)
    with running(runner(engine, job)):
        pass
    assert not done
    gone_for(engine, 5)
    with running(runner(engine, job)):
        wait_for(lambda: [r.state for r in runs(engine)].count("done") == (5 if each else 1), what="the missed runs")
    assert done == [r.due_at for r in runs(engine)]
    assert [b - a for a, b in pairwise(done)] == [MINUTE] * (4 if each else 0)
    with read(engine) as connection:
        coming = connection.execute(select(scheduler_job.c.next_run_time)).scalar_one()
    assert coming * 1000 - done[-1] == pytest.approx(MINUTE, abs=1)


@pytest.mark.requirement("jobs.clock-set-back")
def test_jobs_go_on_when_the_clock_is_set_back(engine: Engine) -> None:
    """Those of an interval at once, though their times to come were done already; others when they are due next."""
    done: list[int] = []
    jobs = every_minute(noted(done)), Job("daily", CronTrigger(hour=2, timezone="Asia/Shanghai"), noted([]))
    with running(runner(engine, *jobs)):
        pass
    gone_for(engine, -72 * 60)
    with write(engine) as connection:
        values = {"state": "running", "attempts": 1, "server": "x", "until": wall() + 1000 * MINUTE}
        enqueue(connection, jobs[0], [1], 0)
        connection.execute(update(job_run).values(values))
    with running(runner(engine, *jobs)):
        wait_for(lambda: [r.state for r in runs(engine)] == ["done", "done"], what="the run")
    assert done[0] == 1
    with read(engine) as connection:
        coming = dict(connection.execute(select(scheduler_job.c.id, scheduler_job.c.next_run_time)).all())
    assert coming["tick"] < time.time() + 61
    assert coming["daily"] < time.time() + 86_401


@pytest.mark.requirement("jobs.once")
def test_two_servers_do_each_run_once(engine: Engine) -> None:
    """Forty runs that were missed, and both begin at the same moment."""
    done: list[int] = []
    job = every_minute(noted(done), each=True)
    with running(runner(engine, job)):
        pass
    gone_for(engine, 40)
    with running(runner(engine, job), runner(engine, job)):
        wait_for(lambda: [r.state for r in runs(engine)].count("done") >= 40, what="all runs")
    assert sorted(done) == [r.due_at for r in runs(engine)]
    assert [r.attempts for r in runs(engine)] == [1] * len(done)


@pytest.mark.requirement("jobs.taken-over")
def test_a_run_of_a_server_that_was_killed_is_done_by_another(engine: Engine, tmp_path: Path) -> None:
    """Not before its lease has ended."""
    url, begun = engine.url.render_as_string(hide_password=False), tmp_path / "begun"
    with Process([sys.executable, job_worker.__file__, url, str(begun)], tmp_path / "worker.log") as worker:
        wait_for(begun.exists, what="the run")
        worker.kill()
    done: list[int] = []
    job = Job("slow", IntervalTrigger(days=1), noted(done))
    with write(engine) as connection:
        assert take(connection, "early", ["slow"], wall()) is None
    with running(runner(engine, job, ahead=LEASE)):
        wait_for(lambda: runs(engine)[0].state == "done", what="the run taken over")
    assert [(r.due_at, r.attempts) for r in runs(engine)] == [(done[0], 2)]


@pytest.mark.requirement("jobs.again")
def test_a_job_that_fails_is_tried_again_by_rule_and_then_given_up(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    metrics, clock, outcomes = Metrics(), wall(), []

    def broken(_context: JobContext, _due: int) -> str:
        raise OSError("no space left")

    job = every_minute(broken)
    one = Runner(JobContext(engine, Config(), lambda: clock), metrics, {"tick": job})
    outcomes.append(one.run_now("tick"))
    for pause in (1, 5, 15, 60):
        with read(engine) as connection:
            assert failing(connection) == ["tick"]
        clock += pause * MINUTE - 1
        assert one.run_next() is None
        clock += 1
        outcomes.append(one.run_next())
    assert outcomes == ["retried"] * 4 + ["failed"]
    clock += 1000 * MINUTE
    assert one.run_next() is None
    (row,) = runs(engine)
    assert (row.state, row.attempts, row.detail) == ("failed", 5, "OSError: no space left")
    assert "job tick failed" in caplog.text
    assert b'stillcold_job_runs_total{job="tick",outcome="retried"} 4.0' in metrics.exposition()


@pytest.mark.requirement("jobs.hanging")
def test_a_job_that_hangs_holds_up_no_other_and_runs_once_at_a_time(engine: Engine) -> None:
    free = threading.Event()
    hung: list[int] = []
    ticked: list[int] = []

    def hang(_context: JobContext, due: int) -> str:
        hung.append(due)
        free.wait()
        return ""

    jobs = every_minute(hang, "hung", each=True), every_minute(noted(ticked), each=True)
    with write(engine) as connection:
        for job in jobs:
            enqueue(connection, job, range(1, 11), 0)
    with running(runner(engine, *jobs)):
        wait_for(lambda: len(ticked) == 10, what="the other job")
        assert hung == [1]
        free.set()


@pytest.mark.requirement("jobs.too-long")
def test_a_run_that_takes_too_long_has_failed_and_is_taken_by_another_server(engine: Engine) -> None:
    """What it says when it ends after all counts no more."""
    begun, free = threading.Event(), threading.Event()

    def hang(_context: JobContext, _due: int) -> str:
        begun.set()
        free.wait()
        return "too late"

    with write(engine) as connection:
        enqueue(connection, every_minute(hang), [1], 0)
    metrics = Metrics()
    one = runner(engine, Job("tick", IntervalTrigger(minutes=1), hang, minutes=0.0), metrics=metrics)
    with running(one):
        begun.wait()
        one.tend()
        with read(engine) as connection:
            assert failing(connection) == ["tick"]
        assert runs(engine)[0].detail == "ran for longer than 0 minutes"
        assert runner(engine, every_minute(lambda *_: "in time"), ahead=MINUTE).run_next() == "done"
        free.set()
        wait_for(lambda: b'{job="tick",outcome="lost"} 1.0' in metrics.exposition(), what="the end of the first")
    assert [(r.state, r.attempts, r.detail) for r in runs(engine) if r.due_at == 1] == [("done", 2, "in time")]
    assert b'{job="tick",outcome="retried"} 1.0' in metrics.exposition()


@pytest.mark.requirement("jobs.too-long")
def test_what_hangs_is_told_of_while_later_runs_take_the_place_of_the_one_that_failed(engine: Engine) -> None:
    """Nobody may take them here any more: it must not look as if all were well."""
    job = every_minute(lambda *_: "")
    with write(engine) as connection:
        enqueue(connection, job, [1], 0)
        row = take(connection, "here", ["tick"], 0)
        assert row is not None
        assert fail(connection, "here", row, "ran for too long", 0) == "retried"
        enqueue(connection, job, [2], 0)
        assert failing(connection) == ["tick"]
    assert [r.state for r in runs(engine)] == ["skipped", "waiting"]
    assert runner(engine, job).run_next() == "done"
    with read(engine) as connection:
        assert failing(connection) == []


@pytest.mark.requirement("jobs.too-long")
def test_how_long_each_job_may_run_is_told() -> None:
    """An hour where the page of jobs says nothing else."""
    page = (Path(__file__).parents[2] / "docs/jobs.md").read_text()
    told = {
        name: int(time_) * {"min": 1, "h": 60}[unit]
        for names, time_, unit in re.findall(r"((?:`\w+`(?:, | and )?)+) after (\d+) (min|h)", page)
        for name in re.findall(r"\w+", names.replace(" and ", " "))
    }
    assert {job.name: job.minutes for job in JOBS.values()} == dict.fromkeys(JOBS, 60) | told


def test_a_later_run_replaces_those_that_wait(engine: Engine) -> None:
    """Where the newest stands for all."""
    with write(engine) as connection:
        for due in (1, 2, 3):
            enqueue(connection, every_minute(lambda *_: ""), [due], 0)
            enqueue(connection, every_minute(lambda *_: "", "each", each=True), [due], 0)
    assert [(r.job, r.state) for r in runs(engine)] == [
        *[("each", "waiting")] * 3,
        *[("tick", "skipped")] * 2,
        ("tick", "waiting"),
    ]


@pytest.mark.requirement("jobs.kept")
def test_of_one_job_no_more_runs_are_kept_than_may_be(engine: Engine) -> None:
    """However often it is due: the last ones that went well, more of those that did not; what waits stays."""
    job = every_minute(lambda *_: "", each=True)
    last = MOST_TELLING + 130
    with write(engine) as connection:
        enqueue(connection, job, range(1, last + 3), 0)
        connection.execute(update(job_run).where(job_run.c.due_at <= last).values(state="done", attempts=1))
        failed = job_run.c.due_at.between(2, MOST_TELLING + 2)
        connection.execute(update(job_run).where(failed).values(state="failed"))
    assert runner(engine, job).run_next() == "done"
    kept = [r.due_at for r in runs(engine)]
    assert kept == [*range(3, MOST_TELLING + 3), *range(last + 2 - MOST_QUIET, last + 3)]


def test_a_job_that_is_gone_or_has_another_time_is_scheduled_anew(engine: Engine) -> None:
    with running(runner(engine, every_minute(lambda *_: "", "old"), every_minute(lambda *_: ""))):
        pass
    with running(runner(engine, Job("tick", IntervalTrigger(hours=1), lambda *_: ""))):
        pass
    with read(engine) as connection:
        (row,) = connection.execute(select(scheduler_job)).all()
    assert row.id == "tick"
    assert row.next_run_time > time.time() + 3000


@pytest.mark.requirement("jobs.kept")
def test_what_has_been_kept_long_enough_is_deleted(engine: Engine) -> None:
    """Two rows of every table, of which one is old where there is a time for it."""
    now = wall()
    with write(engine) as connection:
        seed(connection)
        connection.execute(update(session).where(session.c.expires_at == 2).values(expires_at=now + 1000))
        for start, resolution in ((1, 60), (2, 900)):
            connection.execute(update(rollup).where(rollup.c.start == start).values(resolution=resolution))
        connection.execute(update(delivery).values(state="delivered"))
        connection.execute(update(delivery).where(delivery.c.id == 2).values(created_at=now))
        connection.execute(update(job_run).where(job_run.c.due_at == 2).values(ended_at=now))
        before = content(connection)
    said = JOBS["retention"].work(JobContext(engine, Config(), lambda: now), now)
    kinds = ("ended sessions", "minutes of rollups", "quarters of rollups", "deliveries", "runs of jobs")
    assert said == f"deleted: {', '.join(f'{kind} 1' for kind in kinds)}"
    with read(engine) as connection:
        after = content(connection)
    gone = {name: len(before[name]) - len(rows) for name, rows in after.items() if rows != before[name]}
    assert gone == {"login_session": 1, "rollup": 2, "delivery": 1, "delivery_try": 1, "job_run": 1}


@pytest.mark.requirement("jobs.shown")
def test_jobs_are_shown_and_done_by_command(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    url = engine.url.render_as_string(hide_password=False)
    file.write_text(f'database = "{url}"\nlanguage = "en"\n')
    said = CliRunner().invoke(main, ["jobs", "run", "retention", "-c", str(file)])
    assert (said.exit_code, said.output[:24]) == (0, "retention: done: deleted")
    said = CliRunner().invoke(main, ["jobs", "list", "-c", str(file)])
    assert "retention: Delete what has been kept long enough; next -; last 20" in said.output
    with write(engine) as connection:
        enqueue(connection, JOBS["retention"], [1], 0)
        assert take(connection, "another", ["retention"], wall()) is not None
    said = CliRunner().invoke(main, ["jobs", "run", "retention", "-c", str(file)])
    assert (said.exit_code, said.output) == (1, "Error: retention is going on already\n")


def shown_of(client: httpx.Client) -> Any:
    return next(job for job in get(client, "/jobs") if job["name"] == "retention")


@pytest.mark.requirement("jobs.shown")
def test_jobs_are_shown_and_put_in_line_over_http(web: Web) -> None:
    admin, other = web.program("system_admin"), web.program("duty_officer")
    assert other.get("/api/v1/jobs").status_code == 403
    assert shown_of(admin) == {"name": "retention", "next_at": None, "last_done_at": None, "last": None}
    assert problem(admin.post("/api/v1/jobs/nothing/run"))[:2] == (404, "not_found")
    assert admin.post("/api/v1/jobs/retention/run").status_code == 202
    with running(runner(web.engine, JOBS["retention"], ahead=web.clock.now - wall())):
        wait_for(lambda: shown_of(admin)["last_done_at"], what="the job")
    shown = shown_of(admin)
    assert shown["next_at"] is not None
    assert (shown["last"]["state"], shown["last"]["attempts"]) == ("done", 1)
    assert "stillcold_job_done_timestamp_seconds" in web.client().get("/metrics").text


@pytest.mark.requirement("jobs.shown")
def test_the_page_shows_a_job_that_fails_and_has_one_done(web: Web) -> None:
    browser = web.browser("system_admin", "second")
    assert browser.post("/system/jobs/retention/run").status_code == 303
    broken = Job("retention", IntervalTrigger(days=1), lambda *_: str(1 / 0))
    assert runner(web.engine, broken, ahead=web.clock.now - wall()).run_next() == "retried"
    page = browser.get("/system/jobs").text
    assert "失败，将重试" in page
    assert "ZeroDivisionError" in page
    assert get(web.program("inspector"), "/health")["jobs_failing"] == ["retention"]
    assert "未成功：retention" in browser.get("/system").text


@pytest.mark.requirement("jobs.shown")
def test_every_job_is_documented() -> None:
    """And no other."""
    text = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text(encoding="utf-8")
    named = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert sorted(named) == sorted(JOBS)
