"""The audit log, for auditors alone."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query

from stillcold_core.files import BadFile
from stillcold_server.api.guard import Auditor
from stillcold_server.api.models.audit import AuditEntry, AuditVerdict
from stillcold_server.api.problems import Problem
from stillcold_server.api.read.audit import list_entries
from stillcold_server.api.routes.parameters import Limit
from stillcold_server.api.services import Served, Services
from stillcold_server.audit.verify import Verdict, verify
from stillcold_server.evidence.key import Signer
from stillcold_server.store.database import read

router = APIRouter(tags=["audit"])
Words = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
Before = Annotated[int | None, Query(ge=1, lt=2**63)]


@router.get("/audit")
def entries(
    services: Served,
    _: Auditor,
    actor: Words = None,
    subject: Words = None,
    before: Before = None,
    limit: Limit = 100,
) -> list[AuditEntry]:
    """The newest first; go on with the smallest number as `before`."""
    with read(services.engine) as connection:
        return list_entries(connection, actor=actor, subject=subject, before=before, limit=limit)


@router.get("/audit/verdict")
def verdict(services: Served, _: Auditor) -> AuditVerdict:
    """Whether every entry, the chain of their hashes and the signed checkpoints agree."""
    found = verdict_of(services)
    return AuditVerdict(
        first=found.first, last=found.last, checkpoints=found.checkpoints, faults=list(found.faults[:100])
    )


def verdict_of(services: Services) -> Verdict:
    """Look the log over.

    Raises
    ------
    Problem
        503 where there is no key that checkpoints could be signed with.
    """
    evidence = services.config.evidence
    try:
        key = Signer(Path(evidence.key_file), evidence.origin).public
    except BadFile as error:
        raise Problem(503, "no_key", f"the evidence key cannot be used: {error}") from error
    with read(services.engine) as connection:
        return verify(connection, key)
