"""The scenario that plays one table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from stillcold_core.files import BadFile
from stillcold_core.profiles import Profile
from stillcold_sim.scenario.tables import headings, rows_of

Columns = Mapping[str, str | Mapping[str, Any]]


def replay_of(file: Path, profile: Profile, point: str, maps: Columns, time: str | None) -> dict[str, Any]:
    """How a table is played: which columns, of which point, at which times.

    Parameters
    ----------
    file : Path
        The table.
    profile : Profile
        Of the meter.
    point : str
        Whose rows, where the table has a column ``point``.
    maps : mapping of str to str or mapping
        Columns that are not named as their quantity.
    time : str, optional
        Column of time stamps; ``time`` by default, if there is one.

    Raises
    ------
    BadFile
        When the file is not a table, or has nothing to play.
    """
    there = headings(file)
    named = {q for q in profile.by_quantity if q in there and q not in maps}
    seen = _seen(file, {*named, *({"point"} & set(there))})
    columns = {q: q for q in sorted(named & set(seen))} | dict(maps)
    if not columns:
        raise BadFile(file, f"no column is named as a quantity of {profile.model}; it has {', '.join(there)}")
    replay: dict[str, Any] = {"file": str(file), "columns": columns}
    if when := time or ("time" if "time" in there else None):
        replay["time"] = when
    if len(seen.get("point", ())) > 1:
        replay["point"] = point
    return replay


def scenario_text(name: str, meter: Mapping[str, Any], port: Mapping[str, Any], **more: Any) -> str:
    """A scenario file with one port and one meter."""
    head = {"name": name, **more}
    return tomli_w.dumps({**head, "port": [{"id": "bus", **port}], "meter": [{"id": "meter", "port": "bus", **meter}]})


def check_complete(profile: Profile, given: set[str], file: Path) -> None:
    """Say what must be given beside the file, before a scenario says it in its own words.

    Raises
    ------
    BadFile
        When something is missing, or is not the profile's.
    """
    if unknown := sorted(given - set(profile.by_quantity)):
        raise BadFile(file, f"{profile.model} has no {', '.join(unknown)}")
    own = {"active_energy_import", "active_energy_export", "meter_serial", "ct_ratio", "pt_ratio"}
    if missing := sorted(set(profile.by_quantity) - given - own):
        raise BadFile(file, f"nothing gives {', '.join(missing)}; say them with --value QUANTITY=NUMBER")


def _seen(file: Path, wanted: set[str]) -> dict[str, set[Any]]:
    """What stands in the columns that are not empty; of numbers only that there are some."""
    seen: dict[str, set[Any]] = {}
    for _, row in rows_of(file, wanted):
        for column in wanted:
            if row[column] not in {None, ""}:
                seen.setdefault(column, set()).add(row[column] if column == "point" else True)
    return seen
