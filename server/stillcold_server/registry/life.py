"""The steps of a line's life: from which stage to which, who may take them, and what must be given.

::

    Refused (Exception)            a step that is not taken; ``word`` is stable
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from msgspec.structs import replace
from sqlalchemy import Connection, Row, select

from stillcold_core.life import SEALED, TERMS, Stage, Standard, later
from stillcold_core.registry import Identification, Line, Measure, Registry
from stillcold_server.days import begin_of, day_of
from stillcold_server.registry.documents import attach, known
from stillcold_server.registry.history import Author
from stillcold_server.registry.kinds import KINDS, moment
from stillcold_server.registry.ledger import put
from stillcold_server.store import schema
from stillcold_server.verification.standing import newest_decided

_PAPER = "cut_off_certificate"
Right = Literal["ledger", "permit", "verify"]


class Refused(Exception):
    """A step is not taken, and nothing has changed."""

    def __init__(self, word: str, detail: str) -> None:
        self.word = word
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody gives with a step; each step needs its own part of it.

    Attributes
    ----------
    on : date
        When it was done, in Beijing; not later than today.
    documents : mapping of str to str
        SHA-256 of stored documents, by what they are.
    standards : mapping of Standard to str
        The lead bureau of each standard that the line falls short of.
    standard, until : Standard and date, optional
        Of an extension.
    measures, dismantle_by
        Of an order.
    ground : str
        Id of the alert of a restart; number of a case.
    """

    on: date
    note: str = ""
    documents: Mapping[str, str] = field(default_factory=dict)
    standards: Mapping[Standard, str] = field(default_factory=dict)
    standard: Standard | None = None
    until: date | None = None
    measures: tuple[Measure, ...] = ()
    dismantle_by: date | None = None
    ground: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A line as a step finds it, and who takes the step."""

    connection: Connection
    line: Line
    found: tuple[Identification, ...]
    given: Given
    author: Author

    @property
    def today(self) -> date:
        """In Beijing."""
        return day_of(self.author.now)


Outcome = tuple[Line, tuple[Identification, ...]]
"""What a step makes of the line and of its identifications."""


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of step.

    Attributes
    ----------
    before : tuple of Stage or None
        The stages from which it leads; None is that of a line that nobody has identified.
    documents : tuple of str
        What each of the documents that must be given is.
    needs : tuple of str
        The other parts of :class:`Given` that it reads.
    outcome : callable
        Checks what only this step needs, and does it.
    """

    before: tuple[Stage | None, ...]
    after: Stage
    right: Right
    documents: tuple[str, ...]
    outcome: Callable[[Case], Outcome]
    needs: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    """What further documents may be."""
    certificate: bool = False
    """Whether the cut-off must be verified, since the order or the restart."""


def take_step(connection: Connection, line: str, name: str, given: Given, author: Author) -> None:
    """Take a step of a line's life, in one transaction with its journal and history.

    Raises
    ------
    Refused
        ``unknown_line``, ``wrong_stage``, ``in_future``, ``too_early``, ``missing_document``, ``unknown_document``, or
        a word of the step's own.
    """
    step = STEPS[name]
    row = connection.execute(select(schema.line).where(schema.line.c.id == line).with_for_update()).one_or_none()
    if row is None:
        raise Refused("unknown_line", f"there is no line {line}")
    case = Case(connection, KINDS["line"].entry(row), identifications(connection, line), given, author)
    _check(case, step, name)
    certificate = _certificate(case) if step.certificate else None
    changed, found = step.outcome(case)
    state: Literal["sealed", "permitted"] = "sealed" if step.after in SEALED else "permitted"
    changed = replace(changed, stage=step.after, state=state)
    before = Registry(line=(case.line,), identification=case.found)
    put(connection, Registry(line=(changed,), identification=found), before, author)
    for role in given.documents:
        attach(connection, given.documents[role], "line", line, role, author)
    _write(case, name, step, certificate)


def possible(stage: Stage | None) -> list[str]:
    """The steps that lead on from a stage."""
    return [name for name, step in STEPS.items() if stage in step.before]


def identifications(connection: Connection, line: str) -> tuple[Identification, ...]:
    """What a line falls short of."""
    kind = KINDS["identification"]
    rows = connection.execute(select(kind.table).where(kind.table.c.line == line).order_by(kind.table.c.standard))
    return tuple(kind.entry(row) for row in rows)


