"""What a dead line is judged by: a few signals, worked out of all that its meter shows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from stillcold_core.detect.deadline import CONTACTS, CURRENTS, LINE_VOLTAGES, POWERS, VOLTAGES
from stillcold_core.samples import Floats, Samples

LITRE = 1000.0
"""Litres in a m³: in whole litres a water register has steps like an energy register."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Of the samples of one point; None where none of them has a number.

    Attributes
    ----------
    power : ndarray, optional
        W; the larger of the total and the sum of the phases, signs put aside: a reversed current transformer shows a
        melting furnace as export, and a line is no less live for it.
    current : ndarray, optional
        A; the largest phase.
    mean_current : ndarray, optional
        A; mean of the phases that are shown, in which noise and single-phase lamps weigh less.
    phases : ndarray, optional
        How many those are.
    voltage : ndarray, optional
        V phase to neutral; the largest. Of line voltages those over √3.
    energy : ndarray, optional
        Wh
    water : ndarray, optional
        Register, litres.
    flow : ndarray, optional
        m³/h, the sign put aside.
    contacts : mapping of str to ndarray
        By quantity, 1 where it shows what it must not, else 0; NaN where it shows nothing.
    """

    power: Floats | None
    current: Floats | None
    mean_current: Floats | None
    phases: Floats | None
    voltage: Floats | None
    energy: Floats | None
    water: Floats | None
    flow: Floats | None
    contacts: dict[str, Floats]

    @property
    def electrical(self) -> bool:
        """Whether anything of the electrical kind was shown."""
        return any(s is not None for s in (self.power, self.current, self.voltage, self.energy))

    @property
    def witness(self) -> bool:
        """Whether water or contacts were shown."""
        return bool(self.contacts) or self.water is not None or self.flow is not None


def signals(samples: Samples) -> Signals:
    """Work out the signals."""
    currents = [np.abs(c) for c in _shown(samples, CURRENTS)]
    phases = _sum([np.where(np.isnan(c), 0.0, 1.0) for c in currents]) if currents else None
    voltages = [*_shown(samples, VOLTAGES), *(v / np.sqrt(3.0) for v in _shown(samples, LINE_VOLTAGES))]
    volume = _one(samples, "water_volume")
    flow = _one(samples, "water_flow")
    return Signals(
        power=_power(samples),
        current=_largest(currents),
        mean_current=None if phases is None else _sum(currents) / np.maximum(phases, 1.0),
        phases=phases,
        voltage=_largest(voltages),
        energy=_one(samples, "active_energy_import"),
        water=None if volume is None else volume * LITRE,
        flow=None if flow is None else np.abs(flow),
        contacts={name: bad for name, wrong in CONTACTS.items() if (bad := _contact(samples, name, wrong)) is not None},
    )


def _power(samples: Samples) -> Floats | None:
    phases = [np.abs(p) for p in _shown(samples, POWERS)]
    total = [np.abs(p) for p in _shown(samples, ("active_power",))]
    return _largest([*total, _sum(phases)] if phases else total)


def _contact(samples: Samples, name: str, wrong: float) -> Floats | None:
    shown = _one(samples, name)
    return None if shown is None else np.where(np.isnan(shown), np.nan, shown == wrong)


def _one(samples: Samples, name: str) -> Floats | None:
    return next(_shown(samples, (name,)), None)


def _shown(samples: Samples, names: Iterable[str]) -> Iterator[Floats]:
    for name in names:
        column = samples.columns.get(name)
        if column is not None and not np.isnan(column).all():
            yield column


def _largest(columns: list[Floats]) -> Floats | None:
    return np.fmax.reduce(columns) if columns else None


def _sum(columns: list[Floats]) -> Floats:
    """Of what is shown; NaN where nothing is."""
    total = columns[0]
    for column in columns[1:]:
        total = np.where(np.isnan(total), column, total + np.where(np.isnan(column), 0.0, column))
    return total
