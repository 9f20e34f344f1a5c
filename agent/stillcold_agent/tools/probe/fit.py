"""How well what a meter shows agrees with a profile."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from stillcold_agent.meters import Answer
from stillcold_agent.tools.probe.line import Line
from stillcold_agent.tools.probe.typical import STRONG, weight_of
from stillcold_core.profiles import Profile, Register, decode, plan_reads
from stillcold_core.profiles.codec import unrounded
from stillcold_core.quantities import PHASES, QUANTITIES, Kind
from stillcold_core.readings import Absence

_CONTACT = 0.5
_WRONG, _MISSING = -1.0, -1.5
"""Points for a number that cannot be, and for a register that the profile promises and the meter does not have."""
_SUM, _CARRIED, _CONTRADICTED = 3.0, 1.0, -3.0
"""Points where powers add up, where voltage and current carry the power, and where they do not."""
_GARBAGE = 1e-20
"""A float below it, and not 0, is an integer read as a float: no meter resolves that."""
EVEN = 0.5
"""Points, the least that a typical value brings: profiles nearer than that to the best one cannot be told from it."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What speaks for a profile and against it.

    Attributes
    ----------
    profile : Profile
        Which.
    score : float
        Points; comparable between the profiles of one meter.
    answered, typical, nothing, wrong : int
        Registers that the meter has; those of them that show what is usual, 0 or "not available", what cannot be.
    strong : int
        Typical values that are signs of the meter's kind by themselves.
    """

    profile: Profile
    score: float
    answered: int
    typical: int
    nothing: int
    wrong: int
    strong: int

    @property
    def convincing(self) -> bool:
        """Whether more speaks for it than that something answers."""
        contacts = all(map(_is_contact, self.profile.by_quantity))
        all_typical = self.typical == len(self.profile.register)
        return self.strong >= 2 or (all_typical and (self.strong > 0 or contacts))


async def fits_of(line: Line, unit: int, profiles: Iterable[Profile]) -> list[Fit]:
    """Every profile against one meter, the best first."""
    found = [judge(profile, await words_of(line, unit, profile)) for profile in profiles]
    return sorted(found, key=lambda f: -f.score)


def best_of(fits: Sequence[Fit]) -> list[Fit]:
    """The best one, and those that cannot be told from it; none where nothing speaks for any."""
    return [f for f in fits if f.score > 0 and f.score > fits[0].score - EVEN]


async def words_of(line: Line, unit: int, profile: Profile) -> dict[str, Answer]:
    """Each register's words by quantity, read as the agent would read them."""
    found: dict[str, Answer] = {}
    for read in plan_reads(profile):
        answer = await line.words(unit, read.function, read.address, read.count)
        for register, offset in read.registers:
            if isinstance(answer, Absence):
                found[register.quantity] = answer
            else:
                found[register.quantity] = answer[offset : offset + register.words]
    return found


def judge(profile: Profile, words: Mapping[str, Answer]) -> Fit:
    """Weigh what a meter shows, taken by a profile."""
    shown = {q: _shown(profile, profile.by_quantity[q], w) for q, w in words.items() if not isinstance(w, Absence)}
    weights = {q: _weight(q, value) for q, value in shown.items() if value or (value == 0 and _is_contact(q))}
    numbers = {q: value for q, value in shown.items() if value is not None and not math.isnan(value)}
    score = sum(weights.values()) + sum(_together(numbers))
    return Fit(
        profile,
        score + _MISSING * (len(words) - len(shown)),
        answered=len(shown),
        typical=sum(w > 0 for w in weights.values()),
        nothing=len(shown) - len(weights),
        wrong=sum(w < 0 for w in weights.values()),
        strong=sum(w >= STRONG for w in weights.values()),
    )


def _shown(profile: Profile, register: Register, words: tuple[int, ...]) -> float | None:
    """The number; None where the meter says that it has none, NaN where it cannot be one."""
    number = unrounded(profile, register, words)
    if all(word == 0xFFFF for word in words) or math.isnan(number):
        return None
    value = decode(profile, register, words)
    return math.nan if isinstance(value, Absence) or 0 < abs(number) < _GARBAGE else value


def _is_contact(quantity: str) -> bool:
    return QUANTITIES[quantity].kind is Kind.CONTACT


def _weight(quantity: str, value: float) -> float:
    if _is_contact(quantity):
        return _WRONG if math.isnan(value) else _CONTACT
    return weight_of(quantity, value) or _WRONG


def _together(numbers: Mapping[str, float]) -> Iterator[float]:
    """What several numbers say together."""
    power = numbers.get("active_power")
    if not power:
        return
    parts = [numbers[q] for p in PHASES if (q := f"active_power_{p}") in numbers]
    if len(parts) == 3:
        yield _SUM if math.isclose(sum(parts), power, rel_tol=0.02, abs_tol=3) else _CONTRADICTED
    pairs = [(numbers.get(f"voltage_{p}"), numbers.get(f"current_{p}")) for p in PHASES]
    carried = sum(abs(u * i) for u, i in pairs if u and i)
    if carried:
        yield _CARRIED if 0.05 * carried <= abs(power) <= 1.2 * carried + 50 else _CONTRADICTED
