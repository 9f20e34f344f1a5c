"""The night before the demo: what the gateways of some plants have kept, and hand over while the demo runs."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stillcold_core.evidence.keys import Ed25519PrivateKey, format_public_key
from stillcold_core.registry import Gateway
from stillcold_sim.demo.files import plants_of
from stillcold_sim.scenario import Scenario, find_scenario, load_scenario, scenario_names, seconds

_LOCAL = 8 * 3600.0  # s of the plants' time before UTC
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Night:
    """A scenario that began some time ago.

    Attributes
    ----------
    scenario : Scenario
        What happened.
    began : float
        UTC of its simulated time 0, s since 1970-01-01.
    """

    scenario: Scenario
    began: float

    def gateways(self) -> Iterator[tuple[Gateway, list[str]]]:
        """Each gateway, with its public key and the points that it speaks for."""
        for plant in plants_of(self.scenario, Path()):
            public = format_public_key(key_of(self.scenario, plant.gateway).public_key())
            yield Gateway(plant.gateway, public, plant.site), [m.point for m in plant.meters]


def night_before(story: str, now: float) -> Night | None:
    """The night that belongs to a story, if it has one: the scenario ``<story>-night``.

    It began at its local time of day, long enough ago for all of it to have happened by now.
    """
    name = f"{story}-night"
    if name not in scenario_names():
        return None
    scenario = load_scenario(find_scenario(name))
    return Night(scenario, latest(seconds(scenario.file.time_of_day), now - seconds(scenario.file.duration)))


def latest(time_of_day: float, before: float) -> float:
    """The last moment before another at which the plants' clocks showed a time of day, s.

    Examples
    --------
    >>> latest(17 * 3600.0, 24 * 3600.0) / 3600, latest(17 * 3600.0, 8 * 3600.0) / 3600
    (9.0, -15.0)
    """
    return before - (before + _LOCAL - time_of_day) % _DAY


def key_of(scenario: Scenario, gateway: str) -> Ed25519PrivateKey:
    """A gateway's key, made from the seed: it protects nothing but the demo's own story."""
    secret = f"stillcold {scenario.file.name} {scenario.file.seed} {gateway}"
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(secret.encode()).digest())
