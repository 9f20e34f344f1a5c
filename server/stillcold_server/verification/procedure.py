"""Observing a line at its sealing.

Nothing of it is kept in memory: what an observation has come to follows from the stored batches, by the time of their
samples. A server that is restarted in the middle changes nothing, and the same batches give the same result later.

::

    Refused (Exception)       what is not done, with a stable word for the reason
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from stillcold_core.proof.records import ELECTRICAL, Record
from stillcold_core.proof.sealing import Condition, Seen, result_of, verify
from stillcold_core.proof.sealing import Watched as Observed
from stillcold_server.api.moments import to_iso
from stillcold_server.evidence.key import Signer
from stillcold_server.store.schema import verification as table
from stillcold_server.verification.statements import Draft, Statement, figure, issue, journals, reading
from stillcold_server.verification.subject import Watched, find_watched, load_records, newest_samples

MINUTES, LEAST, MOST = 30, 5, 1440
"""How long a line is observed: by default, at least and at most. A meter that is read each quarter of an hour gives two
readings in half an hour, the fewest that show a register standing still."""
WAIT = 600_000
"""ms after its end that an observation waits for readings that are on their way."""
State = Literal["running", "decided", "abandoned"]


class Refused(Exception):
    """Something is not done.

    Parameters
    ----------
    word : str
        Stable name of the reason.
    detail : str
        What is wrong, and what would be right.
    field : str, optional
        Which part of what was asked.
    """

    def __init__(self, word: str, detail: str, field: str | None = None) -> None:
        self.word, self.field = word, field
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Observation:
    """An observation as it was started; times in ms."""

    id: int
    line: str
    begin: int
    end: int
    behind_cut: tuple[str, ...]
    started_by: str
    state: State
    closed_at: int | None
    closed_by: str
    statement: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How an observation stands.

    Attributes
    ----------
    observation : Observation
    watched : Watched
        The line.
    until : int
        ms up to which every point that has spoken has been seen.
    waiting : tuple of str
        Points whose samples do not reach to the end yet.
    conditions : tuple of Condition
        Of what has been seen.
    ready : bool
        Whether it can be decided: every point's samples reach to the end, or none is waited for any more.
    records : mapping of str to Record
        What it rests on.
    """

    observation: Observation
    watched: Watched
    until: int
    waiting: tuple[str, ...]
    conditions: tuple[Condition, ...]
    ready: bool
    records: Mapping[str, Record]


def start(
    connection: Connection, line: str, minutes: int, behind_cut: Collection[str] | None, who: str, now: int
) -> int:
    """Begin to observe a line, from now on; the number of the observation.

    Parameters
    ----------
    minutes : int
        From :data:`LEAST` to :data:`MOST`.
    behind_cut : collection of str, optional
        The electrical points that lie behind the cut; by default all, where the power was cut.

    Raises
    ------
    Refused
    """
    watched = find_watched(connection, line)
    if watched is None:
        raise Refused("not_found", f"there is no line {line}")
    electrical = [p.id for p in watched.points if p.role in ELECTRICAL]
    if not electrical:
        raise Refused("no_point", f"{line} has no electrical point; expected a feeder or an incomer in the registry")
    default = electrical if "power_cut" in watched.line.measures else []
    behind = sorted(default if behind_cut is None else behind_cut)
    strangers = sorted(set(behind) - set(electrical))
    if strangers:
        raise Refused("invalid", f"expected electrical points of {line}; got {strangers[0]}", "behind_cut")
    values = {
        "line": line, "from_at": now, "to_at": now + 60_000 * minutes, "behind_cut": behind, "started_by": who,
        "state": "running", "closed_by": "",
    }  # fmt: skip
    try:
        return int(connection.execute(insert(table).returning(table.c.id), values).scalar_one())
    except IntegrityError as error:  # of two who start at once one is second, whatever both have read before
        raise Refused("already_running", f"{line} is being observed already") from error


def find(connection: Connection, number: int) -> Observation | None:
    """An observation."""
    return next(iter(_rows(connection, table.c.id == number)), None)


def of_line(connection: Connection, line: str) -> list[Observation]:
    """The observations of a line, the newest first."""
    return _rows(connection, table.c.line == line)


