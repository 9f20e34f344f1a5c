"""The files that the demo's parts are started with."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import tomli_w

from stillcold_core.registry import Gateway, Line, Registry, save_registry
from stillcold_sim.demo.processes import program, run
from stillcold_sim.scenario import Meter, Scenario


@dataclass(frozen=True, slots=True)
class Plant:
    """One plant of the story: a gateway and the meters behind it."""

    site: str
    meters: tuple[Meter, ...]
    config: Path

    @property
    def gateway(self) -> str:
        """Id of its gateway."""
        return f"gw-{self.site}"


def plants_of(scenario: Scenario, folder: Path) -> list[Plant]:
    """The plants, each with its own gateway: meters are grouped by the site of their line."""
    registry = _registry(scenario)
    line_of = {p.id: p.line for p in registry.point}
    site_of = {x.id: x.site for x in registry.line}
    by_site: dict[str, list[Meter]] = {}
    for meter in scenario.file.meter:
        by_site.setdefault(site_of[line_of[meter.point]], []).append(meter)
    return [Plant(site, tuple(meters), folder / f"agent-{site}.toml") for site, meters in by_site.items()]


def write_agent(plant: Plant, scenario: Scenario, ports: Mapping[str, int], mqtt: Mapping[str, object]) -> None:
    """The configuration of a plant's agent, with its way to the broker and short batches: the story is short too."""
    registry = _registry(scenario)
    lines = {x.id: x for x in registry.line}
    line_of = {p.id: lines[p.line] for p in registry.point}
    buses = {m.port for m in plant.meters}
    config = {
        "gateway": plant.gateway,
        "data_dir": str(plant.config.with_suffix("")),
        "mqtt": mqtt,
        "batch": {"quiet": 5.0, "change": 2.0, "live": 2.0},
        "bus": [{"id": bus, "kind": "tcp", "host": "127.0.0.1", "port": ports[bus]} for bus in sorted(buses)],
        "device": [_device(m, line_of[m.point]) for m in plant.meters],
    }
    plant.config.write_text(tomli_w.dumps(config), encoding="utf-8")


def write_registry(
    plants: list[Plant],
    scenario: Scenario,
    path: Path,
    others: Iterable[tuple[Gateway, Iterable[str]]] = (),
    *,
    key_of: Callable[[Plant], str],
) -> None:
    """The story's registry, with each gateway's own public key and the points that it speaks for.

    Parameters
    ----------
    key_of : callable
        Public key of a plant's agent; empty where it comes by enrolment.
    others : iterable of (Gateway, iterable of str)
        Other gateways, with the points that they speak for.
    """
    registry = _registry(scenario)
    mine = [(Gateway(p.gateway, key_of(p), p.site), [m.point for m in p.meters]) for p in plants]
    told = [*mine, *others]
    speaks = {point: gateway.id for gateway, points in told for point in points}
    save_registry(
        msgspec.structs.replace(
            registry,
            gateway=tuple(gateway for gateway, _ in told),
            point=tuple(msgspec.structs.replace(p, gateway=speaks.get(p.id)) for p in registry.point),
        ),
        path,
    )


def write_server(folder: Path, *, tables: Mapping[str, object], http: int, hook: str) -> Path:
    """The server's configuration, with these tables for the broker; its path."""
    config = {
        "database": f"sqlite:///{folder / 'stillcold.db'}",
        **tables,
        "http": {"port": http, "public_url": f"http://127.0.0.1:{http}"},
        "channel": [{"id": "duty-phone", "kind": "webhook", "url": hook, "allow": ["127.0.0.1"]}],
    }
    path = folder / "server.toml"
    path.write_text(tomli_w.dumps(config), encoding="utf-8")
    return path


def read_ports(path: Path) -> dict[str, int]:
    """TCP ports by id, from what ``stillcold-sim serve`` wrote."""
    listing = json.loads(path.read_text(encoding="utf-8"))
    return {name: port["port"] for name, port in listing["ports"].items()}


def _registry(scenario: Scenario) -> Registry:
    return scenario.registry or Registry()


def _device(meter: Meter, line: Line) -> dict[str, object]:
    device: dict[str, object] = {
        "bus": meter.port, "unit": meter.unit, "profile": meter.profile, "point": meter.point, "ct": meter.ratios.ct,
        "pt": meter.ratios.pt,
    }  # fmt: skip
    if line.state == "sealed":
        device |= {
            "sealed": True, "rated_power": line.rated_power, "nominal_voltage": line.nominal_voltage,
            "power_cut": "power_cut" in line.measures, "water_cut": "water_cut" in line.measures,
        }  # fmt: skip
    return device


def public_key(plant: Plant) -> str:
    """Have the agent make its key; the public half, as ``check-config`` prints it for the registry."""
    printed = run([program("stillcold-agent"), "check-config", "--config", plant.config])
    return next(line.split('"')[1] for line in printed.splitlines() if line.startswith("public_key"))
