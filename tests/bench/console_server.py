"""Serves a furnished console for the bench; a line on its input raises an alert, and it answers with the time."""

import sys
import tempfile
import time

from stillcold_server.store.database import open_database
from stillcold_server.store.migrate import prepare
from support.alerts import found, raise_alert
from support.shown import furnish
from support.story import NOW
from support.web import Web


def main(sessions: int) -> None:
    """Print the address and a token for each session, then serve until the input ends."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{folder}/server.db")
        prepare(engine)
        furnish(engine)
        with Web(engine, NOW) as web:
            web.user("officer", "duty_officer")
            print(web.url, *(web.token("officer") for _ in range(sessions)), flush=True)
            for i, _ in enumerate(sys.stdin):
                raise_alert(engine, [], NOW + 1000 * (i + 1), found(began=1000.0 * (i + 1), severity="info"))
                raised = time.time()
                web.hub.publish("alerts")
                print(raised, flush=True)
        engine.dispose()


if __name__ == "__main__":
    main(int(sys.argv[1]))
