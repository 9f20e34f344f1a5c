"""Meters entered by hand: which stands at a point, and its newest certificate of calibration."""

from msgspec.structs import asdict, replace
from sqlalchemy import Connection, select

from stillcold_core.registry import Meter, Registry
from stillcold_server.registry.history import Author
from stillcold_server.registry.kinds import KINDS
from stillcold_server.registry.ledger import put
from stillcold_server.registry.life import Refused
from stillcold_server.store import schema


def enter_meter(connection: Connection, line: str, meter: Meter, author: Author) -> None:
    """Enter a meter at a point of a line; one that stands on the line already gets what is given, and keeps the rest.

    Raises
    ------
    Refused
        ``unknown_line``, ``unknown_point``, ``known_meter``, ``expiry``.
    """
    n, m = schema.line.c, schema.meter
    if connection.scalar(select(n.id).where(n.id == line)) is None:
        raise Refused("unknown_line", f"there is no line {line}")
    points = set(connection.scalars(select(schema.point.c.id).where(schema.point.c.line == line)))
    if meter.point not in points:
        raise Refused(
            "unknown_point", f"{line} has no point {meter.point}; expected one of {', '.join(sorted(points))}"
        )
    row = connection.execute(select(m).where(m.c.id == meter.id).with_for_update()).one_or_none()
    known = () if row is None else (KINDS["meter"].entry(row),)
    if row is not None and row.point not in points:
        raise Refused("known_meter", f"meter {meter.id} stands at a point of another line")
    entered = replace(known[0], **{name: value for name, value in asdict(meter).items() if value}) if known else meter
    if entered.issued and entered.expires and entered.expires <= entered.issued:
        raise Refused("expiry", f"`expires` must be later than `issued` ({entered.issued})")
    put(connection, Registry(meter=(entered,)), Registry(meter=known), author)
