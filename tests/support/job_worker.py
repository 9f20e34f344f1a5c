"""A process that begins a job, says so by a file, and never ends it: it is there to be killed.

``job_worker.py URL FILE``
"""

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from apscheduler.triggers.interval import IntervalTrigger

from stillcold_server.config import Config
from stillcold_server.jobs.model import Job, JobContext
from stillcold_server.jobs.runner import Runner
from stillcold_server.metrics import Metrics
from stillcold_server.store.database import open_database


def work(url: str, begun: Path) -> None:
    """Run the job."""

    def hang(_context: JobContext, _due: int) -> str:
        begun.touch()
        threading.Event().wait()
        return ""

    context = JobContext(open_database(url), Config(), lambda: time.time_ns() // 1_000_000)
    Runner(context, Metrics(), {"slow": Job("slow", IntervalTrigger(days=1), hang)}).run_now("slow")


if __name__ == "__main__":
    work(sys.argv[1], Path(sys.argv[2]))
