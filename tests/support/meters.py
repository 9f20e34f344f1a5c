"""Meters as the agent reads them."""

from stillcold_agent.meters import Meter
from stillcold_core.detect.deadline import DeadLineLimits
from stillcold_core.profiles import Profile, Ratios, plan_reads


def meter(
    profile: Profile,
    unit: int = 1,
    *,
    rated_power: float | None = None,
    interval: float = 1.0,
    slow: tuple[str, ...] = (),
    slow_interval: float = 60.0,
) -> Meter:
    """A meter of a profile; of a sealed line where there is a rated power, with quantities that are read slowly."""
    reads = plan_reads(profile, [r for r in profile.register if r.quantity not in slow])
    return Meter(
        point=f"p{unit}",
        bus="b",
        unit=unit,
        interval=interval,
        profile=profile,
        ratios=Ratios(),
        reads=reads,
        exponents=profile.exponents,
        limits=DeadLineLimits(rated_power, water_cut=True) if rated_power else None,
        rated_power=rated_power,
        slow_reads=plan_reads(profile, [r for r in profile.register if r.quantity in slow]),
        slow_interval=slow_interval,
    )
