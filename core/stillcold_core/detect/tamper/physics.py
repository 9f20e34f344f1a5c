"""The inner loops over currents, voltages and powers: what of one moment contradicts what, and for how long."""
# ruff: noqa: PLR0124 - what differs from itself is no number

import math

import numpy as np
import numpy.typing as npt

from stillcold_core.detect.kernels import kernel
from stillcold_core.detect.tamper.table import Flags
from stillcold_core.samples import Floats

NOTHING, LEAD_OFF, BACKWARDS, EXPORTS, TOO_LITTLE, TOO_MUCH, FACTOR, UNEVEN = range(8)
"""What contradicts: a phase with current and no voltage; a phase, or all of them, that flows backwards; power that is
too little or too much for U·I; power that is not U·I times the power factor; phases that are uneven as never before."""
RAISED, ENDED = 1, 2
_LEARNED = 43_200.0  # loaded s after which older samples begin to be forgotten
_LONGEST = 900.0  # s that one sample may stand for
_KNOWN_SAMPLES, _KNOWN_SECONDS = 24, 6 * 3600.0
_SOON, _TWICE = 900.0, 2.0  # s after which a fall that is so many times larger counts already
_LIKE = 0.5  # of the usual current from which phases are compared with what is usual
_ALIKE = 1.5  # of the usual current up to which they are, as long as little is known
_SPREADS = 8.0  # mean deviations by which the phases must differ more than usual
_STAYS = (0.05, 4.0)  # by which the share of the phase that fell may change, least and mean deviations: loads on two
# phases come and go between others, a transformer shows the same part of all of them
_APPARENT = 1.8  # U·I over √(P² + Q²) that no distortion explains: √(1 + THD²) of a THD of 150 %
_ACTIVE = 1.2  # P over U·I
_FACTORS = (0.3, 0.65, 1.5)  # least power factor that is compared, and P over U·I times it, least and most
_MIXED = 150.0  # s between samples from which power may be a mean and current a moment
_AGAIN = 8  # times as many such samples in succession, and only of too little: a load may be seen at rest for days
_AGREES, _MOST_ODD = 24, 1 / 3  # samples that must have agreed by then; those that did not, to one that did, at most
_REMEMBERED = 96.0  # of the last ones that agreed
_PASSIVE = 0.5  # power factor that a phase may have backwards: a coil between two phases has no more than that
_FIRST = 1800.0  # s: a line whose power flows backwards within them is one that generates


Scalars = tuple[
    float, float, int, float, float, float, float, int, bool, float, int, float, bool, float, int, int, float
]
Codes = npt.NDArray[np.int8]


@kernel
def moments(  # noqa: C901
    volts: Floats,
    carried: Floats,
    amperes: Floats,
    watts: Floats,
    totals: Floats,
    reactive: Floats,
    factors: Floats,
    loaded: Flags,
    codes: Codes,
    phases: Codes,
    limits: tuple[float, float, float],
) -> None:
    """What contradicts what in each loaded sample, by itself; written to ``codes`` and ``phases``.

    Where power does not fit U·I, ``phases`` says whether there is too little of it, -1, or too much, 1.

    Parameters
    ----------
    volts, amperes, watts : ndarray, shape (3, n)
        By phase.
    carried : ndarray, shape (n,)
        VA, the sum of U·I.
    totals, reactive, factors : ndarray, shape (n,)
        W, var and power factor of all phases.
    limits : tuple of float
        W of the rating, V nominal and the share from which a phase is loaded.
    """
    rated_power, nominal, load = limits
    for i in range(len(totals)):
        if not loaded[i]:
            continue
        power, going = totals[i], carried[i]
        code, phase = NOTHING, 0
        forward, back = 0.0, 0
        for k in range(3):
            live = volts[(k + 1) % 3, i] >= nominal / 2 or volts[(k + 2) % 3, i] >= nominal / 2
            if live and volts[k, i] < nominal / 10 and amperes[k, i] * 3 * nominal >= load * rated_power:
                code, phase = LEAD_OFF, k
            forward = max(forward, watts[k, i])
            if watts[k, i] < watts[back, i]:
                back = k
        if code == NOTHING and forward > 0 and -watts[back, i] > forward / 10:
            through = volts[back, i] * amperes[back, i]
            if not _PASSIVE * (through if through == through else forward) >= -watts[back, i]:
                code, phase = BACKWARDS, back
        if code == NOTHING and power < -load * rated_power:
            code = EXPORTS
        if code == NOTHING and going == going and power == power:
            share = abs(power) / (going * abs(factors[i])) if going > 0 and abs(factors[i]) >= _FACTORS[0] else 1.0
            if going > _APPARENT * math.sqrt(power * power + reactive[i] * reactive[i]):
                code, phase = TOO_LITTLE, -1
            elif abs(power) > _ACTIVE * going:
                code, phase = TOO_MUCH, 1
            elif share < _FACTORS[1] or share > _FACTORS[2]:
                code, phase = FACTOR, -1 if share < _FACTORS[1] else 1
        codes[i], phases[i] = code, phase


