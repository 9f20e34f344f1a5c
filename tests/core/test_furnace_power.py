"""Hidden furnaces by power alone: heats in the mean power of feeders made by the field's rules of thumb."""

from dataclasses import replace

import numpy as np
import pytest

from stillcold_core.detect.cycles import Block, cycles
from stillcold_core.detect.deadline import CURRENTS, VOLTAGES
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.furnace import DETECTOR, Feeder
from stillcold_core.detect.habit import known, learned
from stillcold_core.samples import Samples
from support.power_profiles import HONEST, hiding, honest
from support.said import first_said
from support.staircase import EPOCH

FEEDER = Feeder("site", "line", "p")


def raised(samples: Samples) -> list[Finding]:
    """The first finding of each alert."""
    _, findings = DETECTOR.advance(FEEDER, DETECTOR.begin(), samples)
    return first_said(findings)


def means(*quarters: float) -> list[Block]:
    """Mean kW of quarters of an hour."""
    return [Block(900.0 * i, 900.0, 1e3 * kw) for i, kw in enumerate(quarters, 1)]


def test_heats_are_told_apart_by_what_a_tap_takes_from_the_mean() -> None:
    blocks = means(20, 20, 120, 520, 520, 520, 270, 520, 520, 520, 220)
    found = cycles(blocks, [20e3] * len(blocks))
    assert found is not None
    newest, oldest = found.heats
    assert found.power == pytest.approx(500e3)
    assert newest.pause == pytest.approx(450)
    assert newest.full == pytest.approx(2700 + 0.4 * 900 + 225)
    assert oldest.full == pytest.approx(2700 + 0.2 * 900 + 225)
    assert oldest.energy == pytest.approx(500e3 * oldest.full / 3600)


def test_a_load_that_goes_on_has_not_ended() -> None:
    blocks = means(20, 20, 120, 520, 520, 520, 520)
    assert cycles(blocks, [20e3] * len(blocks)) is None


def test_a_heat_has_the_power_factor_of_what_comes_on_top_of_the_other_loads() -> None:
    quarters = means(20, 20, 120, 520, 520, 520, 270, 520, 520, 520, 220)
    blocks = [b._replace(reactive=20e3 + 0.75 * (b.power - 20e3)) for b in quarters]
    found = cycles(blocks, [20e3] * len(blocks))
    assert found is not None
    assert [h.factor for h in found.heats] == pytest.approx([0.8, 0.8])


def test_cycles_are_known_by_their_power_and_length_some_hours_after_they_were_seen() -> None:
    habits = learned((), 500e3, 3600.0, 0.0)
    assert known(habits, 520e3, 3400.0, 5 * 3600.0)
    assert not known(habits, 520e3, 3400.0, 3600.0)
    assert not known(habits, 700e3, 3400.0, 5 * 3600.0)
    assert not known(habits, 520e3, 1800.0, 5 * 3600.0)


def test_cycles_that_come_again_are_one_habit_and_those_that_do_not_are_forgotten() -> None:
    habits = learned(learned((), 500e3, 3600.0, 0.0), 505e3, 3500.0, 86400.0)
    assert [(h.first, h.last) for h in habits] == [(0.0, 86400.0)]
    assert [h.power for h in learned(habits, 900e3, 3600.0, 40 * 86400.0)] == [900e3]


@pytest.mark.requirement("furnace.power-only")
@pytest.mark.parametrize(
    ("every", "show"), [(900.0, "power"), (900.0, "register"), (300.0, "power"), (60.0, "register")]
)
def test_a_furnace_in_the_night_is_found_before_its_third_heat_is_over(every: float, show: str) -> None:
    feeder = hiding("hall", 3100, before=3.0, days=1.0)
    found = [f for f in raised(feeder.samples(every, show)) if f.began > EPOCH + 3 * 86400]
    assert [f.kind for f in found] == ["furnace.induction"]
    assert found[0].detected - EPOCH < feeder.heats[2][1]
    assert float(found[0].evidence["energy"]) == pytest.approx(
        0.9 * feeder.power * sum(b - a for a, b in feeder.heats[:2]) / 3600, rel=0.35
    )
    assert found[0].evidence["weight_unusual_hour"] == 2.4
    assert found[0].evidence.get("weight_steady_power", 0.0) == (0.5 if every <= 60 else 0.0)


@pytest.mark.requirement("furnace.power-only")
@pytest.mark.parametrize("every", [60.0, 900.0])
def test_currents_that_show_no_distortion_do_not_hide_a_furnace(every: float) -> None:
    """Twelve pulses exceed √(P² + Q²) by half a per cent only: less than a meter's class."""
    feeder = hiding("hall", 3100, before=3.0, days=1.0)
    shown = feeder.samples(every, "power")
    power = shown.columns["active_power"]
    amperes = dict.fromkeys(CURRENTS, 1.005 * np.hypot(power, power / 3) / 660)
    columns = {**shown.columns, "reactive_power": power / 3, **amperes, **dict.fromkeys(VOLTAGES, 0 * power + 220)}
    found = [f for f in raised(replace(shown, columns=columns)) if f.began > EPOCH + 3 * 86400]
    assert [f.kind for f in found] == ["furnace.induction"]
    assert found[0].detected - EPOCH < feeder.heats[2][1]


@pytest.mark.requirement("furnace.legal-loads")
@pytest.mark.parametrize("name", list(HONEST))
def test_honest_loads_raise_nothing_by_power_alone(name: str) -> None:
    assert raised(honest(name, 3200, 12.0).samples(900.0)) == []