def steps_of(connection: Connection, line: str) -> list[Row[Any]]:
    """The steps that were taken, the newest first."""
    s = schema.line_step
    return list(connection.execute(select(s).where(s.c.line == line).order_by(s.c.id.desc())))


def _check(case: Case, step: Step, name: str) -> None:
    if case.line.stage not in step.before:
        allowed = ", ".join(possible(case.line.stage)) or "none"
        raise Refused(
            "wrong_stage", f"{name} does not lead on from {case.line.stage or 'no stage'}; what does: {allowed}"
        )
    if case.given.on > case.today:
        raise Refused("in_future", f"`on` must not be later than today ({case.today})")
    if (last := _last_day(case)) is not None and case.given.on < last:
        raise Refused("too_early", f"`on` must not be earlier than what was done before ({last})")
    for role in step.documents:
        if role not in case.given.documents:
            raise Refused("missing_document", f"{name} needs the document {role}")
    for digest in case.given.documents.values():
        if not known(case.connection, digest):
            raise Refused("unknown_document", f"there is no document {digest}; store it first")


def _last_day(case: Case) -> date | None:
    """The day of the last step, or of an identification that came from a file."""
    s = schema.line_step.c
    facts = case.connection.scalar(select(s.facts).where(s.line == case.line.id).order_by(s.id.desc()).limit(1))
    days = [x.identified_on for x in case.found] if facts is None else [date.fromisoformat(facts["on"])]
    return max(days, default=None)


def _certificate(case: Case) -> str | None:
    """Id of the certificate of the cut-off, of an observation that began after the order or the restart.

    Only a line that no electricity meter watches can do with a certificate on paper, which it was verified by, and
    only where no observation, of its contacts or its water, has failed since.
    """
    s = schema.line_step.c
    since = select(s.facts).where(s.line == case.line.id, s.step.in_(("order", "report_restart")))
    facts = case.connection.scalar(since.order_by(s.id.desc()).limit(1))
    begin = 0 if facts is None else begin_of(date.fromisoformat(facts["on"]))
    newest = newest_decided(case.connection, case.line.id, begin)
    if newest is not None and newest.result == "passed":
        return newest.certificate
    on_paper = _PAPER in case.given.documents or case.line.stage == "verified"
    if not on_paper or _metered(case) or (newest is not None and newest.result == "failed"):
        raise Refused("no_certificate", "the cut-off must be verified, by an observation that has passed, first")
    return None


def _metered(case: Case) -> bool:
    p = schema.point.c
    electrical = select(p.id).where(p.line == case.line.id, p.role.in_(("feeder", "incomer"))).limit(1)
    return case.connection.scalar(electrical) is not None


def _write(case: Case, name: str, step: Step, certificate: str | None) -> None:
    given = case.given
    facts = {
        "on": given.on.isoformat(), "documents": dict(given.documents), "standards": dict(given.standards),
        "standard": given.standard, "until": given.until and given.until.isoformat(), "ground": given.ground,
        "measures": list(given.measures), "dismantle_by": given.dismantle_by and given.dismantle_by.isoformat(),
        "certificate": certificate,
    }  # fmt: skip
    case.connection.execute(schema.line_step.insert(), {
        "line": case.line.id, "at": case.author.now, "actor": case.author.name, "step": name,
        "before": case.line.stage, "after": step.after, "note": given.note,
        "facts": {key: value for key, value in facts.items() if value},
    })  # fmt: skip


def _as_it_is(case: Case) -> Outcome:
    return case.line, ()


def _identify(case: Case) -> Outcome:
    if not case.given.standards:
        raise Refused("no_standard", f"expected at least one of {', '.join(TERMS)} with its lead bureau")
    open_ = {x.standard for x in case.found if case.line.stage == "identified"}
    if twice := sorted(open_ & set(case.given.standards)):
        raise Refused("known_standard", f"the line is identified under {', '.join(twice)} already")
    found = (Identification(case.line.id, s, bureau, case.given.on) for s, bureau in case.given.standards.items())
    return case.line, tuple(found)


def _begin(case: Case) -> Outcome:
    """The clock starts on the day on which the notice was served."""
    begun = (
        replace(x, rectify_by=later(case.given.on, TERMS[x.standard].months), extended_to=None) for x in case.found
    )
    return case.line, tuple(begun)


