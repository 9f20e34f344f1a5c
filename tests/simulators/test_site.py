"""The electrical tree of a site, its busbars, its water, and a diesel set of its own."""

from collections.abc import Callable
from statistics import mean, pstdev

import pytest

from stillcold_core.files import BadFile
from stillcold_sim.plant import Plant, Record
from stillcold_sim.scenario import Scenario

Load = Callable[[str], Scenario]
Shown = dict[str, dict[str, float]]

SITE = """
[[meter]]
id = "incomer"
profile = "janitza-umg96"
port = "bus"
unit = 1
point = "in"
sums = ["furnace", "welder"]
losses = 0.015
busbar = "main"
[[meter]]
id = "furnace"
profile = "janitza-umg96"
port = "bus"
unit = 2
point = "f"
busbar = "main"
running = false
load = { kind = "furnace", power = 600e3, ramp = 0 }
[[meter]]
id = "welder"
profile = "janitza-umg96"
port = "bus"
unit = 3
point = "w"
busbar = "main"
load = { kind = "welder" }
[[meter]]
id = "elsewhere"
profile = "janitza-umg96"
port = "bus"
unit = 4
point = "e"
load = { kind = "steady", power = 1000 }
[[event]]
at = 100
for = 200
meter = "furnace"
what = "run"
[[event]]
at = 400
meter = "incomer"
what = "cut"
"""


def _play(scenario: Scenario, seconds: int) -> list[Shown]:
    """What each meter shows, second by second."""
    records: list[Record] = []
    plant = Plant(scenario, None, records.append)
    history = []
    for t in range(seconds):
        plant.advance(float(t))
        history.append({name: meter.values or {} for name, meter in plant.meters.items()})
    return history


@pytest.mark.requirement("sim.site.incomer-sums")
def test_incomer_carries_its_feeders_and_the_losses(scenario: Load) -> None:
    """In power phase by phase, at every second, and in energy over all of them."""
    history = _play(scenario(SITE), 390)
    for t, shown in enumerate(history):
        for quantity in ("active_power", "active_power_l1", "active_power_l2", "active_power_l3"):
            fed = shown["furnace"][quantity] + shown["welder"][quantity]
            assert shown["incomer"][quantity] == pytest.approx(1.015 * fed, abs=1e-6), (t, quantity)
    energy = {name: values["active_energy_import"] for name, values in history[-1].items()}
    assert energy["furnace"] == pytest.approx(600e3 * 200 / 3600, rel=0.01)
    assert energy["incomer"] == pytest.approx(1.015 * (energy["furnace"] + energy["welder"]))


@pytest.mark.requirement("sim.site.incomer-sums")
def test_what_is_cut_upstream_is_dead_behind(scenario: Load) -> None:
    """And a line elsewhere is not."""
    shown = _play(scenario(SITE), 420)[-1]
    assert {shown[m]["voltage_l1"] for m in ("incomer", "furnace", "welder")} == {0}
    assert shown["elsewhere"]["voltage_l1"] > 200


@pytest.mark.requirement("sim.site.neighbours")
def test_neighbours_on_a_busbar_see_the_furnaces_sag_and_distortion(scenario: Load) -> None:
    """Others do not; all of them see one frequency."""
    history = _play(scenario(SITE), 300)
    off, on = history[50:99], history[150:290]

    def ratio(meter: str, quantity: str) -> float:
        return mean(s[meter][quantity] for s in on) / mean(s[meter][quantity] for s in off)

    elsewhere = ratio("elsewhere", "voltage_l1")
    for meter in ("incomer", "welder", "furnace"):
        assert ratio(meter, "voltage_l1") / elsewhere == pytest.approx(1 - 0.012, abs=0.001), meter
        assert ratio(meter, "voltage_thd_l1") > 5
    assert ratio("elsewhere", "voltage_thd_l1") == pytest.approx(1)
    assert all(len({s[m]["frequency"] for m in s}) == 1 for s in history)


def test_load_of_an_incomer_is_one_that_no_feeder_sees(scenario: Load) -> None:
    """A hidden furnace before the feeders' meters."""
    hidden = SITE.replace('sums = ["furnace", "welder"]', 'sums = ["furnace"]\nload = { kind = "forge", warm_up = 1 }')
    shown = _play(scenario(hidden), 60)[-1]
    assert shown["furnace"]["active_power"] == 0
    assert shown["incomer"]["active_power"] == pytest.approx(400e3, rel=0.1)
    assert shown["incomer"]["current_h5_l1"] == pytest.approx(19, rel=0.05)


WATER = """
[[meter]]
id = "pump"
profile = "eastron-sdm630"
port = "bus"
unit = 1
point = "p"
running = false
load = { kind = "pump", flow = 100, make_up = 0.03, noise = 0 }
[[meter]]
id = "water"
profile = "xintai-ultrasonic-water"
port = "bus"
unit = 2
point = "w"
sums = ["pump"]
values = { water_volume = 500 }
[[event]]
at = 10
for = 3600
meter = "pump"
what = "run"
[[event]]
at = 1810
meter = "water"
what = "cut"
"""


