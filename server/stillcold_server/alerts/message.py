"""What a channel is given: an alert's fields for programs, and a title and a text for people."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from stillcold_core.detect.findings import iso
from stillcold_server.language.texts import Texts
from stillcold_server.language.told import what
from stillcold_server.language.words import local_time
from stillcold_server.store import schema

Message = Mapping[str, Any]
"""Has at least ``id``, ``key`` (the same at each try), ``title`` and ``text`` (lines); for templates also
``site_name``, ``line_name``, ``what``, ``since`` and ``url``, as far as there is any."""


def message_of(connection: Connection, alert: str, texts: Texts, public_url: str) -> Message:
    """The message about an alert.

    Parameters
    ----------
    alert : str
        Its id.
    texts : Texts
        Of the officers' language.
    public_url : str
        Address that officers reach the console under; the message has no link where it is empty.
    """
    a, s, n = schema.alert, schema.site, schema.line
    row = connection.execute(
        select(a, s.c.name.label("site_name"), s.c.address, n.c.name.label("line_name"))
        .join(s, s.c.id == a.c.site)
        .join(n, n.c.id == a.c.line)
        .where(a.c.id == alert)
    ).one()
    url = f"{public_url.rstrip('/')}/alerts/{row.id}" if public_url else ""
    kind = texts.known(f"kind.{row.kind}", row.kind)
    title = texts("message.title", site=row.site_name, line=row.line_name, kind=kind)
    said = {"what": kind, "since": local_time(row.began), "url": url, "title": title, "text": _text(row, texts, url)}
    return {**_fields(row), **said}


def test_message(texts: Texts, code: str | None, now: int, public_url: str) -> Message:
    """A test page, with every field that a template may name; ``code`` shows that it was read.

    Parameters
    ----------
    code : str or None
        None where it goes to nobody who could type it.
    now : int
        ms
    """
    what_ = texts("message.test_what") if code is None else texts("message.test_what_code", code=code)
    text = texts("message.test_text") if code is None else texts("message.test_code", code=code)
    return {
        "id": "test", "key": f"test-{now}", "kind": "test", "severity": "info",
        "site_name": texts("message.test_site"), "line_name": "-", "what": what_, "since": local_time(now),
        "url": public_url, "title": texts("message.test_title"), "text": text,
    }  # fmt: skip


def _text(row: Row[Any], texts: Texts, url: str) -> str:
    lines = [
        what(row, texts),
        texts("message.began", time=local_time(row.began)),
        texts("message.check", check=texts(f"check.{row.kind}")) if f"check.{row.kind}" in texts.words else "",
        texts("message.address", address=row.address) if row.address else "",
        texts("message.lead"),
        url,
    ]
    return "\n".join(line for line in lines if line)


def _fields(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id, "incident": row.incident, "kind": row.kind, "severity": row.severity, "site": row.site,
        "site_name": row.site_name, "line": row.line, "line_name": row.line_name, "point": row.point,
        "began": iso(row.began / 1000), "detected": iso(row.detected / 1000), "raised": iso(row.raised_at / 1000),
        "reason": row.reason, "evidence": row.evidence,
    }  # fmt: skip
