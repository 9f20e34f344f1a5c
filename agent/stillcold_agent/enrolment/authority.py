"""Asking the authority over HTTP, and believing only an answer that proves itself.

::

    NoAnswer (Exception)      the answer is not the authority's
    └── NotReached            nobody answers, or a server in trouble
    NotApproved (Exception)   the authority does not believe this gateway; ``state`` says how far it is
"""

import json
import ssl
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from cryptography import x509

from stillcold_agent.config import Config
from stillcold_agent.enrolment.certificate import accept, load_certificates, read_certificates
from stillcold_core.enrolment.answer import (
    LONGEST_ANSWER,
    Answer,
    State,
    answer_mac,
    code_key,
    read_answer,
    request_mac,
    same,
)
from stillcold_core.enrolment.request import Request

PATH = "/api/v1/enrolment"
_PATIENCE = 20.0  # s
_LONGEST_SAID = 300  # characters


class NoAnswer(Exception):
    """The answer is not the authority's."""


class NotReached(NoAnswer):
    """Nobody answers, or a server in trouble: asking again may help."""


class NotApproved(Exception):
    """The authority does not believe this gateway, or not yet."""

    def __init__(self, state: State) -> None:
        self.state = state
        super().__init__(f"the authority says: {state}")


def enrol(config: Config, request: Request, code: str) -> x509.Certificate:
    """Ask for the first time; what is to be trusted comes with the answer, and the code proves both.

    Raises
    ------
    NoAnswer, NotApproved
    BadFile
        When the certificate does not serve, or cannot be written.
    """
    key = code_key(code)
    answer = _ask(config.enrolment.url, request, request_mac(key, request))
    if not same(answer.mac, answer_mac(key, request, answer)):
        raise NoAnswer("the answer was not made with this code: somebody else answers, or the code was used before")
    chain, url = _chain(config, answer), config.enrolment.url
    # Without a battery the clock may be years behind, and only with this authority chronyd can set it. What the code
    # has proved was made just now.
    now = max(datetime.now(UTC), chain[0].not_valid_before_utc)
    return accept(config, chain, read_certificates(answer.root.encode(), url), now, source=url)


def renew(config: Config, request: Request) -> x509.Certificate:
    """Ask again with keys that were approved; the new certificate is proved by the root that is trusted here.

    Raises
    ------
    NoAnswer, NotApproved
    BadFile
        When the certificate does not serve, or cannot be written.
    """
    chain = _chain(config, _ask(config.enrolment.url, request, ""))
    present = load_certificates(Path(config.mqtt.cert_file))[0]
    if chain[0].not_valid_after_utc <= present.not_valid_after_utc:
        raise NoAnswer(f"{config.enrolment.url}: the certificate is older than the present one")
    return accept(config, chain, None, datetime.now(UTC), source=config.enrolment.url)


def _chain(config: Config, answer: Answer) -> list[x509.Certificate]:
    if answer.state != "approved":
        raise NotApproved(answer.state)
    return read_certificates(answer.certificate.encode(), config.enrolment.url)


def _ask(url: str, request: Request, mac: str) -> Answer:
    body = json.dumps({"request": request.pem.decode(), "mac": mac}).encode()
    wanted = urllib.request.Request(  # noqa: S310  # the configuration allows http and https only
        url.rstrip("/") + PATH, body, {"Content-Type": "application/json"}
    )
    try:
        with _opener()(wanted) as reply:
            return read_answer(reply.read(LONGEST_ANSWER + 1))
    except HTTPError as error:
        kind = NotReached if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR else NoAnswer
        raise kind(f"{url} answers {error.code}: {_in_one_line(_detail(error))}") from error
    except (OSError, HTTPException) as error:
        raise NotReached(f"{url}: {_in_one_line(str(error))}") from error
    except ValueError as error:  # a BadAnswer, or a host that is no name
        raise NoAnswer(f"{url}: {_in_one_line(str(error))}") from error


def _opener() -> Callable[[urllib.request.Request], Any]:
    """Trusts whoever answers: what is asked is no secret, and the answer is proved by the code or by the root.

    A fresh gateway has nobody to trust, and a clock that may be years behind; one whose certificate has expired must
    come back all the same.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _Straight)
    return partial(opener.open, timeout=_PATIENCE)


class _Straight(urllib.request.HTTPRedirectHandler):
    """Whoever answers sends the gateway nowhere else."""

    def redirect_request(self, *_: object) -> None:
        """No other request: the answer stands as an error."""


def _detail(error: HTTPError) -> str:
    try:
        with error:
            return str(json.loads(error.read(LONGEST_ANSWER))["detail"])
    except (OSError, HTTPException, ValueError, KeyError, TypeError, RecursionError):
        return str(error.reason)


def _in_one_line(said: str) -> str:
    """What a stranger may have written, without what moves a terminal's cursor."""
    return "".join(c if c.isprintable() else " " for c in said[:_LONGEST_SAID]).strip()
