"""The edge rules, and when the open batch is closed."""

import math
from collections.abc import Mapping

import msgspec
import pytest

from stillcold_agent.batcher import MOST_VALUES, Batcher, Importance
from stillcold_agent.config import Batch
from stillcold_agent.edge import Change, Verdict, Watch
from stillcold_core.detect.deadline import CONTACTS
from stillcold_core.profiles import Profile, Register
from stillcold_core.readings import Absence, Sample, Value
from support.meters import meter

DEAD = {"voltage_l1": 0.0, "current_l1": 0.4, "active_power": 0.0, "active_energy_import": 1e6}
SILENT = dict.fromkeys(DEAD, Absence.TIMEOUT)
MELTING = DEAD | {"voltage_l1": 228.0, "current_l1": 900.0, "active_power": 600e3}
TEASED = DEAD | {"voltage_l1": 228.0}


def judged(watch: Watch, *values: Mapping[str, Value]) -> list[Verdict]:
    return [watch.judge(Sample("p1", float(t), v, float(t))) for t, v in enumerate(values)]


@pytest.fixture
def sdm630(sdm630: Profile) -> Profile:
    """With inputs for contacts and pulses, as transmitters of the trade have them."""
    units = {"water_flow": "m³/h", "water_volume": "m³"}
    shown = (*CONTACTS, *units)
    more = [Register(q, 9000 + n, "uint16", units.get(q, "1"), "made for tests") for n, q in enumerate(shown)]
    return msgspec.structs.replace(sdm630, register=(*sdm630.register, *more))


@pytest.fixture
def sealed(sdm630: Profile) -> Watch:
    return Watch(meter(sdm630, rated_power=750e3))


@pytest.mark.requirement("agent.edge.at-once")
@pytest.mark.parametrize(
    ("values", "reason"),
    [(MELTING, "power"), (TEASED, "voltage"), (DEAD | {"current_l1": 50.0}, "current")],
)
def test_the_first_sample_that_shows_life_begins_it(sealed: Watch, values: Mapping[str, Value], reason: str) -> None:
    """With the reason; the next ones go on."""
    _, dead, first, second = judged(sealed, DEAD, DEAD, values, values)
    assert (dead.live, dead.began) == (None, False)
    assert (first.live, first.began) == (reason, True)
    assert (second.live, second.began) == (reason, False)


@pytest.mark.requirement("agent.edge.in-front")
def test_voltage_in_front_of_the_cut_proves_nothing(sealed: Watch) -> None:
    """Nor does its return after a grid outage; where it was gone for a day the line was cut off after all."""
    assert [v.live for v in judged(sealed, TEASED, TEASED, DEAD, TEASED, MELTING)] == [None, None, None, None, "power"]
    day = [sealed.judge(Sample("p1", t, DEAD, t)) for t in (100.0, 100.0 + 86400)]
    back = sealed.judge(Sample("p1", 9e4, TEASED, 9e4))
    assert [v.live for v in day] == [None, None]
    assert (back.live, back.began) == ("voltage", True)


def test_energy_used_while_the_meter_was_silent_shows_life(sealed: Watch) -> None:
    """The register is the witness of the gap."""
    verdicts = judged(sealed, DEAD, SILENT, SILENT, DEAD | {"active_energy_import": 1e6 + 5e3})
    assert (verdicts[-1].live, verdicts[-1].began) == ("energy", True)


@pytest.mark.requirement("agent.edge.deciding")
def test_every_reading_that_may_decide_goes_out_at_once(sealed: Watch) -> None:
    """For twice the dwell of the server's rule; then every few seconds will do."""
    verdicts = judged(sealed, DEAD, *[MELTING] * 15)
    assert [v.deciding for v in verdicts] == [False] + [True] * 11 + [False] * 4


@pytest.mark.requirement("agent.edge.deciding")
def test_the_second_reading_of_a_slow_meter_decides_too(sdm630: Profile) -> None:
    """However long after the first it comes."""
    watch = Watch(meter(sdm630, rated_power=750e3, interval=30.0))
    shown = [DEAD, MELTING, MELTING, MELTING]
    verdicts = [watch.judge(Sample("p1", 30.0 * i, v, 30.0 * i)) for i, v in enumerate(shown)]
    assert [v.deciding for v in verdicts] == [False, True, True, False]


def test_a_line_found_live_after_a_silence_begins_anew(sealed: Watch) -> None:
    """It goes out at once, whatever it was before."""
    assert [v.began for v in judged(sealed, MELTING, MELTING, SILENT, MELTING)] == [True, False, False, True]


def test_a_dead_line_and_a_silent_meter_show_no_life(sealed: Watch) -> None:
    """Silence is a change, and so is an answer after it; neither is a restart."""
    verdicts = judged(sealed, DEAD, DEAD, SILENT, SILENT, DEAD, DEAD)
    assert not any(v.live for v in verdicts)
    assert [v.change for v in verdicts] == [Change.FIRST, None, Change.SILENT, None, Change.BACK, None]


