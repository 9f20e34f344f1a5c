"""The scenarios that ship with Stillcold, by family."""

from collections.abc import Iterator

from stillcold_sim.scenario.load import find_scenario, load_scenario, scenario_names
from stillcold_sim.scenario.model import ScenarioFile

FAMILIES = {
    "restart": "a sealed line that comes to life, and what only looks like it",
    "furnace": "melting that a feeder hides",
    "tamper": "what an owner does so that a meter does not tell",
    "witness": "seals, breakers and water that tell what the meter does not",
    "legal": "permitted loads that look alike: nothing may be said",
    "wire": "what goes wrong on the bus: nothing may be raised by it, nor be missed after it",
    "scale": "many meters at once",
}
"""What each family is about."""


def shipped(family: str | None = None) -> list[ScenarioFile]:
    """The shipped scenarios, or those of one family, by name.

    Raises
    ------
    BadFile
        When there is no such family.
    """
    return [load_scenario(find_scenario(name)).file for name in scenario_names(family)]


def library_page() -> str:
    """Markdown: a table for each family, a row for each scenario with what a server must say."""
    files = shipped()
    return "\n\n".join("\n".join(_family(family, [f for f in files if f.family == family])) for family in FAMILIES)


def _family(family: str, files: list[ScenarioFile]) -> Iterator[str]:
    yield f"## {family}\n\nFamily `{family}`: {FAMILIES[family]}.\n"
    yield "| name | story | must be said |"
    yield "|---|---|---|"
    for file in files:
        kinds = dict.fromkeys(kind for expect in file.expect for kind in expect.kinds)
        yield f"| `{file.name}` | {file.title} | {', '.join(f'`{k}`' for k in kinds) or 'nothing'} |"