@kernel
def lasting(  # noqa: C901, PLR0912, PLR0915
    codes: Codes,
    phases: Codes,
    amperes: Floats,
    loaded: Flags,
    judged: Flags,
    times: Floats,
    first: int,
    limits: tuple[bool, int, float, float, float],
    scalars: Scalars,
) -> tuple[int, int, Scalars]:
    """Go on to the first sample at which something is believed, or is over; ``codes`` learns of uneven phases.

    Returns
    -------
    event : int
        0 where nothing happened.
    at : int
        The sample, or the number of samples.
    scalars : tuple
        As in :class:`.contradiction.Contradiction`.
    """
    generates, samples, seconds, rest, fall = limits
    (since, time, count, mean, spread, level, held, holds, raised, clear, clears, begun, exports, odd, way,
     low, behind) = scalars  # fmt: skip
    event, i = 0, first
    while i < len(times):
        now = times[i]
        if judged[i] and begun < 0:
            begun = now
        if not loaded[i]:
            i += 1
            continue
        code = codes[i]
        if code in (BACKWARDS, EXPORTS):
            exports = exports or now - begun <= _FIRST
            if exports or generates:
                code = NOTHING
        a, b, c = amperes[0, i], amperes[1, i], amperes[2, i]
        share = 1.0
        if code == NOTHING and a + b + c > 0:
            most = max(a, b, c)
            share = min(a, b, c) / most
            if count >= _KNOWN_SAMPLES and most > _LIKE * level:
                fallen, needed = mean - share, max(fall, _SPREADS * spread)
                soon = now - since >= _SOON and fallen > _TWICE * needed and most <= _ALIKE * level
                known = soon or (now - since >= _KNOWN_SECONDS and fallen > needed)
                if known and share * most < mean * level:
                    code = UNEVEN
            if code == UNEVEN:
                codes[i] = UNEVEN
            elif count == 0:
                since, time, count, mean, spread, level = now, now, 1, share, 0.1, most
            else:
                weight = max(1 / (count + 1), min(now - time, _LONGEST) / _LEARNED)
                level += weight * (most - level)
                if most >= _LIKE * level:
                    spread += weight * (abs(share - mean) - spread)
                    mean += weight * (share - mean)
                time, count = now, count + 1
        if raised:
            if code != NOTHING:
                clear, clears = -1.0, 0
            else:
                clear = now if clear < 0 else clear
                clears += 1
                if clears >= samples and now - clear >= rest:
                    event, raised = ENDED, False
        elif code == NOTHING:
            odd = (odd + holds) * (1 - 1 / _REMEMBERED)
            held, holds, way = -1.0, 0, 0
        else:
            toward = phases[i] if code in (TOO_LITTLE, TOO_MUCH, FACTOR) else 0
            lowest = -1 if toward != 0 else 0 if a <= b and a <= c else 1 if b <= c else 2
            moved = lowest != low or abs(share - behind) > max(_STAYS[0], _STAYS[1] * spread)
            if toward * way < 0 or (code == UNEVEN and moved) or (toward != 0 and way == 0):
                odd, held, holds = odd + holds, -1.0, 0
            if holds == 0:
                low, behind = lowest, share
            way, held, holds = toward, now if held < 0 else held, holds + 1
            enough, agreed = samples, True
            if toward != 0 and now - held >= _MIXED * (holds - 1):
                enough = _AGAIN * samples
                agreed = toward < 0 and count >= _AGREES and odd <= _MOST_ODD * min(float(count), _REMEMBERED)
            if agreed and holds >= enough and now - held >= seconds:
                event, raised, clear, clears = RAISED, True, -1.0, 0
        if event != 0:
            break
        i += 1
    return (event, i,
            (since, time, count, mean, spread, level, held, holds, raised, clear, clears, begun, exports, odd, way, low,
             behind),
            )  # fmt: skip
