"""What a statement says in words: the paper and its check page show the same, and no more."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stillcold_core.proof.statement import VERIFICATION
from stillcold_server.api.moments import from_iso
from stillcold_server.language.texts import Texts
from stillcold_server.language.words import MISSING, figure, length, local_time, plain, share

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a sheet; every row is as long as ``head``."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A statement in words.

    Attributes
    ----------
    title : str
    result : str
        ``passed``, ``failed``, ``incomplete``; of a day empty.
    verdict : str
        The result in words.
    facts : sequence of (str, str)
    tables : sequence of Table
    foot : sequence of str
        What it proves and what not.
    """

    title: str
    result: str
    verdict: str
    facts: Sequence[tuple[str, str]]
    tables: Sequence[Table]
    foot: Sequence[str]


def sheet_of(content: Content, digest: str, texts: Texts) -> Sheet:
    """A statement's sheet in a language."""
    if content["type"] == VERIFICATION:
        result = content["result"]
        facts = [
            *_place(content, texts),
            (texts("paper.inspector"), content["inspector"]),
            *_itself(content, digest, texts),
        ]
        tables = [_conditions(content, texts), *_missing(content, texts), _points(content, texts)]
        verdict = texts(f"verification.{result}_long")
        title = texts("paper.sealing") if result == "passed" else texts("paper.sealing_record")
        return Sheet(title, result, verdict, facts, tables, _foot(texts))
    facts = [*_place(content, texts), *_itself(content, digest, texts)]
    tables = [_hours(content, texts), _figures(content, texts), _points(content, texts)]
    coverage = texts("paper.covered", share=share(content["coverage"]), dead=hours(content["dead"]))
    return Sheet(texts("paper.day", day=content["day"]), "", coverage, facts, tables, _foot(texts))


def hours(seconds: float) -> str:
    """Seconds in hours, never rounded up to the next hundredth.

    Examples
    --------
    >>> hours(86399.9), hours(86400), hours(0)
    ('23.99 h', '24 h', '0 h')
    """
    return f"{plain(int(seconds / 36) / 100, 2)} h"


def _place(content: Content, texts: Texts) -> Iterator[tuple[str, str]]:
    yield texts("paper.line"), f"{content['line_name']} ({content['line']})"
    yield texts("paper.site"), " ".join(filter(None, (content["site_name"], content["site_address"])))
    if content["enterprise"]:
        yield texts("paper.enterprise"), content["enterprise"]
    measures = " · ".join(texts.known(f"measure.{m}", m) for m in content["measures"])
    yield texts("line.rated_power"), figure(content["rated_power"], "W")
    yield texts("line.measures"), measures or MISSING
    yield texts("paper.period"), f"{_time(content['from'])} — {_time(content['to'])} (UTC+8)"


def _itself(content: Content, digest: str, texts: Texts) -> Iterator[tuple[str, str]]:
    yield texts("paper.id"), content["id"]
    if content["supersedes"]:
        yield texts("paper.supersedes"), content["supersedes"]
    yield texts("paper.made"), f"{_time(content['made'])} (UTC+8) · {content['by']}"
    yield "SHA-256", digest


def _conditions(content: Content, texts: Texts) -> Table:
    head = [texts(f"paper.{w}") for w in ("condition", "result", "limit", "worst", "time", "point", "batch")]
    rows = [_condition(c, texts) for c in content["conditions"]]
    return Table(texts("paper.conditions"), head, rows)


def _condition(c: Content, texts: Texts) -> list[str]:
    result = texts(f"verification.{c['result']}")
    name = texts(f"verification.of_{c['condition']}")
    if why := c["why"]:
        return [name, f"{result}: {texts(f'why.{why}')}", *[MISSING] * 5]
    if "worst" not in c:
        return [name, result, *[MISSING] * 5]
    worst, unit = c["worst"], c["unit"]
    if "first" in c:
        moved = figure(worst["value"] - c["first"]["value"], unit)
        shown = f"{moved} ({figure(c['first']['value'], unit)} → {figure(worst['value'], unit)})"
    elif c["condition"] == "contacts":
        shown = f"{texts('evidence.' + worst['quantity'])} {figure(worst['value'], unit)}"
    else:
        shown = figure(worst["value"], unit)
    limit = figure(c["limit"], unit) if c["condition"] != "contacts" else f"= {figure(c['limit'], unit)}"
    return [name, result, limit, shown, _time(worst["time"]), worst["point"], _batch(worst["batch"])]


def _missing(content: Content, texts: Texts) -> Iterator[Table]:
    rows = [
        [
            texts(f"verification.of_{c['condition']}"),
            m["point"] or MISSING,
            cause(m["cause"], texts),
            length(m["seconds"], texts),
        ]
        for c in content["conditions"]
        for m in c["missing"]
    ]
    if rows:
        head = [texts(f"paper.{w}") for w in ("condition", "point", "cause", "length")]
        yield Table(texts("paper.missing"), head, rows)


def _points(content: Content, texts: Texts) -> Table:
    head = [texts(f"paper.{w}") for w in ("point", "samples", "gateway", "first_batch", "last_batch")]
    rows = []
    for p in content["points"]:
        name = f"{p['point']} · {texts('role.' + p['role'])}"
        if p.get("behind_cut"):
            name += f" · {texts('paper.behind_cut')}"
        ends = [
            [j["gateway"], *(f"#{j[e]['sequence']} {j[e]['sha256'][:16]}" for e in ("first", "last"))]
            for j in p["journals"]
        ]
        rows += [[name, str(p["samples"]), *e] for e in ends] or [[name, str(p["samples"]), *[MISSING] * 3]]
    return Table(texts("paper.points"), head, rows)


def _hours(content: Content, texts: Texts) -> Table:
    rows = [[texts(f"condition.{part}"), hours(content[part]), ""] for part in ("dead", "live", "unknown")]
    rows += [["", hours(s), cause(c, texts)] for c, s in content["causes"].items()]
    return Table(texts("paper.hours"), [texts("paper.condition"), texts("paper.length"), texts("paper.cause")], rows)


def _figures(content: Content, texts: Texts) -> Table:
    head = [texts(f"paper.{w}") for w in ("figure", "value", "time", "point", "batch")]
    rows = []
    for name, unit in (("current", "A"), ("power", "W")):
        found = content[f"largest_{name}"]
        if found is not None:
            rows.append(_reading(texts(f"paper.largest_{name}"), figure(found["value"], unit), found))
    for r in content["energy"]:
        shown = f"{figure(r['delta'], 'Wh')} ({figure(r['first']['value'], 'Wh')} → {figure(r['last']['value'], 'Wh')})"
        rows.append(_reading(texts("paper.energy"), shown, r["last"]))
    rows += [
        [texts.known(f"kind.{f['kind']}", f["kind"]), MISSING, _time(f["began"]), f["point"], MISSING]
        for f in content["findings"]
    ]
    return Table(texts("paper.figures"), head, rows)


def _reading(name: str, shown: str, of: Content) -> list[str]:
    return [name, shown, _time(of["time"]), of["point"], _batch(of["batch"])]


def _foot(texts: Texts) -> list[str]:
    return [texts("paper.proves"), texts("paper.proves_not")]


def cause(word: str, texts: Texts) -> str:
    """A cause of what is missing or unknown."""
    return texts.known(f"cause.{word}", word)


def _time(moment: str) -> str:
    return local_time(from_iso(moment))


def _batch(of: Content) -> str:
    return f"{of['gateway']} #{of['sequence']} {of['sha256'][:16]}"
