"""The meters: one reading of each, or what the agent that owns the buses has read."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from stillcold_agent import loop
from stillcold_agent.config import Config
from stillcold_agent.meters import Meter
from stillcold_agent.observe.live import LiveBus, LiveMeter
from stillcold_agent.observe.window import look_in
from stillcold_agent.tools.doctor.finding import Finding, fail, good, warn
from stillcold_agent.tools.reading import read_once
from stillcold_agent.tools.running import agent_runs
from stillcold_core.readings import Absence, Value

_FEW = 0.01
"""Share of failed requests up to which a bus is in order."""
_DO = {
    Absence.TIMEOUT: "power of the meter; its unit; A and B crossed; speed and parity; wire; a larger timeout",
    Absence.BAD_REPLY: "two meters with one unit, a second master, noise, parity; the converter's mode",
    Absence.EXCEPTION: "wrong profile (probe suggests one); if only some quantities: skip",
    Absence.OUT_OF_RANGE: "wrong profile, ct or pt; a phase or function that is not connected: skip",
    Absence.DISCONNECTED: "ls /dev/serial/by-id/; ping the converter; is another program connected?",
    Absence.NOT_SUPPORTED: "the meter has no such quantity: skip",
    Absence.BREAKER_OPEN: "it failed again and again; see its timeout",
}


def meters(config: Config) -> Iterator[Finding]:
    """Whether each meter answers, and what is missing; what the agent knows of its buses where it runs."""
    data_dir = Path(config.data_dir)
    if not agent_runs(data_dir):
        yield from (_meter(_where(r.meter), r.sample.values) for r in loop.run(read_once(config)))
        return
    try:
        state = loop.run(look_in(data_dir))
    except OSError as error:
        yield warn("meters", f"the agent runs and does not tell ({error})", "journalctl --unit stillcold-agent")
        return
    yield from map(_bus, state.buses)
    yield from (_meter(_where(m), {**m.values, **m.absent}) for m in state.meters if m.read is not None)


def _where(meter: Meter | LiveMeter) -> str:
    return f"{meter.point} ({meter.bus} unit {meter.unit})"


def _bus(bus: LiveBus) -> Finding:
    failed = bus.timeouts + bus.bad_replies
    found = f"{bus.bus}: {failed} of {bus.requests} requests failed, readings up to {bus.lateness_max:.1f} s late"
    if failed <= _FEW * bus.requests:
        return good("bus", found)
    noise = "noise, terminator, two masters" if bus.bad_replies > bus.timeouts else "a silent meter, a larger timeout"
    return warn("bus", found, f"{noise}; stillcold-agent watch shows which")


def _meter(where: str, values: Mapping[str, Value]) -> Finding:
    missing = {q: v for q, v in values.items() if isinstance(v, Absence)}
    if not missing:
        return good("meter", f"{where}: all {len(values)} quantities")
    cause = Counter(missing.values()).most_common(1)[0][0]
    if len(missing) == len(values):
        return fail("meter", f"{where}: {cause}", _DO[cause])
    few = f"{len(missing)} of {len(values)} missing ({cause}): {' '.join(missing)}"
    return warn("meter", f"{where}: {few}", _DO[cause])
