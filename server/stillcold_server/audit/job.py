"""The audit log's work of every night."""

from pathlib import Path

from stillcold_core.files import BadFile
from stillcold_server.audit.checkpoints import cut, make_checkpoint
from stillcold_server.evidence.key import Signer
from stillcold_server.jobs.model import JobContext
from stillcold_server.store.database import write


def nightly(context: JobContext, _due: int) -> str:
    """Sign a checkpoint, and cut off behind an old one what has been kept long enough."""
    evidence = context.config.evidence
    try:
        signer = Signer(Path(evidence.key_file), evidence.origin)
    except BadFile:
        return "no evidence key: no checkpoint, and nothing is cut off"
    with write(context.engine) as connection:
        note = make_checkpoint(connection, signer, context.now())
        gone = cut(connection, context.now())
    return f"{'signed a checkpoint' if note else 'nothing new to sign'}, cut off {gone} entries"
