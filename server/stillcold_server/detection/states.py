"""Detectors' states in the store: written behind, each with the batch up to which it covers its subject."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from stillcold_server.detection.subjects import Key, Subject, Subjects
from stillcold_server.store.database import upsert
from stillcold_server.store.marks import read_mark, write_mark
from stillcold_server.store.schema import detector_state

log = logging.getLogger(__name__)
_MARK = "checkpoint"


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store holds of the states.

    Attributes
    ----------
    states, covers : mapping by Key
        Each state that can be gone on with, and the id of the last batch that it covers, by its row or by ``floor``.
    stale : mapping of Key to Subject
        Subjects without such a state: new ones, and those whose state is of another version.
    floor : int
        Id of the last batch that all of ``states`` cover.
    """

    states: dict[Key, Any] = field(default_factory=dict)
    covers: dict[Key, int] = field(default_factory=dict)
    stale: dict[Key, Subject] = field(default_factory=dict)
    floor: int = 0


def load_states(connection: Connection, subjects: Subjects) -> Kept:
    """The states of all subjects, as far as they can be gone on with."""
    watched = {s.key: s for watching in subjects.values() for s in watching}
    kept = Kept(stale=dict(watched), floor=read_mark(connection, _MARK))
    for row in connection.execute(select(detector_state)):
        key = (row.detector, row.subject)
        if key in watched:
            try:
                kept.states[key] = watched[key].detector.restore(row.state)
            except ValueError as error:
                log.warning("%s of %s: %s; it is made anew from the stored batches", *key, error)
                continue
            kept.covers[key] = max(row.covers, kept.floor)
            del kept.stale[key]
    return kept


def save_states(
    connection: Connection, subjects: Iterable[Subject], states: Mapping[Key, Any], covers: int, floor: int
) -> None:
    """Write some states.

    Parameters
    ----------
    covers : int
        Id of the last batch that they have seen.
    floor : int
        Id of the last batch that all states in the store cover, with these.
    """
    rows = [
        {"detector": s.detector.name, "subject": s.id, "covers": covers, "state": s.detector.save(states[s.key])}
        for s in subjects
    ]
    upsert(connection, detector_state, rows)
    write_mark(connection, _MARK, floor)
