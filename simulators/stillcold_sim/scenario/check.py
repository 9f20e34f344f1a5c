"""What must hold between the fields of a scenario."""

import ipaddress
import re
from collections.abc import Iterator, Sequence

from stillcold_core.files import Step
from stillcold_core.profiles import Profile
from stillcold_core.profiles.model import UNITS
from stillcold_core.registry import Registry
from stillcold_sim.loads import Demand, electrical, quantities
from stillcold_sim.scenario.fault import ON_REGISTERS, ON_TCP, Fault
from stillcold_sim.scenario.model import Event, Expect, Meter, Port, ScenarioFile

Problem = tuple[Sequence[Step], str]
OF_LOAD = frozenset({*quantities(electrical(Demand(), (1.0, 1.0, 1.0), 50.0, 0.0)), "water_flow"})
OF_METER = frozenset(
    {"active_energy_import", "active_energy_export", "water_volume", "meter_serial", "ct_ratio", "pt_ratio"}
)
_KIND = re.compile(r"^[a-z]+\.[a-z_]+$")


def missing_quantities(meter: Meter, profile: Profile) -> list[str]:
    """What the profile has a register for, and neither load nor recording nor meter gives a value for."""
    given = {*meter.values, *OF_METER}
    if meter.load or meter.sums:
        given |= OF_LOAD
    if meter.replay:
        given |= set(meter.replay.columns)
    return sorted(set(profile.by_quantity) - given)


def check_ports(ports: Sequence[Port]) -> Iterator[Problem]:
    """What is wrong with the ports."""
    ids: dict[str, int] = {}
    places: dict[tuple[str, int], int] = {}
    for i, port in enumerate(ports):
        if ids.setdefault(port.id, i) != i:
            yield ["port", i, "id"], f"must be unique; port[{ids[port.id]}] has it already"
        if port.kind != "rtu" and not _is_address(port.host):
            yield ["port", i, "host"], "expected an IP address to listen on, e.g. 127.0.0.1"
        for field in ("link", "device"):
            if port.kind != "rtu" and getattr(port, field):
                yield ["port", i, field], 'is for kind = "rtu" only'
        if port.link and port.device:
            yield ["port", i, "link"], "is for a pseudo-terminal only"
        place = (port.host, port.port) if port.kind != "rtu" else (port.link or port.device, -1)
        if place not in {("", -1), (port.host, 0)} and places.setdefault(place, i) != i:
            yield ["port", i], f"the same place as port[{places[place]}]"


def check_meters(
    ports: Sequence[Port], meters: Sequence[tuple[int, Meter]], registry: Registry | None
) -> Iterator[Problem]:
    """What is wrong with the meters, each given with the index of its entry in the file."""
    ids: dict[str, int] = {}
    units: dict[tuple[str, int], int] = {}
    points = None if registry is None else {p.id for p in registry.point}
    for i, meter in meters:
        if meter.id in ids:
            yield ["meter", i, "id"], f"{meter.id} must be unique; meter[{ids[meter.id]}] has it already"
        if (meter.port, meter.unit) in units:
            yield ["meter", i, "unit"], f"unit {meter.unit} of this port is meter[{units[meter.port, meter.unit]}]"
        ids[meter.id] = units[meter.port, meter.unit] = i
        if meter.port not in {p.id for p in ports}:
            yield ["meter", i, "port"], "must be the id of a [[port]] in this file"
        if points is not None and meter.point not in points:
            yield ["meter", i, "point"], f"the registry has no point {meter.point}"
        yield from _check_meter(i, meter)


def _check_meter(i: int, meter: Meter) -> Iterator[Problem]:
    if meter.unit > 247:
        yield ["meter", i, "count"], f"unit {meter.unit} would be above 247"
    if meter.replay and (meter.load or meter.sums):
        yield ["meter", i], "a meter that plays a recording has neither load nor sums"
    for quantity, column in (meter.replay.columns if meter.replay else {}).items():
        if not isinstance(column, str) and column.unit is not None and column.unit not in UNITS:
            yield ["meter", i, "replay", "columns", quantity], f"expected a unit among {', '.join(UNITS)}"


def check_story(file: ScenarioFile, registry: Registry | None) -> Iterator[Problem]:
    """What is wrong with events, faults and expected alerts."""
    meters = {m.id: m for m in file.meter}
    for i, event in enumerate(file.event):
        yield from _check_event(i, event, meters.get(event.meter))
    ports = {p.id: p for p in file.port}
    for i, fault in enumerate(file.fault):
        yield from _check_fault(i, fault, meters, ports)
    lines = None if registry is None else {line.id for line in registry.line}
    for i, expect in enumerate(file.expect):
        yield from _check_expect(i, expect, lines)


def _check_event(i: int, event: Event, meter: Meter | None) -> Iterator[Problem]:
    if meter is None:
        yield ["event", i, "meter"], "must be the id of a meter in this file"
    elif event.what != "set" and meter.load is None and not meter.sums:
        yield ["event", i, "what"], f"{event.meter} has no load; only set can happen to it"
    if (event.what == "set") != bool(event.values):
        yield ["event", i, "values"], 'belong to what = "set", which needs them'


def _check_fault(i: int, fault: Fault, meters: dict[str, Meter], ports: dict[str, Port]) -> Iterator[Problem]:
    if (fault.meter is None) == (fault.port is None):
        yield ["fault", i], "expected exactly one of meter and port"
    elif fault.meter is not None and fault.meter not in meters:
        yield ["fault", i, "meter"], "must be the id of a meter in this file"
    elif fault.port is not None and fault.port not in ports:
        yield ["fault", i, "port"], "must be the id of a [[port]] in this file"
    else:
        yield from _check_wire(i, fault, meters, ports[fault.port or meters[fault.meter or ""].port])


def _check_wire(i: int, fault: Fault, meters: dict[str, Meter], port: Port) -> Iterator[Problem]:
    if fault.what in ON_TCP and port.kind == "rtu":
        yield ["fault", i, "what"], "only a TCP port can do that"
    if fault.what == "bad_crc" and port.kind == "tcp":
        yield ["fault", i, "what"], "Modbus TCP has no checksum"
    if fault.what == "wrong_transaction" and port.kind != "tcp":
        yield ["fault", i, "what"], "only Modbus TCP has transactions"
    if fault.registers and fault.registers[0] > fault.registers[1]:
        yield ["fault", i, "registers"], "expected the first and the last"
    if fault.what == "refused" and (fault.functions or fault.registers or fault.share != 1):
        yield ["fault", i, "what"], "connections are refused whatever is asked"
    if fault.what in ON_REGISTERS and fault.share != 1:
        yield ["fault", i, "share"], "registers are wrong for every request"
    if fault.what == "reboot" and fault.unit is not None:
        yield from _check_move(i, fault, meters, port)


def _check_move(i: int, fault: Fault, meters: dict[str, Meter], port: Port) -> Iterator[Problem]:
    if fault.meter is None:
        yield ["fault", i, "unit"], "a whole port cannot move to one unit"
    if any(m.port == port.id and m.unit == fault.unit and m.id != fault.meter for m in meters.values()):
        yield ["fault", i, "unit"], "another meter of the port has it"


def _check_expect(i: int, expect: Expect, lines: set[str] | None) -> Iterator[Problem]:
    if lines is not None and expect.line not in lines:
        yield ["expect", i, "line"], "the registry has no such line"
    for field, kinds in (("kinds", expect.kinds), ("may", expect.may)):
        for n, kind in enumerate(kinds):
            if not _KIND.match(kind):
                yield ["expect", i, field, n], 'expected a kind of alert, e.g. "restart.power"'


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
