"""The works of a meter: what it counts, what it knows of itself, and what it shows of both."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from stillcold_core.profiles import Profile
from stillcold_core.quantities import QUANTITIES, Kind
from stillcold_sim.loads import Moment
from stillcold_sim.scenario import Meter
from stillcold_sim.scenario.evasion import Evasion, Frozen, MeterSwapped, RatioChanged, Replayed, Rollback
from stillcold_sim.tampering import Values, measured, ratio_factor


@dataclass(slots=True)
class Counters:
    """Registers that count: Wh in and out, m³."""

    imported: float
    exported: float
    volume: float

    def shown(self) -> Values:
        """By quantity."""
        return {
            "active_energy_import": self.imported,
            "active_energy_export": self.exported,
            "water_volume": self.volume,
        }

    def count(self, power: float, flow: float, step: float) -> None:
        """Go on by ``step`` s of ``power`` W and ``flow`` m³/h."""
        self.imported += max(0.0, power) * step / 3600
        self.exported += max(0.0, -power) * step / 3600
        self.volume += max(0.0, flow) * step / 3600


class Works:
    """What is inside a meter.

    Parameters
    ----------
    spec : Meter
        What it is.
    profile : Profile
        Its model.
    """

    def __init__(self, spec: Meter, profile: Profile) -> None:
        self._spec, self._profile = spec, profile
        self._fixed = _identity(spec) | spec.values
        self._counters = Counters(spec.energy, spec.energy_export, spec.values.get("water_volume", 0.0))
        self._swapped: dict[Evasion, Counters] = {}
        self._set_back: set[Evasion] = set()
        self._display = _Display(spec.refresh)

    def known(self, moment: Moment, true: Values, evasions: Sequence[Evasion]) -> Values:
        """What the meter finds, and what is on its registers as the step begins; then they count.

        Parameters
        ----------
        true : dict of str to float
            What a perfect meter would find.
        evasions : sequence of Evasion
            All of the meter's.
        """
        now = [e for e in evasions if e.covers(moment.t)]
        values = measured(true, now) if now else true
        counters, power = self._counters_now(now), values.get("active_power", 0.0)
        found = self._fixed | counters.shown() | values
        for evasion in now:
            if isinstance(evasion, RatioChanged):
                power *= self._factor(evasion, "active_energy_import")
                found = {q: v * self._factor(evasion, q) for q, v in found.items() if not _counts(q)} | {
                    q: v for q, v in found.items() if _counts(q)
                }
                found |= {"ct_ratio": evasion.ratios.ct, "pt_ratio": evasion.ratios.pt}
            elif isinstance(evasion, MeterSwapped):
                found["meter_serial"] = float(_serial(f"{evasion}") if evasion.serial is None else evasion.serial)
        counters.count(power, found.get("water_flow", 0.0), moment.step)
        return found

    def shown(self, moment: Moment, values: Values, evasions: Sequence[Evasion]) -> Values:
        """What the meter shows of what it knows."""
        return self._display.show(moment, values, evasions)

    def _counters_now(self, now: Sequence[Evasion]) -> Counters:
        counters = self._counters
        for evasion in now:
            if isinstance(evasion, MeterSwapped):
                counters = self._swapped.setdefault(evasion, Counters(evasion.energy, 0.0, 0.0))
            elif isinstance(evasion, Rollback) and evasion not in self._set_back:
                self._set_back.add(evasion)
                counters.imported = max(0.0, counters.imported - evasion.energy)
        return counters

    def _factor(self, evasion: RatioChanged, quantity: str) -> float:
        return ratio_factor(self._profile, quantity, self._spec.ratios, evasion.ratios)


def _identity(spec: Meter) -> Values:
    return {"meter_serial": _serial(spec.id), "ct_ratio": spec.ratios.ct, "pt_ratio": spec.ratios.pt}


def _serial(text: str) -> float:
    return float(zlib.crc32(text.encode()) % 10**8)


def _counts(quantity: str) -> bool:
    return QUANTITIES[quantity].kind is Kind.REGISTER


class _Display:
    """What a meter shows of what it knows.

    Parameters
    ----------
    refresh : float
        s from one update of what it shows to the next; 0 for every step.
    """

    def __init__(self, refresh: float) -> None:
        self._refresh = refresh
        self._next = 0.0
        self._held: Values = {}
        self._frozen: dict[Evasion, Values] = {}
        self._seen: dict[Replayed, list[Values]] = {}

    def show(self, moment: Moment, values: Values, evasions: Sequence[Evasion]) -> Values:
        """What is shown now.

        Parameters
        ----------
        values : dict of str to float
            What the meter would show; kept, not changed.
        evasions : sequence of Evasion
            All of the meter's.
        """
        if moment.t >= self._next:
            self._held = values
            self._next = moment.t + self._refresh - moment.step / 2 if self._refresh else 0.0
        shown = self._held
        for evasion in evasions:
            if isinstance(evasion, Replayed):
                shown = self._again(evasion, moment, shown)
            elif isinstance(evasion, Frozen) and evasion.covers(moment.t):
                shown = self._frozen.setdefault(evasion, shown)
        return dict(shown)

    def _again(self, evasion: Replayed, moment: Moment, shown: Values) -> Values:
        seen = self._seen.setdefault(evasion, [])
        if evasion.source.covers(moment.t):
            seen.append(shown)
        if not evasion.covers(moment.t) or not seen:
            return shown
        begun = self._frozen.setdefault(evasion, shown)
        past = seen[round((moment.t - evasion.begin) / moment.step) % len(seen)]
        return {q: v if _moves(q) else begun.get(q, v) for q, v in past.items()}


def _moves(quantity: str) -> bool:
    return QUANTITIES[quantity].kind in (Kind.GAUGE, Kind.CONTACT)
