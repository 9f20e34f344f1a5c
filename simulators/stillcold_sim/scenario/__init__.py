"""Scenarios: a TOML file that says what is played, when, and what a server must make of it."""

from stillcold_sim.scenario.fault import Fault
from stillcold_sim.scenario.load import MeterPlan, Scenario, find_scenario, load_scenario, scenario_names
from stillcold_sim.scenario.model import Event, Expect, Meter, Port, ScenarioFile
from stillcold_sim.scenario.times import Window, seconds

__all__ = [
    "Event",
    "Expect",
    "Fault",
    "Meter",
    "MeterPlan",
    "Port",
    "Scenario",
    "ScenarioFile",
    "Window",
    "find_scenario",
    "load_scenario",
    "scenario_names",
    "seconds",
]
