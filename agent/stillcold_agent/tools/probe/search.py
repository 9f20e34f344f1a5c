"""The whole search: which units answer, which profile fits each; what was found so far is kept when it is cut short."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stillcold_agent.tools.probe.fit import Fit, best_of, fits_of
from stillcold_agent.tools.probe.line import Heard, Line, ProbedBus
from stillcold_agent.tools.probe.orders import order_lines, variants_of
from stillcold_agent.tools.probe.say import (
    duration,
    fit_lines,
    paste_lines,
    setting_of,
    unit_line,
    variant_line,
)
from stillcold_agent.tools.probe.scan import Unit, scan
from stillcold_core.profiles import Profile, plan_reads

Say = Callable[[str], None]
_VARIANTS = 3  # that are told


@dataclass(frozen=True, slots=True)
class Task:
    """What to search for.

    Attributes
    ----------
    buses : sequence of ProbedBus
        Settings to try, in order.
    units : sequence of int
        Addresses to ask.
    function : int
        Of the first question.
    profiles : sequence of Profile
        To compare with.
    orders : bool
        Whether to try other orders and addresses.
    """

    buses: Sequence[ProbedBus]
    units: Sequence[int]
    function: int
    profiles: Sequence[Profile]
    orders: bool

    def longest_scan(self) -> float:
        """Seconds after which all units have been asked at all settings, if nobody answers."""
        return sum(bus.timeout for bus in self.buses) * len(self.units)

    def longest_fit(self) -> float:
        """Seconds after which one unit has been compared with all profiles, if it answers nothing but the scan."""
        asked = {(r.function, r.address, r.count) for p in self.profiles for r in plan_reads(p)}
        return max(bus.timeout for bus in self.buses) * len(asked) * (3 if self.orders else 1)


@dataclass
class Search:
    """A search at work.

    Parameters
    ----------
    task : Task
        What for.
    say : callable
        Gets lines of the result as soon as they are known.
    tell : callable
        Gets how it goes on, for a person who waits.
    """

    task: Task
    say: Say
    tell: Callable[[str], None]
    units: list[Unit] = field(default_factory=list)
    suggested: dict[int, list[Fit]] = field(default_factory=dict)

    async def run(self) -> bool:
        """Search; whether there was a line or socket at all."""
        task = self.task
        every = len(task.buses) * len(task.units)
        self.say(f"{every} questions, {duration(task.longest_scan())} at most; Ctrl-C keeps what was found")
        opened = await scan(task.buses, task.units, task.function, self._found, self._counter("asked", every))
        clear = [unit for unit in self.units if unit.clear]
        if clear:
            longest = duration(task.longest_fit() * len(clear))
            self.say(f"\ncomparing with {len(task.profiles)} profiles: {longest} at most")
            async with Line(clear[0].bus, self._counter("compared", 0)) as line:
                for unit in clear:
                    await self._compare(line, unit.number)
        return opened

    def conclude(self) -> None:
        """The lines for ``agent.toml``, of all that was found so far."""
        if not self.units:
            self.say("\nnobody answers: meter without power? A and B crossed? other --units, --baud-rate, --parity?")
        elif not self.suggested:
            names = ", ".join(str(unit.number) for unit in self.units)
            self.say(f"\nstopped; unit {names} was found, not compared with profiles")
        if self.suggested:
            self.say("\n# for agent.toml")
            self.say("\n".join(paste_lines(self.units[-1].bus, self.suggested)))

    def _found(self, unit: Unit) -> None:
        if not self.units or self.units[-1].bus != unit.bus:
            self.say(f"\n{setting_of(unit.bus)}")
        self.units.append(unit)
        self.say(unit_line(unit))

    async def _compare(self, line: Line, unit: int) -> None:
        fits = await fits_of(line, unit, self.task.profiles)
        self.say("")
        self.say("\n".join(fit_lines(unit, fits)))
        if best := best_of(fits):
            self.suggested[unit] = best
        if self.task.orders:
            await self._vary(line, unit)

    async def _vary(self, line: Line, unit: int) -> None:
        found = [(p, (await variants_of(line, unit, p))[0]) for p in self.task.profiles]
        found.sort(key=lambda pair: -pair[1].fit.score)
        self.say("")
        for profile, variant in found[:_VARIANTS]:
            self.say(f"{profile.model} with {variant_line(variant)}")
        self.say("")
        self.say("\n".join(await order_lines(line, unit, found[0][0])))

    def _counter(self, what: str, every: int) -> Heard:
        done = 0

        def asked() -> None:
            nonlocal done
            done += 1
            self.tell(f"{what} {done}/{every}" if every else f"{what} {done}")

        return asked