def test_the_end_of_life_is_a_change(sealed: Watch) -> None:
    """An officer sees soon that it stopped."""
    assert judged(sealed, DEAD, TEASED, DEAD)[-1].change is Change.DEAD
    assert judged(sealed, MELTING, TEASED, DEAD)[-1].change in {Change.DEAD, Change.STEP}


def test_a_feeder_that_is_not_sealed_is_never_live_but_its_steps_are_told(sdm630: Profile) -> None:
    """Where its rated power is known; a slow rise is a step too."""
    watch = Watch(meter(sdm630))
    assert all(v == Verdict() for v in judged(watch, MELTING, DEAD)[1:])
    permitted = Watch(meter(sdm630, rated_power=750e3))
    slow = [DEAD | {"active_power": 4e3 * i} for i in range(8)]
    assert [v.change for v in judged(permitted, *slow)].count(Change.STEP) == 1


def test_a_contact_that_moves_is_a_change(sdm630: Profile) -> None:
    """A cabinet door or a seal loop."""
    watch = Watch(meter(sdm630))
    shut, opened = {"seal_closed": 1.0}, {"seal_closed": 0.0}
    assert [v.change for v in judged(watch, shut, shut, opened, opened)] == [Change.FIRST, None, Change.CONTACT, None]


LEFT = {"seal_closed": 1.0, "door_closed": 1.0, "breaker_closed": 0.0}
OPENED = LEFT | {"seal_closed": 0.0}


@pytest.mark.requirement("agent.edge.witness")
@pytest.mark.parametrize("moved", ["seal_closed", "door_closed", "breaker_closed"])
def test_a_contact_that_tells_of_a_broken_seal_goes_out_at_once(sealed: Watch, moved: str) -> None:
    """And every reading that may decide; then no more than before."""
    moved_on = LEFT | {moved: 1.0 - LEFT[moved]}
    _, left, first, *after = judged(sealed, LEFT, LEFT, *[moved_on] * 25)
    assert left == Verdict()
    assert (first.live, first.began, first.deciding) == ("seal", True, True)
    assert not any(v.began for v in after)
    assert [v.deciding for v in after] == [True] * 20 + [False] * 4
    assert after[-1].live is None


@pytest.mark.requirement("agent.edge.witness")
def test_how_contacts_were_left_and_their_return_go_out_as_ever(sealed: Watch) -> None:
    """What is open from the first reading, or closes again, is no offence."""
    assert not any(v.deciding for v in judged(sealed, OPENED, OPENED, LEFT, LEFT))


@pytest.mark.requirement("agent.edge.witness")
def test_a_contact_that_opened_while_the_module_was_silent_goes_out_at_once(sealed: Watch) -> None:
    """It is compared with what it last showed."""
    silent = dict.fromkeys(LEFT, Absence.TIMEOUT)
    assert judged(sealed, LEFT, silent, silent, OPENED)[-1].began


@pytest.mark.requirement("agent.edge.witness")
def test_a_door_that_rattles_does_not_load_the_gateway(sealed: Watch) -> None:
    """It is told at once, and again no sooner than after a minute."""
    verdicts = judged(sealed, *[LEFT, OPENED] * 90)
    assert sum(v.began for v in verdicts) == 3
    assert sum(v.deciding for v in verdicts) == 3 * 21


@pytest.mark.requirement("agent.edge.witness")
def test_running_water_goes_out_at_once_where_it_was_cut(sdm630: Profile, sealed: Watch) -> None:
    """By its flow; by the register alone as soon as more than a leak has run."""
    still, runs = {"water_flow": 0.0}, {"water_flow": -2.7}
    assert [v.live for v in judged(sealed, still, runs, runs, still)] == [None, "water", "water", "water"]
    dripping = [{"water_volume": 812.0 + 0.011 * i} for i in range(25)]
    assert [i for i, v in enumerate(judged(Watch(meter(sdm630, rated_power=750e3)), *dripping)) if v.began] == [10]
    permitted = judged(Watch(meter(sdm630)), still, runs)
    assert not permitted[-1].began


@pytest.mark.requirement("agent.edge.witness")
@pytest.mark.parametrize(
    ("first", "until"), [(OPENED | {"water_flow": 0.0}, 66), (LEFT | {"water_flow": 2.7}, 61)], ids=["seal", "water"]
)
def test_water_and_a_broken_seal_do_not_hide_each_other(sealed: Watch, first: Mapping[str, Value], until: int) -> None:
    """Both begin within a minute on one module: each goes out at once, for as long as it may decide."""
    verdicts = judged(sealed, LEFT | {"water_flow": 0.0}, *[first] * 5, *[OPENED | {"water_flow": 2.7}] * 70)
    assert [i for i, v in enumerate(verdicts) if v.began] == [1, 6]
    assert [i for i, v in enumerate(verdicts) if v.deciding] == [*range(1, until + 1)]


QUIET = Verdict()