def running(connection: Connection) -> list[Observation]:
    """Those that are not decided."""
    return _rows(connection, table.c.state == "running")


def progress(connection: Connection, observation: Observation, now: int) -> Progress:
    """What an observation has come to."""
    watched = find_watched(connection, observation.line)
    assert watched is not None  # noqa: S101  # a foreign key: lines with observations are not removed
    newest = newest_samples(connection, [p.id for p in watched.points])
    waiting = tuple(p.id for p in watched.points if newest.get(p.id, 0) < observation.end)
    given_up = now >= observation.end + WAIT or observation.state == "decided"
    ready = given_up or (not waiting and now >= observation.end)
    seen = [newest[p] for p in newest if newest[p] >= observation.begin]
    until = observation.end if ready else min([observation.end, *seen])
    if not seen and not ready:
        until = observation.begin
    records = load_records(connection, watched.points, observation.begin, until)
    observed = Observed(
        watched.sealed.limits, watched.roles, frozenset(observation.behind_cut), observation.begin, until
    )
    return Progress(observation, watched, until, waiting, verify(observed, records), ready, records)


def decide(connection: Connection, signer: Signer, number: int, who: str, now: int) -> Statement:
    """State what an observation has come to; again, where later readings may have changed that.

    Raises
    ------
    Refused
    """
    observation = find(connection, number)
    if observation is None:
        raise Refused("not_found", f"there is no observation {number}")
    if observation.state == "abandoned":
        raise Refused("abandoned", f"observation {number} was abandoned; start another one")
    found = progress(connection, observation, now)
    if not found.ready:
        raise Refused("still_running", f"the line is observed until {to_iso(observation.end)}, and waited for")
    made = issue(connection, signer, _draft(found), now)
    values = {"state": "decided", "closed_at": now, "closed_by": who, "statement": made.id}
    connection.execute(update(table).where(table.c.id == number).values(values))
    return made


def abandon(connection: Connection, number: int, who: str, now: int) -> None:
    """End an observation without a result.

    Raises
    ------
    Refused
    """
    values = {"state": "abandoned", "closed_at": now, "closed_by": who}
    here = (table.c.id == number) & (table.c.state == "running")
    if connection.execute(update(table).where(here).values(values)).rowcount == 0:
        raise Refused("not_running", f"no observation {number} is running")


def _draft(found: Progress) -> Draft:
    observation, records = found.observation, found.records
    points = [
        {
            "point": p.id, "role": p.role, "behind_cut": p.id in observation.behind_cut,
            "samples": len(records[p.id]), "journals": journals(records[p.id]),
        }
        for p in found.watched.points
    ]  # fmt: skip
    result = result_of(found.conditions)
    content = {
        **found.watched.named, "from": to_iso(observation.begin), "to": to_iso(observation.end), "result": result,
        "inspector": observation.started_by, "conditions": [_condition(c) for c in found.conditions],
        "points": points,
    }  # fmt: skip
    return Draft("sealing", observation.line, observation.begin, observation.end, content, result)


def _condition(condition: Condition) -> dict[str, Any]:
    found: dict[str, Any] = {"condition": condition.name, "result": condition.result, "why": condition.why}
    missing = [{"point": m.point, "cause": m.cause, "seconds": figure(m.seconds)} for m in condition.missing]
    return found | {"missing": missing} | (_seen(condition.worst) if condition.worst else {})


def _seen(seen: Seen) -> dict[str, Any]:
    first = {"first": reading(seen.first)} if seen.first else {}
    return {"limit": figure(seen.limit), "unit": seen.unit, "worst": reading(seen.worst), **first}


def _rows(connection: Connection, where: Any) -> list[Observation]:
    query = select(table).where(where).order_by(table.c.from_at.desc())
    return [_read(row) for row in connection.execute(query)]


def _read(row: Row[Any]) -> Observation:
    return Observation(
        row.id, row.line, row.from_at, row.to_at, tuple(row.behind_cut), row.started_by, row.state, row.closed_at,
        row.closed_by, row.statement,
    )  # fmt: skip


def points_of(watched: Watched) -> Sequence[str]:
    """The electrical points, of which each may lie behind the cut or in front of it."""
    return [p.id for p in watched.points if p.role in ELECTRICAL]
