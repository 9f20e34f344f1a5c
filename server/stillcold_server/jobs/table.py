"""All jobs. A new one is one line here, and one of each language in ``locales/*/jobs.toml``."""

from collections.abc import Mapping

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from stillcold_server.audit.job import nightly as seal_audit
from stillcold_server.backup.job import nightly
from stillcold_server.duty.calling import call_on
from stillcold_server.jobs.model import Job
from stillcold_server.jobs.retention import forget
from stillcold_server.jobs.silence import check_silence
from stillcold_server.language.words import SHANGHAI
from stillcold_server.registry.deadlines import remind_job
from stillcold_server.registry.documents import forget_job
from stillcold_server.verification.work import attest_lines, decide_observations


def _daily(hour: int, minute: int = 0) -> CronTrigger:
    return CronTrigger(hour=hour, minute=minute, timezone=SHANGHAI)


_ALL = (
    Job("attestation", _daily(2), attest_lines, minutes=360),
    Job("audit", _daily(2), seal_audit),
    Job("backup", _daily(2, 30), nightly, minutes=360),
    Job("retention", _daily(3, 30), forget),
    Job("loose_documents", _daily(3, 40), forget_job),
    Job("reminders", _daily(8), remind_job),
    Job("silence", IntervalTrigger(seconds=15), check_silence, minutes=5),
    Job("verification", IntervalTrigger(minutes=1), decide_observations, minutes=5),
    Job("escalation", IntervalTrigger(seconds=15, timezone=SHANGHAI), call_on, minutes=5),
)
JOBS: Mapping[str, Job] = {job.name: job for job in _ALL}
"""By name."""


def job_of(name: str) -> Job:
    """The job of a name; what the scheduler keeps of a job is the reference to this function, and the name.

    Raises
    ------
    KeyError
        When there is none.
    """
    return JOBS[name]
