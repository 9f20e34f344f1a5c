"""Making pages: templates, language, who is looking."""

from typing import Annotated, Any, cast
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from stillcold_server.api.guard import Caller
from stillcold_server.api.moments import to_iso
from stillcold_server.api.problems import Problem
from stillcold_server.api.services import Services, services_of
from stillcold_server.console.assets import Assets
from stillcold_server.console.bar import Bar, load_bar
from stillcold_server.console.navigation import current, menu
from stillcold_server.console.witnesses import wrong
from stillcold_server.language import sentences, told, words
from stillcold_server.language.texts import LANGUAGES, Language, Texts, load_texts
from stillcold_server.people.scope import Scope
from stillcold_server.store.database import read

LANGUAGE_COOKIE = "stillcold_language"


class Console:
    """Makes the pages.

    Parameters
    ----------
    language : "zh" or "en"
        For whoever has not chosen one.

    Raises
    ------
    RuntimeError
        When scripts and styles are not built.
    """

    def __init__(self, language: Language) -> None:
        self._language = language
        self._texts = load_texts()
        self._assets = Assets()
        self._templates = Environment(
            loader=PackageLoader("stillcold_server.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["element_id"] = words.element_id
        self._templates.filters["push_service"] = words.push_service
        self._templates.globals |= {
            "local_time": words.local_time, "figure": words.figure, "share": words.share, "iso": to_iso,
            "what": told.what, "named": told.named, "evidence": told.evidence, "wrong": wrong, "assets": self._assets,
            "shown_value": words.shown, "expected": sentences.expected,
        }  # fmt: skip

    def texts(self, request: Request) -> Texts:
        """Words in the language of whoever asks."""
        wanted = request.cookies.get(LANGUAGE_COOKIE)
        return self._texts[wanted if wanted in LANGUAGES else self._language]

    def page(
        self, request: Request, template: str, *, who: Caller | None = None, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """A page, for somebody logged in or for a stranger."""
        services = services_of(request)
        texts, now = self.texts(request), services.now()
        inside = who is not None and not who.account.must_change
        values |= {
            "t": texts, "who": who, "now": now,
            "bar": _bar(services, who.scope) if who and inside and who.account.may("watch") else None,
            "age": lambda ms: words.length((now - ms) / 1000, texts, "age"),
            "duration": lambda seconds: words.length(seconds, texts), "here": local_path(request),
            "live": bool(who and inside and who.account.may("watch", "system")),
            "menu": menu(who.account) if who and inside else {}, "current": current(request.url.path),
        }  # fmt: skip
        return HTMLResponse(self._templates.get_template(template).render(values), status_code=status)

    def problem(self, request: Request, problem: Problem) -> Response:
        """What a person sees of a request that is not done."""
        if problem.word == "login_required":
            return self._to_login(request)
        if problem.word == "password_change_required":
            return go("/password", request)
        if problem.word == "login_again":
            back = safe_next(urlsplit(request.headers.get("referer", "")).path)
            return go(f"/login?again=true&next={quote(back, safe='')}", request)
        if problem.word == "factor_required":
            return go("/security", request)
        texts = self.texts(request)
        word = "limited" if (problem.status, problem.word) == (403, "district") else problem.word
        said = texts.known(f"problem.{word}", texts("problem.other"))
        page = self.page(request, "problem.html", status=problem.status, said=said, detail=problem.detail)
        page.headers.update(problem.headers)
        return page

    def _to_login(self, request: Request) -> Response:
        if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
            # A link in somebody's web mail: the browser holds the strict cookie back until we ask again ourselves.
            return self.page(request, "again.html")
        there = local_path(request) if request.method == "GET" else "/"
        return go(f"/login?next={quote(there, safe='')}", request)


def console_of(request: Request) -> Console:
    """The console of the application that a request came to."""
    return cast("Console", request.app.state.console)


View = Annotated[Console, Depends(console_of)]


def go(path: str, request: Request) -> Response:
    """Send a browser to another page of ours; a script that asked for a part of a page leaves it as a whole."""
    if request.headers.get("hx-request") and request.method == "GET":
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, status_code=303)


def local_path(request: Request) -> str:
    """Path and query of a request."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def safe_next(path: str, otherwise: str = "/") -> str:
    """A page of ours to go to afterwards; never one of another site.

    Examples
    --------
    >>> safe_next("/alerts?line=f1"), safe_next("//evil.example/"), safe_next("/\\\\evil.example"), safe_next("")
    ('/alerts?line=f1', '/', '/', '/')
    """
    ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if ours else otherwise


def _bar(services: Services, scope: Scope) -> Bar:
    with read(services.engine) as connection:
        return load_bar(connection, scope)
