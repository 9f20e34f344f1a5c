"""What ``probe`` prints: units, profiles, and lines for ``agent.toml``."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

from stillcold_agent.config import RtuBus, TcpBus
from stillcold_agent.tools.plan import wire_time
from stillcold_agent.tools.probe.fit import Fit, best_of
from stillcold_agent.tools.probe.line import ProbedBus
from stillcold_agent.tools.probe.orders import Variant
from stillcold_agent.tools.probe.scan import Unit

_SHOWN = 5  # profiles
_SMALLEST = 8 + 7  # bytes of a request for one register and its answer, on a serial line


def unit_line(unit: Unit) -> str:
    """A unit that answers."""
    if not unit.clear:
        return f"unit {unit.number}: garbage; two meters with one address, noise, or another speed or parity"
    took = unit.seconds - (wire_time(unit.bus, _SMALLEST) if isinstance(unit.bus, RtuBus) else 0.0)
    return f"unit {unit.number}: answers after {max(took, 0.001):.3f} s"


def setting_of(bus: ProbedBus) -> str:
    """A serial line's settings, or a socket's address."""
    if isinstance(bus, RtuBus):
        return f"{bus.device}, {bus.baud_rate} baud 8{bus.parity}{bus.stop_bits}"
    return f"{bus.host}:{bus.port}"


def fit_lines(unit: int, fits: Sequence[Fit]) -> Iterator[str]:
    """The best profiles of a unit as a table, and what it means."""
    known = [fit for fit in fits if fit.answered][:_SHOWN]
    if known:
        yield f"{f'unit {unit}':26}   there  typical  0 or none  wrong  points"
    for fit in known:
        there = f"{fit.answered}/{len(fit.profile.register)}"
        counts = f"{there:>8} {fit.typical:8} {fit.nothing:10} {fit.wrong:6} {fit.score:7.1f}"
        yield f"  {fit.profile.model:24}{counts}"
    yield from wrap(f"unit {unit}: {verdict(fits)}", 80, subsequent_indent="  ")


def verdict(fits: Sequence[Fit]) -> str:
    """What the points mean."""
    best = best_of(fits)
    if not best:
        return "none of these profiles fits; --orders looks for other orders and addresses"
    names = ", ".join(f.profile.model for f in best)
    if not best[0].convincing:
        return f"nothing that it shows tells (no voltage?): {names} at best; see the name plate"
    return f"a tie: {names} fit equally well; see the name plate" if len(best) > 1 else f"it is {names}"


def paste_lines(bus: ProbedBus, suggested: Mapping[int, Sequence[Fit]]) -> Iterator[str]:
    """The configuration's lines for what was found."""
    yield "[[bus]]"
    yield f'id = "{bus.id}"'
    if isinstance(bus, RtuBus):
        yield f'kind = "rtu"\ndevice = "{bus.device}"\nbaud_rate = {bus.baud_rate}'
        yield f'parity = "{bus.parity}"\nstop_bits = {bus.stop_bits}'
    else:
        kind = "tcp" if isinstance(bus, TcpBus) else "rtu_over_tcp"
        yield f'kind = "{kind}"\nhost = "{bus.host}"\nport = {bus.port}'
    for unit, best in suggested.items():
        models = [fit.profile.model for fit in best]
        yield f'\n[[device]]\nbus = "{bus.id}"\nunit = {unit}\nprofile = "{models[0]}"'
        yield from (f"# or: {model}" for model in models[1:])
        yield f'point = "unit-{unit}"   # the point\'s id in the registry'


def variant_line(variant: Variant) -> str:
    """How to read a meter otherwise."""
    moved = "" if variant.shift == 0 else f", every address {variant.shift:+d}"
    orders = f'byte_order = "{variant.byte_order}", word_order = "{variant.word_order}"'
    return f"{orders}{moved}: {variant.fit.typical} typical, {variant.fit.score:.1f} points"


def duration(seconds: float) -> str:
    """Seconds for people.

    Examples
    --------
    >>> duration(77), duration(5.2)
    ('1 min 17 s', '6 s')
    """
    whole = -int(-seconds // 1)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
