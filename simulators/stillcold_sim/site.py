"""The electrical tree of a site: who feeds whom, and what neighbours do to each other's voltage."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from stillcold_sim.line import Supply
from stillcold_sim.loads import Demand, Grid, Moment, combine, summed, upstream
from stillcold_sim.meter import SimMeter

_NOTHING = Demand()


@dataclass(slots=True)
class _Node:
    meter: SimMeter
    feeds: list["_Node"] = field(default_factory=list)
    parent: "_Node | None" = None
    carried: Demand = _NOTHING

    def draw(self, moment: Moment) -> None:
        line = self.meter.line
        line.draw(self.meter.plan, moment, self.parent is None or self.parent.meter.line.live)
        self.carried = line.own

    def carry(self) -> None:
        """Add what hangs behind it; its feeders have been asked already."""
        if not self.feeds:
            return
        line, spec = self.meter.line, self.meter.plan.spec
        fed = upstream([_NOTHING if f.meter.line.supply else f.carried for f in self.feeds], spec.losses)
        self.carried = combine([fed, line.own]) if line.live else Demand(event=line.own.event)


class Site:
    """All lines of a scenario, as they hang together.

    Parameters
    ----------
    meters : mapping of str to SimMeter
        By id.
    grid : Grid
        That all of them hang on.
    """

    def __init__(self, meters: Mapping[str, SimMeter], grid: Grid) -> None:
        self._grid = grid
        nodes = {name: _Node(meter) for name, meter in meters.items()}
        for node in nodes.values():
            for name in node.meter.plan.spec.sums:
                node.feeds.append(nodes[name])
                if node.meter.plan.profile.kind != "water":  # a pump hangs on a busbar and on the water main
                    nodes[name].parent = node
        self._nodes = list(nodes.values())
        self._down = sorted(self._nodes, key=_depth)
        self._up = sorted(self._nodes, key=_height)
        self._busbars: dict[str, list[_Node]] = {}
        for node in self._nodes:
            if busbar := node.meter.plan.spec.busbar:
                self._busbars.setdefault(busbar, []).append(node)

    def step(self, moment: Moment) -> Iterator[tuple[SimMeter, str]]:
        """Go on by one step: each meter, with what its load began with it, or nothing."""
        for node in self._down:
            node.draw(moment)
        for node in self._up:
            node.carry()
        level, frequency = self._grid.level(moment.t), self._grid.frequency(moment.t)
        shared = {name: _disturbed(nodes) for name, nodes in self._busbars.items()}
        for node in self._nodes:
            node.meter.show(moment, node.carried, _supply(node, level, frequency, shared))
            yield node.meter, node.meter.line.own.event


def _supply(node: _Node, level: float, frequency: float, shared: Mapping[str, tuple[float, float]]) -> Supply:
    """What feeds a line, beside its own load's sag and distortion."""
    line, busbar = node.meter.line, node.meter.plan.spec.busbar
    if line.supply:
        return Supply(line.supply[1], line.supply[0], 0.0)
    if not line.live:
        return Supply(0.0, frequency, 0.0)
    if not busbar:
        return Supply(level, frequency, 0.0)
    sag, distortion = shared[busbar]
    return Supply(
        level * (1 - max(0.0, sag - node.carried.sag)), frequency, max(0.0, distortion - node.carried.voltage_thd)
    )


def _disturbed(nodes: list[_Node]) -> tuple[float, float]:
    """Sag and added distortion of a busbar, by all that hangs on it."""
    demands = [n.meter.line.from_grid for n in nodes]
    return sum(d.sag for d in demands), summed(d.voltage_thd for d in demands)


def _depth(node: _Node) -> int:
    """Feeders between it and the grid."""
    return 0 if node.parent is None else 1 + _depth(node.parent)


def _height(node: _Node) -> int:
    """Levels that hang behind it."""
    return max((1 + _height(n) for n in node.feeds), default=0)
