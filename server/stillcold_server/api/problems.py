"""Errors as the API answers them (RFC 9457).

::

    Problem (Exception)       a request that is not done, with a stable word for the reason
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from stillcold_core.files import shorten
from stillcold_server.api.models.base import ProblemBody

_PREFIX = "urn:stillcold:problem:"


class Problem(Exception):
    """A request is not done.

    Parameters
    ----------
    status : int
        HTTP status.
    word : str
        Stable name of the reason; the last part of the answer's ``type``.
    detail : str
        What is wrong, and what would be right.
    field : str, optional
        Which part of the request is wrong.
    retry_after : float
        s after which it makes sense to try again; 0 for no such time.
    """

    def __init__(
        self, status: int, word: str, detail: str, *, field: str | None = None, retry_after: float = 0.0
    ) -> None:
        self.status, self.word, self.detail, self.field, self.retry_after = status, word, detail, field, retry_after
        super().__init__(f"{status} {word}: {detail}")

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to the answer."""
        headers = {"Retry-After": str(max(1, round(self.retry_after)))} if self.retry_after else {}
        return headers | ({"WWW-Authenticate": "Bearer"} if self.status == HTTPStatus.UNAUTHORIZED else {})


def problem_response(problem: Problem) -> JSONResponse:
    """The answer to a program."""
    body = ProblemBody(
        type=_PREFIX + problem.word,
        title=problem.word.replace("_", " "),
        status=problem.status,
        detail=problem.detail,
        field=problem.field,
    )
    return JSONResponse(
        body.model_dump(), status_code=problem.status, headers=problem.headers, media_type="application/problem+json"
    )


def not_found(what: str, name: str) -> Problem:
    """There is no such thing."""
    return Problem(404, "not_found", f"there is no {what} {shorten(name)}")


def of_http(error: HTTPException) -> Problem:
    """A refusal of the framework: no such route, wrong method, a body too large."""
    word = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_").replace("'", "")
    return Problem(error.status_code, word, str(error.detail))


def of_validation(error: RequestValidationError) -> Problem:
    """The first value of a request that does not fit."""
    first: dict[str, Any] = dict(error.errors()[0])
    place, *path = first["loc"]
    got = "" if first["type"] in ("missing", "json_invalid") else f"; got {shorten(first['input'])}"
    return Problem(422, "invalid", f"{first['msg']}{got}", field=_field(path) or str(place))


def _field(path: Sequence[str | int]) -> str:
    return ".".join(str(step) for step in path)
