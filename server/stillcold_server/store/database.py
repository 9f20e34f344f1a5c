"""Opening the database."""

import json
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000")


def open_database(url: str) -> Engine:
    """An engine for a database URL.

    Parameters
    ----------
    url : str
        ``sqlite:///path`` or ``postgresql+psycopg://…``. SQLite is opened with a write-ahead log and
        ``synchronous=FULL``: a commit that has returned survives a power cut.
    """
    engine = create_engine(url, json_serializer=_dumps)
    if engine.dialect.name == "sqlite":
        if engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
