"""Each evasion: what the meter shows of it, what the incomer and the truth say."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from stillcold_core.files import BadFile
from stillcold_core.profiles import decode
from stillcold_core.readings import Absence
from stillcold_sim.judging.causes import Causes
from stillcold_sim.judging.offline import play
from stillcold_sim.judging.truth import Episode
from stillcold_sim.meter import Refused, SimMeter
from stillcold_sim.plant import Plant, Record
from stillcold_sim.scenario import Scenario
from stillcold_sim.scenario.evasion import AnyEvasion

Load = Callable[[str], Scenario]
Values = dict[str, float]

LINE = """
[[meter]]
id = "incomer"
profile = "eastron-sdm630"
port = "bus"
unit = 1
point = "in"
sums = ["m"]
[[meter]]
id = "m"
profile = "{profile}"
port = "bus"
unit = 2
point = "p"
energy = 1_000_000
ratios = {{ ct = 40 }}
load = {{ kind = "steady", power = 360e3, noise = 0.01 }}
{more}
"""


def _forget(_record: Record) -> None:
    pass


def _play(
    scenario: Load, evasion: str, *, seconds: int = 300, profile: str = "eastron-sdm630", more: str = ""
) -> tuple[list[Values], list[Values], list[Record]]:
    """What meter and incomer show, and the truth; the evasion lasts from 100 to 200 s unless it says otherwise."""
    when = "" if "\nat =" in f"\n{evasion}" else "at = 100\nfor = 100\n"
    text = LINE.format(profile=profile, more=more) + f'[[evasion]]\nmeter = "m"\n{when}{evasion}\n'
    records: list[Record] = []
    plant = Plant(scenario(text), None, records.append)
    shown: list[Values] = []
    incomer: list[Values] = []
    for t in range(seconds):
        plant.advance(float(t))
        shown.append(dict(plant.meters["m"].values or {}))
        incomer.append(dict(plant.meters["incomer"].values or {}))
    return shown, incomer, records


def _read(meter: SimMeter, quantity: str) -> float:
    """As a reader of the register gets it, who knows the installed ratios."""
    profile = meter.plan.profile
    register = profile.register_of(quantity)
    words = meter.read(profile.function_of(register), profile.wire_address(register), register.words)
    assert not isinstance(words, Refused)
    value = decode(profile, register, words, meter.plan.spec.ratios)
    assert not isinstance(value, Absence)
    return value


def _gained(shown: list[Values], begin: int, end: int) -> float:
    return shown[end]["active_energy_import"] - shown[begin]["active_energy_import"]


@pytest.mark.requirement("sim.evasion.truth")
@pytest.mark.parametrize(
    ("what", "keys"),
    [
        ("ct_bypass", ""),
        ("ct_reversed", ""),
        ("phase_dropped", ""),
        ("ratio_changed", "ratios = { ct = 20 }"),
        ("frozen", ""),
        ("replayed", "since = 10\nlength = 30"),
        ("meter_swapped", ""),
        ("genset", ""),
        ("clock_shifted", "shift = -3600"),
    ],
)
def test_truth_names_each_evasion(scenario: Load, what: str, keys: str) -> None:
    """When it begins and when it ends."""
    _, _, records = _play(scenario, f'what = "{what}"\n{keys}', seconds=210)
    said = [(r["t"], r["meter"], r["event"]) for r in records if what in str(r.get("event"))]
    assert said == [(100, "m", f"{what}_begins"), (200, "m", f"{what}_ends")]


@pytest.mark.requirement("sim.evasion.truth")
def test_truth_says_what_the_line_takes_whatever_the_meter_shows(scenario: Load) -> None:
    """The same power before, during and after a bypass."""
    _, _, records = _play(scenario, 'what = "ct_bypass"')
    told = {r["t"]: r for r in records if r.get("meter") == "m" and "values" in r}
    for t in (50, 150, 250):
        assert told[t]["power"] == pytest.approx(360e3, rel=0.05)
        assert (told[t]["values"]["active_power"] == 0) == (t == 150)


@pytest.mark.requirement("sim.evasion.ct")
def test_bypassed_transformers_show_and_count_a_share(scenario: Load) -> None:
    """Voltage stays; the incomer sees all."""
    shown, incomer, _ = _play(scenario, 'what = "ct_bypass"\nshare = 0.6')
    during = shown[150]
    assert during["active_power"] == pytest.approx(0.4 * incomer[150]["active_power"])
    assert during["current_l1"] == pytest.approx(0.4 * shown[50]["current_l1"], rel=0.06)
    assert during["voltage_l1"] > 210
    assert during["power_factor"] == pytest.approx(0.98)
    assert during["active_power"] == pytest.approx(sum(during[f"active_power_l{i}"] for i in (1, 2, 3)))
    assert _gained(shown, 110, 190) == pytest.approx(0.4 * _gained(incomer, 110, 190))
    assert _gained(shown, 10, 90) == pytest.approx(_gained(incomer, 10, 90))


@pytest.mark.requirement("sim.evasion.ct")
def test_bypass_of_one_phase_leaves_the_others(scenario: Load) -> None:
    """One current near zero beside two whole ones."""
    shown, _, _ = _play(scenario, 'what = "ct_bypass"\nphases = ["l2"]')
    assert shown[150]["current_l2"] == 0
    assert shown[150]["current_l1"] == pytest.approx(shown[50]["current_l1"], rel=0.06)
    assert shown[150]["current_n"] == pytest.approx(shown[150]["current_l1"], rel=0.02)


@pytest.mark.requirement("sim.evasion.ct")
def test_reversed_transformer_counts_backwards(scenario: Load) -> None:
    """A third is taken off what two thirds count."""
    shown, incomer, _ = _play(scenario, 'what = "ct_reversed"')
    during = shown[150]
    assert during["active_power_l1"] < 0 < during["active_power_l2"]
    assert during["current_l1"] > 0
    assert during["active_power"] == pytest.approx(incomer[150]["active_power"] / 3)
    assert _gained(shown, 110, 190) == pytest.approx(_gained(incomer, 110, 190) / 3, rel=0.001)


def test_all_transformers_reversed_count_export(scenario: Load) -> None:
    """Import stands still."""
    shown, incomer, _ = _play(scenario, 'what = "ct_reversed"\nphases = ["l1", "l2", "l3"]')
    assert _gained(shown, 110, 190) == 0
    export = [s["active_energy_export"] for s in shown]
    assert export[190] - export[110] == pytest.approx(_gained(incomer, 110, 190), rel=0.001)


@pytest.mark.requirement("sim.evasion.ct")
def test_dropped_phase_has_current_but_neither_voltage_nor_power(scenario: Load) -> None:
    """Two thirds are counted; voltages to the dead lead are those of the other end."""
    shown, incomer, _ = _play(scenario, 'what = "phase_dropped"\nphases = ["l3"]', profile="schneider-pm5000")
    during = shown[150]
    assert (during["voltage_l3"], during["active_power_l3"]) == (0, 0)
    assert during["current_l3"] > 400
    assert during["voltage_l23"] == pytest.approx(during["voltage_l2"])
    assert _gained(shown, 110, 190) == pytest.approx(_gained(incomer, 110, 190) * 2 / 3, rel=0.001)


@pytest.mark.requirement("sim.evasion.ratio")
def test_changed_ratio_halves_a_primary_side(scenario: Load) -> None:
    """Current, power and what is counted; voltage and power factor stay."""
    shown, incomer, _ = _play(scenario, 'what = "ratio_changed"\nratios = { ct = 20 }')
    assert shown[150]["current_l1"] == pytest.approx(shown[50]["current_l1"] / 2, rel=0.06)
    assert shown[150]["active_power"] == pytest.approx(incomer[150]["active_power"] / 2)
    assert shown[150]["voltage_l1"] > 210
    assert shown[150]["power_factor"] == pytest.approx(0.98)
    assert _gained(shown, 110, 190) == pytest.approx(_gained(incomer, 110, 190) / 2)
    assert (shown[50]["ct_ratio"], shown[150]["ct_ratio"], shown[250]["ct_ratio"]) == (40, 20, 40)


@pytest.mark.requirement("sim.evasion.ratio")
def test_changed_ratio_leaves_a_secondary_side_and_tells_by_its_register(scenario: Load) -> None:
    """A DTSD1352 shows the secondary side: only its ratio register changes."""
    text = LINE.format(profile="acrel-dtsd1352", more="") + (
        '[[evasion]]\nmeter = "m"\nat = 100\nwhat = "ratio_changed"\nratios = { ct = 20 }\n'
    )
    plant = Plant(scenario(text), None, _forget)
    before: Values = {}
    after: Values = {}
    for t, found in ((90, before), (150, after)):
        plant.advance(float(t))
        found |= {q: _read(plant.meters["m"], q) for q in ("current_l1", "active_power", "ct_ratio")}
    assert after["current_l1"] == pytest.approx(before["current_l1"], rel=0.06)
    assert after["active_power"] == pytest.approx(before["active_power"], rel=0.06)
    assert (before["ct_ratio"], after["ct_ratio"]) == (40, 20)


@pytest.mark.requirement("sim.evasion.register")
def test_register_is_rolled_back_once(scenario: Load) -> None:
    """By as much as is said, and counts on from there."""
    shown, incomer, _ = _play(scenario, 'at = 100\nwhat = "rollback"\nenergy = 500_000')
    assert _gained(shown, 99, 100) == pytest.approx(-500_000 + 100, abs=5)
    assert _gained(shown, 100, 299) == pytest.approx(_gained(incomer, 100, 299))


@pytest.mark.requirement("sim.evasion.display")
def test_frozen_meter_repeats_every_bit_and_counts_on_unseen(scenario: Load) -> None:
    """All registers, the low digits of voltage and frequency too."""
    shown, incomer, _ = _play(scenario, 'what = "frozen"')
    assert all(s == shown[100] for s in shown[100:200])
    assert shown[99] != shown[100] != shown[200]
    assert _gained(shown, 99, 201) == pytest.approx(_gained(incomer, 99, 201))


@pytest.mark.requirement("sim.evasion.display")
def test_replayed_values_are_those_of_before_and_the_register_stands(scenario: Load) -> None:
    """A dead stretch of 30 s is shown over and over while the load runs."""
    run = '[[event]]\nat = 60\nmeter = "m"\nwhat = "run"\n'
    shown, incomer, _ = _play(scenario, 'what = "replayed"\nsince = 20\nlength = 30', more="running = false\n" + run)
    moving = [{q: v for q, v in s.items() if not q.startswith("active_energy")} for s in shown]
    for t in range(100, 200):
        assert moving[t] == moving[20 + (t - 100) % 30], t
    assert _gained(shown, 100, 199) == 0
    assert incomer[150]["active_power"] > 300e3
    assert _gained(shown, 99, 201) == pytest.approx(_gained(incomer, 99, 201))


@pytest.mark.requirement("sim.evasion.display")
def test_register_stands_also_where_the_replayed_stretch_counted(scenario: Load) -> None:
    """It never falls back to what it was then."""
    shown, incomer, _ = _play(scenario, 'what = "replayed"\nsince = 20\nlength = 30')
    assert {s["active_energy_import"] for s in shown[100:200]} == {shown[100]["active_energy_import"]}
    assert _gained(shown, 99, 100) > 0
    assert _gained(shown, 99, 201) == pytest.approx(_gained(incomer, 99, 201))


@pytest.mark.requirement("sim.evasion.register")
def test_swapped_meter_has_another_serial_and_register_and_goes_away_again(scenario: Load) -> None:
    """The old one has not counted meanwhile."""
    shown, _, _ = _play(scenario, 'what = "meter_swapped"\nserial = 4711\nenergy = 12_000')
    assert [shown[t]["meter_serial"] for t in (100, 199)] == [4711, 4711]
    assert shown[99]["meter_serial"] == shown[200]["meter_serial"] != 4711
    assert shown[100]["active_energy_import"] == 12_000
    assert _gained(shown, 100, 199) == pytest.approx(100 * 99, rel=0.01)
    assert _gained(shown, 99, 200) == pytest.approx(100, rel=0.1)


@pytest.mark.requirement("sim.meter.refresh")
def test_display_is_refreshed_at_its_interval_and_energy_is_not_lost(scenario: Load) -> None:
    """Five values the same, then others; over a minute all is counted."""
    shown, incomer, _ = _play(scenario, 'what = "ct_bypass"\nat = 1000', seconds=100, more="refresh = 5")
    assert all(shown[t] == shown[t - t % 5] for t in range(100))
    assert len({shown[t]["active_power"] for t in range(100)}) == 20
    assert _gained(shown, 10, 70) == pytest.approx(_gained(incomer, 10, 70))


@pytest.mark.requirement("sim.meter.busy")
@pytest.mark.parametrize(("answer", "found"), [("zeros", [0, 0]), ("exception", Refused.BUSY)])
def test_busy_meter_answers_zeros_or_exception_6(scenario: Load, answer: str, found: list[int] | Refused) -> None:
    """For 3 s out of 20, and counts on."""
    text = LINE.format(profile="eastron-sdm630", more=f'busy = {{ every = 20, for = 3, answer = "{answer}" }}')
    plant = Plant(scenario(text), None, _forget)
    meter = plant.meters["m"]
    busy = []
    for t in range(60):
        plant.advance(float(t))
        if meter.read(4, 0, 2) == found:
            busy.append(t)
    assert busy == [17, 18, 19, 37, 38, 39, 57, 58, 59]
    assert (meter.values or {})["active_energy_import"] == pytest.approx(1_000_000 + 5900, rel=0.001)


@pytest.mark.requirement("sim.same-seed-same-truth")
def test_evasions_do_not_depend_on_how_time_was_cut(scenario: Load) -> None:
    """Second by second, or in one leap."""
    text = LINE.format(profile="eastron-sdm630", more="refresh = 3") + "".join(
        f'[[evasion]]\nmeter = "m"\nat = {at}\nfor = 60\n{what}\n'
        for at, what in (
            (10, 'what = "genset"'),
            (40, 'what = "ct_bypass"\nshare = 0.5'),
            (80, 'what = "replayed"\nsince = 5\nlength = 20'),
            (90, 'what = "meter_swapped"'),
        )
    )
    smooth, leap = (Plant(scenario(text), None, _forget) for _ in range(2))
    for t in range(121):
        smooth.advance(float(t))
        if t in (50, 85, 100, 120):
            leap.advance(float(t))
            assert smooth.meters["m"].values == leap.meters["m"].values


@pytest.mark.requirement("sim.scenario.checked")
@pytest.mark.parametrize(
    ("evasion", "said"),
    [
        ('meter = "m"\nat = 1\nwhat = "ct_bypass"\nshare = 2', "share"),
        ('meter = "m"\nat = 1\nwhat = "magic"', "magic"),
        ('meter = "x"\nat = 1\nwhat = "frozen"', "must be the id of a meter"),
        ('meter = "m"\nat = 1\nfor = 2\nwhat = "rollback"\nenergy = 5', "set back at once"),
        ('meter = "m"\nat = 10\nwhat = "replayed"\nsince = 5\nlength = 6', "must be over before"),
        ('meter = "m"\nat = 10\nwhat = "replayed"\nsince = 5\nlength = 0', "at least a step"),
        ('meter = "incomer"\nat = 10\nwhat = "genset"', "no load to feed"),
    ],
)
def test_evasions_are_checked(scenario: Load, evasion: str, said: str) -> None:
    """Before anything is opened."""
    with pytest.raises(BadFile, match=said):
        scenario(LINE.format(profile="eastron-sdm630", more="") + f"[[evasion]]\n{evasion}\n")


@pytest.mark.requirement("sim.evasion.clock")
def test_clock_shift_tells_in_recorded_measurements(scenario: Load, tmp_path: Path) -> None:
    """The rows of that meter are dated wrong while it lasts, and no other's."""
    text = LINE.format(profile="eastron-sdm630", more="") + (
        '[[evasion]]\nmeter = "m"\nat = 20\nfor = 20\nwhat = "clock_shifted"\nshift = -3600\n'
    )
    play(scenario(text), tmp_path / "m.csv", interval=10, began=1e6, duration=50)
    rows = [line.split(",")[:2] for line in (tmp_path / "m.csv").read_text(encoding="utf-8").splitlines()[1:]]
    assert [float(t) - 1e6 for t, point in rows if point == "p"] == [0, 10, -3580, -3570, 40, 50]
    assert [float(t) - 1e6 for t, point in rows if point == "in"] == [0, 10, 20, 30, 40, 50]


def test_each_evasion_is_a_cause_that_a_server_must_tell() -> None:
    """When alerts are compared with the truth."""
    for kind in get_args(AnyEvasion):
        what = str(kind.__struct_config__.tag)
        cause = Causes(None).of(Episode(what, ("p",), 0.0, 1.0, {}))
        assert cause is not None
        assert cause.required
        assert all(k.startswith("tamper.") for k in cause.kinds)
