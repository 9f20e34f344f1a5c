"""Run inside an environment with the agent alone: all its modules import, and nothing of the server is there."""

import importlib
import importlib.util
import pkgutil
import sys

import stillcold_agent

ABSENT = ("stillcold_server", "stillcold_sim", "fastapi", "sqlalchemy", "apscheduler", "influxdb_client", "iotcore")


def main() -> None:
    """End with an error that names what is wrong."""
    for module in pkgutil.walk_packages(stillcold_agent.__path__, "stillcold_agent."):
        importlib.import_module(module.name)
    if present := [name for name in ABSENT if importlib.util.find_spec(name)]:
        sys.exit(f"the agent's environment holds {', '.join(present)}")


if __name__ == "__main__":
    main()