def closed_at(batcher: Batcher, verdicts: Mapping[int, Verdict], until: int) -> list[tuple[int, str, int]]:
    """Second, reason and number of samples of each batch of one point that is read every second."""
    found: list[tuple[int, str, int]] = []
    for second in range(until):
        sample = Sample("p1", float(second), DEAD)
        outs = (batcher.due(sample.time), batcher.add([sample], verdicts.get(second, QUIET), sample.time))
        found += [(second, out.reason, len(out.samples["p1"])) for out in outs if out]
    return found


@pytest.mark.requirement("agent.batch.periods")
def test_a_quiet_line_is_told_once_a_minute() -> None:
    """Every sample is in exactly one batch."""
    assert closed_at(Batcher(Batch()), {}, 181) == [(60, "quiet", 60), (120, "quiet", 60), (180, "quiet", 60)]


def test_a_change_is_told_in_seconds() -> None:
    """With what followed it."""
    assert closed_at(Batcher(Batch()), {20: Verdict(change=Change.STEP)}, 90)[:2] == [
        (25, "change", 25),
        (85, "quiet", 60),
    ]


def test_a_restart_is_told_at_once_and_then_every_few_seconds() -> None:
    """The batch that closes at once holds the sample that shows it."""
    live = {30: Verdict("power", began=True, deciding=True)} | {s: Verdict("power") for s in range(31, 50)}
    found = closed_at(Batcher(Batch()), live, 60)
    assert found[0] == (30, "live", 31)
    assert found[1:4] == [(36, "live", 5), (41, "live", 5), (46, "live", 5)]


@pytest.mark.requirement("agent.restart.at-once")
def test_a_restart_leaves_alone_and_the_others_wait_as_before() -> None:
    """A batch of all points takes longer to be signed than everything else on the way."""
    batcher, live = Batcher(Batch()), Verdict(live="power", began=True, deciding=True)
    for point, t in (("p1", 0.0), ("p2", 1.0), ("p1", 2.0)):
        assert batcher.add([Sample(point, t, DEAD, t)], Verdict(), t) is None
    gone = batcher.add([Sample("p1", 3.0, MELTING, 3.0)], live, 3.0)
    assert gone is not None
    assert ({p: len(s) for p, s in gone.samples.items()}, gone.importance) == ({"p1": 3}, Importance.DECIDING)
    assert batcher.due(59.9) is None
    rest = batcher.due(60.0)
    assert rest is not None
    assert (list(rest.samples), rest.importance, rest.reason) == (["p2"], Importance.QUIET, "quiet")


@pytest.mark.requirement("agent.batch.alone")
@pytest.mark.parametrize("verdict", [Verdict(change=Change.STEP), Verdict(live="power")])
def test_what_happens_at_one_point_sends_only_what_was_read_there(verdict: Verdict) -> None:
    """The quiet points' minute goes on, and nothing of it is lost or said to matter."""
    batcher = Batcher(Batch())
    for point, t, said in (("p1", 0.0, QUIET), ("p2", 1.0, QUIET), ("p1", 2.0, verdict)):
        assert batcher.add([Sample(point, t, DEAD, t)], said, t) is None
    early, rest = batcher.due(7.0), batcher.due(60.0)
    assert early is not None
    assert ({p: len(s) for p, s in early.samples.items()}, early.importance > Importance.QUIET) == ({"p1": 2}, True)
    assert rest is not None
    assert (list(rest.samples), rest.importance, batcher.close("stop")) == (["p2"], Importance.QUIET, None)


@pytest.mark.requirement("agent.batch.importance")
def test_the_most_important_sample_says_how_much_a_batch_matters() -> None:
    """Whatever closed it; the next one begins anew."""
    change, live = Verdict(change=Change.STEP), Verdict("power", change=Change.STEP)
    batcher, found = Batcher(Batch()), []
    for verdicts in ([QUIET, QUIET], [QUIET, change, QUIET], [change, live, QUIET], [QUIET]):
        for verdict in verdicts:
            batcher.add([Sample("p1", 0.0, DEAD)], verdict, 0.0)
        closed = batcher.close("stop")
        assert closed
        found.append(closed.importance)
    assert found == [Importance.QUIET, Importance.CHANGE, Importance.LIVE, Importance.QUIET]


def test_a_batch_never_outgrows_the_wire() -> None:
    """Many meters close it early."""
    batcher, many = Batcher(Batch()), {f"q{i}": 1.0 for i in range(1000)}
    outs = [batcher.add([Sample(f"p{i}", 0.0, many)], QUIET, 0.0) for i in range(MOST_VALUES // 1000)]
    assert outs[:-1] == [None] * (len(outs) - 1)
    assert outs[-1] is not None
    assert outs[-1].reason == "full"
    assert batcher.close("stop") is None


def test_an_empty_batch_is_none() -> None:
    """Nothing read, nothing signed."""
    batcher = Batcher(Batch())
    assert batcher.due(math.inf) is None
    assert batcher.close("stop") is None