def _extend(case: Case) -> Outcome:
    found = next((x for x in case.found if x.standard == case.given.standard), None)
    if found is None or found.rectify_by is None:
        raise Refused("no_standard", "expected a standard whose clock runs")
    if not TERMS[found.standard].extension:
        raise Refused("no_extension", f"the standard {found.standard} knows no extension")
    if found.extended_to is not None:
        raise Refused("already_extended", f"it was extended already, to {found.extended_to}, and may be only once")
    if found.rectify_by < case.today:
        raise Refused("term_over", f"the term was over on {found.rectify_by}")
    latest = later(found.rectify_by, TERMS[found.standard].extension)
    if case.given.until is None or not found.rectify_by < case.given.until <= latest:
        raise Refused("over_extension", f"`until` must be later than {found.rectify_by} and at the latest {latest}")
    return case.line, (replace(found, extended_to=case.given.until),)


def _order(case: Case) -> Outcome:
    running = [x.due for x in case.found if x.due is not None and x.due >= case.today]
    if case.line.stage == "rectifying" and running:
        raise Refused("term_runs", f"the enterprise may rectify until {max(running)}")
    if not case.given.measures:
        raise Refused("no_measures", "expected at least one of power_cut, water_cut, power_unit_removed, sealed")
    if case.given.dismantle_by is None or case.given.dismantle_by <= case.given.on:
        raise Refused("no_deadline", f"`dismantle_by` must be later than {case.given.on}")
    return replace(case.line, measures=case.given.measures, dismantle_by=case.given.dismantle_by), ()


def _seal(case: Case) -> Outcome:
    s = schema.seal.c
    applied = select(s.id).where(s.line == case.line.id, s.state == "applied").limit(1)
    if "sealed" in case.line.measures and case.connection.scalar(applied) is None:
        raise Refused("no_seal", "enter at least one seal that was applied first")
    return _sealed_since(case), ()


def _dismantle(case: Case) -> Outcome:
    return (case.line if case.line.sealed_at else _sealed_since(case)), ()


def _sealed_since(case: Case) -> Line:
    on = case.given.on
    return replace(case.line, sealed_at=moment(case.author.now if on == case.today else begin_of(on)))


def _restart(case: Case) -> Outcome:
    a = schema.alert.c
    told = select(a.id).where(a.id == case.given.ground, a.line == case.line.id, a.kind.startswith("restart."))
    if case.connection.scalar(told) is None and "inspection_record" not in case.given.documents:
        raise Refused("no_ground", "expected the id of a restart's alert on this line, or an inspection_record")
    return case.line, ()


def _open_case(case: Case) -> Outcome:
    if not case.given.ground.strip():
        raise Refused("no_ground", "expected the number of the case")
    return case.line, ()


_ANY: tuple[Stage, ...] = (
    "identified", "rectifying", "rectified", "ordered", "verified", "sealed", "restarted", "case",
)  # fmt: skip
STEPS: Mapping[str, Step] = {
    "identify": Step(
        (None, "identified", "rectified", "withdrawn"), "identified", "ledger", ("identification",), _identify,
        ("standards",),
    ),
    "begin_rectifying": Step(("identified",), "rectifying", "ledger", ("rectification_notice",), _begin),
    "extend": Step(("rectifying",), "rectifying", "permit", ("extension_approval",), _extend, ("standard", "until")),
    "accept": Step(("rectifying",), "rectified", "permit", ("acceptance_report",), _as_it_is),
    "order": Step(
        ("identified", "rectifying"), "ordered", "ledger", ("order",), _order, ("measures", "dismantle_by")
    ),
    "verify_cut_off": Step(("ordered",), "verified", "verify", (), _as_it_is, optional=(_PAPER,), certificate=True),
    "seal": Step(("verified",), "sealed", "verify", ("sealing_record", "promise", "notice"), _seal, certificate=True),
    "report_restart": Step(
        ("sealed", "dismantled"), "restarted", "verify", (), _restart, ("ground",), ("inspection_record",)
    ),
    "clear_restart": Step(("restarted",), "sealed", "verify", ("inspection_record",), _as_it_is),
    "open_case": Step(("restarted",), "case", "ledger", ("case_filing",), _open_case, ("ground",)),
    "seal_again": Step(("case",), "sealed", "verify", ("sealing_record",), _seal, optional=(_PAPER,), certificate=True),
    "dismantle": Step(("ordered", "verified", "sealed", "case"), "dismantled", "verify", ("dismantling_record",),
                      _dismantle),
    "withdraw": Step(_ANY, "withdrawn", "permit", ("withdrawal_decision",), _as_it_is),
}  # fmt: skip
"""By name. A line that was restarted stays in the state ``sealed``: it is watched all the way through its case."""