@pytest.mark.requirement("sim.site.water")
def test_water_meter_counts_the_make_up_water_of_a_pump(scenario: Load) -> None:
    """3 m³/h for half an hour, until its valve is closed."""
    history = _play(scenario(WATER), 2000)
    flows = [shown["water"]["water_flow"] for shown in history]
    assert flows[1000] == pytest.approx(3.0)
    assert (flows[5], flows[1900]) == (0, 0)
    shown = history[-1]
    assert shown["water"]["water_volume"] == pytest.approx(501.5, abs=0.01)
    assert shown["pump"]["active_power"] > 10e3


GENSET = """
[[meter]]
id = "incomer"
profile = "janitza-umg96"
port = "bus"
unit = 1
point = "in"
sums = ["line"]
[[meter]]
id = "line"
profile = "janitza-umg96"
port = "bus"
unit = 2
point = "l"
energised = false
running = false
load = { kind = "steady", power = 700e3 }
[[meter]]
id = "other"
profile = "janitza-umg96"
port = "bus"
unit = 3
point = "o"
load = { kind = "dead" }
[[evasion]]
at = 50
for = 600
meter = "line"
what = "genset"
power = 1e6
[[event]]
at = 200
for = 300
meter = "line"
what = "run"
[[event]]
at = 200
meter = "line"
what = "cut"
"""


@pytest.mark.requirement("sim.evasion.genset")
def test_genset_feeds_a_cut_line_with_a_frequency_of_its_own(scenario: Load) -> None:
    """It wanders, falls with the load, disagrees with the grid, and the incomer sees nothing of it."""
    history = _play(scenario(GENSET), 660)
    line = [s["line"] for s in history]
    assert [line[t]["voltage_l1"] > 100 for t in (49, 50, 649, 650)] == [False, True, True, False]
    assert all(s["incomer"]["active_power"] == 0 for s in history)
    off = [line[t]["frequency"] - history[t]["other"]["frequency"] for t in (*range(50, 200), *range(510, 650))]
    grid = [s["other"]["frequency"] for s in history]
    assert max(abs(f) for f in off) > 0.2
    assert pstdev(off) > 5 * pstdev(grid)


def test_genset_falls_with_its_load_and_dips_when_it_comes(scenario: Load) -> None:
    """4 % from no load to full load."""
    text = GENSET.replace("power = 1e6", "power = 1e6\nwander = 0").replace(
        '[[event]]\nat = 200\nmeter = "line"\nwhat = "cut"\n', ""
    )
    history = [shown["line"] for shown in _play(scenario(text), 500)]
    idle, loaded = (mean(s["frequency"] for s in history[a:b]) for a, b in ((100, 199), (300, 499)))
    assert idle - loaded == pytest.approx(50 * 0.04 * 0.7, rel=0.02)
    assert history[200]["frequency"] < loaded - 0.5
    assert history[200]["voltage_l1"] < 0.95 * mean(s["voltage_l1"] for s in history[300:499])


@pytest.mark.requirement("sim.scenario.checked")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["furnace", "welder"]', '["furnace", "nobody"]', "must be the id of a meter"),
        ('["furnace", "welder"]', '["incomer"]', "circle"),
        ('["furnace", "welder"]', '["furnace", "furnace"]', "twice"),
        ('point = "e"', 'point = "e"\nsums = ["furnace"]', "furnace hangs behind incomer already"),
    ],
)
def test_tree_is_checked(scenario: Load, old: str, new: str, said: str) -> None:
    """Before anything is opened."""
    with pytest.raises(BadFile, match=said):
        scenario(SITE.replace(old, new))


EVERY_LOAD = (
    "furnace", "line_furnace", "arc_furnace", "ladle_furnace", "forge", "oven", "mill", "motor", "vfd", "welder",
    "charger", "pump", "office",
)  # fmt: skip


@pytest.mark.requirement("sim.energy.integrates")
def test_register_is_the_integral_of_power_whatever_the_load(scenario: Load) -> None:
    """To the Wh, over twenty minutes, for every family."""
    meters = "".join(
        f'[[meter]]\nid = "{kind}"\nprofile = "janitza-umg96"\nport = "bus"\nunit = {n}\npoint = "{kind}"\n'
        f'load = {{ kind = "{kind}" }}\n'
        for n, kind in enumerate(EVERY_LOAD, 1)
    )
    history = _play(scenario(meters), 1201)
    for kind in EVERY_LOAD:
        taken = sum(s[kind]["active_power"] for s in history[:-1]) / 3600
        assert history[-1][kind]["active_energy_import"] == pytest.approx(taken, abs=1), kind
    assert sum(history[-1][kind]["active_energy_import"] > 100 for kind in EVERY_LOAD) >= len(EVERY_LOAD) - 2
