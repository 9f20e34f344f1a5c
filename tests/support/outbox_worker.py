"""A process that delivers what waits by one webhook until it is killed.

``outbox_worker.py DATABASE HOOK``: the channel is ``hook``.
"""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from stillcold_server.alerts import claims
from stillcold_server.alerts.channels import WebhookChannel
from stillcold_server.alerts.delivery import Outbox
from stillcold_server.alerts.senders import make_sender
from stillcold_server.language.texts import load_texts
from stillcold_server.metrics import Metrics
from stillcold_server.store.database import open_database

LEASE = 1.0
"""s; a test does not wait as long as a server, between tries neither."""


def work(database: str, hook: str) -> None:
    """Deliver."""
    claims.BACK_OFF = (0.1,) * len(claims.BACK_OFF)
    senders = {"hook": make_sender(WebhookChannel("hook", url=hook, allow=("127.0.0.1",)))}
    Outbox(open_database(database), senders, Metrics(), texts=load_texts()["zh"], lease=LEASE).start()
    threading.Event().wait()


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2])
