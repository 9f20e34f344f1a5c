"""What an owner does so that a meter does not tell."""

from typing import Annotated, Literal

from msgspec import Meta

from stillcold_core.profiles.model import Ratios
from stillcold_core.registry import Id
from stillcold_sim.scenario.times import Seconds, Window

Phase = Literal["l1", "l2", "l3"]
Phases = Annotated[tuple[Phase, ...], Meta(min_length=1, max_length=3)]


class Evasion(Window, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="what"):
    """Any of them: on one meter, for a time."""

    meter: Id

    @property
    def what(self) -> str:
        """Its name in a scenario and in the truth."""
        return str(self.__struct_config__.tag)


class CtBypass(Evasion, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="ct_bypass"):
    """A part of the current passes by the transformers: ``share`` of it, on ``phases``.

    It is also what transformers with too many turns do: a share of 0.5 halves what the meter measures and counts.
    """

    share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    phases: Phases = ("l1", "l2", "l3")


class CtReversed(Evasion, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="ct_reversed"):
    """Transformers are turned round: these phases count backwards."""

    phases: Phases = ("l1",)


class PhaseDropped(Evasion, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="phase_dropped"):
    """The meter's voltage leads of these phases are taken off: it sees no voltage and counts no energy there."""

    phases: Phases = ("l1",)


class RatioChanged(Evasion, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="ratio_changed"):
    """Other transformer ratios are set in the meter; what it shows of the primary side is wrong then."""

    ratios: Ratios


class Rollback(Evasion, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="rollback"):
    """The import register is set back by ``energy`` Wh, at once."""

    energy: Annotated[float, Meta(gt=0)]


class Frozen(Evasion, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="frozen"):
    """The meter shows what it showed when it began, registers too, and counts on unseen."""


class Replayed(Evasion, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="replayed"):
    """The meter shows again what it showed from ``since`` on for ``length``, over and over.

    Its registers stand still meanwhile, and go on unseen.
    """

    since: Seconds
    length: Seconds

    @property
    def source(self) -> Window:
        """The time that is shown again."""
        return Window(at=self.since, lasts=self.length)


class MeterSwapped(Evasion, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="meter_swapped"):
    """Another meter of the same model hangs there, with its own ``serial`` and ``energy`` (Wh) on its register."""

    serial: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    energy: Annotated[float, Meta(ge=0)] = 0.0


class OnGenset(Evasion, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="genset"):
    """The line is fed by a diesel set of its own, whether the grid is cut or not; no other meter sees what it takes.

    Attributes
    ----------
    power : float
        W that the set can give.
    droop : float
        Share by which its frequency falls from no load to full load; 3 to 5 % is usual for a mechanical governor.
    wander : float
        Hz by which it wanders, standard deviation.
    """

    power: Annotated[float, Meta(gt=0)] = 1e6
    droop: Annotated[float, Meta(ge=0, le=0.1)] = 0.04
    wander: Annotated[float, Meta(ge=0, le=2)] = 0.25


class ClockShifted(Evasion, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="clock_shifted"):
    """The clock of what reads the meter is wrong by ``shift`` s; it tells in the times of recorded measurements."""

    shift: float


AnyEvasion = (
    CtBypass | CtReversed | PhaseDropped | RatioChanged | Rollback | Frozen | Replayed | MeterSwapped | OnGenset
    | ClockShifted
)  # fmt: skip
