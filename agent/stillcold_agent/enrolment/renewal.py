"""Renewing the certificate while the agent works, also after it has expired."""

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

from stillcold_agent.config import Config
from stillcold_agent.counts import Counts
from stillcold_agent.enrolment.authority import NoAnswer, NotApproved, renew
from stillcold_agent.enrolment.certificate import load_certificates
from stillcold_agent.enrolment.request import request_of
from stillcold_core.enrolment.renewal import is_due
from stillcold_core.files import BadFile

log = logging.getLogger(__name__)
_EVERY = 3600.0  # s between looks at the certificate
_AGAIN = 300.0  # s after an answer that did not come


class Renewal:
    """Asks for a new certificate when a third of the present one's life is left.

    The key stays the same, so that a power cut cannot leave a certificate beside another one's key, and a secure
    element can hold it.

    Parameters
    ----------
    config : Config
        Where to ask, and where the certificate lies.
    counts : Counts
        ``renewal_failed`` counts tries that gave none.
    """

    def __init__(self, config: Config, counts: Counts) -> None:
        self._config, self._counts = config, counts

    async def run(self) -> None:
        """Look again and again; this is the only retry."""
        while True:
            wait = await asyncio.to_thread(self.look)
            await asyncio.sleep(wait)

    def look(self) -> float:
        """Renew where it is due; s until the next look."""
        try:
            if is_due(load_certificates(Path(self._config.mqtt.cert_file))[0], datetime.now(UTC)):
                made = renew(self._config, request_of(self._config))
                log.info("the certificate was renewed, good until %s", made.not_valid_after_utc.date())
        except (NoAnswer, NotApproved, BadFile) as error:
            self._counts.add("renewal_failed")
            log.error("the certificate was not renewed: %s", error)
            return _AGAIN
        return _EVERY
