"""A fleet: thousands of simulated gateways that speak the wire contract with their own keys straight to a broker."""

from stillcold_sim.fleet.model import Broker, FleetFile, Outage, Rate, Wire, load_fleet
from stillcold_sim.fleet.registry import registry_of
from stillcold_sim.fleet.run import run_fleet
from stillcold_sim.fleet.tally import Report

__all__ = ["Broker", "FleetFile", "Outage", "Rate", "Report", "Wire", "load_fleet", "registry_of", "run_fleet"]
